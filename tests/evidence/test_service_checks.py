"""The checks on the running service, against a small real HTTP server that answers right, and in one way wrong at a time."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gonogo.base.canonical import parse_json
from gonogo.errors import DataError, UnreachableError
from gonogo.evidence.inputs import Response
from gonogo.evidence.memory import measure
from gonogo.evidence.prometheus import read_exposition
from gonogo.evidence.record import Measurement
from gonogo.model.encode import RowErrors, encode_rows
from gonogo.model.schema import Schema

MOST_BYTES, MOST_ROWS = 1 << 20, 1000


def values(measurement: Measurement) -> dict[str, Any]:
    return {name: fact.value for name, fact in measurement.facts.items()}


class Service:
    """A right service over a schema of a float, a nullable float, an int, a bool and a text. Subclasses are wrong in one thing."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.requests = 0

    def score(self, row: dict[str, Any]) -> float:
        return 0.75 if row["flag"] else 0.25

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, str, bytes]:
        pages: dict[str, Callable[[], Any]] = {"/health": self.health, "/model_info": self.model_info}
        if path == "/predict":
            if method != "POST":
                return self.problem(405)
            status, kind, data = self.predict(body)
            self.requests += 1
            return status, kind, data
        if path == "/metrics" and method == "GET":
            return 200, "text/plain; version=0.0.4", self.metrics().encode()
        if path in pages:
            return (200, "application/json", json.dumps(pages[path]()).encode()) if method == "GET" else self.problem(405)
        return self.problem(404)

    def health(self) -> Any:
        return {"status": "healthy", "model_loaded": True}

    def model_info(self) -> Any:
        names = [{"name": name} for name in self.schema.feature_names]
        return {"digest": "sha256:0", "features": names, "classes": list(self.schema.classes)}

    def metrics(self) -> str:
        return (
            "# HELP requests_total Requests.\n# TYPE requests_total counter\n"
            f'requests_total{{path="/predict",status="2xx"}} {self.requests}\n'
            '# TYPE seconds histogram\nseconds_bucket{le="0.1"} 1\nseconds_bucket{le="+Inf"} 2\nseconds_sum 0.3\nseconds_count 2\n'
        )

    def predict(self, body: bytes) -> tuple[int, str, bytes]:
        if len(body) > MOST_BYTES:
            return self.problem(413)
        try:
            request = parse_json(body)
        except ValueError:
            return self.problem(400)
        if not isinstance(request, dict) or request.keys() != {"features"} or not isinstance(request["features"], dict | list):
            return self.problem(422)
        rows = request["features"] if isinstance(request["features"], list) else [request["features"]]
        if len(rows) > MOST_ROWS:
            return self.problem(413)
        try:
            encode_rows(self.schema, rows)
        except RowErrors as error:
            return self.problem(422, errors=error.errors)
        return 200, "application/json", json.dumps({"predictions": [self.prediction(row) for row in rows]}).encode()

    def prediction(self, row: dict[str, Any]) -> dict[str, Any]:
        p = self.score(row)
        return {"label": "1" if p >= 0.5 else "0", "score": p, "scores": {"0": 1 - p, "1": p}}

    def problem(self, status: int, **more: Any) -> tuple[int, str, bytes]:
        return status, "application/problem+json", json.dumps({"status": status, **more}).encode()


