"""Figures that a document states about a model, and the same figures measured again.

    stated = stated_figures(read_markdown(path), classes=("0", "1"))
    measured = measured_figures(scores_test)
    [figure for figure in stated if not agrees(figure, measured)]

A figure is a number that stands with the name of a metric: in a sentence ("test accuracy is 93.4 %", "0.93 recall"), or in a table that
names metrics in its first column or its first row. Numbers are compared as they are printed: 93.4 % stands for 0.9335 to 0.9345. Where
nothing else is said, a figure is one of the test table. What is named as a target, a limit, a baseline or a figure of the training table
is no claim about the model that can be measured here, and is left out; "how good" is then missing, which the checks count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gonogo.evidence.inputs import Scores
from gonogo.evidence.markdown import NUMBER, MarkdownDocument
from gonogo.stats import classification
from gonogo.stats.calibration import ece, reliability

_NAMES = {
    "other": r"balanced[-_ ]accuracy|cross[-_ ]validat\w+|top[-_ ]?\d+[-_ ]accuracy",
    "pr_auc": r"pr[-_ ]?auc|auprc|average[-_ ]precision",
    "roc_auc": r"roc[-_ ]?auc|auc[-_ ]roc|auroc|auc",
    "log_loss": r"log[-_ ]?loss|cross[-_ ]entropy",
    "brier": r"brier",
    "ece": r"ece|expected calibration error",
    "f1": r"(?:macro[-_ ])?f[-_]?1",
    "precision": r"precision",
    "recall": r"recall|sensitivity",
    "accuracy": r"accuracy",
    "p50_ms": r"p50|median latency",
    "p95_ms": r"p95|95th percentile",
    "p99_ms": r"p99|99th percentile",
    "throughput": r"throughput",
}
METRIC = re.compile("(?<![A-Za-z0-9])(?:" + "|".join(f"(?P<{name}>{words})" for name, words in _NAMES.items()) + ")(?![A-Za-z0-9])", re.I)
SERVICE = ("p50_ms", "p95_ms", "p99_ms", "throughput")  #: measured by the load test, not on a table
METRICS = tuple(name for name in _NAMES if name not in ("other", *SERVICE))
_SPLITS = {"test": r"test|hold[-_ ]?out", "validation": r"valid(?:ation)?|val|dev", "train": r"train(?:ing)?"}
SPLIT = re.compile("(?<![A-Za-z])(?:" + "|".join(f"(?P<{name}>{words})" for name, words in _SPLITS.items()) + ")(?![A-Za-z])", re.I)
NO_CLAIM = re.compile(
    r"[<>≤≥]|\b(?:target|goal|thresholds?|limit|minimum|maximum|at least|at most|required?|demands?|baseline|majority|previous|earlier"
    r"|alarms?|alerts?|drops?|falls?|gap|difference|below|above|under|over|more than|less than|interval|confidence)\b",
    re.IGNORECASE,
)
SENTENCE = re.compile(r"(?<=[.!?;])\s+")
UNITS = {"%": "%", "pp": "%", "ms": "ms", "s": "s", "second": "s", "seconds": "s"}
UNIT = re.compile(r"\s*(%|(?:pp|ms|s|seconds?)\b)")
BEFORE = re.compile(NUMBER.pattern.join("()") + r"\s*(%?)\s*(?:(?:test|validation)\s*)?(?:macro\s*)?\Z")
JOINED = re.compile(r"[\s/,|–-]*(?:and|or|vs\.?|against)?[\s/,|–-]*")
NO_VALUE = re.compile(r"\s*%?\s*(?:confidence|ci\b|interval)", re.IGNORECASE)
LONGEST = 2000  #: characters of a sentence that are read together
FAR = 60  #: characters between a metric's name and its number in a sentence


@dataclass(frozen=True)
class Figure:
    """One stated number: `splits` it may be of, `average` is "macro", "weighted", "class NAME" or "" for nothing said, `unit` as written.

    `printed` is the number as it stands there; `where` the words around it.
    """

    metric: str
    splits: tuple[str, ...]
    average: str
    printed: str
    unit: str
    where: str

    @property
    def value(self) -> float:
        return float(self.printed.replace(",", ""))

    def __str__(self) -> str:
        return f"{self.metric} {self.printed}{self.unit} in “{self.where[:150]}”"

    @property
    def scale(self) -> float:
        """What a measured value is multiplied with before it is compared: a share may be written in per cent, a time in seconds."""
        if self.metric in SERVICE:
            return 0.001 if self.unit == "s" else 1.0
        written_in_percent = self.unit == "%" or (self.metric not in ("log_loss", "brier") and self.value > 1)
        return 100.0 if written_in_percent else 1.0

    @property
    def half_digit(self) -> float:
        """Half of the last printed digit."""
        mantissa, _, exponent = self.printed.lower().partition("e")
        return 0.5 * float(10 ** (int(exponent or 0) - len(mantissa.partition(".")[2])))


Measured = Mapping[tuple[str, str], Mapping[str, float]]  #: (metric, split) → average → value; SERVICE stands under "test"


def measured_figures(test: Scores, validation: Scores | None = None) -> dict[tuple[str, str], dict[str, float]]:
    """Every metric that can be named, on the tables that there are. Raises DataError when it cannot be measured."""
    figures: dict[tuple[str, str], dict[str, float]] = {}
    for split, given in (("test", test), ("validation", validation)):
        if given is None:
            continue
        usable = given.usable()
        y, p = usable.y, np.clip(usable.scores, 0.0, 1.0)
        matrix = classification.confusion_matrix(y, usable.predicted, len(usable.classes))
        binary = len(usable.classes) == 2
        bins = reliability(y, p[:, 1]) if binary else reliability((usable.predicted == y).astype(np.int64), p.max(axis=1))
        whole = {
            "accuracy": classification.accuracy(matrix),
            "roc_auc": classification.overall_roc_auc(y, p),
            "pr_auc": classification.pr_auc(y, p[:, 1]) if binary else classification.macro_pr_auc(y, p),
            "log_loss": classification.log_loss(y, p),
            "brier": classification.brier(y, p),
            "ece": ece(bins) if bins else float("nan"),
        }
        figures |= {(metric, split): {"": value} for metric, value in whole.items()}
        weights = matrix.sum(axis=1) / matrix.sum()
        for metric in ("precision", "recall", "f1"):
            each = np.array([getattr(classification, metric)(matrix, index) for index in range(len(matrix))])
            known = np.nan_to_num(each)  # what is never predicted counts as 0, as elsewhere
            figures[metric, split] = {f"class {name.lower()}": float(one) for name, one in zip(usable.classes, each, strict=True)} | {
                "macro": float(known.mean()),
                "weighted": float(known @ weights),
            }
            if binary:
                figures[metric, split]["binary"] = float(each[1])
    return figures


def measured_service(load_result: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, float]]:
    """The figures of a load test under the same names."""
    return {(metric, "test"): {"": float(load_result[metric])} for metric in SERVICE}


def agrees(figure: Figure, measured: Measured, tolerance: float) -> bool:
    """Whether a stated figure is, to its printed digits and `tolerance`, one that was measured under that name.

    `tolerance` is a share: of the whole for a metric, of the measured value for times and throughput.
    """
    scale = figure.scale
    for split in figure.splits:
        for average, value in measured.get((figure.metric, split), {}).items():
            slack = tolerance * (value if figure.metric in SERVICE else 1.0)
            meant = average in ("", figure.average) or (not figure.average and average in ("binary", "macro"))
            if meant and abs(value * scale - figure.value) <= figure.half_digit * (1 + 1e-9) + slack * scale:
                return True
    return False


def stated_figures(document: MarkdownDocument, classes: Sequence[str] = ()) -> list[Figure]:
    """The figures of a document, in its order. `classes` are the names that a row or column of a table may have."""
    found: list[Figure] = []
    for section in document.own:
        for text in section.texts:
            for sentence in SENTENCE.split(text.replace("\n", " ")):
                for start in range(0, len(sentence), LONGEST):  # nobody writes such a sentence; a hostile one may not take all day
                    found += _in_sentence(sentence[start : start + LONGEST])
        for table in section.tables:
            found += _in_table(table, {name.lower() for name in classes}, section.heading)
    return found


def figures_of(data: Any, path: str = "") -> Iterator[Figure]:
    """The figures of a structured document, such as {"validation_metrics": {"f1_macro": 0.22}}: numbers whose key names a metric."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from figures_of(value, f"{path}.{key}" if path else str(key))
    elif isinstance(data, int | float) and not isinstance(data, bool):
        key = path.rpartition(".")[2]
        metric = _metric(key)
        if metric:
            yield from _spread(metric, _splits(key, path), _average(path), [(repr(data), "")], path)


