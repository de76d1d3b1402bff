"""A model that takes windows goes all the way: checked, released, served, asked in every spelling, and logged."""

from __future__ import annotations

import html
import io
import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import onnxruntime
import pyarrow
import pytest

from window_project import CLASSES, SHAPE, window_model, windows, write_project

if TYPE_CHECKING:
    from .conftest import Service

from .conftest import User, serve

pytestmark = pytest.mark.xdist_group("windows")
REF = "windows@1.0.0"
INFER = "/v2/models/windows/infer"


@pytest.fixture(scope="module")
def released_windows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("windows")
    write_project(folder / "project")
    user = User(folder / "project", folder / "people")
    user.gonogo("key", "new", "ana", "--role", "technical-lead")
    outcomes = user.outcomes(user.json("check", expect=1))
    assert {one for item, one in outcomes.items() if item != "technical-approval"} == {"PASS"}
    user.gonogo("sign", "technical-lead")
    user.gonogo("release")
    return folder


@pytest.fixture(scope="module")
def asked(released_windows: Path) -> Any:
    user = User(released_windows / "project", released_windows / "people")
    running = serve(user, REF)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def right() -> dict[str, np.ndarray]:
    """What ONNX Runtime gives by itself for sixteen windows."""
    values, _ = windows(16, 3)
    session = onnxruntime.InferenceSession(window_model(), providers=["CPUExecutionProvider"])
    return {"window": values, **dict(zip(("probabilities", "start", "end"), session.run(None, {"window": values}), strict=True))}


