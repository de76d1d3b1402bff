"""A high risk that a second person has accepted: their signature over the decision as it stands. Pure but for the key files.

It is an in-toto statement about the digest of the decision (without the acceptance itself) in a DSSE envelope, kept in the decision under
`accepted`. Another word in the decision, another role or another key, and it is nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gonogo.base.canonical import digest
from gonogo.errors import GonogoError
from gonogo.evidence.inputs import PersonView
from gonogo.trust.envelope import IN_TOTO, read_envelope, read_statement, seal_envelope, statement
from gonogo.trust.keys import PublicKey, Signer

PREDICATE = "urn:gonogo:accepted-risk:v1"
ACCEPTED = "accepted"


def with_acceptance(decision: Mapping[str, Any], *, role: str, person: str, signer: Signer) -> dict[str, Any]:
    """The decision with the person's signature."""
    open_ = _without(decision)
    said = statement("decision", digest(open_), PREDICATE, {"role": role, "person": person})
    return {**open_, ACCEPTED: seal_envelope(said, IN_TOTO, [signer]).decode()}


def accepted_by(decision: Mapping[str, Any], people: Mapping[str, Sequence[PersonView]]) -> str:
    """The name of the person of the project who accepted the risk of exactly this decision; "" when nobody has whose word counts. The one
    who decided is not a second person."""
    try:
        keys = {(role, one.name): PublicKey.load(one.key) for role, persons in people.items() for one in persons}
        opened = read_envelope(str(decision[ACCEPTED]).encode(), IN_TOTO, list(keys.values()))
        _, about, said = read_statement(opened.payload, PREDICATE)
        mine = keys[(said["role"], said["person"])].key_id
        if about == digest(_without(decision)) and opened.key_ids == (mine,) and said["person"] != decision.get("by"):
            return str(said["person"])
    except (GonogoError, KeyError, TypeError, ValueError):
        pass  # whatever is wrong with it, nobody has accepted the risk
    return ""


def _without(decision: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in decision.items() if key != ACCEPTED}
