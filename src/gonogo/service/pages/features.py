"""The features of the served model as people and programs are told of them: types, typical values, an example that works.

What is typical comes from the release: numbers from the golden requests at the 1st and the 99th percentile, words from the baseline's
categories. It says what the model knows, not what it accepts: other values are accepted as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gonogo.model.encode import limits
from gonogo.model.packing import DTYPES, LARGEST
from gonogo.model.schema import Feature
from gonogo.service.answering.loading import Served

TYPES = {"float": "number", "int": "integer", "bool": "boolean", "string": "string"}
WORDS = {"float": "a number", "int": "a whole number", "bool": "true or false", "string": "text"}


@dataclass(frozen=True)
class Told:
    """One feature. `low` and `high` (numbers) are None and `categories` () where the release does not tell; so is `example`."""

    feature: Feature
    dtype: str  #: of the graph input where it enters
    nullable: bool  #: whether null may be sent for it
    example: Any
    low: Any
    high: Any
    categories: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.feature.name

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a tensor; () of a single value."""
        return self.feature.tensor.shape if self.feature.tensor is not None else ()

    def to_json_schema(self) -> dict[str, Any]:
        """The JSON Schema (2020-12) of exactly those values that are accepted."""
        kind = TYPES[self.feature.type]
        schema: dict[str, Any] = {"type": [kind, "null"] if self.nullable else kind}
        if self.feature.type in ("float", "int"):
            low, high = limits(self.feature, self.dtype)
            schema |= {"minimum": low, "maximum": high}
        if self.feature.tensor is not None:
            return {**nested_array(schema, self.shape), "description": self.words()}
        schema["description"] = self.words()
        schema |= {f"x-{name}": value for name, value in self.typical().items()}
        if self.example is not None or self.nullable:
            schema["examples"] = [self.example]
        return schema

    def typical(self) -> dict[str, Any]:
        """The typical range of numbers or the known categories of text, when the release tells them; of a tensor how it is made."""
        if self.feature.tensor is not None:
            channels = self.feature.tensor.channels
            return {"shape": list(self.shape), **({"channels": list(channels)} if channels else {})}
        if self.low is not None:
            return {"typical": {"from": self.low, "to": self.high}}
        return {"categories": list(self.categories)} if self.categories else {}

    def words(self) -> str:
        """One sentence or two for people."""
        kind = WORDS[self.feature.type] + (", or null when it is missing" if self.nullable else "")
        if self.feature.tensor is not None:
            channels = self.feature.tensor.channels
            along = f" Along axis {self.feature.tensor.axis}: {', '.join(channels)}." if channels else ""
            return f"Nested lists of the shape {list(self.shape)}, each element {kind}.{along}"
        if self.low is not None:
            return f"{kind[0].upper()}{kind[1:]}. Typical: {self.low:g} to {self.high:g}; other values are accepted."
        if self.categories:
            return f"{kind[0].upper()}{kind[1:]}. Known: {', '.join(self.categories)}; other values are accepted."
        return f"{kind[0].upper()}{kind[1:]}."


def nested_array(element: dict[str, Any], shape: Sequence[int]) -> dict[str, Any]:
    """The JSON Schema of nested lists of exactly this shape."""
    for size in reversed(shape):
        element = {"type": "array", "items": element, "minItems": size, "maxItems": size}
    return element


def told_features(served: Served) -> tuple[Told, ...]:
    """Every feature, in the model's order."""
    dtypes = {item.name: item.dtype for item in served.schema.inputs}
    low, typical, high = (_row(served, name) for name in ("lowest", "typical", "highest"))
    return tuple(_told(served, feature, dtypes[feature.input], low, typical, high) for feature in served.schema.features)


def typical_row(served: Served) -> dict[str, Any] | None:
    """The row of medians and most frequent values, when the release has its golden requests."""
    return dict(_row(served, "typical")) or None


def _short(value: Any, dtype: str) -> Any:
    """The shortest number that is the same one where it enters; of nested lists likewise."""
    if isinstance(value, list):
        return [_short(part, dtype) for part in value]
    return float(str(DTYPES[dtype](value))) if dtype in ("float16", "float32") and isinstance(value, float) else value


def _told(
    served: Served, feature: Feature, dtype: str, low: Mapping[str, Any], typical: Mapping[str, Any], high: Mapping[str, Any]
) -> Told:
    number = feature.type in ("float", "int") and feature.tensor is None
    bins = served.baseline.get("features", {}).get(feature.name, {}).get("bins", {})
    return Told(
        feature,
        dtype,
        feature.nullable and (feature.type == "string" or dtype in LARGEST),
        _short(typical.get(feature.name), dtype),
        _short(low.get(feature.name), dtype) if number else None,
        _short(high.get(feature.name), dtype) if number else None,
        tuple(bins.get("categories", ())) if feature.type == "string" else (),
    )


def _row(served: Served, name: str) -> Mapping[str, Any]:
    """The only row of a golden request; {} when there is none of that name."""
    for request in served.golden.get("requests", ()):
        if request["name"] == name:
            row: Mapping[str, Any] = request["rows"][0]
            return row
    return {}
