"""The page of drift: every feature beside its baseline, by size, by chance, by bin and hour by hour.

A tensor (a window, an image) is many summaries: in the table of all it is one line, that of its worst summary, and has a table of its own,
channels by summaries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gonogo.base.clock import parse_stamp
from gonogo.reports import status as arranged
from gonogo.reports.pictures import draw
from gonogo.reports.svg import Drawn
from gonogo.reports.timeline import Limit, Point, Timeline, draw_timeline
from gonogo.web.readings import last_seen, with_known_numbers

Record = Mapping[str, Any]
SCORE = "(score)"
MOST_DRAWN = 24  #: features with pictures, those that moved most; of a tensor the worst, and what is worth a look


@dataclass(frozen=True)
class Row:
    """One feature on the page. `now` is the reading that the rules judge, `record` what was seen in 24 hours. `tone` is bad where a rule
    sees a breach, by size and beyond chance; open where nobody can say, and after an old look; quiet where no rule looks."""

    name: str
    tone: str
    said: str
    now: Record | None
    record: Record
    limits: tuple[Limit, ...]

    @property
    def tensor(self) -> str | None:
        """The tensor that it is a summary of."""
        found = self.record.get("tensor")
        return None if found is None else str(found)

    @property
    def value(self) -> float:
        """The PSI, to rank by; what is not known comes last."""
        return float(self.now["value"]) if self.now and self.now["value"] is not None else -1.0

    @property
    def part(self) -> float:
        """How far the PSI has come to its lowest limit, 0 to 1."""
        value = self.now["value"] if self.now else None
        lowest = min((limit.at for limit in self.limits), default=0.0)
        return min(value / lowest, 1.0) if value is not None and lowest else 0.0

    @property
    def unfolded(self) -> bool:
        """Whether it is worth a look: a rule rings, or it has come half the way."""
        return self.tone in ("bad", "open") or self.part > 0.5 or self.name == SCORE


@dataclass(frozen=True)
class Tensor:
    """The summaries of a tensor: `channels` are (name, a row for each of `summaries`); `worst` stands for all of them."""

    name: str
    summaries: tuple[str, ...]
    channels: tuple[tuple[str, tuple[Row | None, ...]], ...]
    worst: Row
    size: int


def view(drift: Record, status: Record) -> dict[str, Any]:
    """The score first, then the features, those that moved most first. `unsure` are those of which nobody can say."""
    status = with_known_numbers(status)
    rows = sorted((_row(one, drift, status) for one in drift["features"]), key=lambda row: (row.name != SCORE, -row.value))
    tensors = _tensors(rows)
    worst = {tensor.worst.name: tensor for tensor in tensors}
    drawn = [row for row in rows if row.tensor is None or row.unfolded or row.name in worst][:MOST_DRAWN]
    return {
        "drift": drift,
        "rows": [(row, worst.get(row.name)) for row in rows if row.tensor is None or row.name in worst],
        "tensors": tensors,
        "features": [(row, _pictures(row, drift)) for row in drawn],
        "drawn": {row.name for row in drawn},
        "moved": sum(row.tone == "bad" for row in rows),
        "unsure": sum(row.tone == "open" for row in rows),
        "judged": any(row.tone == "good" for row in rows),
        "last_seen": last_seen(status),
    }


def _tensors(rows: Sequence[Row]) -> list[Tensor]:
    """The tensors, in the order of their worst summaries; a breach is worse than what nobody can say, and that worse than any value."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row.tensor is not None:
            groups.setdefault(row.tensor, []).append(row)
    return [_tensor(name, group) for name, group in groups.items()]


def _tensor(name: str, rows: Sequence[Row]) -> Tensor:
    cells: dict[str, dict[str, Row]] = {}
    for row in rows:
        channel, _, summary = row.name.removeprefix(name).removeprefix(".").rpartition(".")
        cells.setdefault(channel or name, {})[summary] = row
    summaries = tuple(dict.fromkeys(summary for found in cells.values() for summary in sorted(found)))
    channels = tuple((channel, tuple(found.get(one) for one in summaries)) for channel, found in sorted(cells.items()))
    worst = max(rows, key=lambda row: (row.tone == "bad", row.tone == "open", row.value))
    return Tensor(name, summaries, channels, worst, len(rows))


def _row(one: Record, drift: Record, status: Record) -> Row:
    limits = tuple(Limit(limit["rule"], limit["above"], limit["level"]) for limit in one["limits"])
    now = _reading(status, drift["release"], one["feature"])
    return Row(one["feature"], *_judged(now, status, limits), now, one, limits)


def _pictures(row: Row, drift: Record) -> tuple[Drawn, Timeline]:
    """The bins beside the baseline's, and the PSI hour by hour."""
    hours = draw_timeline(
        "PSI hour by hour",
        {"PSI": [Point.of(point) for point in row.record["hours"]]},
        row.limits,
        since=parse_stamp(drift["since"]),
        until=parse_stamp(drift["until"]),
        unit="PSI",
    )
    shares = draw(
        row.name,
        {
            "kind": "histogram",
            "title": "Shares of the bins",
            "labels": row.record["labels"],
            "series": {"baseline": row.record["reference"], "live, 24 h": row.record["live"]},
        },
    )
    return shares, hours


def _reading(status: Record, release: str, feature: str) -> Record | None:
    """What the watch measured last; of several windows that in which a rule rings, else that of a rule."""
    wanted = {"release": release, "feature": feature}
    found = [one for one in status["signals"] if one["signal"] == "psi" and one["labels"] == wanted]
    judged = [one for one in found if one["threshold"] is not None] or found
    return max(judged, key=arranged.part_of_limit, default=None)


def _judged(now: Record | None, status: Record, limits: tuple[Limit, ...]) -> tuple[str, str]:
    """The tone of a feature, with its reason. A breach stays one until a look says otherwise; nothing else outlives its look."""
    if now is not None and arranged.breached(now, status["alarms"]):
        return "bad", "beyond its limit"
    if old := last_seen(status):
        return "open", old
    if now is None or now["value"] is None:
        return "open", "nothing was seen lately"
    if arranged.part_of_limit(now) > 1:
        return "open", "large, and may be chance"
    if any((one["signal"], one["labels"], one["condition"]) == ("psi", now["labels"], "UNKNOWN") for one in status["alarms"]):
        return "open", f"{now['n']:,} rows are too few to judge"
    moved = "moved a little" if now["value"] > 0.02 else "as the baseline"
    return ("good", moved) if limits else ("quiet", f"{moved}; no rule looks at it")
