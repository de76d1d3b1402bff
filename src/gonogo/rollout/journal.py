"""What is kept of rollouts, in documents of the registry's store.

    rollout           ID       the plan, the state, the operations, what was counted, the clocks
    rollout-active    SYSTEM   the ID of the one rollout that has not ended, or none
    rollout-command   ID/UUID  what people asked for, and the answer
    rollout-look      ID/N     what the controller saw, about once a second: the rollout's path, for reports

Rules it keeps:
* At most one rollout of a system is active.
* Every change of a state is one transaction: the document (compare-and-swap on its version), the operations to send, the answer to a
  command, and the event of kind `rollout` in the audit log.
* A command is stored once under the id its sender gave it; sent again it gets the stored answer.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from gonogo.errors import ConflictError, NotFoundError, VerificationError
from gonogo.registry.store import Store, Transaction
from gonogo.rollout.judge import Booked
from gonogo.rollout.machine import COMMANDS, Op, Phase, State, What
from gonogo.rollout.plan import Plan
from gonogo.rollout.target import ArmCounts

FORMAT = "gonogo-rollout/1"
ROLLOUT, ACTIVE, COMMAND, LOOK = "rollout", "rollout-active", "rollout-command", "rollout-look"

OpStatus = Literal["intent", "done", "failed", "dropped"]


@dataclass(frozen=True)
class OpRecord:
    """An operation in the outbox. `id` stays the same however often it is sent."""

    id: str
    op: Op
    status: OpStatus = "intent"
    message: str = ""
    attempts: int = 0

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "op": self.op.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> OpRecord:
        return cls(**{**data, "op": Op.from_json(data["op"])})


@dataclass(frozen=True)
class Segment:
    """Counters of one stage under one epoch and one life of the data plane; they only grow."""

    boot_id: str
    epoch: int
    stage: int
    canary: ArmCounts = field(default_factory=ArmCounts)
    stable: ArmCounts = field(default_factory=ArmCounts)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Segment:
        return cls(**{**data, "canary": ArmCounts(**data["canary"]), "stable": ArmCounts(**data["stable"])})


@dataclass(frozen=True)
class Rollout:
    """One rollout as it is stored. `reason` is why it was begun, where somebody said. Times in milliseconds are of the present phase:
    `observed_ms` while it was seen to run, `spent_ms` in all, `quiet_ms` since its counters last moved. `revision` is the version of the
    document; `started` and `ended` are RFC 3339 in UTC."""

    id: str
    plan: Plan
    state: State
    actor: str
    started: str
    reason: str = ""
    ended: str = ""
    ops: tuple[OpRecord, ...] = ()
    segments: tuple[Segment, ...] = ()
    observed_ms: int = 0
    spent_ms: int = 0
    quiet_ms: int = 0
    looks: int = 0
    revision: int = field(default=0, compare=False)

    @property
    def open_ops(self) -> tuple[OpRecord, ...]:
        return tuple(record for record in self.ops if record.status == "intent")

    @property
    def weights(self) -> dict[str, int]:
        """The shares that were last asked for, in basis points; empty before traffic has moved."""
        routes = [record.op for record in self.ops if record.op.kind == "route"]
        return dict(routes[-1].weights or {}) if routes else {}

    def booked(self) -> list[Booked]:
        """What was counted, by stage, up to the present one."""
        stages = self.plan.stages
        books = [Booked(weight) for weight in stages[: min(self.state.stage, len(stages) - 1) + 1]]
        for segment in self.segments:
            if segment.stage < len(books):
                books[segment.stage] = books[segment.stage].plus(segment.canary, segment.stable)
        return books

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "id": self.id,
            "plan": self.plan.to_json(),
            "state": self.state.to_json(),
            "actor": self.actor,
            "started": self.started,
            "reason": self.reason,
            "ended": self.ended,
            "ops": [record.to_json() for record in self.ops],
            "segments": [asdict(segment) for segment in self.segments],
            "observed_ms": self.observed_ms,
            "spent_ms": self.spent_ms,
            "quiet_ms": self.quiet_ms,
            "looks": self.looks,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], revision: int) -> Rollout:
        """Inverse of `to_json`. Raises VerificationError for what this version cannot read: a rollout it does not understand is left
        alone."""
        try:
            if data["format"] != FORMAT:
                raise ValueError(f"not a {FORMAT} document")
            rest = {key: value for key, value in data.items() if key != "format"}
            return cls(
                **{
                    **rest,
                    "plan": Plan.from_json(data["plan"]),
                    "state": State.from_json(data["state"]),
                    "ops": tuple(OpRecord.from_json(record) for record in data["ops"]),
                    "segments": tuple(Segment.from_json(segment) for segment in data["segments"]),
                    "revision": revision,
                }
            )
        except (KeyError, TypeError, ValueError) as error:
            raise VerificationError(f"the stored rollout cannot be read: {error!r}.", hint="Is it of a newer version of gonogo?") from error


@dataclass(frozen=True)
class Command:
    """What a person asked of a rollout. `expected_version` is the state's version that they saw; abort needs none."""

    id: str
    verb: What
    actor: str
    reason: str = ""
    expected_version: int | None = None
    status: Literal["pending", "done", "refused"] = "pending"
    answer: str = ""

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "verb": str(self.verb)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Command:
        return cls(**{**data, "verb": What(data["verb"])})


