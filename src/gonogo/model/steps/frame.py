"""The columns that a pipeline works on: all numbers in one matrix, all texts in another.

`Columns` is the plan, made once when the document is read: which name is which column. `Frame` is one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from gonogo.errors import ModelError
from gonogo.model.encode import MOST_PROBLEMS, RowErrors
from gonogo.model.runtime import Array
from gonogo.model.steps.spec import Spec

Kind = Literal["number", "text"]
Index = slice | Array
MOST_COLUMNS = 100_000


@dataclass
class Frame:
    """One batch: `numbers` float64 [rows, columns], `texts` object [rows, columns]; NaN and "" are missing values.

    `errors` are values that a step cannot take, in the form of `encode.RowErrors`; `refused` counts those beyond `MOST_PROBLEMS` too.
    """

    numbers: Array
    texts: Array
    errors: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0

    def refuse(self, rows: Array, feature: str, problem: str, message: Callable[[int], str]) -> None:
        """Note that the values of one feature in these rows (positions) cannot be used; `message` says why of a row."""
        self.refused += len(rows)
        for row in rows[: MOST_PROBLEMS - len(self.errors)].tolist():
            self.errors.append({"row": row, "feature": feature, "problem": problem, "message": f"{feature!r} {message(row)}"})

    def check(self) -> None:
        """Raise RowErrors when anything was refused."""
        if self.refused:
            raise RowErrors(self.errors, self.refused)


class Columns:
    """Name → kind and position; grown by the steps that make new columns."""

    def __init__(self) -> None:
        self._places: dict[str, tuple[Kind, int]] = {}
        self._count: dict[Kind, int] = {"number": 0, "text": 0}
        self.used: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def add(self, name: str, kind: Kind) -> int:
        """The position of a new column. Raises ModelError when the name is taken or there are too many."""
        if name in self._places:
            raise ModelError(f"two columns are called {name!r}.")
        if len(self._places) == MOST_COLUMNS:
            raise ModelError(f"there are more than {MOST_COLUMNS:,} columns.")
        position = self._count[kind]
        self._places[name] = (kind, position)
        self._count[kind] += 1
        return position

    def find(self, spec: Spec, key: str, name: str) -> tuple[Kind, int]:
        """Kind and position of a column; it counts as used from now on. Raises ModelError when there is none of that name."""
        if name not in self._places:
            raise spec.error(key, f"names {name!r}, which is no feature and made by no step before")
        self.used.add(name)
        return self._places[name]

    def numbers(self, spec: Spec, key: str = "features") -> tuple[tuple[str, ...], Index]:
        """The names in a list of number columns, and where they are. Raises ModelError for text and unknown names."""
        names = spec.names(key)
        positions = []
        for number, name in enumerate(names):
            kind, position = self.find(spec, f"{key}[{number}]", name)
            if kind != "number":
                raise spec.error(f"{key}[{number}]", f"names {name!r}, which is text")
            positions.append(position)
        return names, index(positions)

    def frame(self, rows: int) -> Frame:
        """A frame for so many rows, with every column that there will be. Texts begin as missing."""
        texts = np.full((rows, self._count["text"]), "", dtype=object) if self._count["text"] else np.empty((rows, 0), dtype=object)
        return Frame(np.empty((rows, self._count["number"])), texts)


def index(positions: Sequence[int]) -> Index:
    """Positions as a slice where they lie side by side: a slice is a view, a list is a copy."""
    if positions and list(positions) == list(range(positions[0], positions[0] + len(positions))):
        return slice(positions[0], positions[0] + len(positions))
    return np.array(positions, dtype=np.intp)
