"""What live counts are compared with in `/metrics`: the counts of the baseline, bin by bin, as long as they are few enough to be series.

    {feature: {"kind": "numeric" | "categorical", "counts": [...]}, "(score)": {...}}

A model of very many features has none: a scrape stays small whatever is served, and gonogo's own watch sees all of them anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SCORE = "(score)"  #: the label under which the score stands among the features
MOST_BINS = 5000  #: of all features of a release together; each is two series


def reference(baseline: Mapping[str, Any]) -> dict[str, Any]:
    """Empty when there are more than `MOST_BINS`, or a feature without counts."""
    documents = {**baseline["features"], SCORE: baseline["score"]}
    bins = [len(document.get("counts") or ()) for document in documents.values()]
    if sum(bins) > MOST_BINS or not all(bins):
        return {}
    return {str(name): {"kind": document["bins"]["kind"], "counts": list(document["counts"])} for name, document in documents.items()}


def bin_labels(kind: str, size: int) -> list[str]:
    """The labels of a feature's bins: their number, `other` for the categories that the baseline does not name, `missing` the last."""
    inner = [str(index) for index in range(size - 1)]
    if kind == "categorical" and inner:
        inner[-1] = "other"
    return [*inner, "missing"]
