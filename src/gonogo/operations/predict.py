"""`gonogo predict`: predictions for the rows of a file or a stream, by a verified release on this machine or by a running service.

Rows are JSON lines, or a CSV or Parquet table with the model's features among its columns. They are read, computed and written a batch at
a time, so that memory stays the same however many there are. A row that cannot be used stops nothing: it gets its errors in its place.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, prod
from pathlib import Path
from typing import IO, Any

from gonogo.base.table import READERS, TableFiles
from gonogo.errors import DataError, UnreachableError, UsageError
from gonogo.model.encode import NAME_SHOWN, RowErrors, encode_rows
from gonogo.model.predict import labels, scored
from gonogo.model.rows import request_value
from gonogo.model.schema import Feature, Schema, Tensor
from gonogo.operations.verify import verify_reference
from gonogo.operations.workspace import Workspace
from gonogo.service.answering.loading import served_bundle

BATCH = 500  #: rows of one call of the model; fewer where they are long, …
BATCH_CHARACTERS = 1 << 18  #: … as JSON lines
BATCH_NUMBERS = 10_000  #: … or in a table
LONGEST_LINE = 16 << 20  #: characters of one JSON line
LINES = ("", ".jsonl", ".ndjson", ".json")  #: suffixes of files of JSON lines
DEEPEST = 64  #: lists in lists that are sent; no tensor has as many
SHOWN = 5  #: of the missing columns, …
COLUMNS_SHOWN = 50  #: … and of those that are there

Row = Mapping[str, Any]
Written = Callable[[Sequence[Mapping[str, Any]]], None]
Predictor = Callable[[Sequence[Row]], list[dict[str, Any]]]


@dataclass(frozen=True)
class Predicted:
    """How many rows there were, and how many of them could not be used."""

    rows: int
    refused: int


def predict(
    predictor: Predictor, batches: Iterator[Sequence[Row | str]], write: Written, seen: Callable[[int], None] = lambda rows: None
) -> Predicted:
    """Give every batch to the predictor and its answers to `write`, in order; `seen` is told how many rows are done.

    An answer is {"row", "label", "score", "scores"} or {"row", "errors"}; rows count from 0. A text in a row's place says why it is none.
    """
    done = refused = 0
    for batch in batches:
        rows = [row for row in batch if not isinstance(row, str)]
        answers = iter(predictor(rows) if rows else [])
        found = [
            {"row": done + place, **({"errors": [{"problem": "row", "message": row}]} if isinstance(row, str) else next(answers))}
            for place, row in enumerate(batch)
        ]
        refused += sum("errors" in one for one in found)
        done += len(batch)
        write(found)
        seen(done)
    return Predicted(done, refused)


def release_predictor(workspace: Workspace, reference: str) -> tuple[Sequence[Feature], Predictor]:
    """The features and the model of a verified release, in this process. Raises what verifying and loading raise, and UsageError for the
    name of a file in the reference's place."""
    if "@" not in reference and Path(reference).suffix:
        raise UsageError(f"{reference!r} is neither a release nor a service's address.", hint=f"gonogo predict SYSTEM@VERSION {reference}")
    verified = verify_reference(workspace, reference)
    release = f"{verified.system}@{verified.version}"
    served = served_bundle(release, verified.bundle, {"version": str(verified.version)})
    schema = served.schema

    def ask(rows: Sequence[Row]) -> list[dict[str, Any]]:
        values, also = scored(schema, served.loaded, encode_rows(schema, rows))
        answers = [_answer(schema, name, row) for name, row in zip(labels(schema, values), values.tolist(), strict=True)]
        if also:
            for answer, *beside in zip(answers, *(one.tolist() for one in also.values()), strict=True):
                answer["also"] = dict(zip(also, beside, strict=True))
        return answers

    return schema.features, row_by_row(ask, RowErrors)


