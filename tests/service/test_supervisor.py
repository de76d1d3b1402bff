"""The supervisor with real worker processes: what it promises a controller."""

import asyncio
import os
import re
import signal
import socket
import stat
from pathlib import Path

import pytest

from gonogo.errors import (
    ChildError,
    ConflictError,
    FencedError,
    NotFoundError,
    StorageError,
    UnreachableError,
    UsageError,
    VerificationError,
)
from supervised import NEW, OLD, REQUEST, Traffic, damage, serving, wait_gone

pytestmark = pytest.mark.xdist_group("supervisor")


@pytest.fixture(scope="module")
def shared(tmp_path_factory, sealed):
    """One service for all tests of a file, with short limits so that a hang is soon found."""
    store = tmp_path_factory.mktemp("shared") / "store"
    with serving(store, sealed, GONOGO_SILENCE_SECONDS="3") as running:
        yield running


@pytest.fixture
def service(tmp_path, sealed):
    with serving(tmp_path / "store", sealed) as running:
        yield running


@pytest.fixture
def one(shared):
    """A service with the old release in place; the new one is there to be started."""
    return shared.settle(None)


@pytest.fixture
def two(shared):
    """A service with the old release in place, and the new one warm beside it, without traffic."""
    return shared.settle(0)


def test_the_first_release_serves_alone_at_epoch_1(service):
    seen = service.start().client.observe()
    assert (seen["epoch"], seen["table"]["stable"], seen["in_force"]) == (1, OLD, True)
    assert seen["releases"][OLD]["healthy"]
    assert seen["releases"][OLD]["weight_bp"] == 10_000

    async def story():
        async with Traffic(service.port, 4) as traffic:
            await traffic.answered(40)
        assert set(traffic.answers) == {OLD}
        assert not traffic.failures

    asyncio.run(story())


def test_every_process_tells_how_far_its_scores_are_from_the_sealed_ones(service):
    service.start()
    told = service.until(lambda seen: all(seen["releases"][OLD]["golden"]))
    assert [one["requests"] > 0 and one["tolerances"] < 1 for one in told["releases"][OLD]["golden"]] == [True]
    assert [one["device_memory"] for one in told["releases"][OLD]["processes"]] == [0], "this machine has no accelerator"


def test_a_started_release_is_warm_without_traffic_until_it_is_routed(one):
    epoch = one.epoch
    started = one.client.start(NEW)
    assert started["already"] is False
    assert one.client.start(NEW) == {**started, "already": True}

    async def story():
        async with Traffic(one.port, 8) as traffic:
            await traffic.answered(100)
            assert set(traffic.answers) == {OLD}
            await asyncio.to_thread(one.route, (OLD, 50), (NEW, 50))
            await traffic.answered(200)
        assert set(traffic.answers) == {OLD, NEW}
        assert not traffic.failures

    asyncio.run(story())
    counters = one.client.observe()["counters"]
    assert counters[str(epoch)][OLD]["n"] >= 100
    assert counters[str(epoch + 1)][NEW]["n"] > 0


def test_hundred_hand_overs_under_fifty_connections_fail_nobody(two):
    epoch = two.epoch

    async def story():
        async with Traffic(two.port, 50) as traffic:
            for turn in range(100):
                stable = NEW if turn % 2 == 0 else OLD
                await asyncio.to_thread(two.route, (stable, 100), (OLD if stable == NEW else NEW, 0), stable=stable)
                await traffic.answered(20)
        assert not traffic.failures
        assert min(traffic.answers[OLD], traffic.answers[NEW]) > 100

    asyncio.run(story())
    assert two.epoch == epoch + 100


def test_a_table_that_was_answered_is_on_disk_and_the_same_operation_changes_nothing_twice(two):
    epoch = two.epoch
    first = two.route((OLD, 95), (NEW, 5), op="rollout-7:shift:1")
    assert first == {"already": False, "epoch": epoch + 1, "current": epoch + 1}
    stored = (two.store / "service" / "route.json").read_bytes()
    assert b"rollout-7:shift:1" in stored
    again = two.route((OLD, 5), (NEW, 95), op="rollout-7:shift:1")
    assert again == {**first, "already": True}
    assert (two.store / "service" / "route.json").read_bytes() == stored


