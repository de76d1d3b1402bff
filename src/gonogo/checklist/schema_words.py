"""The words that the schemas of gonogo.yaml and of packs are written in."""

from __future__ import annotations

from typing import Any


def text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "description": description, **more}


def place(description: str, example: str) -> dict[str, Any]:
    """A path."""
    return {"type": "string", "pattern": r"^[^\x00]*\S[^\x00]*$", "description": description, "examples": [example]}


def number(description: str, default: float, kind: str = "number", **limits: Any) -> dict[str, Any]:
    return {"type": kind, "description": description, "default": default, **limits}


def section(description: str, properties: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """A map with these keys and no others."""
    found: dict[str, Any] = {"type": "object", "description": description, "properties": properties, "additionalProperties": False}
    return {**found, "required": list(required)} if required else found


#: One requirement or several.
REQUIRE: dict[str, Any] = {
    "anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}],
    "examples": ["roc_auc > 0.95"],
}

_PLAIN: list[dict[str, Any]] = [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]
#: Options of a check: words, numbers, truth values, and lists of them.
OPTIONS: dict[str, Any] = {
    "type": "object",
    "properties": {},
    "additionalProperties": {"anyOf": [*_PLAIN, {"type": "array", "items": {"anyOf": _PLAIN}}]},
}
