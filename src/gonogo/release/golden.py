"""Golden requests: a handful of requests and the scores that they must get, wherever and whenever the bundle is served.

No row of a table is in them. Every value is an aggregate (a quantile between the 1st and the 99th percentile, rounded to float32; a
category that at least `ENOUGH` rows share), put together to rows that nobody sent; a tensor has such a quantile at each of its places. They
cover the middle, both ends, one row and many, and null wherever the schema allows it. Where the model's pipeline refuses every category
that it does not list, the values are listed ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gonogo.base.table import Column, Table
from gonogo.errors import ModelError
from gonogo.model.encode import encode_rows
from gonogo.model.runtime import Array
from gonogo.model.schema import Feature, Schema, Tensor

FORMAT = "gonogo-golden/1"
TOLERANCE = 1e-5  #: largest allowed difference of a score: float32 sums may be ordered differently on another processor
ENOUGH = 5
MANY = 500  #: rows whose tensors the quantiles are taken of
Row = dict[str, Any]


def make_golden(
    schema: Schema, table: Table, score: Callable[[dict[str, Array]], Array], listed: Mapping[str, Sequence[Any]] | None = None
) -> dict[str, Any]:
    """The document golden.json. `score` computes float64 [rows, classes] from an encoded batch, in isolation; `listed` has the categories
    of features that take no others.

    Raises ModelError when a score is not finite.
    """
    cases = golden_cases(schema, table, listed)
    rows = [row for _, rows in cases for row in rows]
    scores = score(encode_rows(schema, rows))
    if not np.isfinite(scores).all():
        bad = next(name for name, rows in _spread(cases, scores) if not np.isfinite(rows).all())
        raise ModelError(
            f"the model gives NaN or infinity for the golden request {bad!r}.", hint="Look for a division or log in the graph."
        )
    requests = [
        {"name": name, "rows": rows, "scores": part.tolist()} for (name, rows), (_, part) in zip(cases, _spread(cases, scores), strict=True)
    ]
    return {"format": FORMAT, "tolerance": TOLERANCE, "classes": list(schema.classes), "requests": requests}


def golden_cases(schema: Schema, table: Table, listed: Mapping[str, Sequence[Any]] | None = None) -> list[tuple[str, list[Row]]]:
    """Names and rows of the requests, from a table's quantiles and frequent categories."""
    features: dict[str, _Values | _Tensors] = {
        feature.name: _Values(feature, table.column(feature.name), (listed or {}).get(feature.name, ()))
        if feature.tensor is None
        else _Tensors(feature, feature.tensor, table.column(feature.name))
        for feature in schema.features
    }

    def row(share: float, rank: int) -> Row:
        return {name: values.at(share, rank) for name, values in features.items()}

    middle, low, high = row(0.5, 0), row(0.05, 1), row(0.95, 2)
    cases: list[tuple[str, list[Row]]] = [
        ("typical", [middle]),
        ("low", [low]),
        ("high", [high]),
        ("lowest", [row(0.01, 0)]),
        ("highest", [row(0.99, 0)]),
        ("mixed", [{name: values.at(0.1 if place % 2 else 0.9, place % 3) for place, (name, values) in enumerate(features.items())}]),
        ("several rows", [middle, low, high, middle]),
    ]
    nullable = [feature.name for feature in schema.features if feature.nullable]
    if nullable:
        without = {name: features[name].absent(middle[name]) for name in nullable}
        alone = [{**middle, name: value} for name, value in without.items()]
        cases.append(("missing values", alone + [{**middle, **without}] * (len(nullable) > 1)))
    return cases


class _Values:
    """What a feature's golden values are drawn from."""

    def __init__(self, feature: Feature, column: Column, listed: Sequence[Any]) -> None:
        self._type = feature.type
        self._listed = [value for value in listed if value != ""]  # "" is a missing one
        self._numbers: Column = np.empty(0)
        self._words: list[str] = []
        if feature.type == "string":
            counts = Counter(str(value) for value in column if value is not None)
            self._words = sorted(
                (word for word, n in counts.items() if n >= ENOUGH and word in (self._listed or counts)),
                key=lambda word: (-counts[word], word),
            )
        else:
            numbers = np.asarray(column, dtype=np.float64)
            self._numbers = np.sort(numbers[np.isfinite(numbers)])

    def at(self, share: float, rank: int) -> Any:
        """The quantile at `share`, or the category of that rank by frequency (from 0; the last one when there are fewer)."""
        if self._type == "string":
            words = self._words or self._listed or ["other"]
            return words[min(rank, len(words) - 1)]
        value = float(np.float32(np.quantile(self._numbers, share))) if len(self._numbers) else 0.0
        if self._listed:
            value = min(self._listed, key=lambda known: abs(known - value))
        if self._type == "bool":
            return value >= 0.5
        # Rounding may not lead beyond what there was: 127 may be all that the input holds.
        return round(min(value, float(self._numbers.max(initial=0.0)))) if self._type == "int" else value

    def absent(self, value: Any) -> Any:
        """What stands for a missing value."""
        return None


class _Tensors:
    """What the golden values of a feature that is a tensor are drawn from."""

    def __init__(self, feature: Feature, tensor: Tensor, column: Column) -> None:
        self._feature, self._shape = feature, tensor.shape
        self._some = column[np.unique(np.linspace(0, len(column) - 1, num=min(len(column), MANY), dtype=np.int64))].astype(np.float64)

    def at(self, share: float, rank: int) -> Any:
        """At each place of the tensor the quantile of what the rows have there, as nested lists."""
        known = np.where(np.isfinite(self._some).any(axis=0), self._some, 0.0)
        values = np.nanquantile(known, share, axis=0).astype(np.float32).astype(np.float64)
        kind = self._feature.type
        if kind == "int":
            values = np.rint(np.minimum(values, known.max())).astype(np.int64)
        plain = values >= 0.5 if kind == "bool" else values
        return plain.reshape(self._shape).tolist()

    def absent(self, value: Any) -> Any:
        """The tensor without the first of its elements."""
        if isinstance(value, list):
            return [self.absent(value[0]), *value[1:]]
        return None


def _spread(cases: list[tuple[str, list[Row]]], scores: Array) -> list[tuple[str, Array]]:
    """The scores of every case, cut out of the scores of all rows."""
    ends = np.cumsum([len(rows) for _, rows in cases]).tolist()
    return [(name, scores[end - len(rows) : end]) for (name, rows), end in zip(cases, ends, strict=True)]
