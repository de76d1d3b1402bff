"""`gonogo waive`: a person's signed, dated exception for one offender of one item; an event of the log like every signature."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from gonogo import settings
from gonogo.base.clock import stamp
from gonogo.errors import NotFoundError, RefusedError, UsageError
from gonogo.operations.check import check
from gonogo.operations.policy import policy_state
from gonogo.operations.sign import find_signer, must_pin_first, pin_first
from gonogo.operations.workspace import Workspace
from gonogo.registry.trust_log import WAIVER, record_envelope
from gonogo.verdict.outcome import ItemResult, Outcome
from gonogo.verdict.waiver import Waiver, sign_waiver, waivable


def waive(workspace: Workspace, item: str, offender: str, *, until: str, reason: str, role: str, key: Path | None = None) -> Waiver:
    """Excuse one offender of a measured failure until a date (2026-12-31, the day included, or RFC 3339).

    Raises NotFoundError for an unknown item or offender, UsageError for a date that is none or has passed and for an empty reason,
    RefusedError when the item cannot be waived or has not failed, or when the policy is not the signed one. Like a
    sign-off, the first waiver of a store pins the policy.
    """
    state = policy_state(workspace)
    person, signer = find_signer(state, role, key)
    now = workspace.clock.now()
    end = _end(until)
    if end <= now:
        raise UsageError(f"--until {until} has passed.", hint="Give a date in the future.")
    if not reason.strip():
        raise UsageError("a waiver needs a reason.", hint="--reason TEXT")
    first = must_pin_first(state, role, rejecting=False)
    checked = check(workspace, judge_only=True)
    result = next((one for one in checked.verdict.items if one.item == item), None)
    if result is None:
        raise NotFoundError(f"{checked.checklist.title} has no item {item!r}.", hint="`gonogo check` lists the items.")
    if not waivable(checked.checklist.item(item)):
        raise RefusedError(f"{item} cannot be waived by anybody.", hint="Only optional and conditional items that are measured can be.")
    _demand_offender(result, offender)
    record = Waiver(
        item=item,
        offender=offender,
        subject=str(checked.verdict.subject),
        role=role,
        person=person,
        key_id=signer.key_id,
        reason=reason.strip(),
        time=stamp(now),
        until=stamp(end),
    )
    envelope = sign_waiver(record, signer)
    if first:
        pin_first(workspace, signer)
    with workspace.store().transaction() as tx:
        record_envelope(tx, WAIVER, workspace.project.system, envelope, settings.actor())
    return record


def _end(until: str) -> datetime:
    try:
        moment = datetime.fromisoformat(until)
    except ValueError:
        raise UsageError(f"--until {until!r} is no date.", hint="For example: --until 2026-12-31") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return moment + timedelta(days=1) if len(until) == len("2026-12-31") else moment
    except OverflowError:
        raise UsageError(f"--until {until!r} lies too far ahead.", hint="A waiver is for a while.") from None


def _demand_offender(result: ItemResult, offender: str) -> None:
    if result.outcome not in (Outcome.FAIL, Outcome.WAIVED):
        raise RefusedError(f"{result.item} is {result.outcome}, and only a measured failure can be waived.", hint=result.reason)
    if not result.offenders:
        raise RefusedError(f"{result.item} has more offenders than can be named, so none can be waived.", hint="Mend some first.")
    if offender not in result.offenders:
        listed = "\n".join(f"  {one}" for one in result.offenders)
        raise NotFoundError(f"{result.item} has no offender {offender!r}.", hint=f"Its offenders, one a line:\n{listed}")
