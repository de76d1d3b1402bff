"""The controller: looks, asks the pure rooms what that means, writes it down, and only then acts.

    every tick:  commands ─→ operations ─→ look ─→ book ─→ guard ─→ judge ─→ deadline ─→ at most one transition

Rules it keeps:
1. Written before done: a transition is one transaction (state, operations to send, answer to a command, audit event), and an operation
   is sent only after its commit. A controller that dies anywhere is resumed by the next one, which sends what may not have been sent
   again, under the same operation id.
2. One controller at a time, by a lease; and should there be two, the older one's writes fail on the lease and on the document's
   version, and its operations on the token.
3. After taking over it looks before it acts.
4. The pointer moves in the same transaction that completes the rollout, or the rollout goes back.
5. Abort comes before every other command, and commands before everything else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from gonogo import settings
from gonogo.base.canonical import digest
from gonogo.base.clock import Clock, SystemClock, stamp
from gonogo.errors import ConflictError, FaultError, FencedError, GonogoError, NotFoundError, RefusedError, UnreachableError
from gonogo.registry.store import Lease, Store, Transaction
from gonogo.rollout import journal
from gonogo.rollout.charge import Charge
from gonogo.rollout.failpoint import failpoint
from gonogo.rollout.journal import Command, OpRecord, Rollout
from gonogo.rollout.judge import Analysis, Decision, judge
from gonogo.rollout.look import Elapsed, Look, age, book, guard, late
from gonogo.rollout.machine import GOING_BACK, Happened, Op, Phase, What, transition
from gonogo.rollout.plan import Plan
from gonogo.rollout.target import Observation, Route, Target

LOOK_MS = 1_000  #: a look is kept about this often
CLEAN_UP_TRIES = 3
LONGEST_PAUSE = 2.0  #: seconds between two tries of an operation


class MovePointer(Protocol):
    """Moves the system's production pointer to `plan.new`, inside the transaction. Raises RefusedError when that must not be."""

    def __call__(self, tx: Transaction, plan: Plan, actor: str, reason: str) -> None: ...


Answers = Callable[[str], str]  #: asks the public port whether this release answers; "" or what is wrong
Progress = Callable[[Look], None]


class PointerRefused(Exception):
    """The registry does not let the pointer move."""


