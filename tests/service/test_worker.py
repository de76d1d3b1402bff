"""Worker processes, end to end: what they answer, on whom they book, and that nobody is left without an answer."""

import http.client
import json
import os
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gonogo.service.loadtest.run import run_load_test
from gonogo.service.loadtest.target import Target

OLD, NEW = "small@1.0.0", "small@1.1.0"
GOOD = {"x": 0.25, "k": 3}


def ask(port, rows, path="/predict", method="POST", raw=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, raw if raw is not None else None if rows is None else json.dumps({"features": rows}))
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), body


def alone(crew, **environment):
    worker = crew.start(OLD, **environment)
    worker.take_over(crew.table(1, (worker, 10_000)), accept=True)
    return worker


def two_arms(crew, share, *, new=None, **environment):
    old, fresh = crew.start(OLD, **environment), crew.start(NEW, **(new or {}))
    table = crew.table(1, (old, 10_000 - share), (fresh, share))
    old.take_over(table, accept=True)
    fresh.take_over(table, accept=False)
    return old, fresh


def load(crew, requests, connections=50, rows=None):
    rows = rows or [{"x": n / 1000, "k": n % 10} for n in range(1, 501)]
    return run_load_test(Target.of(crew.url), rows, requests=requests, concurrency=connections, warm_up=False)


