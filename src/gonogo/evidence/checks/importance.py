"""Which features does the model really use?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np

from gonogo.base.table import Table
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, Numbers, ProjectView, SandboxPort
from gonogo.evidence.record import Fact, Measurement
from gonogo.model.encode import encode_table
from gonogo.model.parts import Part, parts
from gonogo.model.rows import class_indices
from gonogo.model.schema import Schema
from gonogo.stats.classification import overall_roc_auc

MOST_CELLS = 20_000_000  #: values sent to the child at once
LEAST_ROWS = 100  #: that are shuffled, however wide they are
Batch = dict[str, Numbers]


class Importance(Check):
    """Which features carry the model's quality, and does one of them carry it alone?

    Permutation importance (Breiman 2001): how much ROC-AUC falls when a feature's values are shuffled among rows of the test table; of a
    tensor one channel at a time (`window.close`), each row's as a whole. The shuffles are seeded, so the same bundle and table give the
    same figures.
    """

    name = "importance"
    facts: ClassVar = {
        "features_ranked": "features (channels of a tensor) that were shuffled, one at a time",
        "top_feature": "the feature whose shuffling hurts most",
        "top_drop": "how much ROC-AUC falls then",
        "top_share": "its share of all that falls; 1 when the model rests on one feature alone, 0 when nothing falls",
        "unused_features": "features whose shuffling changes no score at all",
        "idle_features": "features whose shuffling lowers ROC-AUC by no more than `idle`: they bring nothing",
        "idle_share": "these among all features",
        "roc_auc": "ROC-AUC of the rows as they are",
        "n": "rows",
    }
    options: ClassVar = {"rows": 2000, "repeats": 2, "seed": 0, "idle": 0.0}

    def measure(self, project: ProjectView, bundle: BundleView, test: Table, sandbox: SandboxPort) -> Measurement:
        if test.rows == 0 or self.chosen["rows"] < 1 or self.chosen["repeats"] < 1:
            raise DataError("there is nothing to shuffle.")
        taken = evenly(test, self.chosen["rows"], bundle.schema)
        found = permutation_drops(
            bundle, taken, project.data.target, sandbox, repeats=self.chosen["repeats"], seed=self.chosen["seed"]
        )  # fmt: skip
        drops, unused, before = found.drops, found.unused, found.roc_auc
        ranked = sorted(drops.items(), key=lambda pair: (-pair[1], pair[0]))
        idle = [name for name, drop in ranked if drop <= float(self.chosen["idle"])]
        fallen = sum(max(drop, 0.0) for drop in drops.values())
        return Measurement(
            {
                "features_ranked": Fact(len(ranked)),
                "top_feature": Fact(ranked[0][0]),
                "top_drop": Fact(ranked[0][1], n=taken.rows),
                "top_share": Fact(max(ranked[0][1], 0.0) / fallen if fallen > 0 else 0.0),
                "unused_features": Fact(len(unused)),
                "idle_features": Fact(len(idle)),
                "idle_share": Fact(len(idle) / len(ranked)),
                "roc_auc": Fact(before, n=taken.rows),
                "n": Fact(taken.rows),
            },
            (
                *(f"no score depends on {name!r}" for name in sorted(unused)),
                *(f"shuffling {name!r} makes nothing worse" for name in sorted(idle) if name not in unused),
            ),
            pictures={
                "importance": {
                    "kind": "bars",
                    "title": "fall of ROC-AUC when shuffled",
                    "items": [{"name": name, "value": drop} for name, drop in ranked[:20]],
                }
            },
            isolation=found.isolation,
        )


def evenly(table: Table, most: int, schema: Schema) -> Table:
    """At most so many rows, evenly spread; fewer of very wide ones, so that a copy of them is no burden."""
    rows = min(table.rows, most, max(LEAST_ROWS, MOST_CELLS // schema.width))
    return table.take(np.unique(np.linspace(0, table.rows - 1, num=rows, dtype=np.int64)))


class Drops(NamedTuple):
    """`drops`: how much ROC-AUC falls when a feature is shuffled, the mean over the repeats; `unused`: features that change no score;
    `roc_auc`: of the rows as they are."""

    drops: dict[str, float]
    unused: set[str]
    roc_auc: float
    isolation: str


def permutation_drops(bundle: BundleView, table: Table, target: str, sandbox: SandboxPort, *, repeats: int, seed: int) -> Drops:
    """Shuffle one feature, or channel of a tensor, after the other among the rows of the table. Raises DataError for rows without a score
    or a label."""
    y = class_indices(bundle.schema, table.column(target))
    batch = encode_table(bundle.schema, table)
    base, isolation = sandbox.scores(bundle.schema, bundle.model, batch)
    if not np.isfinite(base).all():
        raise DataError("the model gives scores that are NaN or infinite.")
    before = overall_roc_auc(y, base)
    each = parts(bundle.schema)
    drops = {part.name: 0.0 for part in each}
    unused = set(drops)
    for names, shuffled in _groups(batch, each, table.rows, repeats, seed):
        scores, _ = sandbox.scores(bundle.schema, bundle.model, shuffled)
        for position, name in enumerate(names):
            part = scores[position * table.rows : (position + 1) * table.rows]
            drops[name] += (before - overall_roc_auc(y, part)) / repeats
            if not np.array_equal(part, base):
                unused.discard(name)
    return Drops(drops, unused, before, isolation)


def _groups(batch: Batch, each: tuple[Part, ...], rows: int, repeats: int, seed: int) -> Iterator[tuple[list[str], Batch]]:
    """Copies of the batch with one part shuffled in each, as many at once as may be sent to the child together."""
    generator = np.random.default_rng(seed)
    work = [part for part in each for _ in range(repeats)]
    at_once = max(1, MOST_CELLS // max(1, rows * sum(array.shape[1] for array in batch.values())))
    for start in range(0, len(work), at_once):
        copies = [_shuffled(batch, part, generator) for part in work[start : start + at_once]]
        yield (
            [part.name for part in work[start : start + at_once]],
            {name: np.concatenate([copy[name] for copy in copies]) for name in batch},
        )


def _shuffled(batch: Batch, part: Part, generator: np.random.Generator) -> Batch:
    name = part.feature.input
    changed: np.ndarray[Any, Any] = batch[name].copy()
    order = generator.permutation(len(changed))
    part.put(changed, np.arange(len(changed)), part.of(batch[name], order))
    return {**batch, name: changed}
