"""One object of a pipeline's document, read strictly: what is wrong is said with its place, such as `before[2].mean[1]`."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np

from gonogo.errors import ModelError
from gonogo.model.runtime import Array

MOST_ITEMS = 100_000  #: entries of one list; more is a broken or hostile file
LONGEST_NAME = 1000
LONGEST_SHOWN = 120  #: characters of a key in an error


class Spec:
    """A JSON object with the place where it stands. Every method raises ModelError naming the place."""

    def __init__(self, data: Any, place: str, *, known: Collection[str], required: Collection[str] = ()) -> None:
        self.place = place
        if not isinstance(data, dict):
            raise self.error("", "must be an object")
        self.data: dict[str, Any] = data
        for key in data:
            if key not in known:
                near = difflib.get_close_matches(key[:LONGEST_SHOWN], list(known), n=1)
                raise self.error(key, "is no key", hint=f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(sorted(known))}.")
        for key in required:
            if key not in data:
                raise self.error(key, "is missing")

    def error(self, key: str, problem: str, *, hint: str = "") -> ModelError:
        """An error that points at a key, or with "" at the object itself. No key is repeated in full, however long it is."""
        key = key if len(key) <= LONGEST_SHOWN else key[:LONGEST_SHOWN] + "…"
        return ModelError(f"{self.place}{f'.{key}' if key and self.place else key} {problem}.", hint=hint)

    def number(self, key: str) -> float:
        """A finite number."""
        return _number(self, key, self.data[key])

    def numbers(self, key: str, length: int | None = None) -> Array:
        """A list of finite numbers, float64 [length]."""
        values = [_number(self, f"{key}[{index}]", value) for index, value in enumerate(self.items(key))]
        if length is not None and len(values) != length:
            raise self.error(key, f"has {len(values)} numbers; {length} are needed")
        return np.array(values, dtype=np.float64)

    def items(self, key: str) -> list[Any]:
        """A list that is neither empty nor endless."""
        found = self.data[key]
        if not isinstance(found, list) or not found:
            raise self.error(key, "must be a list of at least one entry")
        if len(found) > MOST_ITEMS:
            raise self.error(key, f"has {len(found):,} entries; {MOST_ITEMS:,} is the most")
        return found

    def names(self, key: str) -> tuple[str, ...]:
        """A list of different names."""
        found = self.items(key)
        seen: set[str] = set()
        for index, name in enumerate(found):
            if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
                raise self.error(f"{key}[{index}]", "must be a name")
            if name in seen:
                raise self.error(f"{key}[{index}]", f"names {name!r} again")
            seen.add(name)
        return tuple(found)

    def choice(self, key: str, choices: Collection[str], default: str) -> str:
        """One of a few words."""
        found = self.data.get(key, default)
        if found not in choices:
            raise self.error(key, f"must be one of {', '.join(choices)}")
        return str(found)

    def objects(self, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """(place, object) of a list of objects; nothing when the key is not there."""
        for index, value in enumerate(self.data.get(key) or ()):
            if not isinstance(value, dict):
                raise self.error(f"{key}[{index}]", "must be an object")
            yield f"{self.place}{'.' if self.place else ''}{key}[{index}]", value


def is_finite(value: Any) -> bool:
    """Whether it is a number that a float can hold; a whole number may be too large for that."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e308  # not of NaN


def _number(spec: Spec, key: str, value: Any) -> float:
    if not is_finite(value):
        raise spec.error(key, "must be a finite number")
    return float(value)
