"""The decision record: which candidate is taken, why, how risky that is, and what is taken when it fails. Pure.

One file holds it (docs/formats/lists.md); the check `selection` reads it. Alternatives have a reason each: what was written, or what
the comparison says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gonogo.candidate.comparison import Candidate, Comparison, better_is_less
from gonogo.errors import NotFoundError, RefusedError, UsageError

FORMAT = "gonogo-decision/1"
RISKS = ("LOW", "MEDIUM", "HIGH")


@dataclass(frozen=True)
class Recommendation:
    """Who leads, in words; `name` is None when nobody can be chosen. `ties` are those that are not told apart from it."""

    name: str | None
    why: str
    ties: tuple[str, ...] = ()
    shortfalls: Mapping[str, tuple[str, ...]] | None = None


def recommend(comparison: Comparison, shortfalls: Mapping[str, Sequence[str]]) -> Recommendation:
    """The best of those that may be chosen and meet the criteria. `shortfalls` says by name what a candidate does not meet.

    Of those that the same examples do not tell apart from the best, the one with the fewest parameters, then bytes, is recommended.
    """
    short = {one.name: tuple(shortfalls.get(one.name, ())) for one in comparison.candidates}
    able = comparison.ranked(one for one in comparison.candidates if one.ready and not short[one.name])
    if not able:
        why = "; ".join(f"{one.name}: {_why_not(one, short[one.name], comparison.metric)}" for one in comparison.candidates[:5])
        return Recommendation(None, f"no candidate can be recommended: {why or 'there is none'}", shortfalls=short)
    lead = able[0]
    gains = {one.name: gain for one in able[1:] if (gain := comparison.gain(lead, one)) is not None}
    ties = [one for one in able[1:] if one.name in gains and gains[one.name].within_noise]
    chosen = min([lead, *ties], key=lambda one: (one.parameters is None, one.parameters or 0, one.size is None, one.size or 0))
    figure = chosen.figure(comparison.metric)
    assert figure is not None
    said = f"{comparison.metric} {figure.value:.4g} {'is the best' if chosen is lead else 'is within noise of the best'}"
    said += f" of {len(able)} that meet the criteria"
    if chosen is not lead:
        said += f" ({lead.name}), and it is smaller"
    others = tuple(one.name for one in [lead, *ties] if one is not chosen)
    return Recommendation(chosen.name, said, others, short)


def decide(
    comparison: Comparison,
    name: str,
    *,
    reason: str,
    risk: str,
    fallback: str,
    rejected: Mapping[str, str],
    shortfalls: Mapping[str, Sequence[str]],
    criteria: Mapping[str, str],
    by: str,
    time: str,
) -> dict[str, Any]:
    """The record. Raises NotFoundError for a name that is no candidate, RefusedError for one that may not be chosen or fall back on,
    UsageError for an empty reason, a risk that is none, or a fallback that is the chosen one."""
    chosen, other = _known(comparison, name), _known(comparison, fallback)
    if risk not in RISKS:
        raise UsageError(f"{risk!r} is no risk level.", hint=f"Levels: {', '.join(RISKS)}.")
    if len(reason.split()) < 3:
        raise UsageError("the reason says too little.", hint='Write why in a few words: --reason "best recall at half the size".')
    if chosen is other:
        raise UsageError("the fallback is the chosen one itself.", hint="Name another candidate: --fallback NAME.")
    for given in rejected:
        if _known(comparison, given) in (chosen, other):
            raise UsageError(f"{given} is rejected and taken at once.", hint="Take it out of one of the two.")
    for one, what in ((chosen, "chosen"), (other, "the fallback")):
        why = _cannot(one)
        if why:
            raise RefusedError(f"{one.name} cannot be {what}: {why}.", hint="`gonogo candidates` shows what stands where.")
    if shortfalls.get(chosen.name):
        raise RefusedError(
            f"{chosen.name} does not meet the criteria: {'; '.join(shortfalls[chosen.name])}.",
            hint="Choose another, or change the pack's criteria in gonogo.yaml, where the change is signed and shown.",
        )
    entries = [_entry(comparison, one, chosen, rejected) for one in comparison.candidates]
    return {
        "format": FORMAT,
        "recommended": chosen.name,
        "reason": reason.strip(),
        "risk": risk,
        "fallback": other.name,
        "metric": comparison.metric,
        "criteria": dict(criteria),
        "candidates": entries,
        "by": by,
        "time": time,
    }


def _entry(comparison: Comparison, one: Candidate, chosen: Candidate, rejected: Mapping[str, str]) -> dict[str, Any]:
    written = next((why for name, why in rejected.items() if comparison.named(name) is one), "")
    status = "REJECTED" if written else "CANDIDATE" if one.status == "CHOSEN" else one.status
    entry: dict[str, Any] = {"name": one.name, "status": status, "run": one.run}
    reason = written or one.reason
    if one is not chosen:
        entry["reason"] = reason or _against(comparison, one, chosen)
        gain = comparison.gain(chosen, one)
        if gain is not None:
            entry["gain"] = {"value": gain.value, "low": gain.low, "high": gain.high, "n": gain.n, "within_noise": gain.within_noise}
    elif reason:
        entry["reason"] = reason
    return entry


def _against(comparison: Comparison, one: Candidate, chosen: Candidate) -> str:
    """What the comparison says against a candidate, in words."""
    metric, mine, best = comparison.metric, one.figure(comparison.metric), chosen.figure(comparison.metric)
    if one.gone:
        return one.gone
    if mine is None or best is None:
        return f"{metric or 'the metric'} was not measured"
    gain = comparison.gain(chosen, one)
    if gain is not None and gain.within_noise:
        return f"{metric} {mine.value:.4g}, within noise of the chosen one ({gain.low:+.3g} to {gain.high:+.3g}, n = {gain.n:,})"
    less = better_is_less(metric)
    word = "worse" if (mine.value > best.value) == less and mine.value != best.value else "no worse"
    sure = f", on the same {gain.n:,} examples by {gain.low:+.3g} to {gain.high:+.3g}" if gain is not None else ", not on the same examples"
    return f"{metric} {mine.value:.4g} is {word} than {best.value:.4g}{sure}"


def _known(comparison: Comparison, name: str) -> Candidate:
    found = comparison.named(name)
    if found is None:
        names = ", ".join(one.name for one in comparison.candidates) or "there is none"
        raise NotFoundError(f"no candidate is called {name!r}.", hint=f"Candidates: {names}.")
    return found


def _cannot(one: Candidate) -> str:
    """Why a candidate may not be taken, "" when it may."""
    if one.status == "IN_PROGRESS":
        return "it is in progress"
    if one.status == "REJECTED":
        return f"it was rejected ({one.reason or 'no reason was recorded'})"
    return one.gone


def _why_not(one: Candidate, short: Sequence[str], metric: str) -> str:
    return _cannot(one) or "; ".join(short) or f"{metric or 'the metric'} was not measured"
