"""Going back by rule, done: whether a release may be left without a person, and the rollback itself, by the process that serves.

It is left only when all of this holds, and else the alarm says why not and what to type:
  1. the policy that people signed, as the log of the store has it, says of this very rule that it goes back;
  2. the release is in production, and no rollout is under way: that one has a judge and a guard of its own; nor an experiment;
  3. no rule has left this release before: whoever put it back has decided otherwise;
  4. the release was not itself gone back to: two releases never send the traffic to each other;
  5. the release before runs, is healthy, and is still what was sealed.

What is done is a rollout of kind `revert`, as `gonogo rollback` does it, by the same journal: at most one is active, and of one that this
process died in, the next one sees the end.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gonogo import settings
from gonogo.base.clock import stamp
from gonogo.errors import ConflictError, GonogoError, RefusedError
from gonogo.operations.live import live_release
from gonogo.operations.policy import read_log
from gonogo.operations.rollback import before, moves
from gonogo.operations.rollout import controller, experiment, plan
from gonogo.operations.verify import verify_reference
from gonogo.operations.workspace import Workspace
from gonogo.rollout import journal
from gonogo.rollout.machine import Phase
from gonogo.service.control import ControlClient

if TYPE_CHECKING:
    from gonogo.checklist.rules import RuleDeclaration
    from gonogo.monitor.alarms.rule import Rule
    from gonogo.monitor.going_back import GoingBack, Way, Ways
    from gonogo.rollout.journal import Rollout
    from gonogo.rollout.plan import Plan

END_SECONDS = 10.0
TRIES = 3  #: a service that was just started again may not have the release before up yet
_log = logging.getLogger(__name__)


class WaysBack:
    """The `Ways` of a project's watch, whose rules are `declared`."""

    def __init__(self, workspace: Workspace, declared: Sequence[RuleDeclaration]) -> None:
        self._workspace = workspace
        self._declared = {rule.name: rule for rule in declared}

    def __call__(self, release: str, rule: Rule) -> Way | None:
        """None when another release is in production. Raises RefusedError where not all of it holds, and what reading raises."""
        from gonogo.monitor.going_back import Way

        workspace, store = self._workspace, self._workspace.store()
        live = live_release(workspace)
        if live.release != release:
            return None
        check_signed(workspace, self._declared.get(rule.name))
        if current := journal.active(store, workspace.project.system):
            under_way = journal.load(store, current)
            if not _by_rule(under_way, release):
                raise RefusedError(f"rollout {current} is under way, and has a guard of its own")
            return Way(under_way.plan.new, stamp(live.since))
        _check_once(workspace, release)
        to = before(workspace)
        observed = ControlClient.of_store(workspace.path).observe()
        if shared := experiment(observed):
            raise RefusedError(f"{shared}: first gonogo experiment end")
        seen = observed["releases"].get(to)
        if seen is None or not (seen["alive"] and seen["healthy"]):
            raise RefusedError(f"{to} does not run beside it, or is not healthy")
        verify_reference(workspace, to)
        return Way(to, stamp(live.since))


def check_signed(workspace: Workspace, rule: RuleDeclaration | None) -> None:
    """Raises RefusedError unless people have signed that this very rule goes back, VerificationError for a log that was edited."""
    log, _ = read_log(workspace)
    if log.pinned is None:
        raise RefusedError("no policy is signed in this store")
    revoked = [key for key in log.revoked if key in log.pinned.policy.keys]
    if revoked:
        raise RefusedError(f"the key {revoked[0][:16]} of the signed policy is revoked")
    if rule is None or log.pinned.policy.settings.get(f"alarm {rule.name}") != rule.words:
        raise RefusedError("the signed policy does not have this rule as it is")


class GoingBackByRule:
    """A context in which what the watch decides is done, by a thread of its own: the watch looks on meanwhile."""

    def __init__(self, workspace: Workspace, ways: Ways) -> None:
        self._workspace = workspace
        self._ways = ways
        self._thread: threading.Thread | None = None
        self._said = ""  #: why it could not, as the log has it already

    def follow(self, record: Mapping[str, Any], rules: Mapping[str, Rule]) -> None:
        """Begin, or go on with, what a look of the watch says."""
        from gonogo.monitor.going_back import GoingBack

        decision = GoingBack.from_json(record["going_back"])
        if decision is None or decision.rule not in rules or (self._thread is not None and self._thread.is_alive()):
            return
        self._thread = threading.Thread(target=self._do, args=(decision, rules[decision.rule]), name="going back", daemon=True)
        self._thread.start()

    def end(self) -> None:
        if self._thread is not None:
            self._thread.join(timeout=END_SECONDS)

    def _do(self, decision: GoingBack, rule: Rule) -> None:
        from gonogo.monitor.going_back import ACTOR

        try:
            with settings.acting(ACTOR):
                ended = carry_out(self._workspace, decision, self._ways(decision.release, rule))
            if ended is not None:
                _log.warning("went back by the rule %s, from %s to %s: %s", rule.name, decision.release, decision.to, ended.state.phase)
        except GonogoError as error:
            if str(error) != self._said:
                _log.warning("the rule %s could not go back: %s", rule.name, error)
            self._said = str(error)
        except Exception:  # the boundary of the thread
            _log.exception("going back by the rule %s failed", rule.name)


def carry_out(workspace: Workspace, decision: GoingBack, way: Way | None) -> Rollout | None:
    """Do what was decided, once; None when there is nothing to do any more, or not now. Raises ConflictError when somebody was quicker."""
    if way is None or (way.to, way.since) != (decision.to, decision.since):
        return None

    def revert() -> Plan:
        planned = plan(workspace, decision.to, kind="revert")
        if planned.old != decision.release:
            raise ConflictError(f"{planned.old} is in production by now, not {decision.release}.")
        return planned

    driver, store = controller(workspace), workspace.store()
    current = journal.active(store, workspace.project.system)
    if not current:
        driver.start(revert(), reason=f"rule {decision.rule}: {decision.text}")
    elif driver.driver() is None and _by_rule(journal.load(store, current), decision.release):
        driver.resume()
    else:
        return None
    return driver.drive()


def _check_once(workspace: Workspace, release: str) -> None:
    """Raises RefusedError for a release that a rule has left, or has tried to leave too often; and for one that was itself gone back to."""
    tried = [one for one in journal.rollouts(workspace.store(), workspace.project.system) if _by_rule(one, release)]
    for one in tried:
        if one.state.phase is Phase.COMPLETED:
            raise RefusedError(f"a rule left it before (rollout {one.id}), and leaves a release once")
    if len(tried) >= TRIES:
        raise RefusedError(f"{TRIES} tries were in vain, the last because {tried[-1].state.reason.rstrip('.')} (rollout {tried[-1].id})")
    reason = moves(workspace)[-1].reason
    if reason.startswith("revert: "):
        raise RefusedError(f"it was itself gone back to ({reason.removeprefix('revert: ')})")


def _by_rule(rollout: Rollout, release: str) -> bool:
    from gonogo.monitor.going_back import ACTOR

    return rollout.plan.kind == "revert" and rollout.actor == ACTOR and rollout.plan.old == release
