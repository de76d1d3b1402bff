"""How good predictions turned out to be, as far as labels say: one record for pages, reviews and people.

Figures are those of the signals, over the cohorts that are mature, beside the release's own on held-out data. What is not known is None and
says why; coverage stands beside every figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gonogo.errors import GonogoError
from gonogo.operations.feedback import label_reader
from gonogo.operations.workspace import Workspace

if TYPE_CHECKING:
    from gonogo.monitor.labels import LabelReader, Mature
    from gonogo.monitor.quality import Sealed
    from gonogo.stats.intervals import Estimate
    from gonogo.stats.score_table import ScoreTable

DAY = 86_400.0
WEEK = 7 * DAY


def label_quality(
    workspace: Workspace, releases: Sequence[str] | None = None, *, now: datetime | None = None, seconds: float = WEEK
) -> dict[str, Any]:
    """What became of the predictions of the last so many seconds (of the mature ones among them), up to `now`.

    `kept` false: this store keeps no predictions. Else, by release (default: all that predicted): `rows`, `labelled`, `coverage`, `since`
    and `until` of the mature cohorts; `figures` {ece, roc_auc, pr_auc, precision, recall, f1, accuracy: {value, low, high, n} or None};
    `before`, the same of the held-out data; `reliability`, `reliability_before` [{n, score, share}]; `confusion` with `classes`; `by_class`
    of more than two classes [{class, figures, before}], whose means `precision`, `recall` and `f1` are then; `slices`
    {name: {rows, labelled, coverage, figures, before}}; `by_day` [{day, rows, labelled, coverage, mature}], the oldest first, those not
    mature too; `why`, what keeps it from being judged, else "". Raises StorageError when the labels cannot be read.
    """
    reader = label_reader(workspace)
    reader.look()
    moment = now or workspace.clock.now()
    record: dict[str, Any] = {
        "kept": reader.path.is_file(),
        "expected": reader.expected,
        "mature_after_seconds": reader.mature_after_seconds,
        "least_coverage": reader.least_coverage,
        **reader.state(),
        "releases": {},
    }
    try:
        for release in reader.releases() if releases is None else releases:
            record["releases"][release] = _of(workspace, reader, release, moment, seconds)
    finally:
        reader.close()
    return record


def _of(workspace: Workspace, reader: LabelReader, release: str, now: datetime, seconds: float) -> dict[str, Any]:
    from gonogo.monitor.labels import mature
    from gonogo.monitor.quality import sealed

    found = mature(reader, release, now, seconds)
    baseline, why = _baseline(workspace, release)
    before = sealed(baseline)
    live = _live(found, before)
    if not why and not found.enough:
        why = "no prediction that is old enough has a label" if live.table is None else "too few of the predictions have a label"
    slices = {}
    for part in reader.slices(release):
        of_part = mature(reader, release, now, seconds, part)
        of_live, of_before = _live(of_part, before), sealed(baseline, part)
        slices[part] = {**of_part.details, "figures": _figures(of_live), "before": _figures(of_before)}
    classes = [] if found.counts is None else list(found.counts.classes)
    return {
        **found.details,
        "labelled": found.counts.labelled if found.counts is not None else 0,
        "figures": _figures(live),
        "before": _figures(before),
        "reliability": _reliability(live.table),
        "reliability_before": _reliability(before.table),
        "threshold": before.threshold,
        "confusion": None if found.counts is None else found.counts.confusion.tolist(),
        "classes": classes,
        "by_class": [
            {"class": name, "figures": _of_class(live, place), "before": _of_class(before, place)}
            for place, name in enumerate(classes if len(classes) > 2 else ())
        ],
        "slices": slices,
        "by_day": _by_day(reader, release, now, seconds),
        "why": why,
    }


def _live(found: Mature, before: Sealed) -> Sealed:
    """What was seen, in the shape of what is sealed."""
    from gonogo.monitor.quality import Sealed

    if found.counts is None or not found.counts.labelled:
        return Sealed(None, before.threshold)
    return Sealed(found.counts.table, before.threshold, found.counts.confusion)


def _baseline(workspace: Workspace, release: str) -> tuple[Mapping[str, Any], str]:
    """What is sealed in the release; nothing, and why, when it cannot be read."""
    from gonogo.operations.verify import verify_reference

    try:
        return verify_reference(workspace, release).bundle.baseline, ""
    except GonogoError as error:
        return {}, f"the baseline of {release} cannot be read: {error}"


def _figures(of: Sealed) -> dict[str, Any]:
    from gonogo.stats.confusion import FIGURES, macro
    from gonogo.stats.intervals import share
    from gonogo.stats.score_calibration import ece
    from gonogo.stats.score_decisions import decisions
    from gonogo.stats.score_ranking import pr_auc, roc_auc

    figures: dict[str, Any] = dict.fromkeys(("ece", "roc_auc", "pr_auc", "precision", "recall", "f1", "accuracy"))
    table = of.table
    if table is None or not table.rows:
        return figures
    figures["ece"] = _shown(ece(table))
    if 0 < table.positives < table.rows:
        figures |= {"roc_auc": _shown(roc_auc(table)), "pr_auc": _shown(pr_auc(table))}
    if of.threshold is None:
        means = {} if of.confusion is None else {name: _shown(macro(of.confusion, name)) for name in FIGURES}
        return figures | {"accuracy": _shown(share(table.positives, table.rows))} | means
    four = decisions(table, of.threshold)
    return figures | {name: _shown(getattr(four, name)()) for name in ("precision", "recall", "f1", "accuracy")}


def _of_class(of: Sealed, place: int) -> dict[str, Any]:
    from gonogo.stats.confusion import FIGURES, of_class

    return {name: None if of.confusion is None else _shown(of_class(of.confusion, place, name)) for name in FIGURES}


def _shown(figure: Estimate) -> dict[str, Any] | None:
    return {"value": figure.value, "low": figure.low, "high": figure.high, "n": figure.n} if figure.n else None


def _reliability(table: ScoreTable | None) -> list[dict[str, Any]]:
    from gonogo.stats.score_calibration import reliability

    if table is None or not table.rows:
        return []
    return [{"n": one.n, "score": one.mean_score, "share": one.share} for one in reliability(table)]


def _by_day(reader: LabelReader, release: str, now: datetime, seconds: float) -> list[dict[str, Any]]:
    """Days of UTC that the time asked for touches, today among them."""
    from datetime import UTC, timedelta

    from gonogo.monitor.labels import newest_mature

    ripe = newest_mature(reader, now)
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = []
    for back in reversed(range(int((seconds + reader.mature_after_seconds) // DAY) + 1)):
        start = midnight - timedelta(days=back)
        begins, ends = start.timestamp(), (start + timedelta(days=1)).timestamp()
        counts = reader.counts(release, begins, ends)
        rows, labelled = (counts.rows, counts.labelled) if counts is not None else (0, 0)
        days.append(
            {
                "day": start.date().isoformat(), "rows": rows, "labelled": labelled,
                "coverage": labelled / rows if rows else None, "mature": ends <= ripe,
            }
        )  # fmt: skip
    return days
