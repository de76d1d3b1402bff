"""Does training again give the same model?"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from gonogo.base.table import Table
from gonogo.base.tree import file_digest
from gonogo.errors import ChildError, UsageError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, ProjectView, SandboxPort, Scores, SourceTree
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.scratch import run_shielded, scratch_copy
from gonogo.model.encode import encode_table
from gonogo.model.formats import shipped_digest
from gonogo.stats.classification import overall_roc_auc


class Reproduction(Check):
    """Does the declared training command, run again on a copy of the project, make a model that says the same?

    Runs `code.train` on a copy from which the model has been removed, without a network, within the limits of other commands, and compares
    the scores of the new model with those of the bundled one on the test table. As long as training takes, so long takes the check: give
    its item a `max_age`.
    """

    name = "reproduction"
    facts: ClassVar = {
        "rows": "rows of the test table that both models scored",
        "max_abs_diff": "largest difference of a score",
        "p99_abs_diff": "99 % of the rows differ by no more",
        "label_flips": "rows that get another label",
        "metric_delta": "how much the ROC-AUC differs, in either direction",
        "bytes_equal": "whether the two model files are the same, byte for byte",
        "seconds": "how long the training took",
    }

    def measure(
        self,
        project: ProjectView,
        source: SourceTree,
        train_file: Path,
        model_file: Path,
        bundle: BundleView,
        test: Table,
        scores_test: Scores,
        sandbox: SandboxPort,
    ) -> Measurement:
        command = project.code.train
        if not command:
            raise UsageError("the project declares no training.", hint="Add `code: {train: python train.py}` to gonogo.yaml.")
        old = scores_test.usable()
        with scratch_copy(project.root) as copy:
            made = copy / _inside(model_file, project.root)
            if made.is_dir():
                shutil.rmtree(made)
            made.unlink(missing_ok=True)
            finished, isolation = run_shielded(command, copy, sandbox)
            if finished.exit_code:
                raise ChildError(f"`{' '.join(command)[:200]}` ended with {finished.exit_code}: {finished.last_words}")
            if made.is_symlink() or not made.exists():
                raise ChildError(
                    f"`{' '.join(command)[:200]}` ended well and wrote no {made.relative_to(copy).as_posix()}.",
                    hint="code.train must write what model.path names.",
                )
            same_bytes = shipped_digest(made) == file_digest(bundle.model.path)
            scores, _ = sandbox.scores(bundle.schema, replace(bundle.model, path=made), encode_table(bundle.schema, test))
        new = Scores(old.y, scores, old.classes, isolation, old.threshold).usable()
        differences = np.abs(new.scores - old.scores).max(axis=1)
        flips = int((new.predicted != old.predicted).sum())
        worst = int(differences.argmax())
        n = len(differences)
        return Measurement(
            {
                "rows": Fact(n),
                "max_abs_diff": Fact(float(differences.max()), n=n),
                "p99_abs_diff": Fact(float(np.quantile(differences, 0.99, method="higher")), n=n),
                "label_flips": Fact(flips, n=n),
                "metric_delta": Fact(abs(overall_roc_auc(new.y, new.scores) - overall_roc_auc(old.y, old.scores)), n=n),
                "bytes_equal": Fact(same_bytes),
                "seconds": Fact(round(finished.seconds, 3), "s"),
            },
            (f"the largest difference, {differences[worst]:.3g}, is in test row {worst}",) if differences[worst] else (),
            isolation=isolation,
        )


def _inside(model_file: Path, root: Path) -> Path:
    """Where the model lies in the project, and so in a copy of it."""
    if not model_file.is_relative_to(root):
        raise UsageError("the model lies outside the project, so training on a copy cannot write it.", hint="Move it below gonogo.yaml.")
    return model_file.relative_to(root)
