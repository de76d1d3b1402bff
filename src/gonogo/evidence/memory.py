"""Inputs held in memory: the shipped fake, for tests of one's own check and of ours.

inputs = MemoryInputs(test=Table({"x": np.array([1.0])}, 1))
inputs.get("test").rows == 1
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from gonogo.base.catalogue import load
from gonogo.errors import NotFoundError
from gonogo.evidence.check import Check, asked_inputs
from gonogo.evidence.record import Measurement


class MemoryInputs:
    """`Inputs` over given values. An exception as a value is raised when the input is asked for."""

    def __init__(self, **values: Any) -> None:
        self._values: dict[str, Any] = dict(values)
        self._revision: dict[str, int] = {}

    def put(self, name: str, value: Any) -> None:
        """Replace a value; its digest changes."""
        self._values[name] = value
        self._revision[name] = self._revision.get(name, 0) + 1

    def digest(self, name: str) -> str:
        self.get(name)
        return "sha256:" + hashlib.sha256(f"{name}:{self._revision.get(name, 0)}".encode()).hexdigest()

    def get(self, name: str) -> Any:
        if name not in self._values:
            raise NotFoundError(f"the project declares no {name}.")
        value = self._values[name]
        if isinstance(value, Exception):
            raise value
        return value


def measure(check: str | type[Check], options: Mapping[str, Any] | None = None, **inputs: Any) -> Measurement:
    """One call of a check on given inputs: `measure(Rows, test=table).facts["rows"].value`. Raises what the check raises."""
    kind: type[Check] = load("checks", check) if isinstance(check, str) else check
    asked_inputs(kind)  # a check that asks for an unknown name is wrong even when the call below would work
    return kind(options or {}).measure(**inputs)