def told_features(info: Mapping[str, Any]) -> Sequence[Feature]:
    """The features that a service names in its `/model_info`. Raises UnreachableError when it names none."""
    try:
        return [
            Feature(str(one["name"]), one["type"], bool(one["nullable"]), "", 0, Tensor(tuple(one["shape"])) if "shape" in one else None)
            for one in info["features"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise UnreachableError("the service does not say which features its model has.", hint="Is this a gonogo service?") from error


def row_by_row(ask: Predictor, *refusals: type[Exception]) -> Predictor:
    """A predictor that gives a bad row its errors, and the others their predictions. `ask` computes all rows or raises one of `refusals`,
    whose `errors` name bad ones: {row, feature, problem, message}. Not always all of them: the others are named when it is asked again."""

    def predict_rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
        bad: dict[int, list[dict[str, Any]]] = {}
        while True:
            left = [place for place in range(len(rows)) if place not in bad]
            try:
                answers = iter(ask([rows[place] for place in left]) if left else [])
            except refusals as error:
                errors: list[Mapping[str, Any]] = getattr(error, "errors", [])
                if not errors:
                    raise  # not the rows' fault
                for one in errors:
                    bad.setdefault(left[one["row"]], []).append({name: value for name, value in one.items() if name != "row"})
            else:
                return [{"errors": bad[place]} if place in bad else next(answers) for place in range(len(rows))]

    return predict_rows


def sendable(ask: Predictor) -> Predictor:
    """The same for rows that are sent as JSON: raises RowErrors of those that have no JSON, and then asks nobody."""

    def ask_for(rows: Sequence[Row]) -> list[dict[str, Any]]:
        errors = []
        for number, row in enumerate(rows):
            for name, value in row.items():
                problem, message = _unsendable(value) if _has_utf8(name) else ("unknown", " is no feature of this model")
                if problem:
                    shown = name[:NAME_SHOWN].encode(errors="backslashreplace").decode()
                    errors.append({"row": number, "feature": shown, "problem": problem, "message": f"{shown!r}{message}"})
        if errors:
            raise RowErrors(errors, len(errors))
        return ask(rows)

    return ask_for


def _unsendable(value: Any, depth: int = 0) -> tuple[str, str]:
    """Why a value has no JSON, as a problem and in words that continue the feature's name; two empty texts when it has."""
    if isinstance(value, float) and not isfinite(value):
        return "not finite", " must be a finite number"
    if isinstance(value, str):
        return ("", "") if _has_utf8(value) else ("text", " is not valid Unicode")
    if isinstance(value, list | dict):
        if depth == DEEPEST:
            return "type", " is nested too deeply"
        for place, part in enumerate(value) if isinstance(value, list) else value.items():
            problem, message = _unsendable(part, depth + 1)
            if problem:
                return problem, message if problem == "type" else f"[{place!r}]{message}"
    return "", ""


def _has_utf8(text: str) -> bool:
    """False for text with half of a surrogate pair, or from bytes that are no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_lines(stream: IO[str]) -> Iterator[list[Row | str]]:
    """JSON lines in batches; empty lines are passed over, and a line that is no object is a text that says so."""
    batch: list[Row | str] = []
    number = size = 0
    while line := stream.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE and not line.endswith("\n"):
            raise DataError(f"line {number} is longer than {LONGEST_LINE >> 20} MiB.", hint="One JSON object a line is needed.")
        if not line.strip():
            continue
        if batch and (len(batch) == BATCH or size + len(line) > BATCH_CHARACTERS):
            yield batch
            batch, size = [], 0
        batch.append(_row(line, number))
        size += len(line)
    if batch:
        yield batch


def check_file(path: Path) -> None:
    """Raises DataError for what is no file, and for one of another form than those that rows are read from. One without a suffix is taken
    for JSON lines."""
    if not path.is_file():
        raise DataError(f"there is no file {path}.")
    if path.suffix.lower() not in (*LINES, *READERS):
        forms = ".jsonl (one JSON object a line), .csv or .parquet"
        raise DataError(f"{path} is no kind of file that rows are read from.", hint=f"Write them as {forms}.")


def read_file(path: Path, features: Callable[[], Sequence[Feature]]) -> Iterator[Sequence[Row | str]]:
    """The rows of a .jsonl, .csv or .parquet file. A table is asked for the model's features, which only then are. Raises DataError."""
    if path.suffix.lower() not in READERS:
        with path.open(encoding="utf-8-sig", errors="surrogateescape") as stream:
            yield from read_lines(stream)
        return
    known = features()
    width = sum(prod(feature.tensor.shape) if feature.tensor is not None else 1 for feature in known)
    with TableFiles(rows=path) as tables:
        _check_columns(path, list(tables.kinds["rows"]), [feature.name for feature in known])
        for name in (feature.name for feature in known if feature.type == "string"):
            if (kind := tables.kind("rows", name)) in ("number", "time"):  # written as text again they would not be what was trained on
                raise DataError(f"{path}: the column {name!r} holds {kind}s, but the model takes text.", hint="Parquet keeps them apart.")
        for part in tables.batches("rows", [feature.name for feature in known], max(1, min(BATCH, BATCH_NUMBERS // max(1, width)))):
            yield [{feature.name: request_value(feature, value) for feature, value in zip(known, values, strict=True)} for values in part]


def _check_columns(path: Path, columns: Sequence[str], features: Sequence[str]) -> None:
    missing = [name for name in features if name not in columns]
    if missing:
        near = difflib.get_close_matches(missing[0], [name for name in columns if name not in features], n=1)
        what = "no column " + ", ".join(map(repr, missing[:SHOWN])) + (f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else "")
        listed = ", ".join(columns[:COLUMNS_SHOWN]) + (", …" if len(columns) > COLUMNS_SHOWN else "")
        closest = f"Closest to {missing[0]!r}: {near[0]!r}. " if near else ""
        raise DataError(f"{path} has {what}, which the model needs.", hint=f"{closest}It has: {listed}.")


def _row(line: str, number: int) -> Row | str:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"line {number} is not JSON: {error}"
    return row if isinstance(row, dict) else f"line {number} is no object of features"


def _answer(schema: Schema, label: str, row: Sequence[float]) -> dict[str, Any]:
    named = dict(zip(schema.classes, row, strict=True))
    return {"label": label, "score": row[-1] if len(schema.classes) == 2 else named[label], "scores": named}
