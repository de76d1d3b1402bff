"""The path of a rollout, for a terminal and as a picture: how the share of the new release moved, and what the judge knew by then.

Takes the record of a rollout as `gonogo rollout status --json` has it: `old`, `new`, `state`, `reason`, `figures` and `looks`, each look
with `at` (RFC 3339), `phase`, `weights` (basis points by release), and in judged stages `analysis` with counts, the logarithms of the two
e-values and the limits they are judged against.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from gonogo.base.clock import parse_stamp
from gonogo.reports import svg
from gonogo.reports.report import joined, printable
from gonogo.reports.svg import WIDTH, Drawn, number

BAR = 20
WHOLE = 10_000
LEFT, TOP, SHARE, GAP, EVIDENCE = 36, 18, 110, 40, 80
RIGHT = WIDTH - 8
FLOOR = -0.5  #: evidence against a hypothesis is drawn no lower than this part of its limit

PHASES = {
    "PLANNED": "it is written down, and nothing has begun",
    "PREPARING": "the new release is started beside the old one",
    "SMOKE": "is it up, and is it the release that was sealed?",
    "SHIFTING": "its share of the traffic is moved",
    "ANALYZING": "both releases answer, and the judge compares them",
    "PROMOTING": "all traffic moves to it",
    "FINALIZING": "it has all traffic; it is looked at once more",
    "COMPLETED": "it is in production",
    "ROLLING_BACK": "the traffic goes back",
    "VERIFYING_ROLLBACK": "the release before has all traffic again; it is looked at",
    "ROLLED_BACK": "the release before has all traffic again",
    "CANCELLED": "no traffic has moved",
}  #: what happens in each phase of a rollout

Record = Mapping[str, Any]


def render_rollout_text(rollout: Record) -> str:
    """One line per change of phase or share, with the counts of the stage so far, then how it ended."""
    return joined(_lines(rollout))


def draw_rollout(rollout: Record) -> Drawn:
    """Share of the new release over time; below it the evidence of harm and of safety, each against its limit (the dashed line)."""
    title = f"{rollout['old'] or 'nothing'} → {rollout['new']}"
    looks = rollout["looks"]
    words = f"{rollout['state']}: {rollout['reason']}. " + "; ".join(
        f"after {after:.0f} s {look['phase']} at {share_of(rollout, look) / 100:g} %" for after, look in changes(rollout)
    )
    if len(looks) < 2:
        return Drawn(title, Markup(""), f"{words}.")
    times = _seconds(looks)
    span = max(times[-1], 1e-3)
    xs = [LEFT + (RIGHT - LEFT) * second / span for second in times]
    shapes = [*_share_panel(rollout, xs), *_evidence_panel(looks, xs)]
    base = TOP + SHARE + GAP + EVIDENCE
    shapes += [svg.text(LEFT, base + 16, "0 s", "start", "soft"), svg.text(RIGHT, base + 16, f"{span:.0f} s", "end", "soft")]
    return Drawn(title, svg.drawing(base + 24, f"Path of the rollout {title}", shapes), f"{words}.")


def _share_panel(rollout: Record, xs: Sequence[float]) -> Iterator[Markup]:
    for tick in (0, 25, 50, 100):
        y = TOP + SHARE * (1 - tick / 100)
        yield svg.line(LEFT, y, RIGHT, y, "axis" if tick == 0 else "grid")
        yield svg.text(LEFT - 6, y + 4, f"{tick}", "end", "soft")
    yield svg.text(LEFT, TOP - 6, "% of traffic on the new release", "start", "soft")
    points: list[tuple[float, float]] = []
    for x, look in zip(xs, rollout["looks"], strict=True):
        y = TOP + SHARE * (1 - share_of(rollout, look) / WHOLE)
        points += [(x, points[-1][1]), (x, y)] if points else [(x, y)]
    yield svg.path(points)


def _evidence_panel(looks: Sequence[Record], xs: Sequence[float]) -> Iterator[Markup]:
    top = TOP + SHARE + GAP
    zero = top + EVIDENCE * (1 - _height(0.0))
    yield svg.line(LEFT, zero, RIGHT, zero)
    limit = top + EVIDENCE * (1 - _height(1.0))
    yield svg.path([(LEFT, limit), (RIGHT, limit)], "ideal")
    yield svg.text(LEFT - 6, limit + 4, "limit", "end", "soft")
    yield svg.rect(LEFT, top - 14, 10, 10)
    yield svg.text(LEFT + 14, top - 5, "evidence of safety", "start", "soft")
    yield svg.rect(LEFT + 140, top - 14, 10, 10, "other")
    yield svg.text(LEFT + 154, top - 5, "evidence of harm", "start", "soft")
    for key, against, kind in (("log_e_safe", "pass_at", "curve"), ("log_e_harm", "fail_at", "harm")):
        points = [
            (x, top + EVIDENCE * (1 - _height(number(analysis[key]) / number(analysis[against]))))
            for x, look in zip(xs, looks, strict=True)
            if (analysis := look.get("analysis"))
        ]
        if points:
            yield svg.path(points, kind)


def _height(part: float) -> float:
    """Where a part of the limit is drawn, as a share of the panel; far beyond the limit is drawn at its edge."""
    return (min(max(part, FLOOR), 1.2) - FLOOR) / (1.2 - FLOOR)


def _lines(rollout: Record) -> Iterator[str]:
    yield f"{rollout['old'] or 'nothing'} → {rollout['new']}"
    for after, look in changes(rollout):
        share = share_of(rollout, look)
        filled = round(BAR * share / WHOLE)
        bar = "█" * filled + "░" * (BAR - filled)
        yield f"  {after:>6.1f} s  {look['phase']:<18} {bar} {share / 100:>6.2f} %"
        if learned := evidence_text(look):
            yield f"{'':>12}{learned}"
    yield f"{rollout['state']}: {printable(str(rollout['reason']))}"
    for figure in rollout.get("figures", ()):
        yield f"  {printable(str(figure))}"


def evidence_text(look: Record) -> str:
    """What the judge knew: bad answers of both releases, and each e-value (its logarithm) with its limit. Empty outside judged stages."""
    analysis = look.get("analysis")
    if not analysis:
        return ""
    new, old = analysis["canary"], analysis["stable"]
    values = ", ".join(
        f"{word} {number(analysis[key]):+.1f} of {number(analysis[limit]):.1f}"
        for word, key, limit in (("safe", "log_e_safe", "pass_at"), ("harm", "log_e_harm", "fail_at"))
    )
    return f"new {new['bad']}/{new['n']} bad, old {old['bad']}/{old['n']}; {values}"


def phase_text(phase: str) -> str:
    """What happens in a phase."""
    return PHASES.get(phase, "")


def changes(rollout: Record) -> list[tuple[float, Record]]:
    """The last look of every stretch with the same phase and share, with the seconds since the first look."""
    looks = rollout["looks"]
    kept: list[tuple[float, Record]] = []
    for second, look in zip(_seconds(looks), looks, strict=True):
        same = kept and (kept[-1][1]["phase"], share_of(rollout, kept[-1][1])) == (look["phase"], share_of(rollout, look))
        if same:
            kept[-1] = (second, look)
        else:
            kept.append((second, look))
    return kept


def share_of(rollout: Record, look: Record) -> float:
    """Basis points of the new release."""
    return number(look["weights"].get(rollout["new"], 0))


def _seconds(looks: Sequence[Record]) -> list[float]:
    """Seconds since the first look; a clock that was set back counts as standing still."""
    seconds: list[float] = []
    for look in looks:
        after = (parse_stamp(look["at"]) - parse_stamp(looks[0]["at"])).total_seconds()
        seconds.append(max(after, seconds[-1] if seconds else 0.0))
    return seconds
