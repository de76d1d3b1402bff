"""What the supervisor survives: kills, hangs and damage, at any of its processes and files."""

import asyncio
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from gonogo.errors import ChildError, FencedError, StorageError, UnreachableError
from supervised import NEW, OLD, Traffic, damage, mend, serving, wait_gone

pytestmark = pytest.mark.xdist_group("supervisor")


@pytest.fixture(scope="module")
def shared(tmp_path_factory, sealed):
    """One service for all tests of a file, with short limits so that a hang is soon found."""
    store = tmp_path_factory.mktemp("shared") / "store"
    with serving(store, sealed, GONOGO_SILENCE_SECONDS="3") as running:
        yield running


@pytest.fixture
def split(shared):
    """A service with half of its traffic on each of two releases."""
    return shared.settle(50)


def test_a_killed_supervisor_leaves_no_worker_behind(split):
    pids = [split.pid(OLD), split.pid(NEW)]
    split.kill()
    wait_gone(pids)
    with pytest.raises(UnreachableError):
        split.client.observe()


def test_a_killed_supervisor_comes_back_with_the_same_table_fence_and_memory(split):
    token = split.client.observe()["token"] + 3
    split.client.prepare(NEW, token=token)
    split.route((OLD, 40), (NEW, 60), op="rollout:shift:1")
    before = split.client.observe()
    split.kill()
    split.start(None)
    after = split.until(lambda seen: seen["releases"][NEW]["healthy"])
    assert after["table"] == before["table"]
    assert (after["token"], after["op_id"]) == (before["token"], before["op_id"]) == (token, "rollout:shift:1")
    assert after["boot_id"] != before["boot_id"]
    assert split.route((OLD, 100), (NEW, 0), op="rollout:shift:1")["already"]
    with pytest.raises(FencedError):
        split.client.route(split.table((OLD, 100), token=token - 1), "other", token - 1)

    async def story():
        async with Traffic(split.port, 4) as traffic:
            await traffic.answered(100)
        assert set(traffic.answers) == {OLD, NEW}

    asyncio.run(story())


def test_a_supervisor_killed_while_its_worker_hangs_ends_that_worker_when_it_returns(split):
    pid = split.pid(NEW)
    os.kill(pid, signal.SIGSTOP)
    split.kill()
    split.start(None)
    wait_gone([pid])
    found = split.until(lambda seen: seen["releases"][NEW]["healthy"])
    assert found["releases"][NEW]["pid"] != pid


def test_a_supervisor_killed_while_it_routes_stands_before_or_after_the_table_never_between(split):
    epoch = split.epoch
    for turn in range(3):
        table = split.table((OLD, 90 - turn), (NEW, 10 + turn))
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(split.client.route, table, f"turn:{turn}", table["token"])
            time.sleep(0.002 * turn)
            split.kill()
            answered = answer.exception() is None
        split.start(None)
        found = split.until(lambda seen: seen["releases"][NEW]["healthy"])
        assert found["epoch"] in (epoch, epoch + 1)
        assert not answered or found["epoch"] == epoch + 1
        again = split.client.route(table, f"turn:{turn}", table["token"])
        assert again["already"] == (found["epoch"] == epoch + 1)
        epoch = split.epoch
        assert split.client.observe()["releases"][NEW]["weight_bp"] == (10 + turn) * 100


