"""YAML against a JSON Schema, with the line and column of what does not fit.

The schema that editors complete from is the one that the loader obeys, so the two cannot disagree. Understood are the keywords that
our schemas use (draft 2020-12): type, properties, required, additionalProperties, items, minItems, uniqueItems, enum, pattern,
minLength, minimum, maximum, exclusiveMinimum, exclusiveMaximum, anyOf. A keyword that is none of these and no annotation is an error
in the schema, found by its test, never passed over.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from typing import Any

from gonogo.base.yaml_source import Path_, YamlSource
from gonogo.errors import ProjectFileError

Schema = Mapping[str, Any]
CHECKED = frozenset(
    {
        "type", "properties", "required", "additionalProperties", "items", "minItems", "uniqueItems", "enum", "pattern", "minLength",
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "anyOf",
    }
)  # fmt: skip
ANNOTATIONS = frozenset({"$schema", "$id", "title", "description", "default", "examples"})
WORDS = {
    "object": "a map of keys to values",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
BOUNDS = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "more than", "exclusiveMaximum": "less than"}


def check_shape(source: YamlSource, schema: Schema) -> None:
    """Raise ProjectFileError at the first place where the file does not fit the schema."""
    check_value(source, (), source.data, schema)


def check_value(source: YamlSource, path: Path_, value: Any, schema: Schema) -> None:
    """The same for a value that stands at `path` of the file."""
    _check(source, path, value, schema)


def _check(source: YamlSource, path: Path_, value: Any, schema: Schema) -> None:
    if "anyOf" in schema:
        _check_any(source, path, value, schema)
        return
    kind = schema.get("type")
    if kind is not None and not _is(value, kind):
        raise source.error(path, f"{_name(path)} must be {WORDS[kind]}, not {_shown(value)}.", hint=_type_hint(value, kind, schema))
    if "enum" in schema and value not in schema["enum"]:
        choices = [str(choice) for choice in schema["enum"]]
        near = difflib.get_close_matches(str(value), choices, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Choices: {', '.join(choices)}."
        raise source.error(path, f"{_name(path)} cannot be {value!r}.", hint=hint)
    if kind == "object":
        _check_object(source, path, value, schema)
    elif kind == "array":
        _check_array(source, path, value, schema)
    elif kind == "string":
        _check_string(source, path, value, schema)
    elif kind in ("number", "integer"):
        _check_number(source, path, value, schema)


def _check_any(source: YamlSource, path: Path_, value: Any, schema: Schema) -> None:
    """One of several shapes; when none fits, the error is that of the shape whose type fits, else names them all."""
    alternatives = schema["anyOf"]
    of_this_type = [alternative for alternative in alternatives if _is(value, alternative["type"])]
    if not of_this_type:
        names = " or ".join(WORDS[alternative["type"]] for alternative in alternatives)
        raise source.error(path, f"{_name(path)} must be {names}, not {_shown(value)}.", hint=_example(schema))
    for alternative in of_this_type[:-1]:
        try:
            _check(source, path, value, alternative)
            return
        except ProjectFileError:
            continue
    _check(source, path, value, {**of_this_type[-1], "examples": schema.get("examples", [])})


def _check_object(source: YamlSource, path: Path_, value: dict[Any, Any], schema: Schema) -> None:
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", False)
    for key in value:
        if not isinstance(key, str):
            raise source.error((*path, key), f"the key {key!r} must be text.", hint="Quote it.")
    known = properties if others is False else [*properties, *value]
    if value or schema.get("required"):
        source.check_keys(path, value, known, required=schema.get("required", ()))
    for key, inner in value.items():
        _check(source, (*path, key), inner, properties.get(key, others))


def _check_array(source: YamlSource, path: Path_, value: list[Any], schema: Schema) -> None:
    if len(value) < schema.get("minItems", 0):
        raise source.error(path, f"{_name(path)} needs {schema['minItems']} entry at least.", hint=_example(schema))
    for index, inner in enumerate(value):
        _check(source, (*path, index), inner, schema["items"])
        if schema.get("uniqueItems") and inner in value[:index]:
            raise source.error((*path, index), f"{inner!r} stands twice in {_name(path)}.")


def _check_string(source: YamlSource, path: Path_, value: str, schema: Schema) -> None:
    if len(value.strip()) < schema.get("minLength", 0):
        raise source.error(path, f"{_name(path)} is empty.", hint=_example(schema))
    if "pattern" in schema and not re.search(schema["pattern"], value):
        raise source.error(path, f"{_name(path)} cannot be {value!r}.", hint=_example(schema) or schema.get("description", ""))


def _check_number(source: YamlSource, path: Path_, value: float, schema: Schema) -> None:
    if not math.isfinite(value):
        raise source.error(path, f"{_name(path)} must be a finite number.")
    fits = {
        "minimum": lambda limit: value >= limit,
        "maximum": lambda limit: value <= limit,
        "exclusiveMinimum": lambda limit: value > limit,
        "exclusiveMaximum": lambda limit: value < limit,
    }
    for keyword, words in BOUNDS.items():
        if keyword in schema and not fits[keyword](schema[keyword]):
            raise source.error(path, f"{_name(path)} must be {words} {schema[keyword]}, not {value}.", hint=_example(schema))


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    types: dict[str, type | tuple[type, ...]] = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
    }
    return isinstance(value, types[kind])


def _name(path: Path_) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".") or "the file"


def _shown(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, dict):
        return "a map"
    return "a list" if isinstance(value, list) else repr(value)


def _type_hint(value: Any, kind: str, schema: Schema) -> str:
    if kind == "string" and value is not None and not isinstance(value, dict | list):
        return "Quote it."
    return _example(schema)


def _example(schema: Schema) -> str:
    examples = schema.get("examples")
    return f"For example: {examples[0]}" if examples else ""
