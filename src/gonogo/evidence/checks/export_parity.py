"""Does the other export say what the shipped model says?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from gonogo.base.table import Table
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.checks.parity import COMPARED, compare
from gonogo.evidence.declared import declared_file
from gonogo.evidence.inputs import BundleView, Numbers, SandboxPort, Scores
from gonogo.evidence.record import Fact, Measurement
from gonogo.model.encode import encode_table
from gonogo.model.predict import score_matrix


class ExportParity(Check):
    """Does the TorchScript or torch.export file give the scores of the model that would ship, for all rows of the test table?

    The file that `file` names under `files` is run in the isolated child; PyTorch is needed (`gonogo[torch]`). It gets the model's inputs
    in the schema's order and gives one row of scores a row: probabilities, or logits when `output` says so.
    """

    name = "export_parity"
    facts: ClassVar = {**COMPARED, "columns": "columns of its output"}
    options: ClassVar = {"file": "torchscript", "output": "probabilities", "margin": 1e-4}

    def measure(self, files: Mapping[str, Path], bundle: BundleView, test: Table, scores_test: Scores, sandbox: SandboxPort) -> Measurement:
        if self.chosen["output"] not in ("probabilities", "logits"):
            raise DataError(f"{self.chosen['output']!r} is no kind of output.", hint="Write probabilities or logits.")
        path = declared_file(files, self.chosen["file"])
        batch = encode_table(bundle.schema, test)
        if any(array.dtype == object for array in batch.values()):
            raise DataError("the model takes text, which PyTorch programs do not.")
        raw, isolation = sandbox.torch_output(path, bundle.schema.inputs, batch)
        columns = raw.shape[1]
        given = score_matrix(bundle.schema, _probabilities(raw) if self.chosen["output"] == "logits" else raw, test.rows)
        facts, worst = compare(scores_test, np.arange(test.rows), scores_test.scores, given, float(self.chosen["margin"]))
        return Measurement({**facts, "columns": Fact(columns)}, (worst,), isolation=isolation)


def _probabilities(logits: Numbers) -> Numbers:
    """Softmax over the classes; the logistic function of a single column."""
    if logits.shape[1] == 1:
        return np.asarray(1 / (1 + np.exp(-np.clip(logits, -700, 700))))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
