"""The shape of a pack: `pack.yaml` (name, title, roles), beside it `gate.yaml` (the checklist before a release), and for what follows it
`monitor.yaml` (alarms) and `reviews.yaml` (checklists of an hour, a day, …).

`form.md` beside them, when it is there, is the template of the sign-off form; `runbooks/` holds pages for alarms.
"""

from __future__ import annotations

from typing import Any

from gonogo.checklist.quantities import CONFIDENCE, DURATION
from gonogo.checklist.rules import ESCALATION, RULE
from gonogo.checklist.schema_words import OPTIONS, REQUIRE

_WORDS = {"type": "string", "minLength": 1}
_ID = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$", "examples": ["test-quality"]}
_VERSION = {"type": "string", "pattern": r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$", "examples": ['"1.0.0"']}
_DATE = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$", "examples": ['"2026-11-21"']}

_NAMES = {"type": "array", "items": _WORDS, "minItems": 1, "uniqueItems": True}
_OUTCOMES = ("PASS", "FAIL", "ERROR", "NOT_RUN", "STALE", "WAIVED", "NOT_APPLICABLE")

PACK: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": _ID,
        "title": _WORDS,
        "roles": {"type": "object", "properties": {}, "additionalProperties": _WORDS},
        "policy_roles": _NAMES,
        "apart": {"type": "array", "items": {**_NAMES, "minItems": 2}},
        "extends": _WORDS,
    },
    "required": ["name", "title"],
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
        "weight": {"type": "number", "minimum": 0},
        "ml_test": {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 28}, "uniqueItems": True},
        "waivable": {"type": "boolean"},
        "words": {"type": "object", "properties": dict.fromkeys(_OUTCOMES, _WORDS)},
        "runbook": _WORDS,
    },
    "required": ["id", "statement"],
}

CHANGE: dict[str, Any] = {
    "type": "object",
    "properties": {"require": REQUIRE, "confidence": CONFIDENCE, "max_age": DURATION, "options": OPTIONS},
}

PHASE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": _ID,
        "title": _WORDS,
        "minutes": {"type": "number", "exclusiveMinimum": 0},
        "when": {"type": "string", "enum": ["gate", "on_demand", "continuous"]},
    },
    "required": ["id", "title"],
}

_COUNT = {"type": "integer", "minimum": 1}
_SIZE = {"type": "number", "exclusiveMinimum": 0}
CLAIMS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "items": _COUNT,
        "minutes": _SIZE,
        "parameters": _COUNT,
        "bilstm": {
            "type": "object",
            "properties": dict.fromkeys(("input", "hidden", "layers", "outputs"), _COUNT),
            "required": ["input", "hidden", "layers", "outputs"],
        },
        "megabytes": {"anyOf": [_SIZE, {"type": "array", "items": _SIZE, "minItems": 2}]},
        "measured": {"type": "object", "properties": {}, "additionalProperties": {"anyOf": [{"type": "number"}, _WORDS]}},
    },
}


def _sections(more: dict[str, Any]) -> dict[str, Any]:
    properties = {"title": _WORDS, **more, "items": {"type": "array", "items": ITEM}}
    return {"type": "array", "items": {"type": "object", "properties": properties, "required": ["title", "items"]}}


GATE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": _ID,
        "title": _WORDS,
        "version": _VERSION,
        "date": _DATE,
        "claims": CLAIMS,
        "status": {"type": "string", "enum": ["draft", "ready"]},
        "sign_off_days": {"type": "number", "exclusiveMinimum": 0, "maximum": 3660},
        "phases": {"type": "array", "items": PHASE},
        "change": {"type": "object", "properties": {}, "additionalProperties": CHANGE},
        "sections": _sections({"phase": _ID}),
    },
    "required": ["id", "title", "version", "date", "status"],
}

MONITOR: dict[str, Any] = {
    "type": "object",
    "properties": {"rules": {"type": "array", "items": RULE, "minItems": 1}, "escalation": ESCALATION, "repeat": DURATION},
    "required": ["rules"],
}

_REVIEW: dict[str, Any] = {
    "type": "object",
    "properties": {"title": _WORDS, "repeats": {"type": "boolean"}, "sections": _sections({})},
    "required": ["title", "sections"],
}
REVIEWS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "version": _VERSION,
        "date": _DATE,
        "status": {"type": "string", "enum": ["draft", "ready"]},
        "reviews": {"type": "object", "properties": dict.fromkeys(("hour", "day", "week", "month", "quarter"), _REVIEW)},
    },
    "required": ["version", "date", "status", "reviews"],
}
