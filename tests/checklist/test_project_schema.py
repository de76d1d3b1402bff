"""The schema that editors use, the loader and the document say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from gonogo.checklist.declarations.rollout import RolloutDeclaration
from gonogo.checklist.pack_schema import GATE, MONITOR, PACK
from gonogo.checklist.project import Project
from gonogo.checklist.project_schema import project_schema
from gonogo.checklist.shape import ANNOTATIONS, CHECKED

DOCUMENT = Path(__file__).parents[2] / "docs" / "formats" / "project-file.md"


def schemas(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]
    inner += [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)]
    for one in inner:
        yield from schemas(one)


def keys(schema: dict[str, Any], above: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, inner in schema.get("properties", {}).items():
        path = f"{above}{name}"
        yield path, inner
        yield from keys(inner, path + ".")
        entry = inner.get("additionalProperties") or inner.get("items")
        if isinstance(entry, dict):
            below = path + (".NAME" if "additionalProperties" in inner else "[]")
            for one in entry.get("anyOf", [entry]):
                yield from keys(one.get("items", one), below + ("[]." if "items" in one else "."))


def test_the_schema_uses_only_keywords_that_the_loader_obeys() -> None:
    for root in (project_schema(), PACK, GATE, MONITOR):
        for schema in schemas(root):
            assert schema.keys() <= CHECKED | ANNOTATIONS
            assert "type" in schema or "anyOf" in schema
            assert schema.get("type") != "object" or "additionalProperties" in schema or root is not project_schema()


def test_every_map_with_known_keys_refuses_others() -> None:
    for schema in schemas(project_schema()):
        if schema.get("properties"):
            assert schema["additionalProperties"] is False


def test_every_key_is_described() -> None:
    for path, schema in keys(project_schema()):
        assert schema.get("description"), path


def test_the_record_has_a_field_for_every_top_key() -> None:
    assert set(project_schema()["properties"]) == {field.name for field in fields(Project)} - {"root", "file", "source"}


def test_the_defaults_of_the_schema_are_those_of_the_record() -> None:
    rollout = project_schema()["properties"]["rollout"]["properties"]
    defaults = RolloutDeclaration()
    for field in fields(RolloutDeclaration):
        value = getattr(defaults, field.name)
        assert rollout[field.name]["default"] == (list(value) if isinstance(value, tuple) else value)


def test_every_key_is_in_the_document_and_the_document_has_no_other() -> None:
    documented = set(re.findall(r"^\| `([^`]+)` \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE))
    assert documented == {path for path, _ in keys(project_schema())}
