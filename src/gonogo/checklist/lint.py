"""Checklists that contradict themselves: what no candidate could meet, or what cannot be true of one and the same thing.

`claims` (gate.yaml) is what a source says of itself beside its items: how many items there are, how long the phases take, how large the
model is, what was measured. A claim demands nothing; it is compared with the items, and with itself. Rules:

    bounds        two items ask for more and for less of one figure
    limits        one figure has two limits, and the harder one is not that of a conditional item (which is a second policy)
    percentiles   a higher percentile has a lower limit
    feasibility   metrics of two classes that exclude each other (macro-F1 >= accuracy / (1 + accuracy); F1 from precision and recall)
    measured      a figure that is said to be measured does not meet its own item
    count         the number of items, or of minutes, is not what is said
    weights       the weights of the readiness score are not 100 in all
    size          parameters do not follow from the architecture, or bytes not from the parameters (20 %)

Figures are those of one check with one set of options: the same name in another check is another figure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gonogo.base.canonical import digest
from gonogo.checklist.expression import Name, Number, Requirement, parse
from gonogo.checklist.items import Checklist, Item
from gonogo.checklist.units import UNITS
from gonogo.stats.feasibility import f1_of

FLOAT32 = 4  #: bytes of a parameter
TOLERANCE = 0.2  #: of a size (conflict K02)
_PERCENTILE = re.compile(r"(?:^|_)p(\d{2,3})(?:_|$)")
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}


@dataclass(frozen=True)
class Finding:
    """One contradiction: the rule that found it, the items that take part, and what is wrong, with the numbers."""

    rule: str
    items: tuple[str, ...]
    message: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.message}" + (f" ({', '.join(self.items)})" if self.items else "")


@dataclass(frozen=True)
class Bound:
    """`fact operator limit` of one item, the limit in the base of its unit."""

    item: str
    scope: str
    fact: str
    operator: str
    limit: float
    text: str
    conditional: bool = False

    @property
    def below(self) -> bool:
        return self.operator in ("<", "<=", "==")

    @property
    def above(self) -> bool:
        return self.operator in (">", ">=", "==")

    def meets(self, value: float) -> bool:
        return {
            "<": value < self.limit,
            "<=": value <= self.limit,
            ">": value > self.limit,
            ">=": value >= self.limit,
            "==": value == self.limit,
        }[self.operator]


def lint(checklist: Checklist, claims: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Every contradiction of a checklist, in the order of the rules. Expects requirements that parse, as a loaded checklist has them."""
    bounds = [bound for item in checklist.items for bound in _bounds(item)]
    measured = {str(name): _number(value) for name, value in claims.get("measured", {}).items()}
    return (
        *_contradictions(bounds),
        *_limits(bounds),
        *_percentiles(bounds),
        *_feasibility(bounds, measured),
        *_measured(bounds, measured),
        *_counts(checklist, claims),
        *_weights(checklist.items),
        *_sizes(claims),
    )


def bilstm_parameters(*, input: int, hidden: int, layers: int, outputs: int) -> int:
    """Parameters of a bidirectional LSTM with two biases for each gate, and linear heads with `outputs` values in all.

    A layer has two directions of 4 h (d + h) + 8 h, where d is its input: `input` for the first, 2 h for the others.
    """
    widths = [input] + [2 * hidden] * (layers - 1)
    return sum(2 * (4 * hidden * (width + hidden) + 8 * hidden) for width in widths) + (2 * hidden + 1) * outputs


def _bounds(item: Item) -> Iterator[Bound]:
    scope = f"{item.check}:{digest(dict(item.options))}"
    for text in item.require:
        found = _simple(parse(text))
        if found is not None:
            fact, operator, limit = found
            yield Bound(item.id, scope, fact, operator, limit, text, item.kind == "conditional")


def _simple(requirement: Requirement) -> tuple[str, str, float] | None:
    """(fact, operator, limit) of `fact < number` and `number > fact`; None for everything else."""
    left, right, operator = requirement.left, requirement.right, requirement.operator
    if operator not in _TURNED:
        return None
    if isinstance(left, Name) and isinstance(right, Number):
        return left.name, operator, _base(right)
    if isinstance(left, Number) and isinstance(right, Name) and operator != "==":
        return right.name, _TURNED[operator], _base(left)
    return None


def _base(number: Number) -> float:
    return number.value * UNITS[number.unit].factor


def _number(value: Any) -> float:
    """A claimed figure, "35.46 ms" or 0.22, in the base of its unit. Raises ExpressionError for anything else."""
    requirement = parse(f"figure == {value}")
    return _base(requirement.right) if isinstance(requirement.right, Number) else math.nan


def _pairs(bounds: Sequence[Bound]) -> Iterator[tuple[Bound, Bound]]:
    for index, one in enumerate(bounds):
        for other in bounds[index + 1 :]:
            if (one.scope, one.fact) == (other.scope, other.fact):
                yield one, other


