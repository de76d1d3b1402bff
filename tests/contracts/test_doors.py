"""Our own HTTP server and the ASGI application under uvicorn keep one contract: the same requests, the same answers."""

import asyncio
import gzip
import http.client
import json
import re
import socket
import threading
from contextlib import contextmanager

import pytest
import uvicorn
import uvloop

from gonogo.errors import ModelError
from gonogo.release.contents import Bundle
from gonogo.service.answering.answer import Answering, Rules
from gonogo.service.answering.loading import served_bundle
from gonogo.service.callers.access import Access
from gonogo.service.counters import Counters
from gonogo.service.door.asgi import AsgiApplication
from gonogo.service.door.http import HttpServer, Limits
from gonogo.service.drift import DriftCounter
from gonogo.service.routing import WHOLE, Arm, RoutingTable
from gonogo.service.upward import Alone
from http_fuzz import SEEDS
from small_bundle import put_bundle

RELEASE = "small@1.0.0"
ROW = {"x": 0.25, "k": 3}
GOOD = json.dumps({"features": ROW}).encode()
MANY = json.dumps({"features": [ROW] * 100}).encode()


@contextmanager
def own_door(served):
    """Our server, answering as a worker that has all the traffic."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=100)
    started, ending, faults = threading.Event(), [], []

    async def main():
        counters = Counters(served.release, DriftCounter(served.schema, served.baseline))
        upward = Alone(served, counters)
        answering = Answering(served, counters, rules=Rules(), upward=upward, admission=Access(), on_fault=faults.append)
        answering.take_over(RoutingTable(0, 0, (Arm(RELEASE, WHOLE),), RELEASE))
        server = HttpServer(answering.public, Limits(), headers=answering.own_headers, on_fault=faults.append)
        await server.listen(listening)
        ending.extend((asyncio.get_running_loop(), done := asyncio.Event()))
        started.set()
        await done.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.Runner(loop_factory=uvloop.new_event_loop).run(main()))
    thread.start()
    started.wait(10)
    yield listening.getsockname()[1]
    ending[0].call_soon_threadsafe(ending[1].set)
    thread.join(10)
    listening.close()
    assert all(isinstance(fault, ModelError) for fault in faults), faults


@contextmanager
def under_uvicorn(served, parser, **more):
    listening = socket.create_server(("127.0.0.1", 0), backlog=100)
    config = uvicorn.Config(AsgiApplication(served), http=parser, log_config=None, access_log=False, **more)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: server.run(sockets=[listening]))
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(10)
    listening.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    return served_bundle(RELEASE, Bundle.open(put_bundle(tmp_path_factory.mktemp("b") / "b")), {"version": "1.0.0"})


DOORS = ("own", "uvicorn, httptools", "uvicorn, h11")


@pytest.fixture(scope="module")
def ports(served):
    with (
        own_door(served) as own,
        under_uvicorn(served, "httptools", lifespan="on") as first,
        under_uvicorn(served, "h11", lifespan="off") as second,
    ):
        yield dict(zip(DOORS, (own, first, second), strict=True))


@pytest.fixture(params=DOORS)
def door(request, ports):
    return ports[request.param]


def ask(port, method, target, body=None, headers=()):
    """Status, headers and body. `headers` are pairs, so that one may come twice."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("content-length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content


