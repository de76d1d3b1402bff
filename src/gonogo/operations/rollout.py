"""`gonogo rollout`: plan, drive, command and show rollouts of one system on its target."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gonogo import settings
from gonogo.base import catalogue
from gonogo.base.clock import parse_stamp
from gonogo.base.names import Ref
from gonogo.errors import ConflictError, GonogoError, NotFoundError
from gonogo.operations.workspace import Workspace
from gonogo.registry.fold import ReleaseEntry
from gonogo.registry.store import Transaction
from gonogo.rollout import journal
from gonogo.rollout.command import ask, follow
from gonogo.rollout.journal import Rollout
from gonogo.rollout.judge import requests_to_pass
from gonogo.rollout.look import Look
from gonogo.rollout.machine import Phase
from gonogo.rollout.plan import Kind, Plan
from gonogo.rollout.run import Controller
from gonogo.service.control import ControlClient
from gonogo.service.routing import WHOLE, RoutingTable

ANSWER_SECONDS = 2.0


@dataclass(frozen=True)
class Seen:
    """One look, as a door shows it: counts of the present stage, natural logarithms of the e-values, and what a judged stage needs."""

    phase: str
    weight_bp: int
    n_new: int = 0
    bad_new: int = 0
    n_old: int = 0
    bad_old: int = 0
    log_e_harm: float = 0.0
    log_e_safe: float = 0.0
    needs: str = ""


@dataclass(frozen=True)
class Rolled:
    """How a rollout stands or ended. `completed`: the new release is in production."""

    id: str
    state: str
    old: str | None
    new: str
    reason: str
    completed: bool
    figures: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "state": self.state,
            "old": self.old,
            "new": self.new,
            "reason": self.reason,
            "completed": self.completed,
            "figures": list(self.figures),
        }


def controller(workspace: Workspace) -> Controller:
    """A controller for this system: its store, the target that the project declares, the registry's pointer."""
    system = workspace.project.system
    return Controller(
        workspace.store(),
        catalogue.load("targets", workspace.project.rollout.target)(workspace.path),
        system,
        move_pointer=PointerMover(workspace),
        actor=settings.actor(),
        answers=lambda release: _answers(workspace, release),
        clock=workspace.clock,
    )


class PointerMover:
    """Moves `production` to the new release of a plan, in the rollout's own transaction."""

    def __init__(self, workspace: Workspace) -> None:
        self._registry = workspace.registry()

    def __call__(self, tx: Transaction, plan: Plan, actor: str, reason: str) -> None:
        new = Ref.parse(plan.new)
        old = Ref.parse(plan.old) if plan.old else None
        state = self._registry.state(tx)
        versions = {str(entry.version): entry.version for entry in state.releases.values() if entry.system == plan.system}
        self._registry.move_pointer(
            plan.system,
            "production",
            versions[new.target],
            verdict_digest=plan.new_verdict,
            expected=versions[old.target] if old else None,
            reason=f"{plan.kind}: {reason}",
            actor=actor,
            tx=tx,
        )


def start(workspace: Workspace, reference: str, *, look: Callable[[Seen], None] = lambda seen: None) -> Rolled:
    """Roll out `reference` from what is in production, and drive it to its end. Raises ConflictError during an experiment."""
    workspace.check_log()
    driver = controller(workspace)
    planned = plan(workspace, reference)
    under_way = journal.active(workspace.store(), workspace.project.system)  # starting says so itself
    if not under_way and (shared := experiment(ControlClient.of_store(workspace.path).observe())):
        raise ConflictError(f"{shared}.", hint="gonogo experiment end, then start the rollout again.")
    driver.start(planned)
    return _ended(workspace, driver.drive(_telling(look)))


def experiment(seen: Mapping[str, Any]) -> str:
    """Which experiment holds a share in what was observed, in words; "" for none. A rollout, forth or back, begins where one release
    answers alone: its judge assumes that, and of two that answer only a person knows which one is bad."""
    table = RoutingTable.from_json(seen["table"])
    shares = ", ".join(f"{arm.release} {arm.weight_bp / 100:g} %" for arm in table.arms if arm.weight_bp)
    return "" if table.weight(table.stable) == WHOLE else f"an experiment shares the traffic ({shares})"