@pytest.mark.parametrize(("epochs", "tokens"), [(0, 1), (-1, 1), (1, -1)], ids=["same epoch", "older epoch", "older token"])
def test_a_controller_that_was_replaced_is_fenced(two, epochs, tokens):
    token = two.client.observe()["token"] + 5
    two.client.start(NEW, token=token)
    epoch = two.epoch
    table = two.table((OLD, 90), (NEW, 10), epoch=epoch + epochs, token=token + tokens)
    with pytest.raises(FencedError):
        two.client.route(table, "late", token + tokens)
    seen = two.client.observe()
    assert (seen["epoch"], seen["token"], seen["releases"][NEW]["weight_bp"]) == (epoch, token, 0)


def test_verbs_of_a_replaced_controller_are_fenced_too(two):
    token = two.client.observe()["token"] + 5
    two.client.start(NEW, token=token)
    for verb in (two.client.prepare, two.client.start, two.client.stop):
        with pytest.raises(FencedError):
            verb(NEW, token=token - 1)
    with pytest.raises(FencedError):
        two.client.prune(token=token - 1)
    assert two.client.observe()["releases"][NEW]["alive"]


def test_traffic_is_never_given_to_a_release_that_does_not_run(one):
    epoch = one.epoch
    with pytest.raises(ConflictError, match="not running"):
        one.route((OLD, 95), (NEW, 5))
    with pytest.raises(ConflictError, match="not running"):
        one.route((OLD, 0), (NEW, 100), stable=NEW)
    assert one.epoch == epoch


def test_a_release_with_traffic_cannot_be_stopped_and_one_without_can(two):
    two.route((OLD, 95), (NEW, 5))
    for release in (OLD, NEW):
        with pytest.raises(ConflictError, match="answers traffic"):
            two.client.stop(release)
    two.route((OLD, 100), (NEW, 0))
    pid = two.pid(NEW)
    assert two.client.stop(NEW) == {"release": NEW, "already": False}
    wait_gone([pid])
    assert two.client.stop(NEW)["already"]
    assert not two.client.observe()["releases"][NEW]["alive"]


def test_prune_stops_what_is_no_arm(two):
    two.route((OLD, 100))
    pid = two.pid(NEW)
    assert two.client.prune() == {"pruned": [NEW]}
    assert two.client.prune() == {"pruned": []}
    wait_gone([pid])


def test_what_a_stopped_release_counted_stays_counted(two):
    two.route((OLD, 50), (NEW, 50))

    async def story():
        async with Traffic(two.port, 4) as traffic:
            await traffic.answered(100)

    asyncio.run(story())
    two.route((OLD, 0), (NEW, 100), stable=NEW)
    epoch = str(two.epoch - 1)
    before = two.client.observe()["counters"][epoch]
    two.client.stop(OLD)
    after = two.client.observe()["counters"][epoch]
    two.client.start(OLD)
    two.route((OLD, 100), (NEW, 0))
    assert before[OLD]["n"] + before[NEW]["n"] >= 100
    assert all(after[release]["n"] >= before[release]["n"] for release in (OLD, NEW))


def test_a_release_that_does_not_verify_is_not_started(one):
    one.route((OLD, 100))
    one.client.prune()  # what was known of the release is forgotten
    damage(one.store, NEW)
    with pytest.raises(VerificationError, match=r"model\.onnx"):
        one.client.start(NEW)


def test_a_release_that_was_changed_after_it_was_prepared_is_refused_by_its_own_worker(one):
    one.client.prepare(NEW)
    damage(one.store, NEW)
    with pytest.raises(ChildError, match=r"model\.onnx"):
        one.client.start(NEW)
    assert not one.client.observe()["releases"][NEW]["alive"]
    one.settle(None)
    assert one.client.start(NEW)["already"] is False


def test_unknown_releases_and_pointers_are_refused(two):
    with pytest.raises(NotFoundError, match="small@9"):
        two.client.prepare("small@9.0.0")
    with pytest.raises(UsageError, match="pointer"):
        two.client.prepare("small@production")
    with pytest.raises(UsageError):
        two.client.start("../../etc")


def test_what_is_no_table_is_refused(two):
    good = two.table((OLD, 100))
    for table in ({}, {"format": good["format"]}, {**good, "arms": []}, {**good, "arms": [{"release": OLD, "weight_bp": 9_999}]}):
        with pytest.raises(UsageError):
            two.client.route(table, "op", good["token"])


