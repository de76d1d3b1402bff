"""A share carries its interval, so that a requirement can be held with confidence."""

from __future__ import annotations

import json
import math

import pytest

from gonogo.checklist.evaluate import evaluate
from gonogo.checklist.expression import parse
from gonogo.evidence.record import Evidence, Fact, share_of


def test_a_share_is_held_with_confidence_or_says_how_many_rows_it_would_take() -> None:
    requirement = parse("shared_share <= 1%")
    assert evaluate(requirement, {"shared_share": share_of(0, 1000)}, 0.95).met
    few = evaluate(requirement, {"shared_share": share_of(0, 100)}, 0.95)
    assert not few.met
    assert not few.error
    assert "it needs about" in few.reason
    assert "samples (now 100)" in few.reason
    assert evaluate(requirement, {"shared_share": share_of(0, 1000)}, 0.99).error


@pytest.mark.parametrize(("count", "n"), [(1, 0), (2, 1), (-1, 3)])
def test_what_is_no_share_is_refused(count: int, n: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        share_of(count, n)


def test_a_bound_that_nothing_limits_is_a_number_again_when_it_is_read() -> None:
    fact = Fact(3.0, "ms", n=4, low=1.0, high=math.inf, level=0.95)
    evidence = Evidence("it", "traffic", "o", {"passed": "d"}, "measured", {"p95": fact}, (), "", {}, "", "t", "t")
    read = Evidence.from_json(json.loads(json.dumps(evidence.to_json())))
    assert read == evidence
    assert read.digest == evidence.digest
    assert evaluate(parse("p95 <= 5 ms"), read.facts).met
    assert not evaluate(parse("p95 <= 5 ms"), read.facts, 0.95).met