def resume(workspace: Workspace, *, take_over: bool = False, look: Callable[[Seen], None] = lambda seen: None) -> Rolled:
    """Lift a pause; and where no controller is alive, become it and drive to the end."""
    driver = controller(workspace)
    system, store = workspace.project.system, workspace.store()
    current = journal.active(store, system)
    if current and journal.load(store, current).state.paused:
        ask(driver, store, system, "resume", actor=settings.actor(), progress=_telling(look))
        return _wait_for_end(workspace, driver, look)
    driver.resume(take_over=take_over)
    return _ended(workspace, driver.drive(_telling(look)))


def abort(workspace: Workspace, *, reason: str, look: Callable[[Seen], None] = lambda seen: None) -> Rolled:
    """Abort the active rollout and see it back."""
    driver = controller(workspace)
    ask(driver, workspace.store(), workspace.project.system, "abort", actor=settings.actor(), reason=reason, progress=_telling(look))
    return _wait_for_end(workspace, driver, look)


def pause(workspace: Workspace, *, reason: str) -> dict[str, Any]:
    return _ask(workspace, "pause", reason)


def promote(workspace: Workspace, *, reason: str) -> dict[str, Any]:
    """Give the new release all traffic, whatever stages are left. That somebody did, and why, stands where the judge's reason would."""
    return _ask(workspace, "promote", reason)


def _ask(workspace: Workspace, verb: str, reason: str) -> dict[str, Any]:
    rollout = ask(controller(workspace), workspace.store(), workspace.project.system, verb, actor=settings.actor(), reason=reason)
    return {"verb": verb, **rolled(rollout).to_json()}


def _wait_for_end(workspace: Workspace, driver: Controller, look: Callable[[Seen], None]) -> Rolled:
    """See a rollout to its end: another process drives it, or, when that one dies, this one."""
    store, system = workspace.store(), workspace.project.system
    latest = journal.latest(store, system)
    if latest is None:
        raise NotFoundError(f"there has been no rollout of {system}.")
    while not latest.ended:
        latest = follow(driver, store, latest, progress=_telling(look))
    return _ended(workspace, latest)


def _ended(workspace: Workspace, rollout: Rollout) -> Rolled:
    """The record of a rollout that has ended, with the time that the way back took."""
    ended = rolled(rollout)
    steps = [event for event in workspace.store().events(kinds=("rollout",)) if event.body.get("rollout") == rollout.id]
    decided = [parse_stamp(event.time) for event in steps if event.body.get("to") == Phase.ROLLING_BACK]
    back = [parse_stamp(event.time) for event in steps if event.body.get("from") == Phase.ROLLING_BACK]
    if not decided or not back:
        return ended
    took = f"taken back in {(back[-1] - decided[0]).total_seconds() * 1000:.0f} ms, from the decision to the old routes in force everywhere"
    return replace(ended, figures=(*ended.figures, took))


def plan(workspace: Workspace, reference: str, *, kind: Kind = "canary") -> Plan:
    """What a rollout to `reference` will do, from the project's `rollout` section and the registry.

    Raises UnreachableError when no service runs that could do it.
    """
    project, registry = workspace.project, workspace.registry()
    system = project.system
    state = registry.state()
    production = state.pointers.get((system, "production"))
    if production is None:
        raise NotFoundError(f"nothing of {system} is in production yet.", hint=f"Put the first release there: gonogo serve {reference}")
    old: ReleaseEntry = state.releases[(system, production)]
    new = registry.resolve(Ref.parse(reference))
    declared = project.rollout
    planned = Plan(
        system,
        new.ref,
        new.digest,
        old.ref,
        old.digest,
        kind=kind,
        steps=tuple(declared.steps),
        min_seconds=declared.min_seconds,
        deadline_seconds=declared.deadline_seconds,
        alpha=declared.alpha,
        beta=declared.beta,
        margin=declared.margin,
        d=declared.d,
        hold_back_bp=round(declared.hold_back_percent * 100),
        new_verdict=new.verdict_digest,
        old_verdict=old.verdict_digest,
    )
    ControlClient.of_store(workspace.path).observe()  # a rollout that nobody can carry out is not begun
    return planned


