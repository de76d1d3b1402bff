"""A model behind its pipeline, served by a real worker: it takes raw features, and a value without a rule is the request's fault."""

from __future__ import annotations

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gonogo.base.canonical import canonical_bytes, parse_json
from gonogo.model.pipeline import OUTPUT
from gonogo.model.schema import Feature, GraphInput, Schema
from gonogo.stats.bins import fit_categorical, fit_numeric
from small_bundle import put_bundle

CITIES = ["lima", "oslo", "paris"]
PIPELINE = {
    "format": "gonogo-pipeline/1",
    "features": [{"name": "amount", "type": "float"}, {"name": "city", "type": "string"}],
    "before": [
        {"step": "min-max", "features": ["amount"], "low": [0.0], "high": [100.0]},
        {"step": "ordinal", "features": ["city"], "categories": [CITIES]},
    ],
    "inputs": {"x": ["amount"], "k": ["city#"]},
    "after": [{"step": "isotonic", "curves": [{"x": [0.0, 1.0], "y": [0.0, 0.5]}]}],
}
SCHEMA = Schema(
    "binary-classification",
    (GraphInput("numbers", "float64", 1), GraphInput("texts", "string", 1)),
    (Feature("amount", "float", False, "numbers", 0), Feature("city", "string", False, "texts", 0)),
    ("no", "yes"),
    OUTPUT,
)


def put_piped(folder: Path) -> Path:
    """The small bundle (p = sqrt(x)) behind a pipeline: p = sqrt(amount / 100) / 2 for one of three cities."""
    rows = [{"amount": 25.0, "city": "oslo"}]
    golden = {"format": "gonogo-golden/1", "tolerance": 1e-5, "requests": [{"name": "one", "rows": rows, "scores": [[0.75, 0.25]]}]}
    put_bundle(folder, schema=SCHEMA, golden=golden)
    numbers, words = fit_numeric(np.linspace(0, 100, 101)), fit_categorical(np.array(CITIES * 5, dtype=object), top=20, least=5)
    baseline = parse_json((folder / "baseline.json").read_bytes())
    baseline["features"] = {
        "amount": {"type": "float", "bins": numbers.to_json(), "counts": numbers.count(np.linspace(0, 100, 101)).tolist()},
        "city": {"type": "string", "bins": words.to_json(), "counts": words.count(np.array(CITIES * 5, dtype=object)).tolist()},
    }
    about = parse_json((folder / "bundle.json").read_bytes())
    about["files"]["pipeline"] = "pipeline.json"
    for name, document in (("baseline.json", baseline), ("bundle.json", about), ("pipeline.json", PIPELINE)):
        (folder / name).write_bytes(canonical_bytes(document))
    return folder


@pytest.fixture
def port(crew: Any, tmp_path: Path) -> int:
    worker = crew.start("small@1.0.0", folder=put_piped(tmp_path / "bundle"))
    worker.take_over(crew.table(1, (worker, 10_000)), accept=True)
    return int(crew.port)


def ask(port: int, *rows: dict[str, Any]) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", "/predict", json.dumps({"features": rows}))
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return answer.status, body


def scored(body: Any) -> list[float]:
    return [prediction["score"] for prediction in body["predictions"]]


def test_raw_features_get_calibrated_scores(port: int) -> None:
    status, body = ask(port, {"amount": 25.0, "city": "oslo"}, {"amount": 100.0, "city": "paris"})
    assert status == 200
    np.testing.assert_allclose(scored(body), [0.25, 0.5], atol=1e-6)


def test_an_unknown_category_is_a_422_that_names_row_and_feature(port: int) -> None:
    status, body = ask(port, {"amount": 25.0, "city": "oslo"}, {"amount": 25.0, "city": "rome"})
    assert status == 422
    assert [(error["row"], error["feature"]) for error in body["errors"]] == [(1, "city")]
    assert "must be one of 'lima', 'oslo', 'paris', not 'rome'" in body["errors"][0]["message"]


def test_a_request_with_an_unknown_category_harms_no_other(port: int) -> None:
    def one(number: int) -> tuple[int, Any]:
        city = "rome" if number % 5 == 0 else CITIES[number % 3]
        return ask(port, {"amount": float(number), "city": CITIES[0]}, {"amount": 0.0, "city": city})

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(one, range(1, 101)))
    assert [status for status, _ in answers] == [422 if number % 5 == 0 else 200 for number in range(1, 101)]
    assert {error["row"] for status, body in answers if status == 422 for error in body["errors"]} == {1}  # of its own request
    good = [(number, body) for number, (status, body) in enumerate(answers, start=1) if status == 200]
    np.testing.assert_allclose([scored(body)[0] for _, body in good], [np.sqrt(number / 100) / 2 for number, _ in good], atol=1e-6)


def test_a_value_without_a_rule_is_not_booked_on_the_release(crew: Any, port: int) -> None:
    for _ in range(3):
        assert ask(port, {"amount": 1.0, "city": "rome"})[0] == 422
    assert ask(port, {"amount": 4.0, "city": "lima"})[0] == 200
    counts = crew.workers[0].snapshot()["counters"]["1"]["small@1.0.0"]
    assert (counts["n"], counts["bad"], counts["4xx"]) == (4, 0, 3)
