"""The shape of a pack: `pack.yaml` (name, title, roles) and beside it `gate.yaml` (the checklist before a release)."""

from __future__ import annotations

from typing import Any

from gonogo.checklist.project_schema import CONFIDENCE, DURATION, OPTIONS, REQUIRE

_WORDS = {"type": "string", "minLength": 1}
_ID = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$", "examples": ["test-quality"]}
_VERSION = {"type": "string", "pattern": r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$", "examples": ['"1.0.0"']}
_DATE = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$", "examples": ['"2026-11-21"']}

PACK: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": _ID,
        "title": _WORDS,
        "roles": {"type": "object", "properties": {}, "additionalProperties": _WORDS},
    },
    "required": ["name", "title", "roles"],
}

ITEM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": _ID,
        "statement": _WORDS,
        "kind": {"type": "string", "enum": ["mandatory", "conditional", "optional"]},
        "check": _WORDS,
        "options": OPTIONS,
        "require": REQUIRE,
        "confidence": CONFIDENCE,
        "max_age": DURATION,
        "sign_off": _WORDS,
        "why": _WORDS,
        "remedy": _WORDS,
        "rows": {"type": "array", "items": _WORDS},
    },
    "required": ["id", "statement"],
}

GATE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": _ID,
        "title": _WORDS,
        "version": _VERSION,
        "date": _DATE,
        "sections": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"title": _WORDS, "items": {"type": "array", "items": ITEM}},
                "required": ["title", "items"],
            },
        },
    },
    "required": ["id", "title", "version", "date", "sections"],
}
