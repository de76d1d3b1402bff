"""The checks that look at a service: health, description, metrics, latency and memory."""

from __future__ import annotations

from typing import Any

import pytest

from gonogo.errors import DataError, UnreachableError
from gonogo.evidence.memory import measure
from gonogo.evidence.prometheus import read_exposition
from measured import values
from spoken_service import Failing, Garbled, Service, run, running


def test_a_healthy_service_is_healthy(served: Any) -> None:
    assert values(run("health", Service(served.schema))) == {"status": 200, "healthy": True, "model_loaded": True}


@pytest.mark.parametrize("said", [{"status": "starting"}, {}, [], "healthy", None, {"status": "healthy"}])
def test_anything_else_is_not_healthy_with_a_model(served: Any, said: Any) -> None:
    class Ill(Service):
        def health(self) -> Any:
            return said

    facts = values(run("health", Ill(served.schema)))
    assert facts["model_loaded"] is False
    assert facts["healthy"] is (said == {"status": "healthy"})


def test_a_service_that_is_gone_is_an_error(served: Any) -> None:
    with running(Service(served.schema)) as endpoint:
        pass
    for check, more in (("health", {}), ("metrics", {}), ("model_info", {"bundle": served}), ("golden", {"bundle": served})):
        with pytest.raises(UnreachableError):
            measure(check, endpoint=endpoint, **more)


def test_a_service_that_describes_its_bundle_matches(served: Any) -> None:
    assert values(run("model_info", Service(served.schema), bundle=served))["matches"] is True


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"digest": "sha256:1"}, "digest_match"), ({"features": ["amount"]}, "features_match"), ({"classes": ["1", "0"]}, "classes_match"),
        ({"features": None}, "features_match"),
    ],
)  # fmt: skip
def test_a_service_that_describes_another_model_does_not(served: Any, changed: dict[str, Any], wrong: str) -> None:
    class Other(Service):
        def model_info(self) -> Any:
            return {**super().model_info(), **changed}

    facts = values(run("model_info", Other(served.schema), bundle=served))
    assert facts[wrong] is False
    assert facts["matches"] is False


def test_well_formed_metrics_that_count_requests(served: Any) -> None:
    facts = values(run("metrics", Service(served.schema)))
    assert facts == {"status": 200, "families": 2, "malformed": 0, "counters": 1, "histograms": 1, "counted": 1}


def test_a_page_that_is_no_exposition_has_no_families(served: Any) -> None:
    class Page(Service):
        def metrics(self) -> str:
            return "<html>\n<p>all is well</p>\n</html>\n"

    facts = values(run("metrics", Page(served.schema)))
    assert facts["families"] == facts["counted"] == 0
    assert facts["malformed"] == 3


@pytest.mark.parametrize(
    "text",
    {
        "no type": "a 1\n", "two types": "# TYPE a gauge\n# TYPE a gauge\na 1\n", "twice": "# TYPE a gauge\na 1\na 1\n",
        "twice, other order": '# TYPE a gauge\na{x="1",y="2"} 1\na{y="2",x="1"} 1\n', "no number": "# TYPE a gauge\na one\n",
        "no end": "# TYPE a gauge\na 1", "bad label": '# TYPE a gauge\na{x=1} 1\n', "bad escape": '# TYPE a gauge\na{x="\\q"} 1\n',
        "bad type": "# TYPE a speed\na 1\n", "bad name": "# TYPE 1a gauge\n1a 1\n", "negative counter": "# TYPE a counter\na -1\n",
        "nan counter": "# TYPE a counter\na NaN\n", "no buckets": "# TYPE a histogram\na_sum 1\na_count 1\n",
        "no inf": '# TYPE a histogram\na_bucket{le="1"} 1\na_sum 1\na_count 1\n',
        "falling": '# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
        "other count": '# TYPE a histogram\na_bucket{le="+Inf"} 1\na_sum 1\na_count 2\n',
        "bucket without bound": "# TYPE a histogram\na_bucket 1\na_sum 1\na_count 1\n",
    }.values(),
)  # fmt: skip
def test_what_is_not_in_the_format_is_a_problem(text: str) -> None:
    assert read_exposition(text).problems


def test_what_prometheus_client_writes_is_read_without_problems() -> None:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, generate_latest

    registry = CollectorRegistry()
    Counter("asked", 'Requests, "all"\nof them.', ["path"], registry=registry).labels(path='/a"b\\c\nd').inc(3)
    Gauge("weight", "Share.", registry=registry).set(float("nan"))
    Histogram("took", "Seconds.", ["arm"], registry=registry).labels(arm="x").observe(0.2)
    Summary("size", "Bytes.", registry=registry).observe(1e9)
    found = read_exposition(generate_latest(registry).decode())
    assert found.problems == []
    assert {"asked_total", "weight", "took", "size"} <= set(found.families)
    assert found.total("asked_total") == 3


def test_one_request_after_the_other_is_timed(served: Any) -> None:
    service = Service(served.schema)
    facts = values(run("latency", service, bundle=served, options={"samples": 100, "batch": 5}))
    assert 0 < facts["p50"] <= facts["p95"] <= facts["p99"]
    assert facts["mean"] > 0 < facts["batch_mean"]
    assert service.requests == 100 + 10 + 2 * 20  # two warm-ups are not counted


@pytest.mark.parametrize("kind", [Failing, Garbled])
def test_wrong_answers_are_not_timed_and_not_weighed(served: Any, kind: type[Service]) -> None:
    for check in ("latency", "memory"):
        with pytest.raises(DataError, match="wrong answer"):
            run(check, kind(served.schema), bundle=served)


@pytest.mark.parametrize("options", [{"samples": 50}, {"batch": 0}])
def test_a_percentile_of_too_few_samples_is_not_measured(served: Any, options: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="at least 100"):
        run("latency", Service(served.schema), bundle=served, options=options)


def test_memory_that_the_system_does_not_tell_is_an_error(served: Any) -> None:
    with pytest.raises(DataError, match="does not say"):
        run("memory", Service(served.schema), bundle=served)