@pytest.mark.parametrize(
    ("release", "how"),
    [(OLD, signal.SIGKILL), (NEW, signal.SIGKILL), (OLD, signal.SIGSTOP)],
    ids=["stable killed", "canary killed", "stable hung"],
)
def test_a_dead_or_hung_worker_is_replaced_and_nothing_is_counted_twice_or_lost(split, release, how):
    async def story():
        async with Traffic(split.port, 4) as traffic:
            await traffic.answered(200)

    asyncio.run(story())
    before = split.client.observe()
    victim = before["releases"][release]["pid"]
    os.kill(victim, how)
    after = split.until(lambda seen: seen["releases"][release]["healthy"] and seen["releases"][release]["pid"] != victim)
    wait_gone([victim])
    assert after["releases"][release]["restarts"] == before["releases"][release]["restarts"] + 1
    assert after["boot_id"] == before["boot_id"]
    assert after["counters"] == before["counters"]
    asyncio.run(story())
    epoch = str(before["epoch"])
    assert split.client.observe()["counters"][epoch][OLD]["n"] > before["counters"][epoch][OLD]["n"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def test_a_dead_or_hung_canary_fails_nobody_and_goes_to_zero_without_a_controller(split, how):
    epoch = split.epoch

    async def story():
        async with Traffic(split.port, 50) as traffic:
            await traffic.answered(300)
            os.kill(await asyncio.to_thread(split.pid, NEW), how)
            await asyncio.to_thread(split.until, lambda seen: seen["epoch"] > epoch)
            await traffic.answered(300)
        assert not traffic.failures
        assert traffic.answers[NEW] > 0

    asyncio.run(story())
    seen = split.client.observe()
    trip = seen["tripped"][-1]
    assert (trip["release"], trip["epoch"], trip["adopted"], trip["actor"]) == (NEW, epoch, epoch + 1, "dataplane")
    assert (seen["epoch"], seen["releases"][NEW]["weight_bp"], seen["releases"][OLD]["weight_bp"]) == (epoch + 1, 0, 10_000)
    assert seen["table"]["tripped"] == [NEW]
    with pytest.raises(FencedError):
        split.client.route(split.table((OLD, 0), (NEW, 100), stable=NEW, epoch=epoch + 1), "promote", seen["token"])


def test_a_hung_canary_does_not_hold_up_the_way_back(split):
    os.kill(split.pid(NEW), signal.SIGSTOP)
    split.route((OLD, 100), (NEW, 0))
    assert split.client.observe()["in_force"]


def test_traffic_can_go_back_while_the_stable_release_is_down(split):
    killed = split.pid(OLD)
    os.kill(killed, signal.SIGKILL)
    split.route((OLD, 100), (NEW, 0))
    found = split.until(lambda seen: seen["releases"][OLD]["healthy"] and seen["in_force"])
    assert found["releases"][OLD]["pid"] != killed


def test_a_hung_stable_release_is_not_a_reason_to_stay_with_it(split):
    victim = split.pid(OLD)
    os.kill(victim, signal.SIGSTOP)
    split.route((OLD, 0), (NEW, 100), stable=NEW)
    wait_gone([victim])

    async def story():
        async with Traffic(split.port, 4) as traffic:
            await traffic.answered(50)
        assert set(traffic.answers) == {NEW}

    asyncio.run(story())


def test_a_release_that_keeps_dying_is_restarted_ever_more_slowly_and_harms_nobody(split):
    restarts = split.client.observe()["releases"][NEW]["restarts"]
    damage(split.store, NEW)
    os.kill(split.pid(NEW), signal.SIGKILL)

    async def story():
        async with Traffic(split.port, 8) as traffic:
            seen = await asyncio.to_thread(split.until, lambda seen: seen["releases"][NEW]["restarts"] > restarts + 2)
            await traffic.answered(100)
        assert not traffic.failures
        assert "model.onnx" in seen["releases"][NEW]["problem"]

    asyncio.run(story())
    mend(split.store)
    split.until(lambda seen: seen["releases"][NEW]["healthy"])


DAMAGE = {
    "empty": lambda data: b"",
    "truncated": lambda data: data[: len(data) // 2],
    "edited": lambda data: data.replace(b"5000", b"4000", 1),
    "garbage": lambda data: b"\x00" * 100,
}


def test_a_damaged_table_is_never_taken_for_a_table_or_for_none(split):
    split.end()
    path = split.store / "service" / "route.json"
    whole = path.read_bytes()
    for kind, harm in DAMAGE.items():
        path.write_bytes(harm(whole))
        error, text = split.refused(None)
        assert error == "StorageError", kind
        assert "route.json" in text
    path.write_bytes(whole)


def test_a_half_written_table_beside_the_real_one_is_ignored(split):
    before = split.client.observe()["table"]
    split.kill()
    (split.store / "service" / ".route.json.1.part").write_bytes(b'{"state":')
    split.start(None)
    assert split.client.observe()["table"] == before


def test_a_table_that_cannot_be_written_changes_nothing(split):
    folder, epoch = split.store / "service", split.epoch
    (folder / "route.json").rename(folder / "kept.json")
    (folder / "route.json").mkdir()  # stands for any file system that refuses: root may write anywhere else
    with pytest.raises(StorageError):
        split.route((OLD, 0), (NEW, 100), stable=NEW)
    (folder / "route.json").rmdir()
    (folder / "kept.json").rename(folder / "route.json")
    assert (split.epoch, split.client.observe()["table"]["stable"]) == (epoch, OLD)
    assert split.route((OLD, 80), (NEW, 20))["epoch"] == epoch + 1


def test_a_bad_arm_is_taken_off_even_when_the_disk_refuses_and_that_is_written_down_later(split):
    path, epoch = split.store / "service" / "route.json", split.epoch
    path.unlink()
    path.mkdir()

    async def story():
        async with Traffic(split.port, 20) as traffic:
            damage(split.store, NEW)  # it does not come back before the breaker has seen enough
            os.kill(await asyncio.to_thread(split.pid, NEW), signal.SIGKILL)
            await asyncio.to_thread(split.until, lambda seen: seen["epoch"] > epoch)
        assert not traffic.failures

    asyncio.run(story())
    seen = split.until(lambda seen: seen["unsaved"])  # it is in force before somebody tries to write it down
    assert seen["releases"][NEW]["weight_bp"] == 0
    assert "route.json" in seen["unsaved"]
    path.rmdir()
    split.until(lambda seen: not seen["unsaved"])
    split.kill()
    mend(split.store)
    split.start(None)
    assert (split.epoch, split.client.observe()["releases"][NEW]["weight_bp"]) == (epoch + 1, 0)


def test_a_worker_that_talks_nonsense_is_ended_and_harms_only_its_release(tmp_path, sealed):
    babbling = Path(__file__).with_name("babbling_worker.py")
    with serving(tmp_path / "store", sealed, TEST_WORKER=str(babbling)) as service:
        service.start()
        with pytest.raises(ChildError, match="no message"):
            service.client.start(NEW)
        assert service.client.observe()["releases"][OLD]["healthy"]


NONSENSE = {
    "no http": b"GARBAGE\r\n\r\n",
    "no json": b"POST /route HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n{[}",
    "no object": b"POST /route HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n[]",
    "no such verb": b"GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n",
}


@pytest.mark.parametrize("request_bytes", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_on_the_control_socket_is_refused_and_changes_nothing(split, request_bytes):
    epoch = split.epoch
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(split.client.path))
        client.sendall(request_bytes)
        head = client.recv(65536)
    assert head.split()[1] in (b"400", b"404")
    assert split.epoch == epoch


def test_a_promotion_to_a_release_that_dies_in_the_same_moment_can_be_taken_back(split):
    os.kill(split.pid(NEW), signal.SIGSTOP)  # lately heard, so it counts as running; it will never take the table over
    table = split.table((OLD, 0), (NEW, 100), stable=NEW)
    with suppress(UnreachableError):  # it depends on how fast its successor is
        split.client.route(table, "promote at a bad moment", table["token"])
    assert split.route((OLD, 100), (NEW, 0))["epoch"] == table["epoch"] + 1

    async def story():
        async with Traffic(split.port, 4) as traffic:
            await traffic.answered(50)
        assert set(traffic.answers) == {OLD}

    asyncio.run(story())