class Controller:
    """Drives the rollouts of one system. Not thread-safe; use one per thread."""

    def __init__(
        self,
        store: Store,
        target: Target,
        system: str,
        *,
        move_pointer: MovePointer,
        actor: str,
        answers: Answers = lambda release: "",
        clock: Clock | None = None,
        sleep: Callable[[float], None] = time.sleep,
        tick_seconds: float | None = None,
        lease_seconds: float | None = None,
    ) -> None:
        self._store = store
        self._target = target
        self._system = system
        self._move_pointer = move_pointer
        self._actor = actor
        self._answers = answers
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._tick_seconds = tick_seconds or settings.number("tick_seconds")
        self._charge = Charge(store, system, actor, self._clock, lease_seconds or settings.number("lease_seconds"))
        self._rollout: Rollout | None = None
        self._looked: tuple[float, float] | None = None  #: wall and steady seconds of the last look
        self._kept_at = 0.0  #: steady seconds at which a look was last kept
        self._try_at = 0.0  #: steady seconds before which no operation is tried again
        self._must_look = False  #: rule 3
        self.last_look: Look | None = None
        self.routed_at: float | None = None  #: steady seconds at which the last route was acknowledged

    @property
    def rollout(self) -> Rollout:
        if self._rollout is None:
            raise NotFoundError(f"no rollout of {self._system} is under way.", hint="Start one with `gonogo rollout start`.")
        return self._rollout

    # -- taking charge ------------------------------------------------------------------------------------------------------

    def start(self, plan: Plan, *, reason: str = "", take_over: bool = False) -> Rollout:
        """Write a new rollout down, with the `reason` that somebody gave. Raises ConflictError when one is active or another controller is
        at work."""
        self._charge.take(take_over=take_over)
        try:
            self._clean_up_after_the_last()
            with self._store.transaction() as tx:
                self._charge.renew(tx)
                rollout = journal.open_rollout(tx, plan, self._actor, stamp(self._clock.now()), reason)
                failpoint("before-commit")
        except BaseException:
            self._charge.give_back_quietly()
            raise
        failpoint("after-commit")
        return self._in_charge_of(rollout)

    def resume(self, *, take_over: bool = False) -> Rollout:
        """Take over the active rollout from a controller that is gone. Raises NotFoundError without one, ConflictError when its
        controller is alive."""
        current = journal.active(self._store, self._system)
        if not current:
            raise NotFoundError(f"no rollout of {self._system} is under way.", hint="See `gonogo rollout status`.")
        self._charge.take(take_over=take_over)
        try:
            return self._in_charge_of(journal.load(self._store, current))
        except BaseException:
            self._charge.give_back_quietly()
            raise

    def driver(self) -> Lease | None:
        """Who drives the system's rollouts now, or None."""
        return self._charge.driver()

    def let_go(self) -> None:
        """Give the lease back. The rollout stays where it is."""
        self._charge.give_back()

    def _in_charge_of(self, rollout: Rollout) -> Rollout:
        self._rollout, self._looked, self._try_at, self._must_look = rollout, None, 0.0, True
        self.last_look, self._kept_at = None, self._clock.monotonic()
        return rollout

    def _clean_up_after_the_last(self) -> None:
        current = journal.active(self._store, self._system)
        if current and journal.load(self._store, current).state.ended:
            self._in_charge_of(journal.load(self._store, current))
            self._to_the_end(lambda look: None)

    # -- driving ------------------------------------------------------------------------------------------------------------

    def drive(self, progress: Progress = lambda look: None) -> Rollout:
        """Tick until the rollout has ended and is cleaned up, telling `progress` after every tick. Gives the lease back, whatever
        happens. Raises FencedError when another controller has taken over, StorageError when nothing can be written down."""
        try:
            return self._to_the_end(progress)
        finally:
            self._charge.give_back_quietly()

    def _to_the_end(self, progress: Progress) -> Rollout:
        while True:
            advanced = self.tick()
            if self.last_look:
                progress(self.last_look)
            if self.rollout.ended:
                return self.rollout
            if not advanced:
                self._sleep(self._tick_seconds)

    def tick(self) -> bool:
        """One look and at most one transition for each of commands, operations and what was seen. True when something changed."""
        before = (self.rollout.state, self.rollout.ended)
        self._obey()
        if self._must_look and not self.rollout.state.ended:
            self._see()
        else:
            self._send()
            if not self.rollout.state.ended and not self.rollout.open_ops:
                self._see()
        if self.rollout.state.ended and not self.rollout.open_ops and not self.rollout.ended:
            self._close()
        self._keep_alive()
        return (self.rollout.state, self.rollout.ended) != before

    # -- commands -----------------------------------------------------------------------------------------------------------

    def _obey(self) -> None:
        for command in journal.pending(self._store, self.rollout.id):
            state = self.rollout.state
            refusal = ""
            if command.verb is not What.ABORT and command.expected_version not in (None, state.version):
                refusal = f"the rollout has moved on to {state.phase} (version {state.version}, you saw {command.expected_version})."
            try:
                if refusal:
                    raise ConflictError(refusal, hint="Look again, then repeat.")
                self._apply(Happened(command.verb, self._said(command)), command=command)
            except FencedError:
                raise
            except ConflictError as error:
                self._answer(command, error)

    def _said(self, command: Command) -> str:
        words = {What.ABORT: "aborted", What.PAUSE: "paused", What.RESUME: "resumed", What.PROMOTE: "promoted by hand"}
        return f"{words[command.verb]} by {command.actor}{': ' if command.reason else ''}{command.reason}"

    def _answer(self, command: Command, error: ConflictError) -> None:
        refused = replace(command, status="refused", answer=str(error))
        self._commit(self.rollout, {"what": str(command.verb), "refused": error.message}, actor=command.actor, command=refused)

    # -- operations ---------------------------------------------------------------------------------------------------------

    def _send(self) -> None:
        """Send the open operations in order, then tell the machine that they are done."""
        if self._clock.monotonic() < self._try_at:
            return
        for record in self.rollout.open_ops:
            happened = self._send_one(record)
            if happened is not None:
                self._apply(happened)
                return
            if record.id in {left.id for left in self.rollout.open_ops}:
                return  # to be tried again
        state = self.rollout.state
        if state.phase in (Phase.PREPARING, Phase.SHIFTING, Phase.PROMOTING, Phase.ROLLING_BACK):
            self._apply(Happened(What.DONE))

    def _send_one(self, record: OpRecord) -> Happened | None:
        """Send one operation and note what became of it. An event when the machine must know, else None."""
        failpoint("before-send")
        self._extend(record)
        try:
            self._call(record)
        except FencedError as error:
            return self._fenced(record, error)
        except UnreachableError as error:
            return self._try_again(record, error)
        except GonogoError as error:
            ended, state = self.rollout.state.ended, self.rollout.state
            if ended or state.phase in GOING_BACK:
                return self._try_again(record, error, give_up=ended)
            self._note(record, "failed", str(error))
            return Happened(What.REFUSED, f"{record.op.kind} {record.op.release}: {error.message}".replace(" :", ":"))
        failpoint("after-send")
        self._done(record)
        return None

    def _call(self, record: OpRecord) -> None:
        op, target = record.op, self._target
        if op.kind == "route":
            target.route(Route(op.epoch, op.stable, op.weights or {}), op_id=record.id, token=self._charge.token)
        elif op.kind == "prune":
            target.prune(op_id=record.id, token=self._charge.token)
        else:
            verb = {"prepare": target.prepare, "start": target.start, "stop": target.stop}[op.kind]
            verb(op.release, op_id=record.id, token=self._charge.token)

    def _fenced(self, record: OpRecord, error: FencedError) -> Happened | None:
        """Fenced off: by a newer controller, which ends this one; or because the table has moved on, which the machine must know."""
        try:
            seen = self._target.observe()
        except FaultError as unseen:
            return self._try_again(record, unseen)
        if seen.token > self._charge.token or record.op.kind != "route":
            raise self._overtaken() from error
        wanted = {release: weight for release, weight in (record.op.weights or {}).items() if weight}
        if seen.epoch == record.op.epoch and dict(seen.weights) == wanted:
            self._done(record)
            return None
        return guard(self.rollout, seen) or Happened(What.OVERTAKEN, error.message, epoch=seen.epoch)

    def _overtaken(self) -> FencedError:
        return FencedError(
            f"the service has obeyed a newer controller of {self._system} than this one, which stops.",
            hint="See `gonogo rollout status`. If nobody else is at work, the store was restored from an older copy.",
        )

    def _try_again(self, record: OpRecord, error: GonogoError, *, give_up: bool = False) -> Happened | None:
        tries = record.attempts + 1
        if self.rollout.state.ended and (give_up or tries >= CLEAN_UP_TRIES):
            self._note(record, "failed", str(error))
            return None
        self._note(record, "intent", str(error), attempts=tries)
        self._try_at = self._clock.monotonic() + min(LONGEST_PAUSE, self._tick_seconds * 2 ** min(tries, 8))
        self._rollout = age(self.rollout, self._elapsed(), seen=False, moved=False)
        self._show(None, None, error.message)
        return late(self.rollout, error.message)

    def _done(self, record: OpRecord) -> None:
        if record.op.kind == "route":
            self.routed_at = self._clock.monotonic()
        self._note(record, "done", "")

    def _note(self, record: OpRecord, status: journal.OpStatus, message: str, attempts: int | None = None) -> None:
        """Remember it; it is written with the next transition. What is lost in between is sent again, under the same id."""
        noted = replace(record, status=status, message=message, attempts=record.attempts if attempts is None else attempts)
        ops = tuple(noted if known.id == record.id else known for known in self.rollout.ops)
        self._rollout = replace(self.rollout, ops=ops)

    # -- looking ------------------------------------------------------------------------------------------------------------

    def _see(self) -> None:
        """One look at the data plane, and what follows from it."""
        elapsed = self._elapsed()
        try:
            seen = self._target.observe()
        except FaultError as error:
            self._rollout = age(self.rollout, elapsed, seen=False, moved=False)
            self._show(None, None, error.message)
            happened = late(self.rollout, error.message)
            if happened:
                self._apply(happened)
            return
        if seen.token > self._charge.token:
            raise self._overtaken()
        self._must_look = False
        booked, moved, problem = book(self.rollout, seen)
        self._rollout = age(booked, elapsed, seen=True, moved=moved)
        happened, analysis = self._understand(seen, problem)
        self._show(seen, analysis, problem)
        if happened:
            self._apply(happened, analysis=analysis)
        elif self._clock.monotonic() - self._kept_at >= LOOK_MS / 1000:
            self._save_look()

    def _understand(self, seen: Observation, problem: str) -> tuple[Happened | None, Analysis | None]:
        rollout = self.rollout
        happened = guard(rollout, seen)
        if happened and happened.what is What.HEALTHY and rollout.state.phase in (Phase.FINALIZING, Phase.VERIFYING_ROLLBACK):
            release = rollout.plan.new if rollout.state.phase is Phase.FINALIZING else rollout.plan.old
            wrong = self._answers(release)
            happened = late(rollout, wrong) if wrong else happened
        if happened or rollout.state.phase is not Phase.ANALYZING:
            return happened or late(rollout, problem), None
        analysis = judge(rollout.plan, rollout.booked(), observed_seconds=rollout.observed_ms / 1000, quiet_seconds=rollout.quiet_ms / 1000)
        verdict = {Decision.FAIL: What.FAILED, Decision.PASS: What.PASSED, Decision.HOLD: What.UNTRUSTED}.get(analysis.decision)
        if problem and verdict is not What.FAILED:
            return Happened(What.UNTRUSTED, problem), analysis
        if verdict is None or (verdict in (What.PASSED, What.UNTRUSTED) and rollout.state.paused):
            return late(rollout, analysis.reason), analysis
        return Happened(verdict, analysis.reason), analysis

    def _elapsed(self) -> Elapsed:
        now = (self._clock.now().timestamp(), self._clock.monotonic())
        before, self._looked = self._looked or now, now
        return Elapsed(round((now[0] - before[0]) * 1000), round((now[1] - before[1]) * 1000))

    def _show(self, seen: Observation | None, analysis: Analysis | None, problem: str) -> None:
        self.last_look = Look(stamp(self._clock.now()), self.rollout, seen, analysis, problem)

    # -- writing ------------------------------------------------------------------------------------------------------------

    def _apply(self, happened: Happened, *, analysis: Analysis | None = None, command: Command | None = None) -> None:
        """Ask the machine, and write down what it says, with everything noted so far."""
        rollout, actor = self.rollout, command.actor if command else self._actor
        state, ops = transition(rollout.plan, rollout.state, happened)
        answered = replace(command, status="done", answer=f"{state.phase}") if command else None
        if state.version == rollout.state.version and not command:
            self._rollout = replace(rollout, state=state)  # an epoch that was learnt; written with the next transition
            return
        new_phase = (state.phase, state.stage) != (rollout.state.phase, rollout.state.stage)
        kept = tuple(_dropped(record) for record in rollout.ops) if ops or new_phase else rollout.ops
        fresh = tuple(OpRecord(_op_id(rollout, state.version, op, number), op) for number, op in enumerate(ops))
        moved = replace(rollout, state=state, ops=kept + fresh)
        if new_phase:
            moved = replace(moved, observed_ms=0, spent_ms=0, quiet_ms=0)
        body: dict[str, Any] = {
            "what": str(happened.what), "from": str(rollout.state.phase), "to": str(state.phase), "stage": state.stage,
            "version": state.version, "epoch": state.epoch, "reason": happened.reason or state.reason,
            "ops": [record.id for record in fresh], "plan_digest": rollout.plan.digest,
        }  # fmt: skip
        if analysis:
            body["analysis"] = analysis.to_json()
        try:
            self._commit(moved, body, actor=actor, command=answered, look=True)
        except PointerRefused as error:
            self._apply(Happened(What.UNHEALTHY, f"the production pointer may not move: {error}"))

    def _commit(self, rollout: Rollout, body: dict[str, Any] | None, *, actor: str = "", command: Command | None = None,
                look: bool = False) -> None:  # fmt: skip
        """The one place where a rollout is written: rule 1."""
        if look:
            rollout, self._kept_at = replace(rollout, looks=rollout.looks + 1), self._clock.monotonic()
        with self._store.transaction() as tx:
            self._charge.renew(tx)
            if rollout.state.phase is Phase.COMPLETED and self.rollout.state.phase is not Phase.COMPLETED:
                try:
                    self._move_pointer(tx, rollout.plan, self._actor, rollout.reason or rollout.state.reason)
                except RefusedError as error:
                    raise PointerRefused(str(error)) from error
            saved = journal.save(tx, rollout)
            if command:
                tx.put(f"{journal.COMMAND}:{rollout.id}", command.id, command.to_json())
            if body is not None:
                tx.append("rollout", {"rollout": rollout.id, **body}, actor or self._actor)
            if look and self.last_look:
                shown = replace(self.last_look, at=stamp(self._clock.now()), rollout=rollout)
                tx.put(f"{journal.LOOK}:{rollout.id}", f"{rollout.looks:06d}", shown.to_json())
            if rollout.ended:
                tx.put(journal.ACTIVE, self._system, {"id": ""})
            failpoint("before-commit")
        failpoint("after-commit")
        self._rollout = saved
        self._show_state()

    def _show_state(self) -> None:
        if self.last_look:
            self.last_look = replace(self.last_look, rollout=self.rollout)
        else:
            self._show(None, None, "")

    def _save_look(self) -> None:
        self._commit(self.rollout, None, look=True)

    def _close(self) -> None:
        """Ended and cleaned up: another rollout may start."""
        self._obey()  # what came in while it ended is answered
        self._commit(replace(self.rollout, ended=stamp(self._clock.now())), None)

    def _keep_alive(self) -> None:
        if not self.rollout.ended and self._charge.silent_for >= self._charge.seconds / 3:
            self._charge.extend(0.0)

    def _extend(self, record: OpRecord) -> None:
        """Starting and stopping may take long; a controller that waits for them is not silent."""
        if record.op.kind in ("start", "stop", "prune"):
            self._charge.extend(settings.number("start_seconds") + settings.number("drain_seconds"))


def _dropped(record: OpRecord) -> OpRecord:
    return replace(record, status="dropped") if record.status == "intent" else record


def _op_id(rollout: Rollout, version: int, op: Op, number: int) -> str:
    """The same however often it is sent, and no other rollout's: not even that of a store that was restored from an older copy."""
    unique = digest([rollout.id, rollout.started, rollout.plan.digest]).removeprefix("sha256:")[:12]
    return f"{rollout.id}:{unique}:{version}:{number}:{op.kind}"
