"""The seam behind which state lives: a log of events, documents with versions, and leases, changed together or not at all.

Everything that changes state does it in one transaction, with the event that tells of it, so that the audit log can never disagree
with the state. Errors that leave a store: ConflictError (somebody else was first), FencedError (a newer holder has the lease),
VerificationError (the log is not the one it was), UsageError (a body that is no JSON), StorageError (disk, lock, damage).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from gonogo.registry.event import ChainReport, Event

if TYPE_CHECKING:
    from gonogo.trust.keys import PublicKey

Body = dict[str, Any]


@dataclass(frozen=True)
class Lease:
    """Who may act. `token` grows with every acquisition and never falls; what a target has seen a higher one of, it refuses."""

    name: str
    holder: str
    token: int
    expires: str  #: RFC 3339 in UTC


class Transaction(Protocol):
    """What can be done inside `with store.transaction() as tx`. All of it becomes true at the end, or none of it."""

    def append(self, kind: str, body: Mapping[str, Any], actor: str) -> Event: ...

    def events(self, since: int = 0, kinds: Collection[str] | None = None) -> Iterator[Event]:
        """Events after number `since`, of the given kinds or of all, in order; those appended in this transaction included."""

    def get(self, kind: str, key: str) -> tuple[int, Body] | None:
        """Version and body of a document, or None."""

    def list(self, kind: str) -> dict[str, tuple[int, Body]]:
        """Every document of a kind: key → (version, body), by key."""

    def put(self, kind: str, key: str, body: Mapping[str, Any], expected_version: int | None = None) -> int:
        """Write a document and give its new version. `expected_version` n: it must be at n; 0: it must not exist; None: whatever."""

    def acquire_lease(self, name: str, holder: str, seconds: float, take_over: bool = False) -> int:
        """A new token. ConflictError while another holder's lease is live, unless `take_over`, which is recorded as an event."""

    def renew_lease(self, name: str, token: int, seconds: float) -> None:
        """FencedError when somebody has acquired it since."""

    def release_lease(self, name: str, token: int) -> None:
        """Give it back. Nothing happens when it is somebody else's by now."""

    def get_lease(self, name: str) -> Lease | None:
        """The live lease, or None when nobody holds it or it has expired."""


class Store(Protocol):
    def transaction(self) -> AbstractContextManager[Transaction]: ...

    def get(self, kind: str, key: str) -> tuple[int, Body] | None: ...

    def list(self, kind: str) -> dict[str, tuple[int, Body]]: ...

    def events(self, since: int = 0, kinds: Collection[str] | None = None) -> Iterator[Event]: ...

    def verify_chain(self, key: PublicKey | None) -> ChainReport: ...