def view(workspace: Workspace) -> dict[str, Any] | None:
    """The newest rollout with its looks, or None. While it moves: why it is `paused`, "" when it is not, whether it is `driven`,
    and what its stage `waits` for, in words."""
    store = workspace.store()
    latest = journal.latest(store, workspace.project.system)
    if latest is None:
        return None
    document = rolled(latest).to_json()
    driven = latest.state.ended or controller(workspace).driver() is not None
    paused = latest.state.paused
    waits = _awaited(latest)
    document["figures"] += [waits] if waits else []
    document["figures"] += [] if driven else ["nobody drives it: gonogo rollout resume"]
    document["figures"] += [f"paused: {paused}; go on: gonogo rollout resume"] if paused else []
    standing = {"finished": latest.state.ended, "paused": paused, "driven": driven, "waits": waits}
    return {**document, **standing, "looks": journal.looks(store, latest.id)}


def _awaited(rollout: Rollout) -> str:
    """What a stage under judgement waits for, in words. Evidence of the stages before it makes it fewer requests than these."""
    if rollout.state.phase is not Phase.ANALYZING:
        return ""
    now, seconds, least = rollout.booked()[-1], rollout.observed_ms / 1000, rollout.plan.min_seconds
    so_far = now.canary.n + now.stable.n
    time = f"; {seconds:,.0f} of at least {least:,.0f} s" if seconds < least else ""
    return f"waiting at {now.weight_bp / 100:g} %: {so_far:,} of at most {_needed(rollout):,} requests in all, when none fails{time}"


def _needed(rollout: Rollout) -> int:
    return requests_to_pass(rollout.plan, min(rollout.state.stage, len(rollout.plan.stages) - 1))


def rolled(rollout: Rollout) -> Rolled:
    """A rollout's record for a door."""
    return Rolled(
        id=rollout.id,
        state=str(rollout.state.phase),
        old=rollout.plan.old,
        new=rollout.plan.new,
        reason="; ".join(words for words in (rollout.reason, rollout.state.reason) if words),
        completed=rollout.state.phase is Phase.COMPLETED,
        figures=tuple(
            f"at {booked.weight_bp / 100:g} %: {booked.canary.n} requests to {rollout.plan.new}, {booked.canary.bad} bad; "
            f"{booked.stable.n} to {rollout.plan.old}, {booked.stable.bad} bad"
            for booked in rollout.booked()
            if booked.canary.n or booked.stable.n
        ),
    )


def _telling(look: Callable[[Seen], None]) -> Callable[[Look], None]:
    def tell(seen: Look) -> None:
        state, new = seen.rollout.state, seen.rollout.plan.new
        weights = seen.observation.weights if seen.observation else seen.rollout.weights
        analysis, plan = seen.analysis, seen.rollout.plan
        if analysis is None:
            look(Seen(str(state.phase), weights.get(new, 0)))
            return
        look(
            Seen(
                str(state.phase),
                weights.get(new, 0),
                analysis.canary.n,
                analysis.canary.bad,
                analysis.stable.n,
                analysis.stable.bad,
                analysis.log_e_harm,
                analysis.log_e_safe,
                f"needs at most {_needed(seen.rollout):,} requests in all when none fails, within {plan.deadline_seconds:g} s",
            )
        )

    return tell


def _answers(workspace: Workspace, release: str) -> str:
    """Ask the public port, as a client would, whether this release answers now; "" or what is wrong."""
    try:
        url = ControlClient.of_store(workspace.path).observe()["url"]
        with urllib.request.urlopen(f"{url}/health", timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - our own service, on loopback
            said = json.loads(answer.read())
    except (OSError, ValueError, GonogoError) as error:
        return f"the service does not answer: {error}"
    return "" if said.get("release") == release else f"the service answers as {said.get('release')}, not {release}"