def _in_sentence(sentence: str) -> Iterator[Figure]:
    names = list(METRIC.finditer(sentence))
    done = 0  # up to here the sentence has been used
    for number, name in enumerate(names):
        metric = str(name.lastgroup)
        end = names[number + 1].start() if number + 1 < len(names) else len(sentence)
        before = BEFORE.search(sentence, max(done, name.start() - FAR), name.start())
        if before is not None and _plausible(metric, before.group(1), before.group(2)):
            values, context, stop = [(before.group(1), before.group(2))], sentence[done : name.end()], name.end()
        else:
            values, first, stop = _values(metric, sentence, name.end(), end)
            context = sentence[done:first]
        if values and metric != "other":
            if not NO_CLAIM.search(context):
                yield from _spread(metric, _splits(context, sentence[stop:end], sentence), _average(context), values, sentence)
            done = stop


def _values(metric: str, sentence: str, start: int, end: int, unit: str = "") -> tuple[list[tuple[str, str]], int, int]:
    """The numbers that follow a metric's name with their units (`unit` where none is written), where the first begins, the last ends."""
    values: list[tuple[str, str]] = []
    first = stop = start
    for match in NUMBER.finditer(sentence, start, end):
        written = UNIT.match(sentence, match.end(), end)
        of = UNITS[written.group(1)] if written else unit
        if not _plausible(metric, match.group(), of) or NO_VALUE.match(sentence, match.end()):
            continue
        if not values:
            if match.start() - start > FAR:
                break
            first = match.start()
        elif not JOINED.fullmatch(sentence, stop, match.start()):
            break
        values.append((match.group(), of))
        stop = written.end() if written else match.end()
    return values, first, stop