def under_load(crew, requests, disturb):
    """Run a load and disturb it once it flows. All of it must be answered."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(load, crew, requests)
        threading.Event().wait(0.3)
        disturb()
        return running.result(120)


# ---- one release


def test_a_release_alone_answers_with_its_name_and_a_prediction_id(crew):
    alone(crew)
    status, headers, body = ask(crew.port, GOOD)
    answer = json.loads(body)
    assert status == 200
    assert answer["predictions"] == [{"label": "yes", "score": 0.5, "scores": {"no": 0.5, "yes": 0.5}}]
    assert headers["x-gonogo-release"] == answer["release"] == OLD
    assert headers["x-gonogo-prediction-id"] == answer["prediction_id"]
    status, _, body = ask(crew.port, [GOOD, {"x": 0.01, "k": 0}])
    assert [row["label"] for row in json.loads(body)["predictions"]] == ["yes", "no"]


BAD_INPUT = {
    "not JSON": (b"{", 400, ""),
    "empty": (b"", 400, ""),
    "NaN": (b'{"features": {"x": NaN, "k": 1}}', 400, ""),
    "deep": (b'{"features": {"k": 1, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}", 400, ""),
    "not UTF-8": (b'{"features": {"x": 1, "\xff": 1}}', 400, ""),
    "a feature twice": (b'{"features": {"x": 0.1, "k": 1, "x": 0.9}}', 400, ""),
    "a feature twice, once in disguise": (b'{"features": {"x": 0.1, "k": 1, "\\u0078": 0.9}}', 400, ""),
    "features twice": (b'{"features": {"x": 0.1, "k": 1}, "features": {"x": 0.9, "k": 2}}', 400, ""),
    "a list": (b"[1]", 422, ""),
    "no rows": (b'{"features": []}', 422, ""),
    "unknown member": (b'{"features": {"x": 0.1, "k": 1}, "model": "../x"}', 422, ""),
    "missing": (b'{"features": {"x": 0.1}}', 422, "k"),
    "unknown feature": (b'{"features": {"x": 0.1, "k": 1, "z": 2}}', 422, "z"),
    "text": (b'{"features": {"x": "0.1", "k": 1}}', 422, "x"),
    "null": (b'{"features": {"x": 0.1, "k": null}}', 422, "k"),
    "too large": (b'{"features": {"x": 1e39, "k": 1}}', 422, "x"),
    "too many rows": (json.dumps({"features": [GOOD] * 1001}).encode(), 413, ""),
}


def test_bad_input_is_refused_with_what_is_wrong_and_is_not_the_release_s_fault(crew):
    worker = alone(crew)
    for name, (raw, expected, feature) in BAD_INPUT.items():
        status, headers, body = ask(crew.port, None, raw=raw)
        problem = json.loads(body)
        assert (status, problem["status"], headers["content-type"]) == (expected, expected, "application/problem+json"), (name, body)
        assert headers["x-gonogo-release"] == OLD, name
        assert headers["x-gonogo-prediction-id"], name
        if feature:
            assert [error["feature"] for error in problem["errors"]] == [feature], name
    counts = worker.snapshot()["counters"]["1"][OLD]
    assert (counts["n"], counts["bad"], counts["4xx"]) == (len(BAD_INPUT), 0, len(BAD_INPUT))


def test_every_bad_feature_of_every_row_is_named(crew):
    alone(crew)
    _, _, body = ask(crew.port, [GOOD, {"x": True, "k": 1.5}, {"k": 1, "y": 0}])
    named = {(error["row"], error["feature"]) for error in json.loads(body)["errors"]}
    assert named == {(1, "x"), (1, "k"), (2, "x"), (2, "y")}


def test_a_bad_row_harms_no_neighbour_and_answers_go_to_who_asked(crew):
    worker = alone(crew)
    kinds = {0: ({"x": -1.0, "k": 1}, 500), 1: ({"x": 0.5, "k": 99}, 500), 2: ({"x": 0.5}, 422), 3: ({"x": 4.0, "k": 1}, 500)}

    def client(number):
        # Pipelined, so that good and bad requests are read in one turn of the loop and form one batch.
        wanted = [(kinds[n % 7] if n % 7 in kinds else ({"x": (number * 40 + n) / 1000, "k": 1}, 200)) for n in range(40)]
        with socket.create_connection(("127.0.0.1", crew.port), timeout=20) as connection:
            for row, _ in wanted:
                body = json.dumps({"features": row}).encode()
                connection.sendall(b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            stream = connection.makefile("rb")
            for row, status in wanted:
                assert int(stream.readline().split()[1]) == status
                length = 0
                while (line := stream.readline()) != b"\r\n":
                    if line.startswith(b"content-length"):
                        length = int(line.split(b":")[1])
                body = stream.read(length)
                if status == 200:
                    assert json.loads(body)["predictions"][0]["score"] == pytest.approx(row["x"] ** 0.5, abs=1e-6)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(client, range(12)))
    counts = worker.snapshot()["counters"]["1"][OLD]
    assert counts["n"] == 480
    assert counts["bad"] == counts["5xx"] == 12 * sum(n % 7 in (0, 1, 3) for n in range(40))


def test_pages_tell_what_is_served_and_counted(crew):
    alone(crew)
    ask(crew.port, GOOD)
    health = json.loads(ask(crew.port, None, "/health", "GET")[2])
    assert (health["status"], health["release"], health["model_loaded"]) == ("healthy", OLD, True)
    assert ask(crew.port, None, "/model_info", "GET")[2] == ask(crew.port, None, "/model/info", "GET")[2]
    assert json.loads(ask(crew.port, None, "/model_info", "GET")[2])["digest"] == health["digest"]
    assert "/predict" in ask(crew.port, None, "/", "GET")[2].decode()
    assert ask(crew.port, None, "/nothing", "GET")[0] == 404
    status, headers, _ = ask(crew.port, None, "/predict", "GET")
    assert (status, headers["allow"]) == (405, "POST")
    assert ask(crew.port, GOOD, "/health")[0] == 405


def test_sums_that_the_supervisor_does_not_give_in_time_are_not_given_in_part(crew):
    alone(crew)  # this test is the supervisor, and says nothing
    for path in ("/stats", "/metrics"):
        status, headers, body = ask(crew.port, None, path, "GET")
        assert (status, headers["retry-after"], json.loads(body)["status"]) == (503, "1", 503)
    assert ask(crew.port, None, "/health", "GET")[0] == 200


def test_what_went_through_is_counted_in_the_baseline_s_bins(crew):
    worker = alone(crew)
    ask(crew.port, [{"x": 0.05, "k": 1}, {"x": None, "k": 1}, {"x": 0.99, "k": 1}])  # null gives NaN: this request fails as a whole
    ask(crew.port, [{"x": 0.05, "k": 1}, {"x": 0.99, "k": 1}])
    drift = worker.snapshot()["drift"][OLD]
    assert drift["rows"] == 2
    assert drift["features"]["x"][0] == drift["features"]["x"][-2] == 1
    assert sum(drift["score"]) == 2


# ---- two arms


def test_each_arm_gets_its_share_and_every_request_is_booked_once(crew):
    old, new = two_arms(crew, 3000)
    result = load(crew, 3000)
    assert result.errors == 0
    counts = old.snapshot()["counters"]["1"]
    assert counts[OLD]["n"] + counts[NEW]["n"] == 3000 + 1  # the first one, to see who answers
    assert 0.25 < counts[NEW]["n"] / 3000 < 0.35
    assert counts[OLD]["bad"] == counts[NEW]["bad"] == 0
    theirs = new.snapshot()
    assert theirs["counters"] == {}, "what was forwarded is booked by who accepted it"
    assert theirs["drift"][NEW]["rows"] == counts[NEW]["n"]


def test_answers_name_the_release_that_gave_them(crew):
    two_arms(crew, 5000)
    seen = set()
    for _ in range(40):
        _, headers, body = ask(crew.port, GOOD)
        assert headers["x-gonogo-release"] == json.loads(body)["release"]
        assert headers["x-gonogo-prediction-id"] == json.loads(body)["prediction_id"]
        seen.add(headers["x-gonogo-release"])
    assert seen == {OLD, NEW}


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def test_a_canary_that_dies_or_hangs_under_load_costs_no_request_and_is_taken_off(crew, blow):
    old, new = two_arms(crew, 2500)
    result = under_load(crew, 6000, lambda: os.kill(new.process.pid, blow))
    assert result.error_kinds == {}
    assert load(crew, 200).errors == 0  # 50 of them for the canary, should the blow have come after the last request
    tripped = next((m for m in old.said if m["kind"] == "tripped"), None) or old.hear("tripped")
    assert (tripped["release"], tripped["epoch"]) == (NEW, 1)
    counts = old.snapshot()["counters"]["1"]
    assert counts[NEW]["bad"] >= 20
    assert counts[OLD]["bad"] == 0
    before = counts[NEW]["n"]
    assert load(crew, 200).errors == 0
    assert old.snapshot()["counters"]["1"][NEW]["n"] == before


def test_a_canary_that_answers_nonsense_is_answered_for_and_booked(crew):
    old, _ = two_arms(crew, 5000, new={"broken": True}, GONOGO_BREAKER_REQUESTS="1000000")
    assert load(crew, 600).errors == 0
    counts = old.snapshot()["counters"]["1"]
    assert counts[NEW]["n"] == counts[NEW]["bad"] > 200
    assert counts[OLD]["bad"] == 0


def test_a_canary_that_refuses_what_the_stable_release_accepts_is_at_fault(crew, stricter):
    old, _ = two_arms(crew, 5000, new={"schema": stricter}, GONOGO_BREAKER_REQUESTS="1000000")
    assert load(crew, 200).errors == 0
    assert all(ask(crew.port, {"x": "a", "k": 1})[0] == 422 for _ in range(30))
    counts = old.snapshot()["counters"]["1"]
    assert counts[NEW]["bad"] == counts[NEW]["n"] - counts[NEW]["4xx"] > 50
    assert counts[NEW]["4xx"] > 2, "what both refuse is the client's fault"
    assert counts[OLD]["bad"] == 0


def test_a_tripped_arm_stays_off_when_the_same_table_comes_again_and_returns_with_a_new_epoch(crew):
    old, new = two_arms(crew, 5000, new={"broken": True})
    load(crew, 300)
    old.hear("tripped")
    old.take_over(crew.table(1, (old, 5000), (new, 5000)), accept=True)
    before = old.snapshot()["counters"]["1"][NEW]["n"]
    load(crew, 100)
    assert old.snapshot()["counters"]["1"][NEW]["n"] == before
    old.take_over(crew.table(2, (old, 5000), (new, 5000)), accept=True)
    load(crew, 100)
    assert old.snapshot()["counters"]["2"][NEW]["n"] > 0


# ---- moving on


def test_handing_over_the_listener_under_load_fails_no_request(crew):
    old, new = two_arms(crew, 5000)

    def hand_over():
        for epoch, (first, second) in enumerate([(new, old), (old, new), (new, old)], start=2):
            table = crew.table(epoch, (first, 10_000), (second, 0))
            first.take_over(table, accept=True)
            second.take_over(table, accept=False)

    result = under_load(crew, 8000, hand_over)
    assert result.error_kinds == {}
    old.hear("drained")
    assert json.loads(ask(crew.port, GOOD)[2])["release"] == NEW


def test_a_leaving_worker_has_the_stable_release_answer_and_says_close(crew):
    old, new = two_arms(crew, 0)
    connection = http.client.HTTPConnection("127.0.0.1", crew.port, timeout=10)
    connection.request("POST", "/predict", json.dumps({"features": GOOD}))
    assert json.loads(connection.getresponse().read())["release"] == OLD
    table = crew.table(2, (new, 10_000), (old, 0))
    new.take_over(table, accept=True)
    old.take_over(table, accept=False)
    connection.request("POST", "/predict", json.dumps({"features": GOOD}))
    answer = connection.getresponse()
    assert json.loads(answer.read())["release"] == NEW
    assert answer.getheader("connection") == "close"
    old.hear("drained")
    assert old.snapshot()["counters"]["2"] == {NEW: {"n": 1, "bad": 0, "2xx": 1, "4xx": 0, "5xx": 0, "unread": 0, "invalid": 0}}


def test_the_bad_answers_of_an_accepting_release_that_is_not_stable_are_given_by_the_stable_one(crew):
    good, broken = crew.start(OLD), crew.start(NEW, broken=True)
    broken.take_over(crew.table(1, (good, 0), (broken, 10_000)), accept=True)
    status, headers, _ = ask(crew.port, GOOD)
    assert (status, headers["x-gonogo-release"]) == (200, OLD)
    assert broken.snapshot()["counters"]["1"] == {NEW: {"n": 1, "bad": 1, "2xx": 0, "4xx": 0, "5xx": 1, "unread": 0, "invalid": 0}}


def test_a_request_that_nobody_can_answer_is_told_so(crew):
    old, new = two_arms(crew, 0)
    new.process.kill()
    new.process.wait()
    new.private.close()
    old.take_over(crew.table(2, (new, 10_000), (old, 0)), accept=True)
    status, headers, body = ask(crew.port, GOOD)
    assert (status, json.loads(body)["status"], headers["retry-after"]) == (503, 503, "1")
    assert old.snapshot()["counters"]["2"][NEW]["bad"] == 1


def test_the_end_of_the_control_channel_ends_the_worker_after_its_answers(crew):
    worker = alone(crew)
    connection = http.client.HTTPConnection("127.0.0.1", crew.port, timeout=10)
    connection.request("POST", "/predict", json.dumps({"features": GOOD}))
    connection.getresponse().read()
    worker.hang_up()
    assert worker.process.wait(20) == 0
    connection.close()


def test_an_older_table_does_not_come_back_into_force(crew):
    old, new = two_arms(crew, 0)
    old.take_over(crew.table(5, (old, 10_000), (new, 0)), accept=True)
    old.say(kind="table", table=crew.table(4, (old, 0), (new, 10_000)).to_json(), accept=[0])
    old.snapshot()
    assert json.loads(ask(crew.port, GOOD)[2])["release"] == OLD


def test_what_is_no_order_is_not_obeyed_and_not_acknowledged(crew):
    worker = alone(crew)
    worker.say(kind="table", table={"format": "gonogo-route/1", "epoch": 2}, accept=[0])
    worker.say(nonsense=1)
    snapshot = worker.snapshot()
    assert snapshot["faults"] == 2
    assert [message["epoch"] for message in worker.said if message["kind"] == "ack"] == [1]
    assert ask(crew.port, GOOD)[0] == 200


def test_the_unix_socket_refuses_what_was_assigned_to_another_release(crew):
    worker = alone(crew)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(worker.path))
        head = "POST /predict HTTP/1.1\r\nhost: x\r\nx-gonogo-assigned: {}\r\ncontent-length: 36\r\n\r\n"
        body = b'{"features": {"x": 0.25, "k": 3   }}'
        for release, status in ((NEW, 421), (OLD, 200)):
            connection.sendall(head.format(release).encode() + body)
            assert connection.recv(2000).startswith(b"HTTP/1.1 %d" % status)
    assert worker.snapshot()["counters"] == {}


def test_a_worker_that_is_told_to_terminate_finishes_and_exits_well(crew):
    worker = alone(crew)
    assert load(crew, 200).errors == 0
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(20) == 0