class Client:
    """An `Endpoint` over http.client."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.base_url = f"http://127.0.0.1:{port}"
        self.isolation = "none: a server of the test"

    def peak_memory_mb(self) -> float | None:
        return None

    def request(self, method: str, path: str, body: bytes | None = None, headers: Any = None) -> Response:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            answer = connection.getresponse()
            return Response(answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"no answer: {error}") from error
        finally:
            connection.close()


@contextmanager
def running(service: Service) -> Iterator[Client]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            try:
                status, kind, data = service.answer(self.command, self.path, body)
            except ConnectionAbortedError:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = serve

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Client(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


ROW = {"amount": 1.5, "age": None, "count": 3, "flag": True, "city": "Bonn"}


@pytest.fixture
def served(schema: Callable[..., Schema], bundle: Callable[..., Any]) -> Any:
    """The bundle that `Service` serves, with two golden requests."""
    own = schema(amount="float", age="float?", count="int", flag="bool", city="string")
    golden = {
        "tolerance": 1e-5,
        "requests": [
            {"name": "one", "rows": [ROW], "scores": [[0.25, 0.75]]},
            {"name": "two", "rows": [ROW, {**ROW, "flag": False}], "scores": [[0.25, 0.75], [0.75, 0.25]]},
        ],
    }
    return bundle(schema=own, golden=golden)


def run(check: str, service: Service, options: dict[str, Any] | None = None, **more: Any) -> Measurement:
    with running(service) as endpoint:
        return measure(check, options, endpoint=endpoint, **more)


# -- health and model_info ----------------------------------------------------------------------------------------------------------


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


# -- golden -------------------------------------------------------------------------------------------------------------------------


def test_right_answers_pass_every_golden_request(served: Any) -> None:
    facts = values(run("golden", Service(served.schema), bundle=served))
    assert facts == {"requests": 2, "rows": 3, "failed": 0, "max_abs_diff": 0.0}


class Skewed(Service):
    def score(self, row: dict[str, Any]) -> float:
        return super().score(row) + 0.001


class NoScores(Service):
    def prediction(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"label": "1"}


class Swapped(Service):
    def prediction(self, row: dict[str, Any]) -> dict[str, Any]:
        good = super().prediction(row)
        return {**good, "scores": {"0": good["scores"]["1"], "1": good["scores"]["0"]}}


class Unlabelled(Service):
    def prediction(self, row: dict[str, Any]) -> dict[str, Any]:
        return {**super().prediction(row), "label": "maybe"}


class Beyond(Service):
    def prediction(self, row: dict[str, Any]) -> dict[str, Any]:
        return {**super().prediction(row), "scores": {"0": -1, "1": 2}}


class Failing(Service):
    def predict(self, body: bytes) -> tuple[int, str, bytes]:
        return self.problem(500)


class Garbled(Service):
    def predict(self, body: bytes) -> tuple[int, str, bytes]:
        return 200, "application/json", b"\xff{"


@pytest.mark.parametrize("kind", [Skewed, NoScores, Swapped, Unlabelled, Beyond, Failing, Garbled])
def test_wrong_answers_fail_golden_requests(served: Any, kind: type[Service]) -> None:
    facts = values(run("golden", kind(served.schema), bundle=served))
    assert facts["failed"] == 2
    assert ("max_abs_diff" in facts) == (kind in (Skewed, Swapped))


class Narrow(Service):
    def predict(self, body: bytes) -> tuple[int, str, bytes]:
        return self.problem(413)


def test_a_golden_request_that_is_too_large_for_the_service_measures_nothing(served: Any) -> None:
    with pytest.raises(DataError, match=r"larger than the service takes.*GONOGO_REQUEST_BODY"):
        run("golden", Narrow(served.schema), bundle=served)


@pytest.mark.parametrize(
    "golden",
    [
        {}, {"requests": [], "tolerance": 1e-5}, {"requests": [{"rows": [ROW], "scores": [[0.25, 0.75]]}]},
        {"requests": [{"rows": [], "scores": []}], "tolerance": 1e-5},
        {"requests": [{"rows": [ROW], "scores": [[1.0]]}], "tolerance": 1e-5},
        {"requests": [{"rows": [ROW], "scores": [[0.25, 0.75]]}], "tolerance": 5.0}, {"requests": ["x"], "tolerance": 1e-5},
    ],
)  # fmt: skip
def test_golden_requests_that_prove_nothing_are_an_error(served: Any, bundle: Callable[..., Any], golden: Any) -> None:
    with pytest.raises(DataError):
        run("golden", Service(served.schema), bundle=bundle(schema=served.schema, golden=golden))


# -- validation ---------------------------------------------------------------------------------------------------------------------


def test_a_service_that_refuses_everything_wrong_has_no_faults(served: Any) -> None:
    found = run("validation", Service(served.schema), bundle=served)
    facts = values(found)
    assert found.findings == ()
    assert facts.pop("cases") > 80
    assert facts.pop("injections") > 30
    assert facts == {"accepted": 0, "server_errors": 0, "unnamed": 0, "leaks": 0, "alive": True}


class FillsIn(Service):
    """Takes a missing feature for 0."""

    def predict(self, body: bytes) -> tuple[int, str, bytes]:
        try:
            features = parse_json(body)["features"]
        except (ValueError, TypeError, KeyError):
            return super().predict(body)
        if isinstance(features, dict) and features:
            body = json.dumps({"features": {"amount": 0, "age": 0, "count": 0, "flag": False, "city": "", **features}}).encode()
        return super().predict(body)


class Mute(Service):
    """Refuses without naming what is wrong."""

    def problem(self, status: int, **more: Any) -> tuple[int, str, bytes]:
        return super().problem(status)


class Crashes(Service):
    """Fails on what it did not expect."""

    def problem(self, status: int, **more: Any) -> tuple[int, str, bytes]:
        return super().problem(500 if status == 422 else status, **more)


class HangsUp(Service):
    def problem(self, status: int, **more: Any) -> tuple[int, str, bytes]:
        raise ConnectionAbortedError


class Chatty(Service):
    """Shows its inside."""

    def problem(self, status: int, **more: Any) -> tuple[int, str, bytes]:
        return super().problem(status, detail="Traceback (most recent call last): …", **more)


class Dies(Service):
    """Answers no right request any more after the first wrong one."""

    broken = False

    def predict(self, body: bytes) -> tuple[int, str, bytes]:
        status, kind, data = super().predict(body)
        self.broken = self.broken or status != 200
        return (503, kind, b"{}") if self.broken and status == 200 else (status, kind, data)


@pytest.mark.parametrize(
    ("kind", "counted"),
    [(FillsIn, "accepted"), (Mute, "unnamed"), (Crashes, "server_errors"), (HangsUp, "server_errors"), (Chatty, "leaks")],
)
def test_each_way_to_handle_wrong_requests_badly_is_counted(served: Any, kind: type[Service], counted: str) -> None:
    found = run("validation", kind(served.schema), bundle=served)
    facts = values(found)
    assert facts[counted] > 0
    assert found.findings
    others = {"accepted", "unnamed", "server_errors", "leaks"} - {counted}
    assert sum(facts[name] for name in others) == 0
    assert facts["alive"] is True


def test_a_service_that_hostile_requests_break_is_not_alive(served: Any) -> None:
    assert values(run("validation", Dies(served.schema), bundle=served))["alive"] is False


@pytest.mark.parametrize("kind", [Failing, Garbled, Beyond])
def test_a_service_that_refuses_right_requests_proves_nothing_by_refusing_wrong_ones(served: Any, kind: type[Service]) -> None:
    with pytest.raises(DataError, match="prove nothing"):
        run("validation", kind(served.schema), bundle=served)


# -- metrics ------------------------------------------------------------------------------------------------------------------------


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


# -- latency and memory -------------------------------------------------------------------------------------------------------------


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


# -- endpoint_policy ----------------------------------------------------------------------------------------------------------------


class Listing(Service):
    """Says which routes it has, and keeps strangers from /metrics."""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, str, bytes]:
        if path == "/":
            routes = {"POST /predict": "…", "GET /health": "…", "GET /model_info": "…", "GET /metrics": "…"}
            return 200, "application/json", json.dumps({"endpoints": routes}).encode()
        return self.problem(401) if path == "/metrics" else super().answer(method, path, body)


POLICY = {
    "GET /": {"access": "open", "reason": "says nothing"}, "POST /predict": {"access": "internal", "reason": "our programs"},
    "GET /health": {"access": "open", "reason": "for the orchestrator"},
    "GET /model_info": {"access": "internal", "reason": "our programs"},
    "GET /metrics": {"access": "restricted", "reason": "counts"},
}  # fmt: skip


def policy(tmp_path: Path, content: Any) -> dict[str, Path]:
    (tmp_path / "policy.json").write_text(json.dumps(content))
    return {"endpoint_policy": tmp_path / "policy.json"}


def test_a_policy_for_every_route_that_is_kept(served: Any, tmp_path: Path) -> None:
    facts = values(run("endpoint_policy", Listing(served.schema), files=policy(tmp_path, POLICY)))
    assert facts == {"routes": 5, "undeclared": 0, "unknown": 0, "unenforced": 0}


def test_routes_without_a_policy_and_policies_without_a_route_are_counted(served: Any, tmp_path: Path) -> None:
    content = {route: entry for route, entry in POLICY.items() if route != "GET /metrics"} | {"GET /admin": POLICY["GET /"]}
    content["POST /predict"] = {"access": "restricted", "reason": "costs"}
    found = run("endpoint_policy", Listing(served.schema), files=policy(tmp_path, content))
    assert values(found) == {"routes": 5, "undeclared": 1, "unknown": 1, "unenforced": 1}
    assert found.findings == (
        "no policy for GET /metrics",
        "GET /admin is no route of the service",
        "POST /predict answers without a right",
    )
    assert values(run("endpoint_policy", Listing(served.schema)))["undeclared"] == 5


def test_a_route_that_the_service_does_not_list_is_found(served: Any, tmp_path: Path) -> None:
    class Hiding(Listing):
        def answer(self, method: str, path: str, body: bytes) -> tuple[int, str, bytes]:
            return (200, "application/json", b"{}") if path == "/debug" else super().answer(method, path, body)

    found = run("endpoint_policy", Hiding(served.schema), files=policy(tmp_path, POLICY))
    assert found.findings == ("no policy for GET /debug",)


@pytest.mark.parametrize("content", [[], {"GET /": "open"}, {"GET /": {"access": "free", "reason": "x"}}, {"GET /": {"access": "open"}}])
def test_a_policy_that_decides_nothing_is_an_error(served: Any, tmp_path: Path, content: Any) -> None:
    with pytest.raises(DataError):
        run("endpoint_policy", Listing(served.schema), files=policy(tmp_path, content))


def test_a_service_that_does_not_say_what_it_has_is_an_error(served: Any) -> None:
    with pytest.raises(DataError, match="does not list"):
        run("endpoint_policy", Service(served.schema))
