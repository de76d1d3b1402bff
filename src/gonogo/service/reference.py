"""What live counts are compared with in `/metrics`: the counts of the baseline bin by bin, and the moments of its scores.

    {"bins": {feature: {"kind": "numeric" | "categorical", "counts": [...], "outside": rows}, "(score)": {...}},
     "scores": {"rows", "mean", "variance", "fourth"}}

`bins` is empty for a model of very many features: a scrape stays small whatever is served, and gonogo's own watch sees all of them anyway.
`outside` and `scores` are there when the baseline has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gonogo.release.baseline import reference_scores
from gonogo.stats.score_table import fourth_moment

SCORE = "(score)"  #: the label under which the score stands among the features
MOST_BINS = 5000  #: of all features of a release together; each is two series


def reference(baseline: Mapping[str, Any]) -> dict[str, Any]:
    """`bins` is empty when there are more than `MOST_BINS`, or a feature without counts."""
    documents = {**baseline["features"], SCORE: baseline["score"]}
    sizes = [len(document.get("counts") or ()) for document in documents.values()]
    few = sum(sizes) <= MOST_BINS and all(sizes)
    return {"bins": {str(name): _bins(document) for name, document in documents.items()} if few else {}, **_scores(baseline)}


def bin_labels(kind: str, size: int) -> list[str]:
    """The labels of a feature's bins: their number, `other` for the categories that the baseline does not name, `missing` the last."""
    inner = [str(index) for index in range(size - 1)]
    if kind == "categorical" and inner:
        inner[-1] = "other"
    return [*inner, "missing"]


def _bins(document: Mapping[str, Any]) -> dict[str, Any]:
    outside = {"outside": document["range"]["outside"]} if "range" in document else {}
    return {"kind": document["bins"]["kind"], "counts": list(document["counts"]), **outside}


def _scores(baseline: Mapping[str, Any]) -> dict[str, Any]:
    table = reference_scores(baseline) if "format" in baseline else None
    if table is None or not table.rows:
        return {}
    moments = {"rows": table.rows, "mean": table.mean, "variance": table.variance, "fourth": fourth_moment(table.histogram, table.mean)}
    return {"scores": moments}
