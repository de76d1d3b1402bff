"""Is there a person, with a key of their own, for every role?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from gonogo.base.names import plain_person
from gonogo.errors import KeyFileError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import AuthorView, PersonView
from gonogo.evidence.record import Fact, Measurement
from gonogo.trust.keys import PublicKey

AUTHOR = "author"


class People(Check):
    """Does every role have a person with a usable key, and is nobody asked to check their own work?"""

    name = "people"
    facts: ClassVar = {
        "roles": "roles that have a person with a usable key",
        "roles_missing": "demanded roles without such a person",
        "unusable_keys": "declared people whose key cannot be read",
        "same_person": "roles that share a person, by name or key, with an earlier role",
        "same_key": "roles that share a key with an earlier role",
        "author_approves": "roles in which the author, by name or key, stands",
    }
    #: `apart`: groups such as "author, lead" whose members must be different people; without any, all roles and the author are one.
    options: ClassVar = {"roles": [], "apart": []}

    def measure(self, people: Mapping[str, Sequence[PersonView]], author: AuthorView | None = None) -> Measurement:
        names: dict[str, set[str]] = {}
        keys: dict[str, set[str]] = {}
        findings: list[str] = []
        for role, persons in people.items():
            for person in persons:
                try:
                    key_id = PublicKey.load(person.key).key_id
                    keys.setdefault(role, set()).add(key_id)
                    names.setdefault(role, set()).add(plain_person(person.name))
                except KeyFileError as error:
                    findings.append(f"{role}: {error}")
        unusable, roles = len(findings), list(keys)
        if author is not None:
            names[AUTHOR] = {plain_person(author.name)}
            keys[AUTHOR] = {PublicKey.load(author.key).key_id} if author.key else set()
        lacking = [role for role in self.chosen["roles"] if role not in roles]
        findings += [f"nobody with a usable key is {role}" for role in lacking]
        groups = [[word.strip() for word in group.split(",")] for group in self.chosen["apart"]] or [[*roles, AUTHOR]]
        pairs = [pair for group in groups for pair in _pairs(role for role in group if role in keys)]
        by_name = {pair for pair in pairs if names[pair[0]] & names[pair[1]]}
        by_key = {pair for pair in pairs if keys[pair[0]] & keys[pair[1]]}
        findings += [
            f"{one} and {other} are the same person: {', '.join(sorted(names[one] & names[other]))}" for one, other in sorted(by_name)
        ]
        findings += [f"{one} and {other} have the same key" for one, other in sorted(by_key)]
        return Measurement(
            {
                "roles": Fact(len(roles)),
                "roles_missing": Fact(len(lacking)),
                "unusable_keys": Fact(unusable),
                "same_person": Fact(len({later for _, later in by_name | by_key} - {AUTHOR})),
                "same_key": Fact(len({later for _, later in by_key} - {AUTHOR})),
                "author_approves": Fact(len({role for pair in by_name | by_key if AUTHOR in pair for role in pair} - {AUTHOR})),
            },
            tuple(findings),
        )


def _pairs(roles: Iterable[str]) -> list[tuple[str, str]]:
    """Every two, the author last."""
    ordered = sorted(dict.fromkeys(roles), key=lambda role: role == AUTHOR)
    return [(one, other) for index, one in enumerate(ordered) for other in ordered[index + 1 :]]
