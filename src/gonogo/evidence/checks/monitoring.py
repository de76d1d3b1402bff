"""Will anybody notice when the model goes wrong?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, MonitorView
from gonogo.evidence.record import Fact, Measurement


class Monitoring(Check):
    """Does the bundle carry a baseline for every feature, and are there rules and somebody to tell?"""

    name = "monitoring"
    facts: ClassVar = {
        "features": "features of the model",
        "baseline_features": "features that the baseline has counts of",
        "baseline_scores": "whether the baseline has counts of the scores",
        "baseline_rows": "rows that the baseline was made from",
        "rules": "declared rules",
        "channels": "declared channels",
    }

    def measure(self, monitor: MonitorView, bundle: BundleView) -> Measurement:
        features = bundle.baseline.get("features")
        known = features if isinstance(features, Mapping) else {}
        covered = [name for name in bundle.schema.feature_names if _has_counts(known.get(name))]
        lacking = [name for name in bundle.schema.feature_names if name not in covered]
        rows = bundle.baseline.get("rows", 0)
        return Measurement(
            {
                "features": Fact(len(bundle.schema.features)),
                "baseline_features": Fact(len(covered)),
                "baseline_scores": Fact(_has_counts(bundle.baseline.get("score"))),
                "baseline_rows": Fact(rows if isinstance(rows, int) else 0),
                "rules": Fact(len(monitor.rules)),
                "channels": Fact(len(monitor.channels)),
            },
            tuple(f"no baseline for {name!r}" for name in lacking),
        )


def _has_counts(entry: Any) -> bool:
    """Whether a baseline entry counted anything."""
    counts = entry.get("counts") if isinstance(entry, Mapping) else None
    return isinstance(counts, list) and all(isinstance(count, int) for count in counts) and sum(counts) > 0