INFER = json.dumps({
    "inputs": [
        {"name": "x", "shape": [1], "datatype": "FP64", "data": [0.25]},
        {"name": "k", "shape": [1], "datatype": "INT64", "data": [3]},
    ]
}).encode()  # fmt: skip
GZIP = (("content-encoding", "gzip"),)
CASES = {
    "a row": (200, "POST", "/predict", GOOD),
    "a hundred rows": (200, "POST", "/predict", MANY),
    "a query that means nothing": (200, "POST", "/predict?a=b", GOOD),
    "a packed body": (200, "POST", "/predict", gzip.compress(GOOD), *GZIP),
    "a large answer, packed": (200, "POST", "/predict", MANY, ("accept-encoding", "gzip")),
    "infer of the open protocol": (200, "POST", "/v2/models/small/infer", INFER),
    "infer that is refused": (422, "POST", "/v2/models/small/infer", INFER.replace(b'"k"', b'"j"')),
    "a NumPy file": (200, "POST", "/predict", (SEEDS / "records.npy").read_bytes(), ("content-type", "application/x-npy")),
    "another version": (404, "POST", "/predict", GOOD, ("x-gonogo-version", "9.9.9")),
    "not JSON": (400, "POST", "/predict", b"{"),
    "no body": (400, "POST", "/predict", b""),
    "a missing feature": (422, "POST", "/predict", b'{"features": {"x": 0.1}}'),
    "a row that the model refuses": (500, "POST", "/predict", b'{"features": {"x": 0.1, "k": 1000}}'),
    "too many rows": (413, "POST", "/predict", json.dumps({"features": [ROW] * 1001}).encode()),
    "a body too large": (413, "POST", "/predict", b" " * ((1 << 20) + 1)),
    "a bomb": (413, "POST", "/predict", gzip.compress(bytes(1 << 24)), *GZIP),
    "a damaged packing": (400, "POST", "/predict", b"not gzip", *GZIP),
    "a coding that nobody knows": (415, "POST", "/predict", b"x", ("content-encoding", "br")),
    "two content types": (400, "POST", "/predict", GOOD, ("content-type", "a/b"), ("content-type", "c/d")),
    "GET /predict": (405, "GET", "/predict", None),
    "POST /health": (405, "POST", "/health", b""),
    "no such page": (404, "GET", "/nowhere", None),
    "a page in disguise": (404, "GET", "/%68ealth", None),
    "a path that climbs": (404, "GET", "/a/../health", None),
    "index": (200, "GET", "/", None),
    "health": (200, "GET", "/health", None),
    "health with a query": (200, "GET", "/health?verbose=1", None),
    "HEAD of health": (200, "HEAD", "/health", None),
    "HEAD of nothing": (404, "HEAD", "/nowhere", None),
    "model": (200, "GET", "/model_info", None),
    "openapi": (200, "GET", "/openapi.json", None),
    "openapi, packed": (200, "GET", "/openapi.json", None, ("accept-encoding", "gzip")),
    "stats": (200, "GET", "/stats", None),
    "metrics": (200, "GET", "/metrics", None),
    "ready": (200, "GET", "/v2/health/ready", None),
    "a request id": (200, "POST", "/predict", GOOD, ("x-request-id", "abc-123")),
}  # fmt: skip
COUNTS = ("stats", "metrics")
OF_THE_SERVER = ("date", "server", "connection", "x-gonogo-prediction-id")
CHANGING = re.compile(rb'"(prediction_id|id|uptime_seconds|boot_id|instance)": ?("[^"]*"|[0-9.]+),?')


@pytest.mark.parametrize("name", CASES)
def test_each_request_gets_its_status_at_each_door(door, name):
    status, method, target, body, *headers = CASES[name]
    answered = ask(door, method, target, body, headers)
    assert answered[0] == status, answered
    if status >= 400 and method != "HEAD" and not target.startswith("/v2"):
        assert json.loads(answered[2])["status"] == status
        assert answered[1]["content-type"] == "application/problem+json"


@pytest.mark.parametrize("name", [name for name in CASES if name not in COUNTS])
def test_the_doors_give_the_same_answer_to_the_byte_but_for_ids(ports, name):
    _, method, target, body, *headers = CASES[name]
    answers = []
    for port in ports.values():
        status, found, content = ask(port, method, target, body, headers)
        packed = found.get("content-encoding") == "gzip"
        content, ids = CHANGING.subn(b"", gzip.decompress(content) if packed else content)
        changing = (*OF_THE_SERVER, "content-length") if packed or ids else OF_THE_SERVER  # an id grows with its number
        kept = {key: value for key, value in found.items() if key not in changing}
        answers.append((status, kept, content))
    assert answers[0] == answers[1] == answers[2]


def test_predictions_are_the_model_s_and_named_by_release_and_id(door):
    status, headers, body = ask(door, "POST", "/predict", GOOD)
    answer = json.loads(body)
    assert status == 200
    assert answer["predictions"] == [{"label": "yes", "score": 0.5, "scores": {"no": 0.5, "yes": 0.5}}]
    assert headers["x-gonogo-release"] == answer["release"] == RELEASE
    assert headers["x-gonogo-prediction-id"] == answer["prediction_id"]


def test_head_says_what_get_says_and_sends_nothing(door):
    _, got, content = ask(door, "GET", "/model_info")
    _, headed, nothing = ask(door, "HEAD", "/model_info")
    assert nothing == b""
    assert headed["content-length"] == got["content-length"] == str(len(content))


def test_what_was_answered_is_counted_at_each_door(door):
    def counted():
        return json.loads(ask(door, "GET", "/stats")[2])["releases"][RELEASE]["n"]

    before = counted()
    for _ in range(5):
        ask(door, "POST", "/predict", GOOD)
    assert counted() == before + 5


def test_a_request_id_is_given_back(door):
    assert ask(door, "POST", "/predict", GOOD, [("x-request-id", "abc-123")])[1]["x-request-id"] == "abc-123"


def test_many_at_once_get_their_own_answers(door):
    found = {}

    def one(number):
        x = (number % 10) / 10
        body = json.dumps({"features": {"x": x * x, "k": 1}}).encode()
        found[number] = (x, json.loads(ask(door, "POST", "/predict", body)[2])["predictions"][0]["score"])

    threads = [threading.Thread(target=one, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 40
    assert all(score == pytest.approx(x, abs=1e-6) for x, score in found.values())
