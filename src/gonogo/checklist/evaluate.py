"""Requirements against facts: met, not met, or not to be judged.

Rules: whatever cannot be judged (a missing fact, NaN, an infinity, text where a number is needed, units that do not fit, no interval at
the demanded confidence) is an error, and an error is never met.

With a confidence, a requirement must hold at the worst end of every fact's interval (interval arithmetic; the interval of a
difference of two facts is therefore wider than it need be, never narrower). A two-sided interval at level L bounds one side at
(1 + L) / 2, so the demand is met at least at the confidence that was asked for.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from gonogo.checklist.expression import Call, Choices, Combined, Name, Negated, Number, Operand, Requirement, Text, Truth
from gonogo.checklist.units import EXAMPLES, UNITS, shown

NOT_FINITE = frozenset({"nan", "inf", "-inf"})  #: how a record writes numbers that JSON cannot


class Measured(Protocol):
    """A fact, as `evidence.record.Fact` has it."""

    @property
    def value(self) -> bool | int | float | str: ...
    @property
    def unit(self) -> str: ...
    @property
    def n(self) -> int | None: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...
    @property
    def level(self) -> float | None: ...


@dataclass(frozen=True)
class Judged:
    """One requirement judged. `error` means that it could not be judged (then it is not met). The texts are for people."""

    met: bool
    measured: str
    required: str
    reason: str
    error: bool = False


class Span(NamedTuple):
    """A number with its worst ends, in the base of its dimension. `any_unit` marks a bare zero."""

    low: float
    value: float
    high: float
    dimension: str
    any_unit: bool = False


class _Unjudgeable(Exception):
    """Why a requirement cannot be judged."""


def evaluate(requirement: Requirement, facts: Mapping[str, Measured], confidence: float | None = None) -> Judged:
    """Judge one requirement. Never raises for what was measured: that is `error=True`."""
    required = str(requirement) + (f" with confidence {_percent(confidence)}" if confidence else "")
    measured = required
    try:
        measured = ", ".join(_measured(name, facts) for name in requirement.names)
        met = _holds(requirement, facts, None)
        if confidence is None:
            return Judged(met, measured, required, "it holds" if met else f"{measured}, but {required} is required")
        certain = _certain(requirement, facts, confidence)
        if certain:
            return Judged(True, measured, required, f"it holds with confidence {_percent(confidence)}")
        reason = f"{measured}, but {required} is required"
        if met:
            reason = (
                f"the estimate meets it, the bound at {_percent(confidence)} confidence does not{_samples(requirement, facts, confidence)}"
            )
        return Judged(False, measured, required, reason)
    except OverflowError:
        return Judged(False, measured, required, "a number is too large to be compared", error=True)
    except _Unjudgeable as error:
        return Judged(False, measured, required, str(error), error=True)


def _certain(requirement: Requirement, facts: Mapping[str, Measured], confidence: float) -> bool:
    if not 0 < confidence < 1:
        raise _Unjudgeable(f"a confidence lies between 0 and 1, not at {confidence}")
    if requirement.operator in ("==", "!=", "in"):
        raise _Unjudgeable(f"{requirement.operator} has no bound, so it cannot be held with confidence")
    return _holds(requirement, facts, confidence)


def _holds(requirement: Requirement, facts: Mapping[str, Measured], confidence: float | None) -> bool:
    right = requirement.right
    if isinstance(right, Text | Truth | Choices):
        return _matches(requirement, right, facts)
    a, b = _span(requirement.left, facts, confidence), _span(right, facts, confidence)
    _same_dimension(a, b, str(requirement))
    compare: dict[str, Callable[[], bool]] = {
        ">": lambda: a.low > b.high,
        ">=": lambda: a.low >= b.high,
        "<": lambda: a.high < b.low,
        "<=": lambda: a.high <= b.low,
        "==": lambda: a.value == b.value,
        "!=": lambda: a.value != b.value,
    }
    return compare[requirement.operator]()


def _matches(requirement: Requirement, right: Text | Truth | Choices, facts: Mapping[str, Measured]) -> bool:
    """Equality with words and truth values, and membership. A value of another type is an error, not a difference."""
    wanted = right.values if isinstance(right, Choices) else (right,)
    kinds = {type(value) for value in wanted}
    if kinds == {Number}:
        left = _span(requirement.left, facts, None)
        spans = [_span(value, facts, None) for value in wanted if isinstance(value, Number)]
        for span in spans:
            _same_dimension(left, span, str(requirement))
        return any(left.value == span.value for span in spans)
    if not isinstance(requirement.left, Name):
        raise _Unjudgeable(f"{requirement.left} is a number and cannot be compared with {right}")
    fact = _fact(requirement.left.name, facts)
    truths = kinds == {Truth}
    if not truths and kinds != {Text}:
        raise _Unjudgeable(f"{right} mixes words, numbers and truth values")
    if truths != isinstance(fact.value, bool) or not isinstance(fact.value, bool | str):
        raise _Unjudgeable(f"{requirement.left} is {_kind(fact.value)} and cannot be compared with {right}")
    if fact.value in NOT_FINITE:
        raise _Unjudgeable(f"{requirement.left} is {fact.value}, which is no value")
    found = any(fact.value == value.value for value in wanted)
    return not found if requirement.operator == "!=" else found


def _span(operand: Operand, facts: Mapping[str, Measured], confidence: float | None) -> Span:
    if isinstance(operand, Number):
        unit = UNITS[operand.unit]
        value = operand.value * unit.factor
        result = Span(value, value, value, unit.dimension, any_unit=operand.value == 0 and not operand.unit)
    elif isinstance(operand, Name):
        result = _fact_span(operand.name, _fact(operand.name, facts), confidence)
    elif isinstance(operand, Negated):
        inner = _span(operand.operand, facts, confidence)
        result = Span(-inner.high, -inner.value, -inner.low, inner.dimension, inner.any_unit)
    elif isinstance(operand, Call):
        result = _call(operand, [_span(argument, facts, confidence) for argument in operand.arguments])
    else:
        result = _combine(operand, _span(operand.left, facts, confidence), _span(operand.right, facts, confidence))
    if not all(math.isfinite(number) for number in result[:3]):
        raise _Unjudgeable(f"{operand} is not a finite number")
    return result


def _combine(operand: Combined, a: Span, b: Span) -> Span:
    if operand.operator in "+-":
        _same_dimension(a, b, str(operand))
        dimension = b.dimension if a.any_unit else a.dimension
        if operand.operator == "+":
            return Span(a.low + b.low, a.value + b.value, a.high + b.high, dimension)
        return Span(a.low - b.high, a.value - b.value, a.high - b.low, dimension)
    if operand.operator == "*":
        if a.dimension and b.dimension:
            raise _Unjudgeable(f"{operand} multiplies a {a.dimension} by a {b.dimension}")
        ends = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
        return Span(min(ends), a.value * b.value, max(ends), a.dimension or b.dimension)
    if b.low <= 0 <= b.high:
        raise _Unjudgeable(f"{operand} divides by zero")
    if b.dimension not in ("", a.dimension):
        raise _Unjudgeable(f"{operand} divides a {a.dimension or 'plain number'} by a {b.dimension}")
    ends = [x / y for x in (a.low, a.high) for y in (b.low, b.high)]
    return Span(min(ends), a.value / b.value, max(ends), "" if b.dimension else a.dimension)


def _call(operand: Call, spans: list[Span]) -> Span:
    first = spans[0]
    if operand.function == "abs":
        ends = sorted((abs(first.low), abs(first.high)))
        low = 0.0 if first.low <= 0 <= first.high else ends[0]
        return Span(low, abs(first.value), ends[1], first.dimension, first.any_unit)
    for span in spans[1:]:
        _same_dimension(first, span, str(operand))
    pick = min if operand.function == "min" else max
    dimension = next((span.dimension for span in spans if not span.any_unit), first.dimension)
    return Span(pick(span.low for span in spans), pick(span.value for span in spans), pick(span.high for span in spans), dimension)


def _fact(name: str, facts: Mapping[str, Measured]) -> Measured:
    if name not in facts:
        near = difflib.get_close_matches(name, facts, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; measured were: {', '.join(facts) or 'none'}"
        raise _Unjudgeable(f"no fact {name} was measured{hint}")
    return facts[name]


def _fact_span(name: str, fact: Measured, confidence: float | None) -> Span:
    given = fact.value
    if isinstance(given, bool | str) or not isinstance(given, int | float):
        raise _Unjudgeable(f"{name} is {_kind(given)}, not a number")
    if fact.unit not in UNITS:
        raise _Unjudgeable(f"{name} is in {fact.unit!r}, which is no known unit")
    unit = UNITS[fact.unit]
    low = high = value = float(given)
    if confidence is not None:
        if fact.low is None or fact.high is None or fact.level is None or fact.level < confidence:
            has = f"only at {_percent(fact.level)}" if fact.level is not None and fact.low is not None else "none"
            raise _Unjudgeable(f"{name} needs an interval at {_percent(confidence)} confidence and has {has}")
        low, high = float(fact.low), float(fact.high)
    if not low <= value <= high:  # also when one of them is NaN
        raise _Unjudgeable(f"{name} = {fact.value} is not a number inside its interval {low} … {high}")
    return Span(low * unit.factor, value * unit.factor, high * unit.factor, unit.dimension)


def _same_dimension(a: Span, b: Span, where: str) -> None:
    if a.any_unit or b.any_unit or a.dimension == b.dimension:
        return
    named, bare = (a.dimension, b.dimension) if a.dimension else (b.dimension, a.dimension)
    raise _Unjudgeable(f"{where}: a {named} cannot be compared with a {bare or 'plain number'}; write a unit, such as {EXAMPLES[named]}")


def _rounded(number: float) -> int:
    """To two significant digits: a forecast is not more exact than that."""
    return int(float(f"{number:.2g}"))


def _percent(share: float) -> str:
    return f"{share * 100:g}%"


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    return f"the word {value!r}" if isinstance(value, str) else f"the number {value}"


def _measured(name: str, facts: Mapping[str, Measured]) -> str:
    fact = facts.get(name)
    if fact is None:
        return f"{name} was not measured"
    if isinstance(fact.value, bool):
        return f"{name} = {'true' if fact.value else 'false'}"
    if isinstance(fact.value, str) or not math.isfinite(fact.value):
        return f"{name} = {fact.value}"
    text = f"{name} = {shown(fact.value, fact.unit)}"
    inside = []
    if fact.low is not None and fact.high is not None and fact.level is not None:
        inside.append(f"{_percent(fact.level)} interval {fact.low:.4g} to {fact.high:.4g}")
    if fact.n is not None:
        inside.append(f"n = {fact.n:,}")
    return f"{text} ({', '.join(inside)})" if inside else text


def _samples(requirement: Requirement, facts: Mapping[str, Measured], confidence: float) -> str:
    """How many samples would bring the bound to the requirement: the half width shrinks with the square root of n."""
    names = requirement.names
    fact = facts[names[0]]
    right = requirement.right
    if len(names) != 1 or fact.n is None or isinstance(right, Text | Truth | Choices):
        return ""
    a, b = _span(requirement.left, facts, confidence), _span(right, facts, confidence)
    distance = abs(a.value - b.value)
    upwards = requirement.operator in (">", ">=")
    width = (a.value - a.low) + (b.high - b.value) if upwards else (a.high - a.value) + (b.value - b.low)
    if distance == 0:
        return "; no number of samples would decide it, the estimate lies on the limit"
    return f"; it needs about {_rounded(fact.n * (width / distance) ** 2):,} samples (now {fact.n:,})"
