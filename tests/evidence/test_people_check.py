"""The check on people: a person with a key of their own for every role, and nobody who checks their own work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from gonogo.evidence.memory import measure
from gonogo.trust.keys import generate_key
from measured import values


@dataclass(frozen=True)
class Someone:
    name: str
    key: Path


def test_every_role_with_a_person_of_their_own_is_counted(tmp_path: Path) -> None:
    people = {}
    for role, name in (("lead", "Ana"), ("owner", "Ben")):
        generate_key(tmp_path / f"{role}.key")
        people[role] = [Someone(name, tmp_path / f"{role}.pub")]
    facts = values(measure("people", {"roles": ["lead", "owner"]}, people=people))
    assert facts == {"roles": 2, "roles_missing": 0, "unusable_keys": 0, "same_person": 0, "same_key": 0, "author_approves": 0}


@pytest.mark.parametrize(
    ("name", "same_key"), [("Ana", False), (" ana  ", False), ("An\u200ba", False), ("\u0410na", False), ("Ben", True)]
)
def test_one_person_in_two_roles_is_found_by_name_or_key(tmp_path: Path, name: str, same_key: bool) -> None:
    generate_key(tmp_path / "one.key")
    generate_key(tmp_path / "two.key")
    people = {"lead": [Someone("Ana", tmp_path / "one.pub")], "owner": [Someone(name, tmp_path / ("one.pub" if same_key else "two.pub"))]}
    facts = values(measure("people", people=people))
    assert (facts["same_person"], facts["same_key"]) == (1, int(same_key))


@pytest.fixture
def someone(tmp_path: Path) -> Callable[[str, str], Someone]:
    """`someone("Ana", "a")`: a person with the key called a."""

    def make(name: str, key: str) -> Someone:
        if not (tmp_path / f"{key}.key").exists():
            generate_key(tmp_path / f"{key}.key")
        return Someone(name, tmp_path / f"{key}.pub")

    return make


def test_somebody_among_several_who_has_an_earlier_role_too_is_found(someone: Callable[[str, str], Someone]) -> None:
    people = {
        "lead": [someone("Ana", "a"), someone("Ben", "b")],
        "owner": [someone("Cy", "c"), someone("Ben", "d")],
        "ethics": [someone("Dan", "e")],
    }
    measured = measure("people", people=people)
    facts = values(measured)
    assert (facts["roles"], facts["same_person"], facts["same_key"]) == (3, 1, 0)
    assert measured.findings == ("lead and owner are the same person: ben",)


@pytest.mark.parametrize(("name", "key", "roles"), [("Eve", "e", 0), ("ana ", "e", 1), ("Eve", "a", 1), ("Ana", "", 1), ("Eve", "", 0)])
def test_an_author_who_approves_is_found_by_name_or_key(someone: Callable[[str, str], Someone], name: str, key: str, roles: int) -> None:
    author = someone(name, key) if key else SimpleNamespace(name=name, key=None)
    people = {"lead": [someone("Ana", "a")], "owner": [someone("Ben", "b")]}
    facts = values(measure("people", people=people, author=author))
    assert (facts["author_approves"], facts["roles"], facts["same_person"]) == (roles, 2, 0)


def test_only_the_named_groups_are_kept_apart(someone: Callable[[str, str], Someone]) -> None:
    ana = someone("Ana", "a")
    people = {"lead": [ana], "owner": [ana], "ethics": [someone("Ben", "b")]}
    for groups, expected in (
        (["lead, ethics"], (0, 0)),
        (["lead, owner"], (1, 0)),
        (["author, ethics"], (0, 0)),
        (["author, lead"], (0, 1)),
    ):
        facts = values(measure("people", {"apart": groups}, people=people, author=ana))
        assert (facts["same_person"], facts["author_approves"]) == expected, groups


@pytest.mark.parametrize("content", [None, b"", b"no key"])
def test_a_key_that_cannot_be_read_leaves_its_role_empty(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "ana.pub").write_bytes(content)
    facts = values(measure("people", {"roles": ["lead", "owner"]}, people={"lead": [Someone("Ana", tmp_path / "ana.pub")]}))
    assert (facts["roles"], facts["roles_missing"], facts["unusable_keys"]) == (0, 2, 1)
