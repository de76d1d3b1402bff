"""The Open Inference Protocol as its own clients speak it: NVIDIA's tritonclient, unmodified, against a real service."""

import numpy as np
import pytest

from supervised import NEW

tritonclient = pytest.importorskip("tritonclient.http", reason="tritonclient[http] is not installed")
from tritonclient.utils import InferenceServerException  # noqa: E402

AMOUNTS = np.array([[1.25], [-0.5], [2.0]], dtype=np.float32)
CITIES = np.array([["paris"], ["oslo"], ["Zürich"]], dtype=np.object_)


@pytest.fixture
def client(small):
    with tritonclient.InferenceServerClient(f"127.0.0.1:{small.port}") as one:
        yield one


@pytest.fixture(scope="module")
def both(small):
    """Two releases in service."""
    small.service.client.start(NEW)
    small.service.until(lambda seen: seen["releases"][NEW]["healthy"])


def inputs(*, binary):
    made = [tritonclient.InferInput("amount", [3, 1], "FP32"), tritonclient.InferInput("city", [3, 1], "BYTES")]
    for one, values in zip(made, (AMOUNTS, CITIES), strict=True):
        one.set_data_from_numpy(values, binary_data=binary)
    return made


def wanted(*, binary):
    return [tritonclient.InferRequestedOutput(name, binary_data=binary) for name in ("label", "scores")]


def test_server_and_model_are_live_and_ready(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("small")
    assert client.is_model_ready("small", "1.0.0")
    assert not client.is_model_ready("small", "9.9.9")
    assert not client.is_model_ready("large")


def test_the_server_says_who_it_is_and_what_it_can(client):
    told = client.get_server_metadata()
    assert (told["name"], set(told["extensions"])) == ("gonogo", {"binary_tensor_data", "model_repository"})
    assert told["version"]


def test_the_metadata_of_the_model_is_exact(client, both):
    expected = {
        "name": "small",
        "versions": ["1.0.0", "1.1.0"],
        "platform": "onnx_onnxv1",
        "inputs": [{"name": "amount", "datatype": "FP32", "shape": [-1, 1]}, {"name": "city", "datatype": "BYTES", "shape": [-1, 1]}],
        "outputs": [{"name": "label", "datatype": "BYTES", "shape": [-1]}, {"name": "scores", "datatype": "FP64", "shape": [-1, 2]}],
    }
    assert client.get_model_metadata("small") == expected
    assert client.get_model_metadata("small", "1.0.0") == expected
    assert client.get_model_metadata("small", "1.1.0") == expected  # of another process, which has the same tensors


def test_the_metadata_of_another_version_are_its_own_words(ask, both):
    answer = ask("GET", "/v2/models/small/versions/1.1.0")
    assert (answer.status, answer.headers["x-gonogo-release"]) == (200, NEW)


def test_the_repository_lists_what_runs_and_is_changed_by_operators_alone(client, both):
    index = {(one["name"], one["version"]): one["state"] for one in client.get_model_repository_index()}
    assert index == {("small", "1.0.0"): "READY", ("small", "1.1.0"): "READY"}
    for order in (client.load_model, client.unload_model):
        with pytest.raises(InferenceServerException, match="POST /load") as refused:
            order("small")
        assert refused.value.status() == "403"


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_predictions_are_those_of_predict_as_json_and_as_binary(client, ask, binary_in, binary_out):
    rows = [{"amount": float(amount), "city": city} for (amount,), (city,) in zip(AMOUNTS.tolist(), CITIES.tolist(), strict=True)]
    plain = ask("POST", "/predict", {"features": rows}).json["predictions"]
    result = client.infer("small", inputs(binary=binary_in), outputs=wanted(binary=binary_out), request_id="r-1")
    answer = result.get_response()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("small", "1.0.0", "r-1")
    assert answer["parameters"]["prediction_id"]
    assert result.as_numpy("scores").dtype == np.float64
    np.testing.assert_allclose(result.as_numpy("scores"), [list(one["scores"].values()) for one in plain], rtol=0, atol=1e-12)
    labels = [label.decode() if isinstance(label, bytes) else label for label in result.as_numpy("label").tolist()]
    assert labels == [one["label"] for one in plain]


def test_a_version_is_asked_for_by_its_name(client, both):
    one, other = (client.infer("small", inputs(binary=True), model_version=version) for version in ("1.0.0", "1.1.0"))
    assert [result.get_response()["model_version"] for result in (one, other)] == ["1.0.0", "1.1.0"]
    assert np.abs(one.as_numpy("scores") - other.as_numpy("scores")).max() > 0.01


def test_only_the_outputs_that_were_asked_for_come(client):
    result = client.infer("small", inputs(binary=True), outputs=[tritonclient.InferRequestedOutput("scores")])
    assert [output["name"] for output in result.get_response()["outputs"]] == ["scores"]


def test_what_is_wrong_is_said_in_the_clients_own_exception(client):
    short = tritonclient.InferInput("amount", [3, 1], "FP32")
    short.set_data_from_numpy(AMOUNTS)
    with pytest.raises(InferenceServerException, match="city") as refused:
        client.infer("small", [short])
    assert refused.value.status() == "422"
    with pytest.raises(InferenceServerException, match="large"):
        client.get_model_metadata("large")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2", 200), ("/v2/", 200), ("/v2/health/live/", 200), ("/v2/health/ready", 200), ("/v2/models/small/", 200),
        ("/v2/models/small/versions/1.0.0/", 200), ("/v2/models/small/versions/1.0.0/ready/", 200), ("/v2/models/sm%61ll", 200),
        ("/v2/models/small/versions/2.0.0", 404), ("/v2/models/small/config", 404), ("/v2/models", 404), ("/v2/models/small/versions", 404),
        ("/v2/nothing", 404), ("/v2/models/small/infer", 405), ("/v2/repository/index", 405),
    ],
)  # fmt: skip
def test_every_path_with_and_without_a_slash_and_every_error_as_the_protocol_has_it(ask, path, status):
    answer = ask("GET", path)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    assert ("error" in answer.json) is (status != 200)
    assert answer.headers["x-gonogo-release"] == "small@1.0.0"


