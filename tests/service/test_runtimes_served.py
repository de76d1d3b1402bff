"""A bundle of every light runtime, from a project's files to the answers of a worker: in a trial, and as a release is served."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gonogo.checklist.project import load_project
from gonogo.model.sandbox import Sandbox
from gonogo.release.bundle import Bundle, build_bundle
from gonogo.service.trial import TrialServer
from runtime_models import Real, marked, packed_zip, real, training

LIGHT = [marked(name) for name in ("callable", "lightgbm", "skops", "torchscript", "xgboost")]
FILES = {"callable": "m.zip", "lightgbm": "m.txt", "skops": "m.skops", "torchscript": "m.pt", "xgboost": "m.ubj"}
CITIES = ("paris", "zürich", "東京")


def rows(count: int) -> tuple[Any, list[str]]:
    x, _ = training()
    return x[:count].astype(np.float32), [CITIES[i % 3] for i in range(count)]


def write_project(folder: Path, model: Real) -> Path:
    x, y = training()
    _, cities = rows(len(x))
    lines = ["a,b,c,y" + (",city" if model.text else "")]
    for row, label, city in zip(x.astype(np.float32).astype(float).tolist(), y.tolist(), cities, strict=True):
        lines.append(",".join(map(repr, row)) + f",{label}" + (f",{city}" if model.text else ""))
    (folder / "train.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / FILES[model.runtime]).write_bytes(model.data)
    declared = {"path": FILES[model.runtime], "task": "binary-classification", **model.options}
    data = {"train": "train.csv", "test": "train.csv", "target": "y"}
    (folder / "gonogo.yaml").write_text(json.dumps({"system": "small", "model": declared, "data": data}))
    return folder / "gonogo.yaml"


@pytest.fixture(scope="module", params=LIGHT)
def built(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Real, Bundle]:
    model, folder = real(request.param), tmp_path_factory.mktemp(request.param)
    project = load_project(write_project(folder, model))
    return model, build_bundle(project, Sandbox(120, 4096, accept_weaker=True), into=folder / "bundles")


def body(model: Real, count: int, city: str | None = None) -> bytes:
    x, cities = rows(count)
    features = [dict(zip("abc", row, strict=True)) for row in x.astype(float).tolist()]
    if model.text:
        features = [{**row, "city": place if city is None else city} for row, place in zip(features, cities, strict=True)]
    return json.dumps({"features": features}).encode()


def expected(model: Real, count: int) -> Any:
    x, cities = rows(count)
    return model.predict(model.batch(x, cities))


def said(answer: bytes) -> list[float]:
    return [prediction["score"] for prediction in json.loads(answer)["predictions"]]


def test_a_trial_answers_as_the_source_library(built: tuple[Real, Bundle]) -> None:
    model, bundle = built
    with TrialServer(bundle, accept_weaker=True) as trial:
        for count in (1, 40):
            answer = trial.request("POST", "/predict", body(model, count))
            assert answer.status == 200, answer.body
            np.testing.assert_allclose(said(answer.body), expected(model, count), atol=1e-5)
        if model.runtime == "callable":
            for city, status in (("crash", 500), ("text", 500), ("leave", 500)):
                assert trial.request("POST", "/predict", body(model, 1, city)).status == status
            np.testing.assert_allclose(said(trial.request("POST", "/predict", body(model, 3)).body), expected(model, 3), atol=1e-5)


def test_the_memory_of_a_trial_is_that_of_the_model_s_own_child_too(tmp_path: Path) -> None:
    scoring = "import numpy as np\nBALLAST = np.ones(40_000_000)\n\ndef predict(batch):\n    return np.full(len(batch['x']), 0.5)\n"
    model = replace(real("callable"), data=packed_zip({"scoring.py": scoring}))
    bundle = build_bundle(load_project(write_project(tmp_path, model)), Sandbox(120, 4096, accept_weaker=True), into=tmp_path / "bundles")
    with TrialServer(bundle, accept_weaker=True) as trial:
        assert trial.request("POST", "/predict", body(model, 1)).status == 200
        peak = trial.peak_memory_mb()
    assert peak is not None
    assert 320 < peak < 2000


def test_a_served_release_answers_as_the_source_library_and_names_its_device(built: tuple[Real, Bundle], crew: Any) -> None:
    model, bundle = built
    worker = crew.start("small@1.0.0", folder=bundle.root, GONOGO_MODEL_SECONDS="4")
    worker.take_over(crew.table(1, (worker, 10_000)), accept=True)

    def ask(data: bytes) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(urllib.request.Request(f"{crew.url}/predict", data), timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    status, answer = ask(body(model, 40))
    assert status == 200, answer
    np.testing.assert_allclose(said(answer), expected(model, 40), atol=1e-5)
    with urllib.request.urlopen(f"{crew.url}/model_info", timeout=30) as info:
        described = json.load(info)
    assert (described["model_format"], described["device"]) == (model.runtime, "cpu")
    if model.runtime == "callable":
        assert ask(body(model, 1, "hang"))[0] == 504
        assert ask(body(model, 1, "hang"))[0] == 504
        assert ask(body(model, 1, "crash"))[0] == 500
        status, answer = ask(body(model, 3))
        assert status == 200, answer
        np.testing.assert_allclose(said(answer), expected(model, 3), atol=1e-5)
