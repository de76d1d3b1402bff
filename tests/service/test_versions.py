"""Several releases at once: a version asked for by name, callers that stay with their arm, and shadows that nobody hears."""

import http.client
import json
import os
import signal
import socket
import struct
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.service.answering.shadow import compare
from gonogo.service.answering.sticky import MOST_KEYS, Sticky
from gonogo.service.answering.versions import asked_version
from gonogo.service.door.exchange import Exchange
from gonogo.service.routing import WHOLE, Arm, RoutingTable, Shadow
from gonogo.service.wire import RequestRefused

OLD, NEW = "small@1.0.0", "small@1.1.0"
GOOD = {"x": 0.25, "k": 3}


def ask(port, count=1, rows=GOOD, **headers):
    """(status, release, body) of each of `count` requests on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    answers = []
    for _ in range(count):
        connection.request("POST", "/predict", json.dumps({"features": rows}), {k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        answers.append((answer.status, answer.getheader("x-gonogo-release"), json.loads(answer.read())))
    connection.close()
    return answers


def two(crew, share=0, *, new=None, **changes):
    old, fresh = crew.start(OLD), crew.start(NEW, **(new or {}))
    table = replace(crew.table(1, (old, WHOLE - share), (fresh, share)), **changes)
    view = {worker.release: {"socket": str(worker.path), "ready": 1, "size": 1, "digest": ""} for worker in (old, fresh)}
    old.say(kind="view", view={"releases": view | {"small@2.0.0": {"socket": "", "ready": 0, "size": 1, "digest": ""}}, "stable": OLD})
    old.take_over(table, accept=True)
    return old, fresh


# ---- by name


def test_a_version_that_is_asked_for_answers_whoever_gets_the_traffic_and_is_booked_apart(crew):
    old, new = two(crew)
    for version, release in (("1.1.0", NEW), ("1.0.0", OLD)):
        [(status, named, body)] = ask(crew.port, x_gonogo_version=version)
        assert (status, named, body["release"]) == (200, release, release)
    ask(crew.port)
    counts = old.snapshot()["counters"]
    assert {release: row["n"] for release, row in counts["0"].items()} == {OLD: 1, NEW: 1}
    assert {release: row["n"] for release, row in counts["1"].items()} == {OLD: 1}
    assert new.snapshot()["counters"] == {}


def infer(port, target, binary=False):
    """(status, release, document) of one request of the Open Inference Protocol; with binary input and output when asked."""
    inputs = [{"name": "x", "datatype": "FP32", "shape": [1]}, {"name": "k", "datatype": "INT64", "shape": [1]}]
    headers, tail = {}, b""
    if binary:
        parts = [struct.pack("<f", 0.25), struct.pack("<q", 3)]
        for tensor, part in zip(inputs, parts, strict=True):
            tensor["parameters"] = {"binary_data_size": len(part)}
        tail = b"".join(parts)
    else:
        inputs[0]["data"], inputs[1]["data"] = [0.25], [3]
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": binary}}).encode()
    if binary:
        headers = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", target, head + tail, headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    length = answer.getheader("inference-header-content-length")
    assert (length is not None) == (binary and answer.status == 200)
    return answer.status, answer.getheader("x-gonogo-release"), json.loads(body[: int(length)] if length else body)


@pytest.mark.parametrize("binary", [False, True], ids=["json", "binary"])
def test_a_version_in_the_address_answers_and_a_canary_speaks_the_same_protocol(crew, binary):
    old, _ = two(crew, 5000)
    for version, release in (("1.1.0", NEW), ("1.0.0", OLD)):
        status, named, document = infer(crew.port, f"/v2/models/small/versions/{version}/infer", binary)
        assert (status, named, document["model_version"]) == (200, release, version)
    status, _, document = infer(crew.port, "/v2/models/small/versions/9.9.9/infer", binary)
    assert (status, "9.9.9" in document["error"]) == (404, True)
    seen = {infer(crew.port, "/v2/models/small/infer", binary)[:2] for _ in range(40)}
    assert seen == {(200, OLD), (200, NEW)}
    counts = old.snapshot()["counters"]
    assert {release: row["n"] for release, row in counts["0"].items()} == {OLD: 1, NEW: 1}
    assert sum(row["n"] for row in counts["1"].values()) == 40
    assert not any(row["bad"] for row in counts["1"].values())


def test_a_version_that_is_not_there_or_not_ready_is_refused_and_never_answered_by_another(crew):
    two(crew)
    assert [ask(crew.port, x_gonogo_version=version)[0][0] for version in ("9.9.9", "2.0.0", "../1.1.0", "small@1.1.0")] == [
        404,
        409,
        404,
        404,
    ]


def test_who_asks_for_a_version_that_is_not_there_is_told_which_are(crew):
    two(crew)
    [(_, _, problem)] = ask(crew.port, x_gonogo_version="9.9.9")
    assert problem["detail"] == "small@9.9.9 is not in service here; in service: small@1.0.0, small@1.1.0, small@2.0.0."
    connection = http.client.HTTPConnection("127.0.0.1", crew.port, timeout=20)
    connection.request("GET", "/v2/models/small/versions/9.9.9")
    assert json.loads(connection.getresponse().read())["error"].endswith("in service: 1.0.0, 1.1.0, 2.0.0.")
    connection.close()


def test_a_version_that_fails_is_not_answered_for(crew):
    old, new = two(crew, new={"broken": True})
    assert ask(crew.port, x_gonogo_version="1.1.0")[0][0] == 500
    new.process.kill()
    new.process.wait()
    new.private.close()
    assert ask(crew.port, x_gonogo_version="1.1.0")[0][0] == 503
    row = old.snapshot()["counters"]["0"][NEW]
    assert (row["n"], row["bad"]) == (2, 2)
    assert ask(crew.port)[0][:2] == (200, OLD)


def test_header_and_address_that_disagree_are_refused():
    exchange = Exchange(b"POST", b"/v2/models/small/versions/1.0.0/infer", {b"x-gonogo-version": b"1.1.0"}, b"")
    with pytest.raises(RequestRefused, match="different"):
        asked_version(exchange, "small")


# ---- by key

keys = st.binary(min_size=16, max_size=16)
shares = st.lists(st.integers(0, WHOLE), min_size=2, max_size=2).map(sorted)


def shared(share, stable=OLD):
    return RoutingTable(1, 1, (Arm(OLD, WHOLE - share), Arm(NEW, share)), stable)


@given(keys, shares)
def test_a_share_that_grows_takes_callers_over_and_gives_none_back(key, growing):
    small, large = (shared(share).choose_for(key).release for share in growing)
    assert small == OLD or large == NEW
    assert shared(growing[0], NEW).choose_for(key).release == small, "who is stable does not matter"


def test_callers_spread_by_the_weights():
    secret = Sticky(b"s" * 32, lambda key, epoch, release: None)
    got = [secret.choose(shared(2500), b"user %d" % number).release for number in range(8000)]
    assert 0.23 < got.count(NEW) / 8000 < 0.27


def test_a_caller_meets_an_epoch_once_and_memory_is_bounded():
    met = []
    sticky = Sticky(b"s" * 32, lambda *exposure: met.append(exposure))
    for table in (shared(5000), replace(shared(5000), epoch=2)):
        for _ in range(3):
            arm = sticky.choose(table, b"ana")
        assert met[-1] == (met[0][0], table.epoch, arm.release)
    assert len(met) == 2
    assert b"ana".hex() not in met[0][0]
    for number in range(MOST_KEYS + 10):
        sticky.choose(replace(shared(5000), epoch=2), b"%d" % number)
    assert len(sticky._met) == MOST_KEYS


def test_two_services_spread_the_same_callers_differently():
    first, second = (Sticky(bytes([number]) * 32, lambda *exposure: None) for number in (1, 2))
    arms = [(first.choose(shared(5000), b"%d" % n), second.choose(shared(5000), b"%d" % n)) for n in range(200)]
    assert 50 < sum(one == other for one, other in arms) < 150


def test_requests_with_the_same_header_value_stay_with_one_arm_in_every_process(crew):
    two(crew, 5000, sticky="x-user-id")
    arms = {
        user: {release for _, release, _ in ask(crew.port, 8, x_user_id=user)} for user in ("ana", "ben", "cleo", "dora", "emil", "fay")
    }
    assert all(len(releases) == 1 for releases in arms.values()), arms
    assert {release for _, release, _ in ask(crew.port, 60)} == {OLD, NEW}, "who sends no key is spread by chance"


# ---- shadows


def until(worker, fact, seconds=20.0):
    deadline = time.monotonic() + seconds
    while True:
        row = worker.snapshot()["shadow"].get(NEW, {})
        if row and fact(row):
            return row
        assert time.monotonic() < deadline, row
        time.sleep(0.05)


def cast(share=WHOLE, crew=None, **new):
    old, fresh = crew.start(OLD), crew.start(NEW, **new)
    old.take_over(replace(crew.table(1, (old, WHOLE)), shadow=Shadow(NEW, share, str(fresh.path))), accept=True)
    return old, fresh


def test_a_shadow_computes_the_same_requests_and_is_compared_and_is_no_traffic(crew):
    old, new = cast(crew=crew)
    assert {answer[:2] for answer in ask(crew.port, 30, [GOOD, {"x": 0.01, "k": 1}])} == {(200, OLD)}
    row = until(old, lambda row: row["rows"] == 60)
    assert (row["n"], row["failed"], row["dropped"], row["labels"], row["largest"]) == (30, 0, 0, 0, 0.0)
    counts = old.snapshot()["counters"]
    assert {epoch: set(arms) for epoch, arms in counts.items()} == {"1": {OLD}}
    assert new.snapshot()["counters"] == {}


def test_what_a_shadow_computed_is_called_after_the_answer_that_somebody_got(crew):
    worker = crew.start(OLD)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(worker.path))
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nhost: x\r\nx-gonogo-shadow: abc-1\r\ncontent-length: 36\r\n\r\n"
            + b'{"features": {"x": 0.25, "k": 3   }}'
        )
        assert b"x-gonogo-prediction-id: shadow-abc-1\r\n" in connection.recv(4000)


def test_a_copy_names_the_answer_that_it_is_a_copy_of(crew, tmp_path):
    old = crew.start(OLD)
    path = tmp_path / "shadow.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(20)
        old.take_over(replace(crew.table(1, (old, WHOLE)), shadow=Shadow(NEW, WHOLE, str(path))), accept=True)
        [(_, _, body)] = ask(crew.port)
        connection, _ = listener.accept()
        with connection:
            assert f"x-gonogo-shadow: {body['prediction_id']}\r\n".encode() in connection.recv(4000)


def test_a_shadow_gets_its_share_only(crew):
    old, _ = cast(2000, crew)
    ask(crew.port, 300)
    row = until(old, lambda row: row["rows"] == row["n"])
    assert 20 < row["n"] < 110


def test_a_broken_shadow_is_counted_and_harms_nobody(crew):
    old, _ = cast(crew=crew, broken=True)
    assert {answer[:2] for answer in ask(crew.port, 20)} == {(200, OLD)}
    row = until(old, lambda row: row["failed"] == 20)
    assert (row["n"], row["rows"]) == (20, 0)
    assert not [message for message in old.said if message["kind"] == "tripped"]


def test_a_hung_shadow_is_dropped_not_queued(crew):
    old, new = cast(crew=crew)
    os.kill(new.process.pid, signal.SIGSTOP)
    assert {answer[:2] for answer in ask(crew.port, 400)} == {(200, OLD)}
    row = until(old, lambda row: row["dropped"] > 0)
    assert row["dropped"] >= 400 - 256 - 2 * 8
    assert old.snapshot()["counters"]["1"][OLD] == {"n": 400, "bad": 0, "2xx": 400, "4xx": 0, "5xx": 0, "unread": 0, "invalid": 0}


def test_an_answer_of_another_shape_is_no_comparison():
    tensors = {"outputs": [{"name": "p", "datatype": "FP32", "shape": [2], "data": [0.5, 0.25]}]}
    assert compare(tensors, {"outputs": [{"name": "p", "datatype": "FP32", "shape": [2], "data": [0.5, 0.5]}]}) == (2, 0, 0.25)
    labels = {"outputs": [{"name": "label", "datatype": "BYTES", "shape": [2, 1], "data": [["a"], ["b"]]}]}
    assert compare(labels, {"outputs": [{"name": "label", "datatype": "BYTES", "shape": [2], "data": ["a", "c"]}]}) == (2, 1, 0.0)
    with pytest.raises(ValueError, match="shorter"):
        compare({"predictions": [{"label": "a", "score": 1}]}, {"predictions": []})


@pytest.mark.parametrize("shadow", [Shadow(OLD, 100), Shadow(NEW, 100), Shadow("small@2.0.0", 0), Shadow("small@2.0.0", WHOLE + 1)])
def test_a_shadow_that_makes_no_sense_cannot_exist(shadow):
    with pytest.raises(ValueError, match="shadow"):
        replace(shared(100), shadow=shadow)


@given(st.sampled_from(["", "x-user-id", "Cookie2"]), st.integers(1, WHOLE))
def test_a_table_with_key_and_shadow_survives_the_journey_through_json(sticky, share):
    table = replace(shared(100), sticky=sticky.lower(), shadow=Shadow("small@2.0.0", share, "/run/s.sock"))
    assert RoutingTable.from_json(json.loads(json.dumps(table.to_json()))) == table
