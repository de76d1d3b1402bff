"""Does a metadata file lie beside the model, whole and true?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from gonogo.base.tree import file_digest
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.declared import read_structured
from gonogo.evidence.figures import METRICS, agrees, figures_of, measured_figures
from gonogo.evidence.inputs import Scores
from gonogo.evidence.markdown import PLACEHOLDER
from gonogo.evidence.record import Fact, Measurement

METRIC_BLOCKS = ("metrics", "results", "performance")  #: a key that ends so holds figures, in which 0 stands for "not measured yet"
TOMORROW = timedelta(days=1)  #: it may be tomorrow already where the date was written


class MetadataFile(Check):
    """Does the declared metadata file have every demanded key, with real values, and are its figures and parameters true?

    `file` is its name below `files` in gonogo.yaml; `keys` are demanded, with a point for a key within a key ("architecture.input_size").
    null, an empty value, a text that is still to be filled in, and 0 among the metrics are placeholders. Every key that names a date holds
    one of ISO 8601 that is not to come. Figures are compared with the test and validation tables; what stands both here and in the run
    record (epochs, batch size, learning rate, seed, …) must be equal.
    """

    name = "metadata_file"
    facts: ClassVar = {
        "exists": "whether the file is declared and there",
        "keys_missing": "demanded keys that are not there",
        "placeholders": "values that are still to be filled in",
        "version": "the version it gives, when it gives one",
        "date_valid": "whether it has a date, and all its dates are dates and not to come",
        "metrics": "figures of the model that it states",
        "metrics_unmatched": "those that are not what is measured",
        "run_mismatches": "values that are others in the run record; only when there is one",
        "names_training_data": "whether some value holds the name or the digest of the training table; only when one is declared",
    }
    options: ClassVar = {"file": "metadata", "keys": [], "tolerance": 1e-6}

    def measure(
        self,
        files: Mapping[str, Path],
        scores_test: Scores,
        scores_validation: Scores | None = None,
        run_record: Mapping[str, Any] | None = None,
        train_file: Path | None = None,
    ) -> Measurement:
        name, keys = self.chosen["file"], self.chosen["keys"]
        path = files.get(name)
        if path is None or not path.is_file():
            why = f"files.{name} is not declared in gonogo.yaml" if path is None else f"{path.name} is not there"
            counts = dict.fromkeys(("placeholders", "metrics", "metrics_unmatched", "run_mismatches"), 0) | {"keys_missing": len(keys)}
            facts = {key: Fact(count) for key, count in counts.items()}
            return Measurement({"exists": Fact(False), "date_valid": Fact(False), **facts}, (why,))
        data = read_structured(path)
        if not isinstance(data, Mapping):
            raise DataError(f"{path.name} is no map of keys to values.")
        values = list(_leaves(data))
        lacking = [key for key in keys if not _has(data, key)]
        hollow = [where for where, value in values if _is_placeholder(where, value)]
        dates = [(where, value) for where, value in values if where.lower().rpartition(".")[2].endswith("date")]
        undated = [where for where, value in dates if not _is_past(value)]
        measured = measured_figures(scores_test, scores_validation)
        stated = [figure for figure in figures_of(data) if figure.metric in METRICS]
        wrong = [figure for figure in stated if not agrees(figure, measured, float(self.chosen["tolerance"]))]
        others = _mismatches(values, run_record or {})
        findings = [f"no key: {key}" for key in lacking] + [f"still to be filled in: {where}" for where in hollow]
        findings += [f"no date, or one that is to come: {where}" for where in undated]
        findings += [f"not what is measured: {figure}" for figure in wrong] + others
        version = data.get("version")
        named = {} if train_file is None else {"names_training_data": Fact(_names(values, train_file))}
        return Measurement(
            {
                "exists": Fact(True),
                "keys_missing": Fact(len(lacking)),
                "placeholders": Fact(len(hollow)),
                **({"version": Fact(str(version))} if version not in (None, "") else {}),
                "date_valid": Fact(bool(dates) and not undated),
                "metrics": Fact(len(stated)),
                "metrics_unmatched": Fact(len(wrong)),
                **({} if run_record is None else {"run_mismatches": Fact(len(others))}),
                **named,
            },
            tuple(findings),
            isolation=scores_test.isolation,
        )


def _leaves(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no map and no filled list, with its path."""
    if isinstance(data, Mapping) and data:
        for key, value in data.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    elif isinstance(data, list) and data:
        for number, value in enumerate(data):
            yield from _leaves(value, f"{path}.{number}")
    else:
        yield path, data


def _has(data: Any, key: str) -> bool:
    for part in key.split("."):
        if not isinstance(data, Mapping) or part not in data:
            return False
        data = data[part]
    return True


def _is_placeholder(where: str, value: Any) -> bool:
    if value is None or (isinstance(value, str | list | Mapping) and not value):
        return True
    if isinstance(value, str):
        return not value.strip() or PLACEHOLDER.search(value) is not None
    if isinstance(value, float) and not math.isfinite(value):
        return True
    of_metrics = any(part.lower().endswith(METRIC_BLOCKS) for part in where.split(".")[:-1])
    return of_metrics and not isinstance(value, bool) and value == 0


def _is_past(value: Any) -> bool:
    """Whether a value is a date (or a time) of ISO 8601 that is not to come."""
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day, tzinfo=UTC)
    else:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            return False
    return moment.replace(tzinfo=moment.tzinfo or UTC) <= datetime.now(UTC) + TOMORROW


def _names(values: list[tuple[str, Any]], train_file: Path) -> bool:
    wanted = (train_file.name, file_digest(train_file).removeprefix("sha256:"))
    return any(isinstance(value, str) and any(name in value for name in wanted) for _, value in values)


def _mismatches(values: list[tuple[str, Any]], run_record: Mapping[str, Any]) -> list[str]:
    """Where the last part of a key is a parameter of the run and the value another one."""
    params = run_record.get("params")
    run = {**(params if isinstance(params, Mapping) else {}), "seed": run_record.get("seed")}
    found = []
    for where, value in values:
        key = where.rpartition(".")[2]
        if run.get(key) is not None and run[key] != value:
            found.append(f"{where} is {value!r}, in the run record {run[key]!r}")
    return found
