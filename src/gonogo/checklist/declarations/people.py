"""`people` and `author` of gonogo.yaml: who signs, and who made the candidate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gonogo.checklist.declarations.file import ProjectFile
from gonogo.checklist.schema_words import place, section, text


@dataclass(frozen=True)
class Person:
    name: str
    key: Path


@dataclass(frozen=True)
class Author:
    """Who made the candidate. With a key, the author is kept apart from approvers by key, too."""

    name: str
    key: Path | None = None


_NAME_AND_KEY = {"name": text("the person's name", examples=["Ana"]), "key": place("the person's public key", "keys/ana.pub")}
_PERSON = section("who has the role", _NAME_AND_KEY, ("name", "key"))

PEOPLE: dict[str, Any] = {
    "type": "object",
    "description": "who signs, by role of the pack; a list when several may",
    "additionalProperties": {"anyOf": [_PERSON, {"type": "array", "items": _PERSON, "minItems": 1}]},
}
AUTHOR = section("who made the candidate, to keep apart from who approves it", _NAME_AND_KEY, ("name",))


def read_people(file: ProjectFile) -> dict[str, tuple[Person, ...]]:
    """Who has each role. Raises ProjectFileError for a person or a key that stands twice under one."""
    return {role: _persons(file, role, entry) for role, entry in file.section("people").items()}


def read_author(file: ProjectFile) -> Author | None:
    said = file.section("author")
    return Author(said["name"], file.path(said, "key")) if said else None


def _persons(file: ProjectFile, role: str, entry: Mapping[str, str] | list[Mapping[str, str]]) -> tuple[Person, ...]:
    entries = entry if isinstance(entry, list) else [entry]
    found = tuple(Person(one["name"], file.root / one["key"]) for one in entries)
    for index, person in enumerate(found):
        if any(other.name == person.name or other.key == person.key for other in found[:index]):
            raise file.error(("people", role, index), f"{person.name} or their key stands twice under {role}.", "Remove one.")
    return found
