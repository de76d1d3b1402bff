"""Does the service compute the features that the training computed?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from gonogo.base.table import Table, read_table
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.checks.parity import positions
from gonogo.evidence.declared import declared_file
from gonogo.evidence.inputs import BundleView, Numbers
from gonogo.evidence.record import Fact, Measurement
from gonogo.model.encode import encode_table
from gonogo.model.pipeline import Pipeline
from gonogo.model.source import read_pipeline


class FeatureParity(Check):
    """Are the features that the sealed pipeline computes from raw held-out rows those that the training computed for the same rows?

    The file that `file` names under `files` in gonogo.yaml is a table that the training wrote: a column `row` (position in the test table,
    from 0), and one column for each that enters the model, named as in the pipeline's `inputs`. A bundle without a pipeline is compared by
    its raw features; a tensor differs where one of its elements does. A number differs when it is further off than `tolerance`, counted
    from 1 or, for larger numbers, from their size; a value that is missing on one side only differs, too.
    """

    name = "feature_parity"
    facts: ClassVar = {
        "rows": "held-out rows compared",
        "features": "columns that enter the model",
        "max_abs_diff": "largest difference of a number; not there when a value is missing on one side only",
        "features_differing": "columns that differ in at least one row",
        "rows_differing": "rows that differ in at least one column",
    }
    options: ClassVar = {"file": "training_features", "tolerance": 1e-6}

    def measure(self, bundle: BundleView, test: Table, files: Mapping[str, Path]) -> Measurement:
        said = read_table(declared_file(files, self.chosen["file"]))
        rows = positions(said, test.rows)
        ours = served_features(bundle, test.take(rows))
        missing = [name for name in ours if name not in said.columns]
        if missing:
            raise DataError(
                f"the training's table lacks {', '.join(missing[:20])}, which the service computes.",
                hint=f"It has: {', '.join(list(said.columns)[:20])}.",
            )
        differing = np.zeros(len(rows), dtype=bool)
        largest, findings = 0.0, []
        for name, column in ours.items():
            apart, distance = _compare(said.column(name), column, float(self.chosen["tolerance"]))
            largest = max(largest, distance)
            differing |= apart
            if apart.any():
                first = int(np.argmax(apart))
                findings.append(f"{name} differs in {int(apart.sum())} of {len(rows)} rows, first in test row {rows[first]}")
        facts = {
            "rows": Fact(len(rows)),
            "features": Fact(len(ours)),
            "features_differing": Fact(len(findings), n=len(rows)),
            "rows_differing": Fact(int(differing.sum()), n=len(rows)),
        }
        return Measurement(facts | ({"max_abs_diff": Fact(largest, n=len(rows))} if np.isfinite(largest) else {}), tuple(findings))


def served_features(bundle: BundleView, table: Table) -> dict[str, Numbers]:
    """What enters the model in service, by name, for the rows of a table: float64 or object [rows], and of a tensor [rows, width].

    Raises DataError for values that the pipeline refuses.
    """
    schema = bundle.schema
    batch = encode_table(schema, table)
    if bundle.model.pipeline is not None:
        pipeline = Pipeline.parse(read_pipeline(bundle.model.pipeline))
        if pipeline.inputs:
            return pipeline.entering(batch)
    return {
        feature.name: batch[feature.input] if feature.tensor is not None else batch[feature.input][:, feature.column]
        for feature in schema.features
    }


def _compare(training: Numbers, served: Numbers, tolerance: float) -> tuple[Numbers, float]:
    """Which rows differ, bool [rows], and by how much at most (infinity when a value is missing on one side only)."""
    if served.dtype == object:
        apart = np.array([("" if one is None else str(one)) != other for one, other in zip(training, served, strict=True)], dtype=bool)
        return apart, 0.0
    if training.dtype == object:
        raise DataError("a column of the training's table holds text where the service computes numbers.")
    theirs, ours = np.asarray(training, dtype=np.float64), np.asarray(served, dtype=np.float64)
    if theirs.shape != ours.shape:
        raise DataError(f"the training's table holds {_wide(theirs)} a row where the service computes {_wide(ours)}.")
    lacking = np.isnan(theirs) != np.isnan(ours)
    distance = np.nan_to_num(np.abs(theirs - ours))
    apart = lacking | (distance > tolerance * np.maximum(1.0, np.nan_to_num(np.abs(theirs))))
    rows = apart if apart.ndim == 1 else apart.any(axis=1)
    return rows, np.inf if lacking.any() else float(distance.max())


def _wide(values: Numbers) -> str:
    return "one number" if values.ndim == 1 else f"{values.shape[1]} numbers"