def post(service: Service, path: str, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(service.url + path, body, {"content-type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def close(given: Any, wanted: np.ndarray) -> None:
    np.testing.assert_allclose(np.array(given), wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("spelling", ["rows", "columns"])
def test_json_windows_get_the_scores_of_the_model_and_what_is_beside_them(asked: Service, right: Any, spelling: str) -> None:
    lists = right["window"].tolist()
    body = {"features": [{"window": one} for one in lists]} if spelling == "rows" else {"columns": {"window": lists}}
    status, text = post(asked, "/predict", json.dumps(body).encode())
    answers = json.loads(text)["predictions"]
    assert status == 200
    close([[one["scores"][name] for name in CLASSES] for one in answers], right["probabilities"])
    assert [one["label"] for one in answers] == [CLASSES[place] for place in right["probabilities"].argmax(axis=1)]
    close([one["also"]["start"] for one in answers], right["start"])
    assert [one["also"]["end"] for one in answers] == right["end"].tolist()


@pytest.mark.parametrize("data", ["flat", "nested", "binary"])
def test_a_tensor_of_the_open_inference_protocol_gets_them_too(asked: Service, right: Any, data: str) -> None:
    values = right["window"]
    tensor: dict[str, Any] = {"name": "window", "shape": [16, *SHAPE], "datatype": "FP32"}
    tail, headers = b"", {}
    if data == "binary":
        tail = values.astype("<f4").tobytes()
        tensor["parameters"] = {"binary_data_size": len(tail)}
    else:
        tensor["data"] = (values.ravel() if data == "flat" else values).tolist()
    head = json.dumps({"inputs": [tensor]}).encode()
    if tail:
        headers = {"inference-header-content-length": str(len(head))}
    status, text = post(asked, INFER, head + tail, headers)
    assert status == 200, text
    outputs = {one["name"]: one for one in json.loads(text)["outputs"]}
    close(np.reshape(outputs["scores"]["data"], (16, 3)), right["probabilities"])
    assert outputs["start"]["shape"] == [16, SHAPE[0]]
    close(np.reshape(outputs["start"]["data"], (16, -1)), right["start"])
    assert (outputs["end"]["datatype"], outputs["end"]["data"]) == ("INT64", right["end"].tolist())


def test_a_numpy_file_gets_the_scores(asked: Service, right: Any) -> None:
    file = io.BytesIO()
    np.save(file, right["window"])
    status, body = post(asked, "/predict", file.getvalue(), {"content-type": "application/x-npy"})
    assert status == 200
    close(np.load(io.BytesIO(body)), right["probabilities"])


def test_binary_outputs_and_arrow_streams_have_what_is_beside_the_scores(asked: Service, right: Any) -> None:
    tensor = {"name": "window", "shape": [16, *SHAPE], "datatype": "FP32", "data": right["window"].ravel().tolist()}
    wanted = {"inputs": [tensor], "outputs": [{"name": "end"}, {"name": "start", "parameters": {"binary_data": True}}]}
    status, body = post(asked, INFER, json.dumps(wanted).encode())
    assert status == 200
    head, tail = body[: -16 * SHAPE[0] * 8], body[-16 * SHAPE[0] * 8 :]
    assert [one["name"] for one in json.loads(head)["outputs"]] == ["end", "start"]
    close(np.frombuffer(tail, "<f8").reshape(16, -1), right["start"])

    file = io.BytesIO()
    batch = pyarrow.record_batch({"window": pyarrow.array(right["window"].tolist(), pyarrow.list_(pyarrow.list_(pyarrow.float32())))})
    with pyarrow.ipc.new_stream(file, batch.schema) as writer:
        writer.write_batch(batch)
    status, body = post(asked, "/predict", file.getvalue(), {"content-type": "application/vnd.apache.arrow.stream"})
    assert status == 200
    rows = pyarrow.ipc.open_stream(body).read_all().to_pylist()
    close([row["also.start"] for row in rows], right["start"])
    assert [row["also.end"] for row in rows] == right["end"].tolist()


def test_an_answer_is_explained_by_channel(asked: Service, right: Any) -> None:
    body = json.dumps({"features": {"window": right["window"][0].tolist()}}).encode()
    status, text = post(asked, "/predict?explain=true", body)
    assert status == 200, text
    [one] = json.loads(text)["explanations"]
    assert set(one["contributions"]) == {"window.open", "window.high", "window.low"}
    assert sum(one["contributions"].values()) + one["base"] == pytest.approx(one["score"], abs=1e-5)


def test_the_page_for_people_has_a_field_for_the_window_and_a_program_that_runs(asked: Service) -> None:
    with urllib.request.urlopen(asked.url + "/docs", timeout=5) as answer:
        page = answer.read().decode()
    assert '<textarea id="f0"' in page
    for name, command in (("python", [sys.executable, "-c"]), ("curl", ["bash", "-c"])):
        text = html.unescape(page.split(f'id="{name}">')[1].split("</pre>")[0])
        done = subprocess.run([*command, text], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert "also" in done.stdout


def test_the_service_describes_what_it_takes_and_gives(asked: Service) -> None:
    described = asked.get("/v2/models/windows")
    assert described["inputs"] == [{"name": "window", "datatype": "FP32", "shape": [-1, *SHAPE]}]
    assert described["outputs"][2:] == [
        {"name": "start", "datatype": "FP64", "shape": [-1, SHAPE[0]]},
        {"name": "end", "datatype": "INT64", "shape": [-1]},
    ]
    schemas = asked.get("/openapi.json")["components"]["schemas"]
    window = schemas["Row"]["properties"]["window"]
    assert (window["minItems"], window["items"]["maxItems"], window["items"]["items"]["type"]) == (20, 3, "number")
    assert schemas["Prediction"]["properties"]["also"]["properties"]["start"]["maxItems"] == SHAPE[0]
    [told] = asked.get("/model_info")["features"]
    assert (told["shape"], told["channels"]) == ([20, 3], ["open", "high", "low"])
    assert asked.predict({"window": told["example"]})[0] == 200


@pytest.mark.parametrize(
    ("change", "problem", "message"),
    [
        (lambda window: window[:19], "shape", "'window' has 19 rows, not 20; the shape [20, 3] is needed"),
        (lambda window: [window[0][:2], *window[1:]], "shape", "'window'[0] has 2 values, not 3; the shape [20, 3] is needed"),
        (lambda window: [*window[:19], [0.5, "x", 0.5]], "type", "'window'[19][1] must be a number, not text"),
        (lambda window: [*window[:19], [0.5, None, 0.5]], "null", "'window'[19][1] must not be null"),
        (lambda window: [one for bar in window for one in bar], "shape", "'window' has 60 rows, not 20; the shape [20, 3] is needed"),
        (lambda window: None, "null", "'window' must not be null; the shape [20, 3] is needed"),
    ],
)
def test_a_window_that_cannot_be_used_is_refused_and_its_place_is_named(
    asked: Service, right: Any, change: Any, problem: str, message: str
) -> None:
    status, told = asked.predict({"window": change(right["window"][0].tolist())})
    assert (status, [(one["problem"], one["message"]) for one in told["errors"]]) == (422, [(problem, message)])


def test_a_file_of_windows_is_predicted_by_the_release_and_by_the_service(released_windows: Path, asked: Service) -> None:
    user = User(released_windows / "project", released_windows / "people")
    table = user.folder / "test.parquet"
    rows = duckdb.sql(f"""SELECT "window" FROM '{table}' LIMIT 40""").fetchall()
    (user.folder.parent / "rows.jsonl").write_text("".join(json.dumps({"window": one}) + "\n" for (one,) in rows))
    found = {}
    for target in (REF, asked.url):
        for source in ("test.parquet", "../rows.jsonl"):
            lines = user.gonogo("predict", target, source).stdout.splitlines()
            found[target, source] = [json.loads(line) for line in lines]
    assert {len(one) for one in found.values()} == {500, 40}
    scores = [[(row["label"], row["also"]["end"]) for row in one[:40]] for one in found.values()]
    assert all(one == scores[0] for one in scores)


def test_windows_are_logged_as_lists(released_windows: Path, asked: Service, right: Any) -> None:
    status, text = post(asked, "/predict", json.dumps({"features": {"window": right["window"][5].tolist()}}).encode())
    assert status == 200
    name = json.loads(text)["prediction_id"]
    log = released_windows / "project" / ".gonogo" / "service" / "log" / "predictions" / REF
    asked.stop()  # what is in hand is written at the end
    assert list(log.glob("*.parquet"))
    [(window,)] = duckdb.sql(f"SELECT feature_window FROM '{log}/*.parquet' WHERE prediction_id = '{name}'").fetchall()
    close(np.reshape(window, SHAPE), right["window"][5])
