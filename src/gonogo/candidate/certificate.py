"""The certificate: what a series of retrains has shown of one model, signed by the store, and what makes it void. Pure.

It is an in-toto statement about the model's digest in a DSSE envelope. It says how it was measured and what came of it, and is bound to
what it was measured under: parameters, schema, declarations and tables. When one of these is another today, or its time is over, it is
void.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gonogo.base.clock import parse_stamp
from gonogo.errors import VerificationError
from gonogo.trust.envelope import IN_TOTO, open_envelope, read_statement, seal_envelope, statement
from gonogo.trust.keys import PublicKey, Signer

PREDICATE = "urn:gonogo:certificate:v1"
KEYS = frozenset(
    {"bound", "plan", "issued", "valid_until", "seed", "metrics", "again", "runs", "by_chance", "conditions", "attempts", "gonogo"}
)
#: What a certificate is bound to, and how it is said that it is another by now.
BOUND = {
    "params": "the run record names other parameters",
    "pipeline": "its pre- or post-processing is another",
    "schema": "the model takes or gives something else",
    "declarations": "gonogo.yaml declares model or data otherwise",
    "tables": "a table is another",
}


@dataclass(frozen=True)
class Certificate:
    """A certificate that was read: about `model` (digest) of `system`. `said` is all it says, see docs/formats/certificate.md."""

    system: str
    model: str
    said: Mapping[str, Any]

    @property
    def runs(self) -> Sequence[Mapping[str, Any]]:
        return list(self.said["runs"])


def seal_certificate(system: str, model: str, said: Mapping[str, Any], signer: Signer) -> bytes:
    """The signed envelope. Raises ValueError when a key is missing or too many."""
    if said.keys() != KEYS or said["bound"].keys() != BOUND.keys():
        raise ValueError(f"a certificate says {', '.join(sorted(KEYS))}")
    return seal_envelope(statement(system, model, PREDICATE, said), IN_TOTO, [signer])


def read_certificate(data: bytes, key: PublicKey) -> Certificate:
    """Raises VerificationError unless it is a whole certificate that the key has signed."""
    system, model, said = read_statement(open_envelope(data, IN_TOTO, [key]), PREDICATE)
    if said.keys() != KEYS or not isinstance(said["bound"], dict) or said["bound"].keys() != BOUND.keys():
        raise VerificationError("the certificate does not say all that it must.")
    return Certificate(system, model, said)


def voided(certificate: Certificate, *, system: str, model: str, bound: Mapping[str, str], now: datetime) -> tuple[str, ...]:
    """Why the certificate does not hold, in words; () when it does. `bound` are the digests of today. A time that cannot be read, or that
    is to come, is a reason."""
    found = ["it is about another system"] if certificate.system != system else []
    found += ["the model is another one"] if certificate.model != model else []
    found += [said for name, said in BOUND.items() if certificate.said["bound"][name] != bound[name]]
    try:
        issued, until = parse_stamp(certificate.said["issued"]), parse_stamp(certificate.said["valid_until"])
    except (ValueError, TypeError, AttributeError):
        return (*found, "nobody can read until when it holds")
    found += [f"it held until {certificate.said['valid_until']}"] if now >= until else []
    return tuple(found + (["it was issued in the future"] if now < issued else []))
