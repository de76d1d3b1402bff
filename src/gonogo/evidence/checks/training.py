"""Was the model trained to its end?"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.declared import declared_file, read_losses
from gonogo.evidence.record import Fact, Measurement

TRAIN_LOSS = ("train_loss", "training_loss", "loss")
VALIDATION_LOSS = ("validation_loss", "val_loss", "valid_loss")
#: How training may end, by the words that frameworks use.
STOPS = {
    "early_stopping": ("early_stopping", "early stopping", "early stop", "patience", "early_stopped"),
    "epoch_limit": ("epoch_limit", "max_epochs", "max epochs", "epoch limit", "epochs reached", "completed all epochs"),
}
ERROR = re.compile(r"(?:^|[\s|\[:])(?:ERROR|CRITICAL|FATAL)(?:[\s|\]:]|$)|^Traceback \(most recent call last\)")
Epochs = list[Mapping[str, Any]]


class Training(Check):
    """Did training run to its end, without NaN and without errors, and does the model fit no better than it generalises?

    The losses stand in files.history: JSON (a list of epochs, a map of lists, or a map with `epochs` and `stop_reason`) or CSV, one row
    an epoch. The log is files.training_log; training has finished when the log holds `marker` and the history has epochs. Without a log
    nothing is said about the end and about errors. The gap is relative to the training loss, at the epoch of the lowest validation loss;
    a validation loss a little above is healthy.
    """

    name = "training"
    facts: ClassVar = {
        "finished": "whether there are epochs and the marker stands in the log",
        "marker_found": "whether the log holds `marker`",
        "epochs": "epochs in the history",
        "stop_reason": "early_stopping, epoch_limit, or unknown; from the history, else from the log",
        "non_finite_losses": "losses that are NaN, infinite or no number",
        "errors_logged": "lines of the log of level ERROR or worse, and tracebacks",
        "best_epoch": "epoch of the lowest validation loss, counted from 1",
        "train_loss": "training loss of that epoch",
        "validation_loss": "validation loss of that epoch",
        "overfit_gap": "how much the second lies above the first, as a share of it; below 0 when it lies below",
    }
    options: ClassVar = {"marker": "Training complete"}

    def measure(self, files: Mapping[str, Path]) -> Measurement:
        if not self.chosen["marker"]:
            raise DataError("an empty marker is found in every log.")
        epochs, said = _history(declared_file(files, "history"))
        losses = [[_number(epoch, names) for epoch in epochs] for names in (TRAIN_LOSS, VALIDATION_LOSS)]
        bad = sum(not math.isfinite(loss) for column in losses for loss in column)
        facts = {"epochs": Fact(len(epochs)), "non_finite_losses": Fact(bad)}
        findings, ending = ([f"{bad} losses are no finite numbers"] if bad else []), ""
        if "training_log" in files:
            marker, errors, ending = _log(declared_file(files, "training_log"), self.chosen["marker"])
            facts |= {"finished": Fact(marker), "marker_found": Fact(marker), "errors_logged": Fact(len(errors))}
            findings += errors if marker else [f"the log does not say {self.chosen['marker']!r}", *errors]
        facts["stop_reason"] = Fact(_stop(said) or _stop(ending) or "unknown")
        usable = [index for index in range(len(epochs)) if math.isfinite(losses[0][index]) and math.isfinite(losses[1][index])]
        if usable:
            best = min(usable, key=lambda index: losses[1][index])
            train, validation = losses[0][best], losses[1][best]
            facts |= {"best_epoch": Fact(best + 1), "train_loss": Fact(train), "validation_loss": Fact(validation)}
            facts |= {"overfit_gap": Fact((validation - train) / train)} if train > 0 else {}
        return Measurement(facts, tuple(findings))


def _history(path: Path) -> tuple[Epochs, str]:
    """Epochs as maps, and what the file says about why training stopped. Raises DataError when it is neither JSON nor CSV of losses."""
    value = read_losses(path)
    stop = str(value.get("stop_reason", "")) if isinstance(value, Mapping) else ""
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("epochs", "history") if isinstance(value.get(key), list | Mapping)), value)
    if isinstance(value, Mapping):
        lists = {key: column for key, column in value.items() if isinstance(column, list)}
        try:
            value = [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
        except ValueError as error:
            raise DataError(f"the lists of the history {path.name} differ in length: {error}.") from error
    if not isinstance(value, list) or not value or not all(isinstance(epoch, Mapping) for epoch in value):
        raise DataError(f"the history {path.name} holds no epochs.", hint="Write one entry an epoch, with train_loss and validation_loss.")
    for names in (TRAIN_LOSS, VALIDATION_LOSS):
        if not any(name in value[0] for name in names):
            raise DataError(f"the history {path.name} has no column {names[0]}.")
    return value, stop


def _number(epoch: Mapping[str, Any], names: tuple[str, ...]) -> float:
    """A loss; NaN for what is none."""
    value = next((epoch[name] for name in names if name in epoch), None)
    try:
        return float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        return math.nan


def _log(path: Path, marker: str) -> tuple[bool, list[str], str]:
    """Whether the log holds the marker, its lines of errors, and the lines that speak of stopping. Read line by line."""
    found, errors, ending = False, [], ""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                found = found or marker in line
                if ERROR.search(line):
                    errors.append(line.strip()[:300])
                if _stop(line):
                    ending = line
    except OSError as error:
        raise DataError(f"the log {path.name} cannot be read: {error.strerror or error}.") from error
    return found, errors, ending


def _stop(said: str) -> str:
    lower = said.lower()
    return next((reason for reason, words in STOPS.items() if any(word in lower for word in words)), "")
