"""Live features and scores beside the baseline that is sealed in the release, over a day and hour by hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gonogo.base.clock import stamp

if TYPE_CHECKING:
    from gonogo.monitor.counts import Counts
    from gonogo.monitor.history import History

DAY, HOUR = timedelta(hours=24), timedelta(hours=1)
LEAST = 50  #: rows of an hour below which its PSI says nothing and is not drawn


def drift_record(
    history: History, release: str, baseline: Mapping[str, Any], rules: Sequence[Mapping[str, Any]], now: datetime
) -> dict[str, Any]:
    """PSI of every feature and of the score over the last 24 hours, with interval, n, the chance of it without drift and the limits of the
    rules on it; the same for each hour; labels of the bins, and both counts; `tensor`, the one that it is a summary of, or None. The most
    drifted first."""
    from gonogo.monitor.counts import Counts
    from gonogo.monitor.signals.psi import SCORE

    since = datetime.fromtimestamp((now.timestamp() // 3600 + 1) * 3600, UTC) - DAY
    hours = history.series(release, since, now, HOUR)
    total = Counts()
    for _, counts in hours:
        total = total.plus(counts)
    documents = {SCORE: baseline["score"], **baseline["features"]}
    features = [_one(name, document, hours, total, rules) for name, document in documents.items()]
    ranked = sorted(features, key=lambda one: -(one["psi"]["value"] if one["psi"]["value"] is not None else -1.0))
    return {
        "release": release,
        "problem": "",
        "since": stamp(since),
        "until": stamp(since + DAY),
        "rows": total.rows,
        "reference": {"source": baseline["source"], "rows": baseline["rows"], "score_source": baseline["score"]["source"]},
        "features": ranked,
    }


def _one(
    name: str,
    document: Mapping[str, Any],
    hours: Sequence[tuple[datetime, Counts]],
    total: Counts,
    rules: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    from gonogo.monitor.signals.psi import SCORE
    from gonogo.stats.bins import BinEdges

    def live(counts: Counts) -> Sequence[int]:
        return counts.score if name == SCORE else counts.features.get(name, ())

    reference = document["counts"]
    current = list(live(total)) or [0] * len(reference)
    return {
        "feature": name,
        "tensor": document.get("tensor"),
        "labels": BinEdges.from_json(document["bins"]).labels(),
        "reference": list(reference),
        "live": current,
        "psi": _psi(reference, current),
        "hours": [{"time": stamp(time), **_psi(reference, live(counts), least=LEAST)} for time, counts in hours],
        "missing": current[-1] / sum(current) if sum(current) else None,
        "limits": [
            {"rule": rule["name"], "above": rule["above"], "level": rule["level"]}
            for rule in rules
            if rule["signal"] == "psi" and rule["labels"].get("feature", name) == name
        ],
    }


def _psi(reference: Sequence[int], current: Sequence[int], *, least: int = 1) -> dict[str, Any]:
    import numpy as np

    from gonogo.stats.drift import psi, psi_interval, psi_p_value

    n, m = sum(current), sum(reference)
    if n < least or m == 0 or len(current) != len(reference):
        return {"value": None, "low": None, "high": None, "n": n, "p_value": None}
    before, now = np.asarray(reference, dtype=np.int64), np.asarray(current, dtype=np.int64)
    value, (low, high) = psi(before, now), psi_interval(before, now)
    return {"value": value, "low": low, "high": high, "n": n, "p_value": psi_p_value(value, n, m, int(((before + now) > 0).sum()))}
