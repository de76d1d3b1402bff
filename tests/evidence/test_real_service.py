"""The checks on the running service, against the real one: a real bundle in trial mode."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier

from gonogo.checklist.declarations.monitor import MonitorDeclaration
from gonogo.checklist.load import load_pack
from gonogo.checklist.project import load_project
from gonogo.evidence.inputs import MonitorView
from gonogo.evidence.memory import measure
from gonogo.model.sandbox import Sandbox
from gonogo.release.bundle import Bundle, build_bundle
from gonogo.service.loadtest.run import run_load_test
from gonogo.service.loadtest.target import Target
from gonogo.service.trial import TrialServer

PROJECT = """
system: small
pack: starter
model: {path: model.onnx, task: binary-classification}
data: {train: train.csv, test: test.csv, target: y}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TrialServer, Bundle]]:
    """A forest, whose float32 scores lie a little outside 0 and 1 at the ends."""
    root: Path = tmp_path_factory.mktemp("small")
    generator = np.random.default_rng(0)
    x = generator.normal(size=(400, 2)).astype(np.float32)
    y = (x[:, 0] + 0.3 * generator.normal(size=400) > 0).astype(np.int64)
    forest = RandomForestClassifier(10, random_state=0).fit(x[:200], y[:200])
    (root / "model.onnx").write_bytes(to_onnx(forest, x[:1], options={"zipmap": False}).SerializeToString())
    for name, rows in (("train", range(200)), ("test", range(200, 400))):
        (root / f"{name}.csv").write_text("x0,x1,y\n" + "".join(f"{x[i, 0]},{x[i, 1]},{y[i]}\n" for i in rows))
    (root / "gonogo.yaml").write_text(PROJECT)
    bundle = build_bundle(load_project(root / "gonogo.yaml"), Sandbox(60, 4096, accept_weaker=True), into=root / "bundles")
    with TrialServer(bundle, accept_weaker=True) as server:
        yield server, bundle


@pytest.mark.parametrize(
    ("check", "expected"),
    {
        "health": {"status": 200, "healthy": True, "model_loaded": True},
        "model_info": {"matches": True},
        "golden": {"failed": 0},
        "validation": {"accepted": 0, "server_errors": 0, "unnamed": 0, "leaks": 0, "alive": True},
        "metrics": {"status": 200, "malformed": 0, "counted": 2, "histograms": 1},
    }.items(),
)
def test_our_own_service_satisfies_the_check(served: tuple[TrialServer, Bundle], check: str, expected: dict[str, Any]) -> None:
    server, bundle = served
    more = {} if check in ("health", "metrics") else {"bundle": bundle}
    found = measure(check, endpoint=server, **more)
    assert {name: found.facts[name].value for name in expected} == expected, found.findings
    assert "process" in found.isolation


def test_our_own_bundle_has_a_baseline_for_every_feature(served: tuple[TrialServer, Bundle]) -> None:
    bundle = served[1]

    view = MonitorView(MonitorDeclaration().channels, load_pack("starter").monitor.rules)
    facts = measure("monitoring", monitor=view, bundle=bundle).facts
    assert facts["metrics_declared"].value == 3
    assert facts["baseline_features"].value == facts["features"].value == 2
    assert facts["baseline_scores"].value is True


@pytest.mark.skipif(sys.platform != "linux", reason="only there the system says it")
def test_the_serving_process_is_weighed_and_timed(served: tuple[TrialServer, Bundle]) -> None:
    server, bundle = served
    found = measure("memory", endpoint=server, bundle=bundle).facts
    assert 20 < found["peak_mb"].value < 4000
    assert found["rows"].value == 1000
    found = measure("latency", {"samples": 100}, endpoint=server, bundle=bundle)
    assert 0 < found.facts["p50"].value <= found.facts["p99"].value
    assert "process" in found.isolation


def test_our_own_service_gives_one_row_one_answer_under_load(served: tuple[TrialServer, Bundle]) -> None:
    server, bundle = served
    rows = [row for request in bundle.golden["requests"] for row in request["rows"]]
    result = replace(run_load_test(Target.of(server.base_url), rows, requests=200, concurrency=20), memory_mb=server.peak_memory_mb())
    facts = measure("load", load_result=json.loads(json.dumps(result.to_json()))).facts
    assert (facts["errors"].value, facts["timeouts"].value, facts["consistent"].value) == (0, 0, True)
    assert ("memory_mb" in facts) == (sys.platform == "linux")


def test_our_own_service_lists_its_routes(served: tuple[TrialServer, Bundle]) -> None:
    found = measure("endpoint_policy", endpoint=served[0])
    listed = json.loads(served[0].request("GET", "/").body)["endpoints"]
    assert {"POST /predict", "GET /docs", "GET /openapi.json", "GET /v2/health/live"} <= set(listed)
    assert found.facts["routes"].value == found.facts["undeclared"].value == len(listed) + 1  # GET / does not list itself
    assert "no policy for POST /predict" in found.findings