def test_pages_of_the_protocol_are_read_and_the_index_is_posted_for(ask):
    assert ask("POST", "/v2/health/live").status == 405
    assert ask("POST", "/v2/repository/index", {}).status == 200
    assert ask("HEAD", "/v2/health/ready").status == 200


def test_everything_that_is_wrong_about_the_form_of_a_request_is_said_at_once(ask):
    body = {
        "inputs": [
            {"name": "amount", "shape": [2, 1], "datatype": "FP33", "data": [1]},
            {"name": "city", "shape": "x", "datatype": "BYTES"},
        ],
        "outputs": [{"name": "no"}],
        "surplus": 1,
    }
    answer = ask("POST", "/v2/models/small/infer", body)
    assert answer.status == 400
    for word in ("surplus", "'no'", "FP33", "'city' has no shape"):
        assert word in answer.json["error"]


@pytest.mark.parametrize("wrong", [False, 0, "", []])
@pytest.mark.parametrize("place", ["request", "input", "output"])
def test_parameters_are_an_object_or_not_there(ask, place, wrong):
    def body(parameters):
        at = {name: {"parameters": parameters} if name == place else {} for name in ("request", "input", "output")}
        given = [{"name": "amount", "shape": [1], "datatype": "FP32", "data": [1], **at["input"]}]
        given.append({"name": "city", "shape": [1], "datatype": "BYTES", "data": ["oslo"]})
        return {"inputs": given, "outputs": [{"name": "label", **at["output"]}], **at["request"]}

    assert ask("POST", "/v2/models/small/infer", body(wrong)).status == 400
    assert ask("POST", "/v2/models/small/infer", body(None)).status == 200


@pytest.mark.parametrize("wrong", [None, True, 5.2e15, [], {}, [[]], [None], {"a": 1}, -1, [-536870913], [1e300], [2**40], "\ud95a"])
@pytest.mark.parametrize("member", ["name", "shape", "datatype", "data", "parameters"])
def test_no_member_of_a_tensor_can_be_such_that_the_release_seems_to_fail(ask, member, wrong):
    given = {"name": "amount", "shape": [1], "datatype": "FP32", "data": [1], member: wrong}
    answer = ask(
        "POST", "/v2/models/small/infer", {"inputs": [given, {"name": "city", "shape": [1], "datatype": "BYTES", "data": ["oslo"]}]}
    )
    assert answer.status in (200, 400, 413, 422)
    usable = {"data": ([None], [-536870913], [2**40]), "parameters": (None, {}, {"a": 1})}
    assert (answer.status == 200) is (wrong in usable.get(member, ()))