def _in_table(table: Sequence[Sequence[str]], classes: set[str], heading: str) -> Iterator[Figure]:
    header = table[0] if table else []
    for row in table[1:]:
        for column, cell in enumerate(row):
            top = header[column] if column < len(header) else ""
            if column == 0 or METRIC.search(cell):
                yield from _in_sentence(cell)
                continue
            metric = _metric(row[0]) or _metric(top)
            labels = f"{row[0]} | {top}"
            if not metric or NO_CLAIM.search(labels) or NO_CLAIM.search(cell):
                continue
            values, _, _ = _values(metric, cell, 0, len(cell), unit="ms" if "ms" in labels.lower() else "")
            average = _average(labels) or next((f"class {name}" for name in (_class(row[0]), _class(top)) if name in classes), "")
            yield from _spread(metric, _splits(labels, heading), average, values, f"{labels}: {cell}")


def _spread(metric: str, splits: tuple[str, ...], average: str, values: Sequence[tuple[str, str]], where: str) -> Iterator[Figure]:
    """One figure for each value: when as many tables are named as there are values, each value is of its own."""
    one_each = len(splits) == len(values)
    for position, (printed, unit) in enumerate(values):
        of = (splits[position],) if one_each else splits
        if set(of) != {"train"}:
            yield Figure(metric, tuple(split for split in of if split != "train"), average, printed, unit, where.strip()[:200])


def _plausible(metric: str, printed: str, unit: str) -> bool:
    """Whether a number can be a value of the metric at all: a share has a point or a per cent sign, a time has a unit."""
    if metric in ("p50_ms", "p95_ms", "p99_ms"):
        return unit in ("ms", "s")
    if metric == "throughput":
        return not unit
    return unit == "%" or (not unit and "." in printed and not printed.startswith(("-", "+")))


def _metric(label: str) -> str:
    match = METRIC.search(label)
    return str(match.lastgroup) if match and match.lastgroup != "other" else ""


def _splits(*texts: str) -> tuple[str, ...]:
    """The tables that the first text with any names; otherwise the test table."""
    for text in texts:
        named = tuple(dict.fromkeys(str(match.lastgroup) for match in SPLIT.finditer(text)))
        if named:
            return named
    return ("test",)


def _average(text: str) -> str:
    return next((name for name in ("macro", "weighted") if name in text.lower()), "")


def _class(label: str) -> str:
    return re.sub(r"^(?:class|label)\s+", "", label.strip().lower()).strip("`\"'“”")
