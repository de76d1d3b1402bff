"""A closed loop counts every answer, by kind, and compares the answers to one row."""

import json
import math

import pytest

from answering import FAILED, OK, answering, prediction, said
from gonogo.errors import UsageError
from gonogo.service.loadtest.run import run_load_test
from gonogo.service.loadtest.target import Target
from gonogo.stats.latency import LatencyHistogram


def load(url, rows, **options):
    return run_load_test(Target.of(url), rows, **options)


def test_all_requests_are_sent_and_counted():
    with answering(lambda number, head: OK) as url:
        result = load(url, [{"a": 1}], requests=500, concurrency=20)
    assert (result.requests, result.concurrency, result.errors, result.error_kinds) == (500, 20, 0, {})
    assert 0 < result.p50_ms <= result.p95_ms <= result.p99_ms <= result.max_ms
    assert LatencyHistogram.from_json(result.histogram).count == 500
    assert result.releases == {"a@1.0.0": 500}
    assert (result.rate, result.behind_ms, result.golden_checked) == (None, None, 0)


def test_the_intervals_hold_their_quantiles_and_the_curve_rises_to_the_slowest():
    with answering(lambda number, head: OK) as url:
        result = load(url, [{"a": 1}], requests=500, concurrency=20)
    for name in ("p50_ms", "p95_ms"):
        low, high = result.intervals[name]
        assert low <= getattr(result, name) <= high
    assert result.intervals["p99_ms"][1] is None or result.intervals["p99_ms"][1] <= result.max_ms
    assert [list(point) for point in result.curve] == sorted(list(point) for point in result.curve)
    assert result.curve[-1] == [1.0, result.max_ms]


def test_so_few_requests_bound_no_high_quantile():
    with answering(lambda number, head: OK) as url:
        result = load(url, [{"a": 1}], requests=20, concurrency=1, warm_up=False)
    assert result.intervals["p99_ms"][1] is None


def test_errors_are_counted_by_kind():
    # the first request is the look at who answers
    with answering(lambda number, head: FAILED if number % 10 == 0 else None if number % 10 == 5 else OK) as url:
        result = load(url, [{"a": 1}], requests=200, concurrency=4, warm_up=False)
    assert result.error_kinds == {"status 500": 20, "lost": 20}
    assert result.errors == 40


@pytest.mark.parametrize("body", [b"{}", b"", b"well", b'{"predictions": []}', b'{"predictions": [{"label": "1", "scores": {"1": null}}]}'])
def test_an_answer_without_a_prediction_is_an_error(body):
    with answering(lambda number, head: OK if number % 2 else said(body)) as url:
        result = load(url, [{"a": 1}], requests=100, concurrency=1, warm_up=False)
    assert result.error_kinds == {"no prediction": 50}


@pytest.mark.parametrize(
    ("odd", "difference"),
    [
        (OK, 0.0), (prediction(0.75 + 2**-19), 2**-19), (prediction(0.25), 0.5), (prediction(0.75, label="0"), math.inf),
        (prediction(0.25, release="b@2.0.0"), 0.0), (prediction(0.75, classes=("no", "1")), math.inf),
    ],
    ids=["same", "nearly", "other score", "other label", "of another release", "other classes"],
)  # fmt: skip
def test_answers_of_one_release_to_one_row_are_compared(odd, difference):
    with answering(lambda number, head: odd if number % 7 == 0 else OK) as url:
        result = load(url, [{"a": 1}, {"a": 2}], requests=100, concurrency=4)
    assert result.errors == 0
    assert result.max_answer_difference == difference
    assert result.good == (difference <= 1e-6)
    assert result.answers_compared >= 90
    json.dumps(result.to_json(), allow_nan=False)


def test_without_a_second_answer_to_a_row_nothing_is_said_about_consistency():
    with answering(lambda number, head: OK) as url:
        result = load(url, [{"a": n} for n in range(50)], requests=20, concurrency=2, warm_up=False)
    assert (result.answers_compared, result.max_answer_difference) == (0, None)


def test_the_warm_up_is_bounded_told_and_not_counted():
    asked = []

    def respond(number, head):
        asked.append(number)
        return OK

    with answering(respond) as url:
        result = load(url, [{"a": 1}], requests=50, concurrency=5)
    warm = result.warm_up
    assert len(asked) == 1 + warm["requests"] + 50
    assert 300 <= warm["requests"] <= 1000
    assert warm["requests"] == 100 * len(warm["medians_ms"])
    last = warm["medians_ms"][-3:]
    assert warm["stable"] == (max(last) <= 1.1 * min(last) + 1e-4)
    assert result.requests == LatencyHistogram.from_json(result.histogram).count == 50


@pytest.mark.parametrize(
    "wrong", [{"requests": 0}, {"concurrency": 0}, {"rate": 0.0}, {"rate": -1.0}, {"rate": math.nan}, {"rate": math.inf}]
)
def test_a_load_test_of_nothing_is_refused(wrong):
    with pytest.raises(UsageError):
        load("http://127.0.0.1:1", [{"a": 1}], **wrong)
    with pytest.raises(UsageError):
        load("http://127.0.0.1:1", [])
