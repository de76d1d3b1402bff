"""Is there a person, with a key of their own, for every role?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import ClassVar

from gonogo.errors import KeyFileError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import PersonView
from gonogo.evidence.record import Fact, Measurement
from gonogo.trust.keys import PublicKey


class People(Check):
    """Does every role have a person with a usable key, and is nobody asked to check their own work?"""

    name = "people"
    facts: ClassVar = {
        "roles": "roles that have a person with a usable key",
        "roles_missing": "demanded roles without such a person",
        "unusable_keys": "declared people whose key cannot be read",
        "same_person": "roles that share a person or a key with an earlier role",
    }
    options: ClassVar = {"roles": []}

    def measure(self, people: Mapping[str, PersonView]) -> Measurement:
        keys: dict[str, str] = {}
        findings: list[str] = []
        for role, person in people.items():
            try:
                keys[role] = PublicKey.load(person.key).key_id
            except KeyFileError as error:
                findings.append(f"{role}: {error}")
        lacking = [role for role in self.chosen["roles"] if role not in keys]
        findings += [f"nobody with a usable key is {role}" for role in lacking]
        names = Counter(" ".join(people[role].name.split()).casefold() for role in keys)
        doubled = max(len(keys) - len(set(keys.values())), len(keys) - len(names))
        findings += [f"the name {name!r} stands for {count} roles" for name, count in names.items() if count > 1]
        if len(set(keys.values())) < len(keys):
            findings.append("two roles have the same key")
        return Measurement(
            {
                "roles": Fact(len(keys)),
                "roles_missing": Fact(len(lacking)),
                "unusable_keys": Fact(len(people) - len(keys)),
                "same_person": Fact(doubled),
            },
            tuple(findings),
        )
