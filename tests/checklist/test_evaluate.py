"""Requirements against facts: what cannot be judged is never met."""

from __future__ import annotations

import math

import pytest

from gonogo.checklist.evaluate import Judged, evaluate
from gonogo.checklist.expression import parse
from gonogo.evidence.record import Fact

FACTS = {
    "roc_auc": Fact(0.96, n=1000, low=0.94, high=0.98, level=0.95),
    "accuracy": Fact(0.9, n=500),
    "validation_roc_auc": Fact(0.97),
    "test_roc_auc": Fact(0.93),
    "p95": Fact(850.0, "ms"),
    "size": Fact(12.0, "MB"),
    "errors": Fact(0, "requests"),
    "requests": Fact(1000, "requests"),
    "throughput": Fact(700.0, "requests/s"),
    "share": Fact(3.0, "%"),
    "format": Fact("onnx"),
    "healthy": Fact(True),
    "status": Fact(200),
    "nan": Fact(math.nan),
    "infinite": Fact(math.inf),
    "recorded_nan": Fact("nan"),
    "zero": Fact(0.0),
    "furlong": Fact(3.0, "furlong"),
    "backwards": Fact(0.5, n=10, low=0.6, high=0.7, level=0.95),
    "unbounded": Fact(0.99, n=10, low=math.nan, high=1.0, level=0.95),
    "huge": Fact(10**400),
}


def judged(text: str, confidence: float | None = None) -> Judged:
    return evaluate(parse(text), FACTS, confidence)


@pytest.mark.parametrize(
    "text",
    [
        "roc_auc > 0.95", "roc_auc >= 0.96", "0.95 < roc_auc", "accuracy != 1", "accuracy == 0.9", "p95 <= 1 s", "p95 < 0.02 min",
        "size <= 0.1 GB", "size > 100 KB", "errors == 0", "errors / requests <= 1%", "share < 5%", "share <= 0.03", "share == 3 pp",
        "abs(validation_roc_auc - test_roc_auc) < 5 pp", "max(p95, 0) <= 1 s", "min(roc_auc, accuracy) >= 0.9",
        "format == onnx", 'format == "onnx"', "format != pickle", "format in (skops, onnx)", "healthy == true", "healthy != false",
        "healthy in (true)", "status in (200, 204)", "status == 200", "p95 in (850 ms, 1 s)", "requests >= 1000 rows",
        "requests == (requests)",
        "-accuracy < 0", "p95 * 2 > 1 s", "p95 / 100 ms > 8", "zero <= 0", "throughput > 0",
    ],
)  # fmt: skip
def test_a_requirement_that_holds_is_met(text: str) -> None:
    assert judged(text).met
    assert not judged(text).error


@pytest.mark.parametrize(
    "text",
    [
        "roc_auc > 0.96", "p95 <= 800 ms", "errors > 0", "format == pickle", "format in (skops, pickle)", "healthy == false",
        "status in (500, 503)", "status != 200", "abs(validation_roc_auc - test_roc_auc) < 3 pp", "size < 10 MB", "accuracy < -accuracy",
    ],
)  # fmt: skip
def test_a_requirement_that_does_not_hold_fails_without_being_an_error(text: str) -> None:
    assert not judged(text).met
    assert not judged(text).error


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("rocauc > 0.95", "did you mean roc_auc"),
        ("elephants > 0", "no fact elephants was measured"),
        ("nan > 0", "nan"), ("nan <= 0", "nan"), ("nan != 0", "nan"), ("abs(nan) >= 0", "nan"), ("max(nan, 1) >= 1", "nan"),
        ("infinite > 0.95", "finite"), ("-infinite < 0", "finite"), ("infinite - infinite == 0", "finite"),
        ("recorded_nan != pickle", "no value"), ("recorded_nan == nan", "no value"), ("recorded_nan > 0", "not a number"),
        ("healthy > 0", "not a number"), ("healthy == 1", "not a number"), ("healthy == yes", "cannot be compared"),
        ("format > 0", "not a number"), ("format == true", "cannot be compared"), ("status == ok", "cannot be compared"),
        ("status != ok", "cannot be compared"), ("format == 3", "not a number"), ("format in (onnx, 3)", "mixes"),
        ("p95 <= 1000", "write a unit, such as s"), ("p95 <= 5 MB", "cannot be compared"), ("p95 + size > 0", "cannot be compared"),
        ("accuracy > 1 s", "cannot be compared"), ("p95 * size > 0", "multiplies"), ("accuracy / p95 > 0", "divides"),
        ("accuracy / zero > 0", "divides by zero"), ("accuracy / (errors) < 1", "divides by zero"), ("zero / zero == 1", "divides by zero"),
        ("furlong > 0", "no known unit"), ("huge > 1", "too large"),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_is_an_error_and_never_met(text: str, why: str) -> None:
    result = judged(text)
    assert result.error
    assert not result.met
    assert why in result.reason


