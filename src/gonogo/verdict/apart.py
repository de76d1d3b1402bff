"""Separation of duties: groups of roles whose approvals must come from different people with different keys. Pure.

A group holds when each of its roles can be given one of those who approved in it, no two of them the same by name or by key, and none of
them the author where the group names the author. So one person may stand in two roles, as long as somebody else approves in one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from gonogo.base.names import plain_person
from gonogo.checklist.items import AUTHOR


@dataclass(frozen=True)
class Someone:
    """A person by name and key; an author need not have a key."""

    name: str
    key_id: str | None = None

    def to_json(self) -> dict[str, str | None]:
        return asdict(self)

    def is_also(self, other: Someone) -> bool:
        """The same person by name, however it is written, or by key."""
        return plain_person(self.name) == plain_person(other.name) or (self.key_id is not None and self.key_id == other.key_id)


def clashes(apart: Sequence[Sequence[str]], approvals: Mapping[str, Sequence[Someone]], author: Someone | None) -> dict[str, str]:
    """Why the approvals of a role do not count, by role. `approvals` holds those who approved in every item of the role."""
    found: dict[str, str] = {}
    for group in apart:
        others = " and ".join(group)
        if AUTHOR in group and author is None:
            said = f"{others} must be different people, and nobody is declared as author (`author:` in gonogo.yaml)"
            found.update({role: said for role in group if role in approvals})
            continue
        taken = (author,) if AUTHOR in group and author else ()
        kept: list[str] = []
        for role in group:
            if role in approvals and _assignable([approvals[one] for one in (*kept, role)], taken):
                kept.append(role)
            elif role in approvals:
                named = " and ".join(dict.fromkeys(one.name for one in approvals[role])) or "nobody for all its items"
                found[role] = f"{others} must be different people with different keys; as {role} there is only {named}"
    return found


def _assignable(candidates: Sequence[Sequence[Someone]], taken: Sequence[Someone]) -> bool:
    """Whether one of each can be chosen so that nobody occurs twice, nor is taken already."""
    if not candidates:
        return True
    free = [one for one in candidates[0] if not any(one.is_also(other) for other in taken)]
    return any(_assignable(candidates[1:], (*taken, one)) for one in free)