def active(store: Store | Transaction, system: str) -> str:
    """The id of the rollout that is not through, or ""."""
    found = store.get(ACTIVE, system)
    return str(found[1]["id"]) if found else ""


def load(store: Store | Transaction, rollout_id: str) -> Rollout:
    """Raises NotFoundError."""
    found = store.get(ROLLOUT, rollout_id)
    if found is None:
        raise NotFoundError(f"there is no rollout {rollout_id!r}.", hint="See `gonogo rollout status`.")
    return Rollout.from_json(found[1], found[0])


def rollouts(store: Store | Transaction, system: str) -> list[Rollout]:
    """Every rollout of a system, oldest first."""
    found = [Rollout.from_json(body, revision) for revision, body in store.list(ROLLOUT).values() if body["plan"]["system"] == system]
    return sorted(found, key=lambda rollout: int(rollout.id.rpartition("-")[2]))


def latest(store: Store, system: str) -> Rollout | None:
    """The active rollout, or else the last one."""
    current = active(store, system)
    if current:
        return load(store, current)
    return next(reversed(rollouts(store, system)), None)


def looks(store: Store, rollout_id: str) -> list[dict[str, Any]]:
    """The rollout's path: what was seen, oldest first (see `run.Look.to_json`)."""
    return [body for key, (_, body) in store.list(f"{LOOK}:{rollout_id}").items() if key]


def open_rollout(tx: Transaction, plan: Plan, actor: str, started: str, reason: str = "") -> Rollout:
    """Write a new rollout. Raises ConflictError when another one of the system is active."""
    current = active(tx, plan.system)
    if current:
        raise ConflictError(
            f"rollout {current} of {plan.system} is not through yet.", hint="Wait for it, or run `gonogo rollout abort` or `resume`."
        )
    rollout = Rollout(f"{plan.system}-{len(rollouts(tx, plan.system)) + 1}", plan, State(), actor, started, reason)
    tx.put(ACTIVE, plan.system, {"id": rollout.id})
    revision = tx.put(ROLLOUT, rollout.id, rollout.to_json(), expected_version=0)
    begun = {"rollout": rollout.id, "to": str(Phase.PLANNED), "plan": plan.to_json(), "plan_digest": plan.digest}
    tx.append("rollout", begun | ({"reason": reason} if reason else {}), actor)
    return replace(rollout, revision=revision)


def save(tx: Transaction, rollout: Rollout) -> Rollout:
    """Write a rollout that was loaded at its `revision`. Raises ConflictError when somebody else wrote it since."""
    revision = tx.put(ROLLOUT, rollout.id, rollout.to_json(), expected_version=rollout.revision)
    return replace(rollout, revision=revision)


def submit(store: Store, rollout_id: str, verb: str, *, actor: str, reason: str = "", expected_version: int | None = None,
           command_id: str | None = None) -> Command:  # fmt: skip
    """Ask something of a rollout: abort, pause, resume or promote. The controller answers at its next look.

    Raises NotFoundError for no such rollout, ConflictError when it has ended.
    """
    if verb not in COMMANDS:
        raise NotFoundError(f"{verb!r} is nothing a rollout can be asked for.", hint=f"Known: {', '.join(sorted(COMMANDS))}.")
    command = Command(command_id or str(uuid.uuid4()), What(verb), actor, reason, expected_version)
    with store.transaction() as tx:
        stored = tx.get(f"{COMMAND}:{rollout_id}", command.id)
        if stored:
            return Command.from_json(stored[1])
        rollout = load(tx, rollout_id)
        if rollout.state.ended:
            raise ConflictError(
                f"rollout {rollout_id} has ended ({rollout.state.phase}): {rollout.state.reason}.",
                hint="Use `gonogo rollback` to go back to the release before.",
            )
        tx.put(f"{COMMAND}:{rollout_id}", command.id, command.to_json(), expected_version=0)
    return command


def pending(store: Store, rollout_id: str) -> list[Command]:
    """Commands without an answer, in the order in which they count: abort, pause, resume, promote."""
    found = [Command.from_json(body) for _, body in store.list(f"{COMMAND}:{rollout_id}").values()]
    order = (What.ABORT, What.PAUSE, What.RESUME, What.PROMOTE)
    return sorted((command for command in found if command.status == "pending"), key=lambda command: order.index(command.verb))


def answer(store: Store, rollout_id: str, command_id: str) -> Command:
    """A command as it stands now."""
    found = store.get(f"{COMMAND}:{rollout_id}", command_id)
    if found is None:
        raise NotFoundError(f"rollout {rollout_id} was never asked {command_id}.")
    return Command.from_json(found[1])
