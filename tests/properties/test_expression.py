"""Laws of requirements: printing and parsing are inverses; judging never raises; errors are never met."""

from __future__ import annotations

import math
import string

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gonogo.checklist.evaluate import evaluate
from gonogo.checklist.expression import (
    RESERVED,
    Call,
    Choices,
    Combined,
    ExpressionError,
    Name,
    Negated,
    Number,
    Operand,
    Requirement,
    Text,
    Truth,
    parse,
)
from gonogo.checklist.units import UNITS, WRITTEN
from gonogo.evidence.record import Fact

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True).filter(lambda name: name not in RESERVED)
NUMBERS = st.builds(Number, st.floats(0, 1e12, allow_nan=False) | st.integers(0, 10**6).map(float), st.sampled_from(["", *WRITTEN]))
LEAVES: st.SearchStrategy[Operand] = st.builds(Name, NAMES) | NUMBERS
OPERANDS: st.SearchStrategy[Operand] = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(Negated, inner)
        | st.builds(Combined, inner, st.sampled_from("+-*/"), inner)  # type: ignore[arg-type]
        | st.builds(lambda a: Call("abs", (a,)), inner)
        | st.builds(lambda f, a: Call(f, tuple(a)), st.sampled_from(["min", "max"]), st.lists(inner, min_size=2, max_size=3))
    ),
    max_leaves=6,
)
TEXTS = st.text(alphabet=string.ascii_letters + string.digits + " _-./:'<>", max_size=8).map(Text)
WORDS = TEXTS | st.builds(Truth, st.booleans())
REQUIREMENTS = (
    st.builds(Requirement, OPERANDS, st.sampled_from([">", ">=", "<", "<=", "==", "!="]), OPERANDS)
    | st.builds(Requirement, OPERANDS, st.sampled_from(["==", "!="]), WORDS)
    | st.builds(Requirement, OPERANDS, st.just("in"), st.lists(WORDS | NUMBERS, min_size=1, max_size=4).map(lambda v: Choices(tuple(v))))
).filter(lambda requirement: bool(requirement.names) and len(str(requirement)) <= 500)

FLOATS = st.floats() | st.floats(-10, 10) | st.integers(-5, 5).map(float)
FACTS = st.builds(
    Fact,
    st.booleans() | FLOATS | st.integers() | st.text(max_size=5) | st.just("nan"),
    st.sampled_from([*UNITS, "furlong"]),
    st.none() | st.integers(0, 10**6),
    st.none() | FLOATS,
    st.none() | FLOATS,
    st.none() | st.sampled_from([0.9, 0.95, 0.99]),
)


@settings(max_examples=300)
@given(REQUIREMENTS)
def test_parsing_what_was_printed_gives_the_same_requirement(requirement: Requirement) -> None:
    assert parse(str(requirement)) == requirement


@settings(max_examples=300)
@given(st.text(alphabet='ab01.5e% <>=!()+-*/,"msinpruetf', max_size=24))
@example("a > 5 %")
def test_any_text_parses_or_says_why_not_and_printing_is_stable(text: str) -> None:
    requirement, position = None, 0
    try:
        requirement = parse(text)
    except ExpressionError as error:
        position = error.position
    assert 0 <= position <= len(text)
    assert requirement is None or parse(str(requirement)) == requirement


@settings(max_examples=300)
@given(REQUIREMENTS, st.data(), st.none() | st.sampled_from([0.9, 0.95, 0.999]))
def test_judging_never_raises_and_an_error_is_never_met(requirement: Requirement, data: st.DataObject, confidence: float | None) -> None:
    facts = {name: data.draw(FACTS) for name in requirement.names if data.draw(st.integers(0, 9))}
    judged = evaluate(requirement, facts, confidence)
    assert not (judged.error and judged.met)
    if facts.keys() != set(requirement.names) or any(_not_finite(fact.value) for fact in facts.values()):
        assert not judged.met


def _not_finite(value: bool | int | float | str) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


@settings(max_examples=200)
@given(st.floats(0, 1), st.floats(0, 0.5), st.floats(0, 1), st.sampled_from([">", ">=", "<", "<="]))
def test_confidence_only_ever_makes_a_requirement_harder(value: float, width: float, limit: float, operator: str) -> None:
    facts = {"x": Fact(value, n=100, low=value - width, high=value + width, level=0.95)}
    requirement = parse(f"x {operator} {limit!r}")
    if evaluate(requirement, facts, 0.95).met:
        assert evaluate(requirement, facts).met
