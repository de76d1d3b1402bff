"""Small structured files that a project declares under `files:`: lists of issues, advisories, known failures, a configuration."""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gonogo.base.canonical import parse_json
from gonogo.base.yaml_source import parse_yaml
from gonogo.errors import DataError, UsageError

LARGEST = 64 << 20


def declared_path(files: Mapping[str, Path], name: str) -> Path:
    """Where the file lies that the project declares under a name, there or not. Raises UsageError when it declares none."""
    if not isinstance(files, Mapping):
        raise DataError("the declared files are no map of names to paths.")
    if name not in files:
        raise UsageError(f"the project declares no file {name!r}.", hint=f"Add `files: {{{name}: PATH}}` to gonogo.yaml.")
    return files[name]


def declared_file(files: Mapping[str, Path], name: str) -> Path:
    """The file that the project declares under a name. Raises UsageError when it declares none, DataError when it is not there."""
    path = declared_path(files, name)
    if not path.is_file():
        raise DataError(f"the file {name!r} is not at {path.name}.", hint=f"Write it, or mend files.{name} in gonogo.yaml.")
    return path


def read_structured(path: Path) -> Any:
    """The value of a .json, .toml, .env or (any other ending) YAML file. Raises DataError when it cannot be read or says nothing.

    YAML is read as strictly as gonogo.yaml: a key that stands twice is an error with its line.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(f"{path.name} has more than {LARGEST >> 20} MiB.")
        data = path.read_bytes()
        value = parse_json(data) if path.suffix == ".json" else _parse_text(path, data.decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path.name} cannot be read: {error}.") from error
    if value is None or value == {}:
        raise DataError(f"{path.name} is empty.")
    return value


def read_losses(path: Path) -> Any:
    """The value of a JSON file of numbers that training wrote, or the rows of a CSV file. Raises DataError.

    As json.dumps writes it: with NaN and Infinity, which are no JSON, but what a training that failed has to say.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(f"{path.name} has more than {LARGEST >> 20} MiB.")
        text = path.read_text(encoding="utf-8-sig")
        return list(csv.DictReader(text.splitlines())) if path.suffix.lower() == ".csv" else json.loads(text)
    except (OSError, ValueError, csv.Error, RecursionError) as error:
        raise DataError(f"{path.name} cannot be read: {error}.") from error


def _parse_text(path: Path, text: str) -> Any:
    if path.suffix == ".toml":
        return tomllib.loads(text)
    if path.suffix == ".env" or path.name == ".env":
        return _parse_env(text)
    return parse_yaml(text, path.name).data


def _parse_env(text: str) -> dict[str, str]:
    """NAME=value lines; comments and empty lines are passed over. Raises ValueError for any other line and for a name given twice."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        plain = line.strip().removeprefix("export ").strip()
        if not plain or plain.startswith("#"):
            continue
        name, equals, value = plain.partition("=")
        if not equals or not name.strip().isidentifier():
            raise ValueError(f"line {number} is no NAME=value")
        if name.strip() in found:
            raise ValueError(f"line {number} gives {name.strip()} a second time")
        found[name.strip()] = value.strip().strip("\"'")
    return found


def entries(value: Any, key: str, path: Path, required: tuple[str, ...]) -> list[Mapping[str, Any]]:
    """The list under `key` (or the document itself, when it is a list) of maps that each have the required keys, none of them empty.

    Raises DataError otherwise; an empty list is a list.
    """
    listed = value.get(key) if isinstance(value, Mapping) else value
    if not isinstance(listed, list):
        raise DataError(f"{path.name} is no list.", hint=f"Write a list, or a map with a list under `{key}`.")
    for number, entry in enumerate(listed, 1):
        if not isinstance(entry, Mapping):
            raise DataError(f"entry {number} of {path.name} is no map.")
        missing = [name for name in required if entry.get(name) in (None, "", [])]
        if missing:
            raise DataError(f"entry {number} of {path.name} has no {', '.join(missing)}.")
    return listed
