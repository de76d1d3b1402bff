"""What a supervisor remembers and how it decides: the fence, the file, the sums, the lock. No processes."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.errors import AddressInUseError, ConflictError, FencedError, StorageError
from gonogo.service.places import Roster, SoleOwner, control_socket, listen_public, make_private
from gonogo.service.routing import Arm, RoutingTable
from gonogo.service.supervising.crew import BackOff, add_snapshots
from gonogo.service.supervising.force import share_slots
from gonogo.service.supervising.table_file import ServiceState, TableFile, check_token, fence

A, B = "a@1.0.0", "a@1.1.0"


def table(epoch: int, token: int = 0, share: int = 500) -> RoutingTable:
    return RoutingTable(epoch, token, (Arm(A, 10_000 - share), Arm(B, share)), A)


def state(epoch: int = 1, token: int = 0) -> ServiceState:
    return ServiceState(table(epoch, token), token)


steps = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.sampled_from("pqrstuv")), max_size=40)


@given(steps)
def test_epochs_and_tokens_never_go_back_and_no_operation_is_done_twice(asked):
    now, done = state(), {}
    for epoch, token, op in asked:
        try:
            judged = fence(now, table(epoch, token), op)
        except FencedError:
            assert epoch <= now.table.epoch or token < now.token
            continue
        if judged == "already":
            assert now.did(op) == done[op]
            continue
        assert op not in done
        assert epoch > now.table.epoch
        assert token >= now.token
        now = now.routed(table(epoch, token), op)
        done[op] = epoch


@given(steps, st.booleans())
def test_a_state_survives_its_file(tmp_path_factory, asked, tripped):
    now = state().with_running(A).with_running(B)
    for epoch, token, op in asked:
        if epoch > now.table.epoch and token >= now.token and now.did(op) is None:
            now = now.routed(table(epoch, token), op)
    if tripped:
        now = now.tripped(B, now.table.epoch, "20 of 20 bad", "2026-01-01T00:00:00.000Z")
    file = TableFile(tmp_path_factory.mktemp("state") / "route.json")
    file.save(now)
    loaded = file.load()
    assert loaded is not None
    assert loaded.to_json() == now.to_json()
    assert all(loaded.did(op) == now.did(op) for _, _, op in asked)


@given(st.integers(0, 2000), st.binary(max_size=3))
def test_a_file_with_any_byte_changed_is_refused(tmp_path_factory, place, change):
    path = tmp_path_factory.mktemp("state") / "route.json"
    TableFile(path).save(state().routed(table(2), "op").with_running(A))
    whole = path.read_bytes()
    place %= len(whole)
    damaged = whole[:place] + change + whole[place + 1 :]
    path.write_bytes(damaged)
    if damaged != whole and json_of(damaged) != json.loads(whole):
        with pytest.raises(StorageError, match="damaged"):
            TableFile(path).load()


def json_of(data: bytes):
    try:
        return json.loads(data)
    except ValueError:
        return None


def test_no_file_is_no_state_and_an_empty_one_is_damage(tmp_path):
    file = TableFile(tmp_path / "route.json")
    assert file.load() is None
    file.path.write_bytes(b"")
    with pytest.raises(StorageError):
        file.load()


def test_the_data_plane_moves_one_epoch_on_gives_the_share_to_the_stable_arm_and_fences_the_controller():
    after = state(epoch=4, token=2).tripped(B, 4, "20 of 20 bad", "2026-01-01T00:00:00.000Z")
    assert (after.table.epoch, after.table.weight(A), after.table.weight(B), after.table.tripped) == (5, 10_000, 0, (B,))
    with pytest.raises(FencedError):
        fence(after, table(5, 2), "controller:next")
    assert fence(after, table(6, 2), "controller:after-observing") == "new"


def test_only_the_latest_operations_are_remembered_and_the_newest_always():
    now = state()
    for epoch in range(2, 1500):
        now = now.routed(table(epoch), f"op:{epoch}")
    assert now.did("op:1499") == 1499
    assert now.did("op:2") is None
    assert len(now.ops) == 1000


def test_a_token_once_seen_outlives_the_table():
    now = state().seen(7)
    with pytest.raises(FencedError):
        check_token(now, 6)
    check_token(now, 7)


snapshots = st.recursive(
    st.integers(0, 1000), lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3), max_leaves=10
).filter(lambda value: isinstance(value, dict))
flat = st.dictionaries(st.sampled_from("abcd"), st.lists(st.integers(0, 1000), max_size=4), max_size=4)


@given(flat, flat, flat)
def test_adding_snapshots_does_not_depend_on_order_or_grouping(one, two, three):
    assert add_snapshots(one, two) == add_snapshots(two, one)
    assert add_snapshots(add_snapshots(one, two), three) == add_snapshots(one, add_snapshots(two, three))


@given(snapshots)
def test_adding_nothing_changes_nothing_and_the_parts_are_left_alone(snapshot):
    before = json.dumps(snapshot)
    assert add_snapshots({}, snapshot) == snapshot == add_snapshots(snapshot, {})
    add_snapshots(snapshot, snapshot)
    assert json.dumps(snapshot) == before


def test_snapshots_add_by_epoch_arm_and_bucket_and_words_stay():
    one = {"counters": {"1": {A: {"n": 3, "bad": 1}}}, "latency": {A: {"format": "f", "counts": {"7": 2}}}, "bins": [1, 2]}
    two = {
        "counters": {"1": {A: {"n": 4, "bad": 0}}, "2": {B: {"n": 1, "bad": 1}}},
        "latency": {A: {"format": "f", "counts": {"7": 1, "9": 1}}},
    }
    assert add_snapshots(one, two) == {
        "counters": {"1": {A: {"n": 7, "bad": 1}}, "2": {B: {"n": 1, "bad": 1}}},
        "latency": {A: {"format": "f", "counts": {"7": 3, "9": 1}}},
        "bins": [1, 2],
    }


def test_the_pause_before_a_restart_doubles_to_a_limit_and_is_forgiven_after_a_long_life():
    back_off = BackOff()
    pauses = [back_off.after(0.0) for _ in range(12)]
    assert pauses[:4] == [0.05, 0.1, 0.2, 0.4]
    assert pauses == sorted(pauses)
    assert pauses[-1] == BackOff.longest
    assert back_off.after(BackOff.forgiven_after) == BackOff.first


def test_one_owner_at_a_time_and_the_next_one_when_it_is_gone(tmp_path):
    service = tmp_path / "store" / "service"
    make_private(service)
    path = service / "supervisor.lock"
    script = f"import sys; from pathlib import Path; from gonogo.service.places import SoleOwner\nSoleOwner(Path({str(path)!r})).take(); print('mine', flush=True); sys.stdin.read()"  # noqa: E501
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "mine\n"
        with pytest.raises(ConflictError, match=str(other.pid)):
            SoleOwner(path).take()
        other.kill()
    owner = SoleOwner(path)
    owner.take()
    owner.release()


def test_leftovers_are_ended_and_a_stranger_with_the_same_id_is_not(tmp_path):
    roster = Roster(tmp_path / "workers.json")
    with subprocess.Popen(["sleep", "60"], process_group=0) as leftover, subprocess.Popen(["sleep", "60"], process_group=0) as stranger:
        roster.write([leftover.pid, stranger.pid])
        entries = json.loads((tmp_path / "workers.json").read_text())
        (tmp_path / "workers.json").write_text(json.dumps([entries[0], [stranger.pid, "1", entries[0][2]]]))
        assert roster.end_leftovers(0.0) == 1
        assert leftover.wait() == -9
        assert stranger.poll() is None
        stranger.kill()
    assert roster.end_leftovers(0.0) == 0


def test_a_copy_of_a_store_does_not_end_the_living_service_of_the_original_and_a_renamed_store_ends_its_own(tmp_path):
    (tmp_path / "service").mkdir()
    with subprocess.Popen(["sleep", "60"], process_group=0) as living:
        Roster(tmp_path / "service" / "workers.json").write([living.pid])
        shutil.copytree(tmp_path / "service", tmp_path / "copy")
        assert Roster(tmp_path / "copy" / "workers.json").end_leftovers(0.0) == 0
        assert living.poll() is None
        (tmp_path / "service").rename(tmp_path / "renamed")
        assert Roster(tmp_path / "renamed" / "workers.json").end_leftovers(0.0) == 1
        assert living.wait() == -9


FIRST_THREAD_GONE = """
import ctypes, socket, threading, time
listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=time.sleep, args=(60,)).start()
print(listener.getsockname()[1], flush=True)
ctypes.CDLL(None).pthread_exit(None)
"""


def test_a_leftover_whose_first_thread_has_ended_still_holds_its_sockets_and_is_ended(tmp_path):
    roster = Roster(tmp_path / "workers.json")
    with subprocess.Popen([sys.executable, "-c", FIRST_THREAD_GONE], stdout=subprocess.PIPE, text=True, process_group=0) as leftover:
        port = int(leftover.stdout.readline())
        roster.write([leftover.pid])
        while Path(f"/proc/{leftover.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.01)
        with pytest.raises(AddressInUseError):
            listen_public("127.0.0.1", port)
        ended = roster.end_leftovers(0.0)
        leftover.kill()  # whatever came of it
        assert ended == 1
        [listener] = listen_public("127.0.0.1", port)
        listener.close()


def test_a_folder_of_somebody_else_is_not_used(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "service").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="somebody else"):
        make_private(tmp_path / "service")


def test_both_sides_find_the_same_short_socket_for_a_long_path(tmp_path):
    deep = tmp_path / ("x" * 120)
    assert control_socket(deep) == control_socket(deep)
    assert control_socket(deep) != control_socket(tmp_path / ("y" * 120))
    assert len(os.fsencode(control_socket(deep))) < 104


def test_a_port_belongs_to_one_service():
    for slots in (1, 2):
        listeners = listen_public("127.0.0.1", 0, slots)
        (port,) = {listener.getsockname()[1] for listener in listeners}
        for others in (1, 2):  # the slots of one service share their port with each other, and with nobody else
            with pytest.raises(AddressInUseError, match=str(port)):
                listen_public("127.0.0.1", port, others)
        for listener in listeners:
            listener.close()
    with pytest.raises(AddressInUseError):
        listen_public("127.0.0.1", 70_000)


@dataclass(eq=False)
class Place:
    """What the sharing of slots looks at in a worker process."""

    place: int
    sent: tuple[int, tuple[int, ...]] | None
    acked: tuple[int, tuple[int, ...]] | None


SLOTS = 4
told = st.none() | st.tuples(st.integers(1, 3), st.sets(st.integers(0, SLOTS - 1)).map(lambda slots: tuple(sorted(slots))))
crews = st.lists(st.tuples(st.integers(0, SLOTS - 1), told, told, st.booleans()), max_size=SLOTS, unique_by=lambda worker: worker[0])


@given(crews)
def test_every_slot_is_accepted_by_somebody_who_answers_as_long_as_anybody_does(crew):
    workers = [Place(place, sent, acked) for place, sent, acked, _ in crew]
    silent = {worker for worker, (*_, hangs) in zip(workers, crew, strict=True) if hangs}
    shares = share_slots(workers, silent, SLOTS)
    assert set(shares) == set(workers)
    present = [worker for worker in workers if worker not in silent] or workers
    for slot in range(SLOTS if workers else 0):
        assert any(slot in shares[worker] for worker in present)
    for worker in workers:
        assert worker.place in shares[worker], "a worker always accepts from its own slot"


def test_who_stands_in_for_another_stops_when_that_one_has_taken_its_slot_up():
    old, fresh = Place(0, (1, (0, 1)), (1, (0, 1))), Place(1, None, None)
    assert share_slots([old, fresh], set(), 2) == {old: (0, 1), fresh: (1,)}
    fresh.sent = fresh.acked = (1, (1,))
    assert share_slots([old, fresh], set(), 2) == {old: (0,), fresh: (1,)}
    assert share_slots([old, fresh], {fresh}, 2) == {old: (0, 1), fresh: (1,)}
