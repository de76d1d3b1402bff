"""Metrics by OpenTelemetry: what a collector that decodes the official protobuf receives from a running service."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE

import sample
from gonogo.errors import MissingExtraError, UsageError
from gonogo.operations.telemetry import Telemetry, telemetry
from gonogo.operations.workspace import Workspace
from otlp_collector import Collector
from supervised import BODY, OLD, Service, serving
from waiting import until

pytestmark = pytest.mark.xdist_group("two-releases")


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


@pytest.fixture
def service(tmp_path: Path, sealed: Path) -> Iterator[Service]:
    with serving(tmp_path / "store", sealed) as running:
        yield running.start(OLD)


def ask(service: Service, times: int) -> None:
    for _ in range(times):
        urlopen(f"{service.url}/predict", BODY, timeout=10).close()


def test_a_collector_receives_what_the_service_counted(collector: Collector, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer hush")
    ask(service, 20)
    with Telemetry("small", service.client.observe, collector.url, 0.1):
        until(lambda: collector.points("gonogo.requests").get((OLD, "2xx")))
    assert collector.points("gonogo.requests")[OLD, "2xx"].as_int == 20
    assert collector.points("gonogo.requests")[OLD, "5xx"].as_int == 0
    latency = collector.points("gonogo.request")[(OLD,)]
    assert (latency.count, sum(latency.bucket_counts), len(latency.bucket_counts)) == (20, 20, len(latency.explicit_bounds) + 1)
    assert latency.sum > 0
    assert not latency.HasField("min")
    assert 0 < latency.start_time_unix_nano < latency.time_unix_nano
    assert collector.points("gonogo.route_weight")[(OLD,)].as_int == 1
    assert collector.points("gonogo.processes")[OLD, "ready"].as_int == 1
    assert collector.points("gonogo.process_memory")[(OLD,)].as_int > 10e6
    assert collector.points("gonogo.scores")[(OLD,)].as_int == 20
    [resource] = collector.taken[-1].resource_metrics
    about = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert about["service.name"] == "small"
    assert about["service.instance.id"] == service.client.observe()["boot_id"]
    metrics = {metric.name: metric for scope in resource.scope_metrics for metric in scope.metrics}
    assert metrics["gonogo.requests"].sum.is_monotonic
    assert metrics["gonogo.requests"].sum.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE
    assert (metrics["gonogo.request"].unit, metrics["gonogo.process_memory"].unit) == ("s", "By")
    assert collector.headers[-1]["authorization"] == "Bearer hush"


def test_a_collector_that_was_down_is_told_all_of_it_and_the_log_says_so_once(
    collector: Collector, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    collector.down = True
    with caplog.at_level(logging.WARNING), Telemetry("small", service.client.observe, collector.url, 0.05):
        until(lambda: "did not take the metrics" in caplog.text)
        ask(service, 5)
        collector.down = False
        until(lambda: (found := collector.points("gonogo.requests").get((OLD, "2xx"))) and found.as_int == 5)
        until(lambda: "takes the metrics again" in caplog.text)
    assert caplog.text.count("did not take the metrics") == 1


def test_a_service_that_does_not_answer_is_said_and_looked_at_again(
    collector: Collector, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), Telemetry("small", service.client.observe, collector.url, 0.05):
        until(lambda: collector.taken)
        service.end()
        until(lambda: "telemetry: " in caplog.text)
        before = len(collector.taken)
        service.start(None)
        assert until(lambda: len(collector.taken) > before)


def test_nothing_is_sent_and_nothing_imported_unless_it_is_asked_for(tmp_path: Path) -> None:
    sample.write_project(tmp_path / "project")
    code = (
        "import sys; from pathlib import Path; from gonogo.operations import serve; from gonogo.operations.workspace import Workspace; "
        "print(serve.telemetry(Workspace.open(Path('project'))), 'opentelemetry' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60).stdout
    assert said == "None False\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    sample.write_project(tmp_path / "project")
    return Workspace.open(tmp_path / "project")


def test_without_the_library_it_is_said_what_to_install(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONOGO_OTLP", "http://127.0.0.1:4318")
    for module in [name for name in sys.modules if name.startswith("opentelemetry.exporter")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter", None)
    with pytest.raises(MissingExtraError, match=r'pip install "gonogo\[otel\]"'):
        telemetry(workspace)


@pytest.mark.parametrize("address", ["collector:4318", "ftp://collector", "http://"])
def test_an_address_that_is_none_is_refused_before_the_service_starts(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("GONOGO_OTLP", address)
    with pytest.raises(UsageError, match="GONOGO_OTLP"):
        telemetry(workspace)
