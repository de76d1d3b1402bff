"""YAML with positions: data as plain values, and for every value the line and column where it stands.

Safe by construction (only maps, lists and scalars), strict where YAML is lax: duplicate keys, tabs, anchors to nowhere and unknown
keys are ProjectFileErrors with line, column and, for keys, a did-you-mean.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gonogo.errors import ProjectFileError

Path_ = tuple[str | int, ...]
DEEPEST, MOST_VALUES = 40, 20_000


@dataclass(frozen=True)
class YamlSource:
    """A parsed file. `positions` maps a path such as ("data", "train") to (line, column), both from 1."""

    file: str
    data: Any
    positions: dict[Path_, tuple[int, int]]

    def error(self, path: Path_, message: str, *, hint: str = "") -> ProjectFileError:
        """An error that points at the value at `path` (or the nearest one above it)."""
        where = next((self.positions[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self.positions), (0, 0))
        return ProjectFileError(self.file, message, line=where[0], column=where[1], hint=hint)

    def check_keys(self, path: Path_, value: Any, known: Collection[str], *, required: Collection[str] = ()) -> None:
        """Raise unless `value` is a map whose keys are all known and which has the required ones."""
        if not isinstance(value, dict):
            raise self.error(path, f"{'.'.join(map(str, path)) or 'the file'} must be a map of keys to values.")
        for key in value:
            if key not in known:
                near = difflib.get_close_matches(str(key), list(known), n=1)
                hint = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(sorted(known))}."
                raise self.error((*path, key), f"unknown key {key!r}.", hint=hint)
        for key in required:
            if key not in value:
                raise self.error(path, f"the key {key!r} is missing.", hint=f"Add `{key}: …`.")


def load_yaml(path: Path) -> YamlSource:
    """Read a YAML file. Raises ProjectFileError when it is missing or not YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        hint = "Go into the project's folder, or name it with --project; `gonogo init` writes one."
        raise ProjectFileError(str(path), "there is no such file.", hint=hint) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ProjectFileError(str(path), "it is not UTF-8.", hint="Write it again in that encoding.", line=line, column=1) from error
    except OSError as error:
        raise ProjectFileError(str(path), f"cannot be read: {error.strerror}.") from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, file: str = "<yaml>") -> YamlSource:
    positions: dict[Path_, tuple[int, int]] = {}
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = None if node is None else _value(node, (), positions, file)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise ProjectFileError(file, f"not YAML: {error.problem or error.context}.", line=line, column=column) from error
    except RecursionError:
        raise ProjectFileError(file, "it is nested too deeply.") from None
    except yaml.YAMLError as error:
        raise ProjectFileError(file, f"not YAML: {error}.") from error
    return YamlSource(file, data, positions)


def _value(node: yaml.Node, path: Path_, positions: dict[Path_, tuple[int, int]], file: str) -> Any:
    positions.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
    if len(path) > DEEPEST or len(positions) > MOST_VALUES:  # an alias inside its own anchor, or aliases of aliases of aliases
        raise _at(file, node, "it is nested too deeply or too large.", hint="Write values out instead of using aliases (`*name`).")
    if isinstance(node, yaml.MappingNode):
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _at(file, key_node, "a key must be a word, not a list or a map.")
            key = _scalar(key_node)
            if key in result:
                raise _at(file, key_node, f"the key {key!r} appears twice.")
            positions[(*path, key)] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            result[key] = _value(value_node, (*path, key), positions, file)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_value(child, (*path, index), positions, file) for index, child in enumerate(node.value)]
    return _scalar(node)


def _at(file: str, node: yaml.Node, message: str, *, hint: str = "") -> ProjectFileError:
    return ProjectFileError(file, message, line=node.start_mark.line + 1, column=node.start_mark.column + 1, hint=hint)


def _scalar(node: yaml.Node) -> Any:
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node, deep=True)
    finally:
        loader.dispose()