def test_a_second_supervisor_on_the_same_store_is_refused(two):
    kind, text = two.refused(port=0)  # not even another port makes it welcome
    assert kind == "ConflictError"
    assert str(two.process.pid) in text
    assert two.client.observe()["releases"][OLD]["healthy"]


def test_a_port_that_is_taken_is_named(service):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        kind, text = service.refused(port=port)
    assert kind == "AddressInUseError"
    assert str(port) in text
    assert "--port" in text


def test_a_first_release_that_does_not_verify_is_no_service(service):
    damage(service.store, OLD)
    kind, text = service.refused()
    assert kind == "VerificationError"
    assert "model.onnx" in text
    assert not (service.store / "service" / "route.json").exists()


def test_the_end_of_the_supervisor_is_the_end_of_everything_and_its_table_stays(two):
    pids = [two.pid(OLD), two.pid(NEW)]
    assert two.end() == 0
    wait_gone(pids)
    with pytest.raises(UnreachableError):
        two.client.observe()
    kind, text = two.refused(NEW)
    assert kind == "ConflictError"
    assert OLD in text


def test_the_end_of_the_terminal_ends_the_service_in_order(two):
    pids = [two.pid(OLD), two.pid(NEW)]
    two.process.send_signal(signal.SIGHUP)
    assert two.process.wait(60) == 0
    wait_gone(pids)
    assert not list((two.store / "service").rglob("control.sock"))


def test_a_service_that_was_started_with_nohup_outlives_its_terminal(tmp_path, sealed):
    with serving(tmp_path / "store", sealed) as service:
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does; a child inherits it
        try:
            service.start(OLD)
        finally:
            signal.signal(signal.SIGHUP, before)
        service.process.send_signal(signal.SIGHUP)
        service.client.start(NEW)
        assert service.client.observe()["releases"][OLD]["healthy"]
        assert service.end() == 0


def test_a_service_starts_again_where_the_disk_has_become_full(tmp_path, sealed):
    with serving(tmp_path / "store", sealed) as service:
        service.start(OLD)
        service.kill()
        service.environment["TEST_FILE_BYTES"] = "8"  # room for a process id, and for nothing else
        service.start(None)
        with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
            connection.sendall(REQUEST)
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        with pytest.raises(StorageError):
            service.client.start(NEW)
        assert service.client.observe()["releases"][OLD]["healthy"]


def test_several_processes_of_a_release_accept_and_are_counted_together(tmp_path, sealed):
    with serving(tmp_path / "store", sealed, TEST_PROCESSES="2") as service:
        service.start()
        pids = service.until(lambda seen: len(seen["releases"][OLD]["pids"]) == 2)["releases"][OLD]["pids"]

        async def story(service=service, pids=pids):
            async with Traffic(service.port, 8) as traffic:
                await traffic.answered(100)
                pushed = traffic.answers.total()  # what a process counted since it last told is lost with it; this much must be told
                await asyncio.to_thread(service.until, lambda seen: seen["counters"]["1"][OLD]["n"] >= pushed)
                os.kill(pids[0], signal.SIGKILL)
                await traffic.answered(100)
            return traffic, pushed

        traffic, pushed = asyncio.run(story())
        assert traffic.failures.total() <= 8  # what the killed process had in hand, and nothing later
        seen = service.until(lambda seen: len(seen["releases"][OLD]["pids"]) == 2)
        assert pushed <= seen["counters"]["1"][OLD]["n"] <= traffic.answers.total() + 8


def test_the_control_socket_is_private(two):
    path = two.client.path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_store_deep_in_the_file_system_is_served_too(tmp_path, sealed):
    with serving(tmp_path / ("deep" * 20) / ("deeper" * 10), sealed) as service:
        service.start()
        assert service.client.observe()["releases"][OLD]["healthy"]
        assert len(os.fsencode(service.client.path)) < 104


def test_what_is_observed_is_what_the_specification_names(two):
    text = (Path(__file__).parents[2] / "docs" / "formats" / "service.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)`", text.split("`observe` answers", 1)[1].split("\n\n", 1)[0]))
    seen = two.client.observe()
    assert {*seen, *seen["releases"][OLD]} <= named
    of_the_counters = {"n", "bad", "2xx", "4xx", "5xx", "unread", "invalid"}
    of_what_was_taken_off = {"release", "adopted", "reason", "actor"}
    of_the_golden_requests = {"tolerances", "requests"}
    assert named - {*seen, *seen["releases"][OLD]} == of_the_counters | of_the_golden_requests | of_what_was_taken_off
