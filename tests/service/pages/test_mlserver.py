"""Our answers by the Open Inference Protocol beside MLServer's to the same requests for the same model, field by field.

MLServer's were recorded by `python -m benchmarks.oip_parity --record`, which says with which versions. What differs, differs on purpose:

- Outputs. Ours are those that every release has, `label` (text) and `scores` (one a class, FP64 always). MLServer's are named after
  scikit-learn's methods, and its shares have the datatype of the request's rows.
- Metadata. Ours says what the model takes and gives; MLServer's scikit-learn runtime says nothing.
- An `id` that was not given is not made up; the prediction id is in `parameters`.
- What cannot be answered is a 400 or 422 with `error`; of MLServer's three answers one is a 500 and two have no `error`.
"""

import base64
import json
import os
from pathlib import Path

import numpy as np
import pytest

import sample
from gonogo.checklist.project import load_project
from gonogo.service.trial import TrialServer

RECORD = json.loads(Path(os.environ.get("MLSERVER_RECORD", Path(__file__).with_name("mlserver.json"))).read_text())
TOLERANCE = 1e-6  #: of a share, both computed in float32
YAML = """
system: flowers
pack: starter
model: {path: model.onnx, task: binary-classification}
data: {train: rows.csv, test: rows.csv, target: kind}
"""


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flowers")
    (folder / "model.onnx").write_bytes(base64.b64decode(RECORD["onnx"]))
    random = np.random.default_rng(1)
    rows = [",".join([*(f"{value:.3f}" for value in random.normal(size=4)), str(row % 2)]) for row in range(60)]
    (folder / "rows.csv").write_text("\n".join(["a,b,c,d,kind", *rows]) + "\n")
    (folder / "gonogo.yaml").write_text(YAML)
    bundle = sample.build(load_project(folder / "gonogo.yaml"), folder / "bundles")
    with TrialServer(bundle, accept_weaker=True) as trial:
        yield trial


def asked(trial, request):
    """The same request, with our names of the outputs."""
    names = {"predict": "label", "predict_proba": "scores"}
    renamed = {**request, **({"outputs": [{"name": names[one["name"]]} for one in request["outputs"]]} if "outputs" in request else {})}
    answer = trial.request("POST", "/v2/models/flowers/infer", json.dumps(renamed).encode(), {"content-type": "application/json"})
    return answer.status, json.loads(answer.body)


GOOD = [n for n, (status, _) in enumerate(RECORD["infer"]) if status == 200]
BAD = [n for n, (status, _) in enumerate(RECORD["infer"]) if status != 200]


@pytest.mark.parametrize("number", GOOD)
def test_the_same_request_has_the_same_answer(ours, number):
    request, (_, theirs) = RECORD["requests"][number], RECORD["infer"][number]
    status, answer = asked(ours, request)
    assert status == 200
    assert answer["model_name"] == theirs["model_name"]
    assert answer.get("id") == request.get("id")
    assert "id" not in request or theirs["id"] == request["id"]
    assert {*answer, "id"} == {*theirs, "id"}
    for mine, other in zip(answer["outputs"], theirs["outputs"], strict=True):
        assert {*mine} == {*other} - {"parameters"}
        if other["name"] == "predict":
            assert (mine["name"], mine["datatype"], mine["shape"]) == ("label", "BYTES", other["shape"][:1])
            assert mine["data"] == [str(value) for value in other["data"]]
        else:
            assert (mine["name"], mine["datatype"], mine["shape"]) == ("scores", "FP64", other["shape"])
            gap = np.abs(np.array(mine["data"]) - np.array(other["data"])).max()
            print(f"{request['inputs'][0]['datatype']}: {len(mine['data'])} shares, largest difference {gap:.1e}")
            assert gap <= TOLERANCE


@pytest.mark.parametrize("number", BAD)
def test_what_mlserver_refuses_is_refused_and_always_with_an_error(ours, number):
    status, answer = asked(ours, RECORD["requests"][number])
    assert status in (400, 422)
    assert answer["error"]


def test_pages_have_the_status_that_mlserver_gives_and_its_fields(ours):
    for path, (status, theirs) in RECORD["pages"].items():
        mine = ours.request("GET", path)
        assert mine.status == status, path
        if theirs is not None:
            told = json.loads(mine.body)
            assert {*theirs} - {"parameters"} <= {*told}, path
            assert all(type(told[name]) is type(theirs[name]) for name in theirs if name != "parameters"), path
    metadata = json.loads(ours.request("GET", "/v2/models/flowers").body)
    assert metadata["inputs"] == [{"name": "X", "datatype": "FP32", "shape": [-1, 4]}]