def _contradictions(bounds: Sequence[Bound]) -> Iterator[Finding]:
    for one, other in _pairs(bounds):
        for low, high in ((one, other), (other, one)):
            strict = low.operator == ">" or high.operator == "<"
            if low.above and high.below and (low.limit > high.limit or (low.limit == high.limit and strict)):
                yield Finding("bounds", _names(low, high), f"nothing meets both {low.text} and {high.text}")
                break


def _limits(bounds: Sequence[Bound]) -> Iterator[Finding]:
    for one, other in _pairs(bounds):
        same_side = (one.below and other.below) or (one.above and other.above)
        harder = one if (one.limit > other.limit) == one.above else other
        if same_side and "==" not in (one.operator, other.operator) and one.limit != other.limit and not harder.conditional:
            yield Finding("limits", _names(one, other), f"{one.fact} has two limits: {one.text} and {other.text}")


def _percentiles(bounds: Sequence[Bound]) -> Iterator[Finding]:
    ranked = [(int(found[1]), bound) for bound in bounds if bound.below and (found := _PERCENTILE.search(bound.fact))]
    for low, one in ranked:
        for high, other in ranked:
            alike = _PERCENTILE.sub("", one.fact) == _PERCENTILE.sub("", other.fact)
            if low < high and alike and one.scope == other.scope and one.limit > other.limit:
                yield Finding("percentiles", _names(one, other), f"{other.text} is harder than {one.text}, which then says nothing")


def _feasibility(bounds: Sequence[Bound], measured: Mapping[str, float]) -> Iterator[Finding]:
    for scope in dict.fromkeys(bound.scope for bound in bounds):
        here = [bound for bound in bounds if bound.scope == scope]
        accuracy, precision, recall = (_least(here, measured, name) for name in ("accuracy", "precision", "recall"))
        for name, least, why in (
            ("macro_f1", accuracy / (1 + accuracy), f"accuracy of {accuracy:.3g} in two classes means"),
            ("f1", f1_of(precision, recall), f"precision of {precision:.3g} with recall of {recall:.3g} means"),
        ):
            most = _most(here, measured, name)
            if most < least - 1e-12:
                items = tuple(dict.fromkeys(bound.item for bound in here if bound.fact in (name, "accuracy", "precision", "recall")))
                yield Finding("feasibility", items, f"{why} {name} of {least:.3g} at least, not {most:.3g}")


def _least(bounds: Sequence[Bound], measured: Mapping[str, float], name: str) -> float:
    return max([bound.limit for bound in bounds if bound.fact == name and bound.above] + [measured.get(name, 0.0), 0.0])


def _most(bounds: Sequence[Bound], measured: Mapping[str, float], name: str) -> float:
    return min([bound.limit for bound in bounds if bound.fact == name and bound.below] + [measured.get(name, math.inf)])


def _measured(bounds: Sequence[Bound], measured: Mapping[str, float]) -> Iterator[Finding]:
    for bound in bounds:
        value = measured.get(bound.fact)
        if value is not None and not bound.meets(value):
            yield Finding("measured", (bound.item,), f"{bound.fact} is said to be {value:.6g}, which does not meet {bound.text}")


def _counts(checklist: Checklist, claims: Mapping[str, Any]) -> Iterator[Finding]:
    said = claims.get("items")
    if said is not None and said != len(checklist.items):
        yield Finding("count", (), f"{said} items are announced, {len(checklist.items)} are there")
    minutes = math.fsum(phase.minutes or 0 for phase in checklist.phases)
    if claims.get("minutes") is not None and claims["minutes"] != minutes:
        yield Finding("count", (), f"{claims['minutes']:g} minutes are announced, the phases take {minutes:g}")


def _weights(items: Sequence[Item]) -> Iterator[Finding]:
    weights = math.fsum(item.weight for item in items)
    if weights and not math.isclose(weights, 100):
        yield Finding("weights", tuple(item.id for item in items if item.weight), f"the weights are {weights:g} in all, not 100")


def _sizes(claims: Mapping[str, Any]) -> Iterator[Finding]:
    said, shape, megabytes = claims.get("parameters"), claims.get("bilstm"), claims.get("megabytes")
    counted = bilstm_parameters(**shape) if shape else said
    if said and counted and abs(counted - said) > TOLERANCE * counted:
        yield Finding("size", (), f"{said:,} parameters are announced, the architecture has {counted:,}")
    if megabytes and counted:
        low, high = megabytes if isinstance(megabytes, list) else (megabytes, megabytes)
        real = counted * FLOAT32 / 1e6
        if not low * (1 - TOLERANCE) <= real <= high * (1 + TOLERANCE):
            said_size = f"{low:g}" if low == high else f"{low:g} to {high:g}"
            yield Finding("size", (), f"{said_size} MB are announced, {counted:,} float32 parameters are {real:.3g} MB")


def _names(one: Bound, other: Bound) -> tuple[str, ...]:
    return tuple(dict.fromkeys((one.item, other.item)))
