"""What a supervisor must remember over its own death, in one file: the table in force, the fence, what was answered, what runs.

`fence` decides, `TableFile` writes. Rules they keep:

1. An operation that was carried out once is never carried out again: its `op_id` is remembered with the table, in the same write.
2. A table is refused when its epoch is not newer than the one in force, or its token is older than the highest one seen: somebody
   else has taken over, or the data plane has acted on its own in the meantime.
3. The file is replaced as a whole and flushed before anybody is answered. It carries the digest of its content, so that a truncated or
   damaged file is recognised, and is never read as "no table yet".

>>> from gonogo.service.routing import Arm, RoutingTable
>>> first = ServiceState(RoutingTable(epoch=1, token=0, arms=(Arm("a@1.0.0", 10_000),), stable="a@1.0.0"), token=0)
>>> fence(first, RoutingTable(epoch=2, token=4, arms=(Arm("a@1.0.0", 10_000),), stable="a@1.0.0"), op_id="r1:shift:1")
'new'
>>> fence(first, RoutingTable(epoch=1, token=4, arms=(Arm("a@1.0.0", 10_000),), stable="a@1.0.0"), op_id="r1:shift:1")
Traceback (most recent call last):
gonogo.errors.FencedError: epoch 1 is not newer than epoch 1, which is in force. Observe the service again: it was changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from gonogo.base.canonical import canonical_bytes, digest, parse_json
from gonogo.base.files import storage, write_atomic
from gonogo.errors import FencedError, StorageError
from gonogo.service.routing import RoutingTable

FORMAT = "gonogo-service/1"
_REMEMBERED = 1000  #: operations; a controller repeats its latest one or two


@dataclass(frozen=True)
class Trip:
    """An arm that the data plane took off by itself."""

    release: str
    epoch: int  #: of the table under which it failed
    adopted: int  #: epoch of the table that took it off everywhere
    reason: str
    time: str

    def to_json(self) -> dict[str, Any]:
        return {
            "release": self.release,
            "epoch": self.epoch,
            "adopted": self.adopted,
            "reason": self.reason,
            "time": self.time,
            "actor": "dataplane",
        }


@dataclass(frozen=True)
class ServiceState:
    """One moment of a service. `token` is the highest one seen, `ops` maps an operation to the epoch it made, oldest first, `running`
    are the releases whose processes are to be kept alive, `trips` the newest 100."""

    table: RoutingTable
    token: int
    ops: Mapping[str, int] | None = None
    running: tuple[str, ...] = ()
    trips: tuple[Trip, ...] = ()

    def did(self, op_id: str) -> int | None:
        """The epoch that this operation made, if it was carried out."""
        return (self.ops or {}).get(op_id)

    def routed(self, table: RoutingTable, op_id: str) -> ServiceState:
        kept = dict(list({**(self.ops or {}), op_id: table.epoch}.items())[-_REMEMBERED:])
        return replace(self, table=table, token=max(self.token, table.token), ops=kept)

    def seen(self, token: int) -> ServiceState:
        return replace(self, token=max(self.token, token))

    def tripped(self, release: str, epoch: int, reason: str, time: str) -> ServiceState:
        """The state after the data plane took `release` off: one epoch on, its share with the stable arm."""
        table = replace(self.table.without(release), epoch=self.table.epoch + 1)
        return replace(self, table=table, trips=(*self.trips, Trip(release, epoch, table.epoch, reason, time))[-100:])

    def with_running(self, release: str) -> ServiceState:
        return self if release in self.running else replace(self, running=(*self.running, release))

    def without_running(self, release: str) -> ServiceState:
        return replace(self, running=tuple(name for name in self.running if name != release))

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "table": self.table.to_json(),
            "token": self.token,
            "ops": [[op, epoch] for op, epoch in (self.ops or {}).items()],
            "running": list(self.running),
            "trips": [trip.to_json() for trip in self.trips],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ServiceState:
        """Inverse of `to_json`. Raises ValueError for what is no state."""
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise ValueError(f"not a {FORMAT} document")
        try:
            return cls(
                table=RoutingTable.from_json(data["table"]),
                token=int(data["token"]),
                ops={str(op): int(epoch) for op, epoch in data["ops"]},
                running=tuple(str(release) for release in data["running"]),
                trips=tuple(
                    Trip(str(trip["release"]), int(trip["epoch"]), int(trip["adopted"]), str(trip["reason"]), str(trip["time"]))
                    for trip in data["trips"]
                ),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"malformed: {error!r}") from error


def check_token(state: ServiceState, token: int) -> None:
    """Rule 2 for an operation that carries a token but no table. Raises FencedError."""
    if token < state.token:
        raise FencedError(
            f"token {token} is older than token {state.token}: another controller has taken over.",
            hint="Let the newer controller go on, or resume the rollout to take over from it.",
        )


def fence(state: ServiceState, table: RoutingTable, op_id: str) -> Literal["new", "already"]:
    """Rules 1 and 2: may this operation put this table in force? Raises FencedError when not."""
    if state.did(op_id) is not None:
        return "already"
    check_token(state, table.token)
    if table.epoch <= state.table.epoch:
        raise FencedError(
            f"epoch {table.epoch} is not newer than epoch {state.table.epoch}, which is in force.",
            hint="Observe the service again: it was changed meanwhile.",
        )
    return "new"


class TableFile:
    """The file that holds the `ServiceState`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> ServiceState | None:
        """The stored state; None when the file was never written. Raises StorageError when it cannot be read or is damaged."""
        with storage(self.path, "read"):
            try:
                data = self.path.read_bytes()
            except FileNotFoundError:
                return None
        try:
            document = parse_json(data)
            state, said = document["state"], document["digest"]
            if digest(state) != said:
                raise ValueError("its content does not have the digest it states")
            return ServiceState.from_json(state)
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(
                f"{self.path} is damaged: {error}.",
                hint="It says which release gets which share. Move it away and start the service with the release that is to be stable.",
            ) from error

    def save(self, state: ServiceState) -> None:
        """Write and flush. Raises StorageError; then the old content still stands."""
        content = state.to_json()
        write_atomic(self.path, canonical_bytes({"state": content, "digest": digest(content)}), mode=0o600)