def test_no_facts_at_all_is_an_error() -> None:
    result = evaluate(parse("roc_auc > 0"), {})
    assert (result.error, result.met) == (True, False)


def test_with_confidence_the_bound_must_meet_it_not_only_the_estimate() -> None:
    assert judged("roc_auc > 0.95").met
    assert judged("roc_auc > 0.93", 0.95).met
    assert not judged("roc_auc > 0.95", 0.95).met
    assert judged("roc_auc < 0.985", 0.95).met
    assert not judged("roc_auc < 0.97", 0.95).met
    assert not judged("0.95 < roc_auc", 0.95).met
    assert judged("1 - roc_auc < 0.07", 0.95).met
    assert not judged("1 - roc_auc < 0.05", 0.95).met


def test_an_estimate_that_meets_what_its_bound_does_not_says_how_many_samples_it_would_take() -> None:
    # half width 0.02 at n = 1000, distance to the limit 0.01: four times the samples
    assert "about 4,000 samples (now 1,000)" in judged("roc_auc > 0.95", 0.95).reason
    assert "about 4,000 samples (now 1,000)" in judged("1 - roc_auc < 0.05", 0.95).reason


def test_an_estimate_on_the_limit_would_never_be_decided() -> None:
    result = judged("roc_auc >= 0.96", 0.95)
    assert not result.met
    assert "no number of samples" in result.reason


def test_an_estimate_that_fails_is_not_told_to_gather_samples() -> None:
    assert "samples" not in judged("roc_auc > 0.99", 0.95).reason


@pytest.mark.parametrize(
    ("text", "confidence"),
    [
        ("accuracy > 0.5", 0.95),  # no interval
        ("roc_auc > 0.5", 0.99),  # only one at a lower level
        ("roc_auc > accuracy", 0.95),
        ("roc_auc == 0.96", 0.95),
        ("format == onnx", 0.95),
        ("format in (onnx, skops)", 0.95),
        ("backwards > 0.1", 0.95),
        ("unbounded > 0.1", 0.95),
        ("roc_auc > 0.5", 1.0),
        ("roc_auc > 0.5", math.nan),
    ],
)
def test_confidence_without_a_fitting_interval_is_an_error(text: str, confidence: float) -> None:
    result = judged(text, confidence)
    assert result.error
    assert not result.met


def test_a_wider_interval_than_asked_for_will_do() -> None:
    assert judged("roc_auc > 0.93", 0.9).met


def test_the_texts_name_value_interval_samples_and_unit() -> None:
    result = judged("roc_auc > 0.95", 0.95)
    assert result.measured == "roc_auc = 0.96 (95% interval 0.94 to 0.98, n = 1,000)"
    assert result.required == "roc_auc > 0.95 with confidence 95%"
    assert judged("p95 <= 1 s").measured == "p95 = 850 ms"
    assert judged("share < 5%").measured == "share = 3%"
    assert judged("healthy == true").measured == "healthy = true"
    assert judged("throughput > 0").measured == "throughput = 700 requests/s"
