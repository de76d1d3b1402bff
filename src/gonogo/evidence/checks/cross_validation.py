"""Does every fold of the cross-validation learn from the past only?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

from gonogo.base.numbers import is_finite_number
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.declared import declared_file, read_losses
from gonogo.evidence.inputs import CertificateView, ProjectView
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.times import written_seconds

KEYS = ("train_start", "train_end", "test_start", "test_end", "score")
HINT = "A list of folds, each with train_start, train_end, test_start, test_end (RFC 3339 or numbers) and score."


class CrossValidation(Check):
    """Do the folds go forward in time, with the declared embargo between training and test?

    They are those of the file `folds`, or, where none is declared, of the newest retrain of a certificate that holds. Decision
    U03: an expanding window, five folds, an embargo of the features' look-back. A fold's rows are those between its two ends, both
    included.
    """

    name = "cross_validation"
    facts: ClassVar = {
        "folds": "folds",
        "out_of_order": "folds whose training ends at or after the start of their test, or whose own ends are exchanged",
        "embargo_violations": "folds with less than the declared embargo between training and test",
        "not_expanding": "folds that train on an earlier end, or test on an earlier period, than the fold before",
        "non_finite": "folds without a usable score",
        "mean": "mean of the scores",
        "std": "standard deviation of the scores (n - 1)",
        "last": "score of the last fold; a fall towards it says that the world moves",
    }

    def measure(self, files: Mapping[str, Path], project: ProjectView, certificate: CertificateView | None = None) -> Measurement:
        folds = _certified(certificate) if certificate is not None and "folds" not in files else _read(declared_file(files, "folds"))
        embargo = float(getattr(project.data, "embargo", None) or 0.0)
        times = [{key: _seconds(fold[key], index, key) for key in KEYS[:4]} for index, fold in enumerate(folds, 1)]
        scores = [_score(fold["score"]) for fold in folds]
        late = [i for i, t in enumerate(times, 1) if not t["train_start"] <= t["train_end"] < t["test_start"] <= t["test_end"]]
        near = [i for i, t in enumerate(times, 1) if i not in late and t["test_start"] - t["train_end"] < embargo]
        back = [
            i
            for i, (before, t) in enumerate(pairwise(times), 2)
            if t["train_end"] < before["train_end"] or t["test_start"] <= before["test_start"]
        ]
        bad = [i for i, score in enumerate(scores, 1) if not math.isfinite(score)]
        mean = math.fsum(scores) / len(scores)
        spread = math.sqrt(math.fsum((score - mean) ** 2 for score in scores) / (len(scores) - 1)) if len(scores) > 1 else math.nan
        findings = (
            [f"fold {i}: training does not end before the test begins" for i in late]
            + [f"fold {i}: less than {embargo:g} s between training and test" for i in near]
            + [f"fold {i}: it goes back in time" for i in back]
            + [f"fold {i}: no usable score" for i in bad]
        )
        return Measurement(
            {
                "folds": Fact(len(folds)),
                "out_of_order": Fact(len(late)),
                "embargo_violations": Fact(len(near)),
                "not_expanding": Fact(len(back)),
                "non_finite": Fact(len(bad)),
                "mean": Fact(mean, n=len(scores)),
                "std": Fact(spread, n=len(scores)),
                "last": Fact(scores[-1]),
            },
            tuple(findings),
        )


def _certified(certificate: CertificateView) -> list[Mapping[str, Any]]:
    if certificate.voided:
        raise DataError(f"the certificate does not hold: {certificate.voided[0]}.", hint="Run `gonogo certify`.")
    return list(certificate.runs[-1]["folds"])


def _read(path: Path) -> list[Mapping[str, Any]]:
    data = read_losses(path)
    folds = data.get("folds") if isinstance(data, dict) else data
    if not isinstance(folds, list) or not folds:
        raise DataError(f"{path.name} holds no fold.", hint=HINT)
    for index, fold in enumerate(folds, 1):
        missing = [key for key in KEYS if not isinstance(fold, dict) or key not in fold]
        if missing:
            raise DataError(f"fold {index} of {path.name} lacks {', '.join(missing)}.", hint=HINT)
    return folds


def _seconds(value: Any, fold: int, key: str) -> float:
    """A time as a number: seconds since 1970, or the number itself when the series counts in steps of its own."""
    try:
        return written_seconds(value)
    except ValueError:
        raise DataError(f"{key} of fold {fold} is no time: {value!r}.", hint=HINT) from None


def _score(value: Any) -> float:
    return float(value) if is_finite_number(value) else math.nan
