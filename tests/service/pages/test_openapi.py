"""`/openapi.json` is valid OpenAPI 3.1, is about this model, and lists everything that the service has."""

import json

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator


@pytest.fixture
def document(ask):
    return ask("GET", "/openapi.json").json


def resolved(document, schema):
    """The schema with the document around it, so that its references lead somewhere."""
    return jsonschema.Draft202012Validator({**schema, "components": document["components"]})


def test_it_is_valid_by_the_official_schema(document):
    assert document["openapi"].startswith("3.1")
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_every_feature_is_there_with_type_typical_values_and_an_example_that_works(document, small, ask):
    row = document["components"]["schemas"]["Row"]
    amount, city = row["properties"]["amount"], row["properties"]["city"]
    golden = {request["name"]: request["rows"][0] for request in small.bundle.golden["requests"]}
    assert row["required"] == ["amount", "city"]
    assert row["additionalProperties"] is False
    assert amount["type"] == ["number", "null"]
    assert city["type"] == "string"
    assert amount["x-typical"] == pytest.approx({"from": golden["lowest"]["amount"], "to": golden["highest"]["amount"]})
    assert amount["maximum"] == pytest.approx(3.4028235e38)
    assert set(city["x-categories"]) == {"paris", "london", "oslo"}
    assert "only-once-ville" not in json.dumps(document)
    assert "other values are accepted" in amount["description"]
    (example,) = row["examples"]
    answer = ask("POST", "/predict", {"features": example})
    assert answer.status == 200
    given = [list(one["scores"].values()) for one in answer.json["predictions"]]
    assert given[0] == pytest.approx(next(r["scores"][0] for r in small.bundle.golden["requests"] if r["name"] == "typical"), abs=1e-5)


def test_every_route_is_documented_and_every_documented_route_is_there(document, ask):
    documented = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    assert documented == set(ask("GET", "/").json["endpoints"]) | {"GET /"}
    for route in documented:
        method, path = route.split()
        answer = ask(method, path, b"{}" if method == "POST" else None)
        assert answer.status not in (404, 405), route
        assert str(answer.status) in document["paths"][path][method.lower()]["responses"], route


def test_pages_answer_what_their_schema_says(document, ask):
    for path, item in document["paths"].items():
        for media, content in item.get("get", {}).get("responses", {}).get("200", {}).get("content", {}).items():
            answer = ask("GET", path)
            assert answer.status == 200, path
            assert answer.headers["content-type"].startswith(media), path
            if answer.json is not None:
                resolved(document, content["schema"]).validate(answer.json)


@pytest.mark.parametrize(
    ("features", "accepted"),
    [
        ({"amount": 1.5, "city": "paris"}, True),
        ({"amount": None, "city": "nowhere"}, True),
        ([{"amount": 1, "city": "oslo"}] * 3, True),
        ({"amount": "1.5", "city": "paris"}, False),
        ({"amount": True, "city": "paris"}, False),
        ({"amount": 1.5, "city": None}, False),
        ({"amount": 1e39, "city": "paris"}, False),
        ({"amount": 1.5}, False),
        ({"amount": 1.5, "city": "paris", "x": 1}, False),
        ([], False),
        (None, False),
    ],
)
def test_the_schema_accepts_exactly_what_the_service_accepts(document, ask, features, accepted):
    body = {"features": features}
    answer = ask("POST", "/predict", body)
    content = document["paths"]["/predict"]["post"]
    assert (answer.status == 200) is accepted
    assert resolved(document, content["requestBody"]["content"]["application/json"]["schema"]).is_valid(body) is accepted
    for media, told in content["responses"][str(answer.status)]["content"].items():
        if answer.headers["content-type"] == media:
            resolved(document, told["schema"]).validate(answer.json)
            break
    else:
        pytest.fail(f"no {answer.headers['content-type']} is promised for {answer.status}")


@pytest.mark.parametrize(
    ("release", "valid"),
    [("small@1.0.0", True), ("small@9.9.9", True), ("small@staging", False), ("small@production", False), ("../small@1.0.0", False)],
)
def test_what_the_document_lets_an_operator_load_is_never_refused_for_its_form(document, ask, release, valid):
    body = {"release": release}
    content = document["paths"]["/load"]["post"]["requestBody"]["content"]["application/json"]
    assert resolved(document, content["schema"]).is_valid(body) is valid
    assert (ask("POST", "/load", body).status in (200, 404)) is valid


def test_pages_can_only_be_read_and_what_is_not_there_is_a_problem(ask):
    for method, path, status in (("POST", "/health", 405), ("DELETE", "/docs", 405), ("GET", "/nothing", 404), ("GET", "/predict", 405)):
        answer = ask(method, path)
        assert (answer.status, answer.json["status"], answer.headers["content-type"]) == (status, status, "application/problem+json"), path
    assert ask("DELETE", "/docs").headers["allow"] == "GET, HEAD"
    assert (ask("HEAD", "/docs").status, ask("HEAD", "/docs").body) == (200, b"")


def test_model_info_tells_what_is_served_where_it_computes_and_what_runs_beside_it(ask, small):
    told = ask("GET", "/model_info").json
    assert (told["release"], told["digest"], told["version"]) == ("small@1.0.0", small.bundle.digest, "1.0.0")
    assert (told["model_format"], told["model_digest"], told["device"]) == ("onnx", small.bundle.model_digest, "cpu")
    assert (told["task"], told["classes"], told["threshold"]) == ("binary-classification", ["0", "1"], 0.5)
    assert told["stable"] == "small@1.0.0"
    assert "small@1.0.0" in told["versions"]
    assert [(one["name"], one["type"], one["nullable"]) for one in told["features"]] == [
        ("amount", "float", True),
        ("city", "string", False),
    ]
    assert told["trained"] is None  # this release carries no run record
    assert told["gonogo"]
