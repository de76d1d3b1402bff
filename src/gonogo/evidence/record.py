"""What a check measured, bound to the bytes it measured.

A fact is one value with its unit, and, where it is an estimate, the number of samples and an interval. Evidence is the facts of one
item with the digests of every input, so that a changed input is noticed without trusting anybody.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from gonogo.base.canonical import digest

Value = bool | int | float | str
FORMAT = "gonogo-evidence/1"
BOUNDS = ("low", "high", "level")


@dataclass(frozen=True)
class Fact:
    """One measured value. `unit` is "", "%", "pp", "ms", "s", "MB", "rows", …; `low` and `high` bound it at confidence `level`."""

    value: Value
    unit: str = ""
    n: int | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {key: _finite(value) for key, value in asdict(self).items() if value is not None and value != ""} | {
            "value": _finite(self.value)
        }


def share_of(count: int, n: int, level: float = 0.95) -> Fact:
    """The share of `count` in `n` with Wilson's interval. Raises ValueError unless 0 <= count <= n and n > 0."""
    from gonogo.stats.intervals import wilson  # needs NumPy, which whoever only reads records does without

    low, high = wilson(count, n, level)
    return Fact(count / n, n=n, low=low, high=high, level=level)


def _numbers(fact: Mapping[str, Any]) -> dict[str, Any]:
    """A fact's JSON with bounds that are words ("inf": too few samples to bound it) as numbers again. A value that is a word stays one."""
    return {key: float(value) if key in BOUNDS and isinstance(value, str) else value for key, value in fact.items()}


def _finite(value: Any) -> Any:
    """JSON has no NaN or infinity; a record keeps them as the words "nan", "inf", "-inf", which meet no requirement."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


@dataclass(frozen=True)
class Measurement:
    """What a check gives back: facts by name, findings in words (what is wrong, one line each), data for pictures."""

    facts: Mapping[str, Fact]
    findings: tuple[str, ...] = ()
    pictures: Mapping[str, Any] = field(default_factory=dict)  #: name → JSON data, drawn by reports
    isolation: str = ""  #: the isolation in force when a candidate's own bytes were run


@dataclass(frozen=True)
class Evidence:
    """The record of one measurement of one item. `status` "error" means that the check could not measure; `message` says why.

    `inputs` maps each input's name to its digest; `check` names the check and `options` is the digest of its options. Times are
    RFC 3339 in UTC.
    """

    item: str
    check: str
    options: str
    inputs: Mapping[str, str]
    status: Literal["measured", "error"]
    facts: Mapping[str, Fact]
    findings: tuple[str, ...]
    message: str
    tools: Mapping[str, str]
    isolation: str
    started: str
    finished: str
    pictures: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "item": self.item,
            "check": self.check,
            "options": self.options,
            "inputs": dict(self.inputs),
            "status": self.status,
            "facts": {name: fact.to_json() for name, fact in self.facts.items()},
            "findings": list(self.findings),
            "message": self.message,
            "tools": dict(self.tools),
            "isolation": self.isolation,
            "started": self.started,
            "finished": self.finished,
            "pictures": dict(self.pictures),
        }

    @property
    def digest(self) -> str:
        return digest(self.to_json())

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Evidence:
        """Inverse of `to_json`. Raises ValueError for another format, unknown or missing keys, or values of the wrong type."""
        expected = {
            "format", "item", "check", "options", "inputs", "status", "facts", "findings", "message", "tools", "isolation",
            "started", "finished", "pictures",
        }  # fmt: skip
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise ValueError(f"not a {FORMAT} document")
        if data.keys() != expected:
            raise ValueError(f"unexpected keys: {sorted(data.keys() ^ expected)}")
        if data["status"] not in ("measured", "error"):
            raise ValueError(f"status {data['status']!r} is unknown")
        try:
            facts = {str(name): Fact(**_numbers(fact)) for name, fact in data["facts"].items()}
        except (TypeError, AttributeError) as error:
            raise ValueError(f"a fact is malformed: {error}") from error
        return cls(
            item=str(data["item"]),
            check=str(data["check"]),
            options=str(data["options"]),
            inputs={str(key): str(value) for key, value in data["inputs"].items()},
            status=data["status"],
            facts=facts,
            findings=tuple(str(finding) for finding in data["findings"]),
            message=str(data["message"]),
            tools={str(key): str(value) for key, value in data["tools"].items()},
            isolation=str(data["isolation"]),
            started=str(data["started"]),
            finished=str(data["finished"]),
            pictures=dict(data["pictures"]),
        )
