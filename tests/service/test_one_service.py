"""Several processes are one service: one answer whichever is asked, no connection waits for a dead one, releases come by reference."""

import asyncio
import http.client
import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from supervised import BODY, NEW, OLD, Traffic, damage, serving

pytestmark = pytest.mark.xdist_group("supervisor")


@pytest.fixture(scope="module")
def running(tmp_path_factory, sealed):
    with serving(tmp_path_factory.mktemp("one") / "store", sealed, TEST_PROCESSES="2", GONOGO_SILENCE_SECONDS="3") as service:
        yield service


@pytest.fixture
def service(running):
    """The old release in place with two ready processes, the new one not running."""
    running.settle(None)
    running.until(lambda seen: len(seen["releases"][OLD]["pids"]) == 2)
    return running


def ask(service, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    connection.request("GET" if body is None else "POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text) if text.startswith(b"{") else text.decode()


def predict(service, times):
    for _ in range(times):
        assert ask(service, "/predict", BODY)[0] == 200


def series(text):
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if not line.startswith("#")}


def test_every_process_gives_the_sums_of_all_and_a_death_takes_nothing_back(service):
    predict(service, 20)
    counted = {ask(service, "/stats")[1]["releases"][OLD]["n"] for _ in range(8)}  # new connections: both are asked
    assert len(counted) == 1
    before = series(ask(service, "/metrics")[1])
    victim = service.client.observe()["releases"][OLD]["pids"][0]
    os.kill(victim, signal.SIGKILL)
    for _ in range(5):
        during = series(ask(service, "/metrics")[1])
        assert during.keys() == before.keys(), "no series hangs on a process"
        assert all(during[name] >= before[name] for name in before if "_total" in name or "request_seconds" in name)
    service.until(lambda seen: len(seen["releases"][OLD]["pids"]) == 2)
    predict(service, 5)
    assert ask(service, "/stats")[1]["releases"][OLD]["n"] == counted.pop() + 5


def test_a_hung_process_is_counted_with_its_last_word_and_shown(service):
    predict(service, 10)
    status, stats = ask(service, "/stats")
    victim = service.client.observe()["releases"][OLD]["pids"][0]
    os.kill(victim, signal.SIGSTOP)
    deadline, silent = time.monotonic() + 20, 0
    while not silent and time.monotonic() < deadline:
        status, seen = ask(service, "/stats")  # a connection that the hung one would have accepted is accepted by the other
        assert status == 200
        assert seen["releases"][OLD]["n"] == stats["releases"][OLD]["n"]
        silent = seen["processes"][OLD]["silent"]
    assert silent == 1
    service.until(lambda seen: victim not in seen["releases"][OLD]["pids"] and len(seen["releases"][OLD]["pids"]) == 2)


def test_connections_that_arrive_after_a_kill_are_answered_before_its_replacement_is_there(service):
    pids = service.client.observe()["releases"][OLD]["pids"]
    os.kill(pids[1], signal.SIGKILL)
    predict(service, 20)  # half of the connections go to the dead one's slot
    os.kill(service.until(lambda seen: len(seen["releases"][OLD]["pids"]) == 2)["releases"][OLD]["pids"][0], signal.SIGKILL)
    predict(service, 20)
    seen = service.until(lambda seen: len(seen["releases"][OLD]["pids"]) == 2)
    assert not set(seen["releases"][OLD]["pids"]) & set(pids), "both were killed, and both were replaced"


def test_a_swap_hands_over_every_slot(service):
    service.client.start(NEW)

    async def story():
        async with Traffic(service.port, 20) as traffic:
            for stable, other in ((NEW, OLD), (OLD, NEW)) * 5:
                await asyncio.to_thread(service.route, (stable, 100), (other, 0), stable=stable)
                await traffic.answered(40)
        assert not traffic.failures
        assert min(traffic.answers[OLD], traffic.answers[NEW]) > 50

    asyncio.run(story())


def test_without_its_supervisor_no_part_of_the_sums_is_given_and_predictions_go_on(service):
    os.kill(service.process.pid, signal.SIGSTOP)
    try:
        assert [ask(service, path)[0] for path in ("/stats", "/metrics", "/health")] == [503, 503, 200]
        predict(service, 3)
    finally:
        os.kill(service.process.pid, signal.SIGCONT)


def test_a_release_is_loaded_by_reference_and_answers_whoever_names_its_version(service):
    assert ask(service, "/predict", BODY, x_gonogo_version="1.1.0")[0] == 404
    status, loaded = ask(service, "/load", json.dumps({"release": NEW}))
    assert (status, loaded["release"], loaded["already"]) == (200, NEW, False)
    service.until(lambda seen: seen["releases"][NEW]["healthy"])
    assert ask(service, "/load", json.dumps({"release": NEW}))[1]["already"]
    status, answer = ask(service, "/predict", BODY, x_gonogo_version="1.1.0")
    assert (status, answer["release"]) == (200, NEW)
    assert ask(service, "/predict", BODY)[1]["release"] == OLD, "a loaded release gets no traffic by that"
    counters = service.client.observe()["counters"]
    assert counters["0"][NEW]["n"] >= 1


REFUSED = {
    "unknown": ({"release": "small@9.9.9"}, 404),
    "pointer": ({"release": "small@production"}, 400),
    "path": ({"release": "../../etc/passwd"}, 422),
    "folder": ({"model_dir": "/tmp", "version": 1}, 422),
    "list": ([], 422),
}


@pytest.mark.parametrize(("body", "status"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_release_of_the_registry_is_not_loaded(service, body, status):
    assert ask(service, "/load", json.dumps(body))[0] == status
    assert NEW not in ask(service, "/stats")[1]["processes"]


def test_a_release_that_does_not_verify_is_not_loaded(service):
    service.route((OLD, 100))
    service.client.prune()
    damage(service.store, NEW)
    status, problem = ask(service, "/load", json.dumps({"release": NEW}))
    assert status == 403
    assert "model.onnx" in problem["detail"]


def test_many_who_ask_at_once_get_sums_that_hold_what_they_saw_answered(service):
    def own(number):
        before = ask(service, "/stats")[1]["releases"].get(OLD, {"n": 0})["n"]
        predict(service, 1)
        return ask(service, "/stats")[1]["releases"][OLD]["n"] > before

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(own, range(48)))
