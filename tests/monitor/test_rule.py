"""Rules over readings: too high, well again, or nothing to say."""

from __future__ import annotations

import pytest

from gonogo.errors import UsageError
from gonogo.monitor.alarms.rule import Condition, Rule
from gonogo.monitor.signal import Reading

RULE = Rule("drift", "psi", above=0.2, clear=0.1, min_n=500)


def reading(value: float | None, n: int = 1000, p_value: float | None = None) -> Reading:
    return Reading("psi", {"release": "r", "feature": "age"}, value, n, p_value=p_value)


@pytest.mark.parametrize(
    ("given", "condition"),
    [
        (None, Condition.UNKNOWN),
        (reading(None), Condition.UNKNOWN),
        (reading(float("nan")), Condition.UNKNOWN),
        (reading(float("inf")), Condition.UNKNOWN),
        (reading(0.9, n=499), Condition.UNKNOWN),
        (reading(0.01, n=499), Condition.UNKNOWN),
        (reading(0.3), Condition.BREACH),
        (reading(0.2), Condition.BETWEEN),
        (reading(0.15), Condition.BETWEEN),
        (reading(0.1), Condition.CLEAR),
        (reading(0.3, p_value=1e-9), Condition.BREACH),
        (reading(0.3, p_value=0.01), Condition.BETWEEN),
        (reading(0.3, p_value=float("nan")), Condition.BETWEEN),
        (reading(0.05, p_value=1e-9), Condition.CLEAR),
    ],
)
def test_a_reading_says_one_thing(given: Reading | None, condition: Condition) -> None:
    assert RULE.judge(given) is condition


def test_a_rule_looks_at_what_is_meant_to_be_judged_unless_it_names_labels() -> None:
    shown = Reading("latency", {"quantile": "p99"}, 1.0, 10, judged=False)
    assert not Rule("l", "latency", 1, 1).concerns(shown)
    assert Rule("l", "latency", 1, 1, labels={"quantile": "p99"}).concerns(shown)
    assert not Rule("l", "latency", 1, 1, labels={"quantile": "p95"}).concerns(shown)
    assert not Rule("e", "error_rate", 1, 1).concerns(shown)


def test_a_rule_does_not_look_at_what_it_excepts() -> None:
    rule = Rule("drift", "psi", 1, 1, excepted={"feature": ("weekday", "season")})
    assert rule.concerns(Reading("psi", {"feature": "distance"}, 2.0, 10))
    assert rule.concerns(Reading("psi", {}, 2.0, 10))
    assert not rule.concerns(Reading("psi", {"feature": "season"}, 2.0, 10))


@pytest.mark.parametrize("wrong", [{"clear": 0.3}, {"above": float("nan")}, {"for_seconds": -1.0}, {"min_n": 0}])
def test_a_rule_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="the rule 'drift'"):
        Rule(**{"name": "drift", "signal": "psi", "above": 0.2, "clear": 0.1, **wrong})  # type: ignore[arg-type]
