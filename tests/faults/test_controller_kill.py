"""`kill -9` of the rollout's controller, at every place where it matters, once and twice; and two controllers at once.

The controller runs in a process of its own and is killed by SIGKILL at a failpoint. The data plane (the memory target in a file) and the
store survive it, as real ones would. Whatever happens, the end is the one of an undisturbed run, the chain is intact, and nothing has
taken effect twice.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

import pytest

import memory_target
from gonogo.errors import ConflictError
from gonogo.registry.store import Transaction
from gonogo.registry.stores.sqlite import SqliteStore
from gonogo.rollout import journal
from gonogo.rollout.failpoint import NAMES
from gonogo.rollout.machine import Phase
from gonogo.rollout.plan import Plan
from gonogo.rollout.run import Controller
from memory_target import MemoryTarget

OLD, NEW = "shop@1.0.0", "shop@1.1.0"

#: Controllers on demand: for every line of JSON a child is forked, which starts the rollout or resumes it. With `hold` the child stops
#: itself when a route is written down and not yet sent.
PROGRAM = """
import json, os, signal, sys
from pathlib import Path
from gonogo.errors import FencedError
from gonogo.registry.store import Transaction
from gonogo.registry.stores.sqlite import SqliteStore
from gonogo.rollout import journal
from gonogo.rollout.machine import Phase
from gonogo.rollout.plan import Plan
from gonogo.rollout.plan import Plan
from gonogo.rollout.run import Controller
from memory_target import MemoryTarget

OLD, NEW = "shop@1.0.0", "shop@1.1.0"

def move_pointer(tx, plan, actor, reason):
    tx.append("pointer", {"to": plan.new}, actor)

def control(folder, share, hold):
    store = SqliteStore(Path(folder) / "gonogo.db")
    target = MemoryTarget(serving=OLD, requests=20_000, errors={NEW: share}, path=Path(folder) / "target.json")
    lease = 2.0 if hold else 0.5  # long enough for whoever comes to find it held
    controller = Controller(store, target, "shop", move_pointer=move_pointer, actor="ana", tick_seconds=0.001, lease_seconds=lease)

    def progress(look):
        if hold and look.rollout.state.phase is Phase.SHIFTING:
            os.kill(os.getpid(), signal.SIGSTOP)

    if journal.active(store, "shop"):
        controller.resume()
    elif not journal.rollouts(store, "shop"):
        controller.start(Plan("shop", NEW, f"sha256:{NEW}", OLD, f"sha256:{OLD}", steps=(5, 100), min_seconds=0.0, deadline_seconds=60.0))
    else:
        return 0
    try:
        controller.drive(progress)
    except FencedError as error:
        print("fenced:", error, flush=True)
        return 3
    return 0

for line in sys.stdin:
    asked = json.loads(line)
    pid = os.fork()
    if pid == 0:
        os.environ["GONOGO_FAILPOINT"] = asked["failpoint"]
        status = 70
        try:
            status = control(asked["folder"], asked["share"], asked["hold"])
        finally:
            sys.stderr.flush()
            os._exit(status)
    if asked["hold"]:
        os.waitpid(pid, os.WUNTRACED)
        print(json.dumps({"stopped": pid}), flush=True)
    print(json.dumps({"status": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}), flush=True)
"""


class Machine:
    """Where controllers run and die."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(memory_target.__file__).parent)},
        )

    def ask(self, folder: Path, share: float, failpoint: str = "", *, hold: bool = False) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"folder": str(folder), "share": share, "failpoint": failpoint, "hold": hold}) + "\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()

    def control(self, folder: Path, share: float, failpoint: str = "") -> int:
        """Run a controller to its end, or to the failpoint. Gives its exit status."""
        self.ask(folder, share, failpoint)
        status = int(json.loads(self.hear())["status"])
        assert status in (0, -signal.SIGKILL), f"the controller ended with {status}; see its traceback above"
        return status

    def close(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    machine = Machine()
    yield machine
    machine.close()


def ending(folder: Path) -> Mapping[str, object]:
    """What must be the same, however often somebody was killed."""
    store = SqliteStore(folder / "gonogo.db")
    (rollout,) = journal.rollouts(store, "shop")
    target = MemoryTarget(path=folder / "target.json")
    report = store.verify_chain(None)
    assert report.intact, report.problems
    versions = [event.body["version"] for event in store.events(kinds=["rollout"]) if "version" in event.body]
    assert versions == list(range(1, len(versions) + 1)), "a transition is missing or there twice"
    routes = [effect for effect in target.effects if effect.startswith("route")]
    epochs = [int(effect.split()[1]) for effect in routes]
    assert epochs == sorted(set(epochs)), "a route took effect twice or out of order"
    starts = [effect for effect in target.effects if effect.startswith("start")]
    assert len(starts) == len(set(starts)), "a release was started twice"
    result = {
        "phase": str(rollout.state.phase), "ended": bool(rollout.ended), "active": journal.active(store, "shop"),
        "pointer": [event.body["to"] for event in store.events(kinds=["pointer"])],
        "weights": dict(target.observe().weights), "effects": target.effects,
    }  # fmt: skip
    store.close()
    return result


@pytest.fixture(scope="module")
def quiet(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Mapping[float, str]:
    """The ends of undisturbed runs, of a good release and of a bad one."""
    ends = {}
    for share in (0.0, 0.5):
        folder = tmp_path_factory.mktemp("quiet")
        assert machine.control(folder, share) == 0
        ends[share] = json.dumps(ending(folder), sort_keys=True)
    return ends


def test_the_undisturbed_runs_end_where_the_others_must(quiet: Mapping[float, str]) -> None:
    good, bad = json.loads(quiet[0.0]), json.loads(quiet[0.5])
    assert (good["phase"], good["pointer"], good["weights"]) == ("COMPLETED", [NEW], {NEW: 10_000})
    assert (bad["phase"], bad["pointer"], bad["weights"]) == ("ROLLED_BACK", [], {OLD: 10_000})
    assert good["active"] == bad["active"] == ""


@pytest.mark.parametrize("share", [0.0, 0.5], ids=["good", "bad"])
@pytest.mark.parametrize("name", NAMES)
def test_a_controller_killed_anywhere_is_resumed_to_the_same_end(
    tmp_path: Path, machine: Machine, quiet: Mapping[float, str], name: str, share: float
) -> None:
    """One rollout for every time that a controller comes to the place: killed there; then, in turn, resumed at once, or killed again at
    the first, second or third place of that name that the resumed controller comes to, and resumed."""
    for hit in count(1):
        folder = tmp_path / str(hit)
        folder.mkdir()
        if machine.control(folder, share, f"{name}:{hit}") == 0:
            break
        again = hit % 4
        if again:
            machine.control(folder, share, f"{name}:{again}")
        assert machine.control(folder, share) == 0
        assert json.dumps(ending(folder), sort_keys=True) == quiet[share], f"killed at {name}:{hit}, then at :{again}"
    assert hit > 1, f"no controller comes to {name}"


@pytest.mark.parametrize("share", [0.0, 0.5], ids=["good", "bad"])
def test_killed_at_every_single_commit_in_turn(tmp_path: Path, machine: Machine, quiet: Mapping[float, str], share: float) -> None:
    kills = 0
    while machine.control(tmp_path, share, "after-commit") != 0:
        kills += 1
        assert kills < 100, "no progress between two deaths"
    assert kills >= 7, "a rollout has at least this many transitions"
    assert json.dumps(ending(tmp_path), sort_keys=True) == quiet[share]


def test_a_stopped_controller_that_wakes_up_after_another_took_over_is_fenced_off(
    tmp_path: Path, machine: Machine, quiet: Mapping[float, str]
) -> None:
    machine.ask(tmp_path, 0.0, hold=True)
    stopped = int(json.loads(machine.hear())["stopped"])
    store, target = SqliteStore(tmp_path / "gonogo.db"), MemoryTarget(path=tmp_path / "target.json", requests=20_000)
    other = Controller(store, target, "shop", move_pointer=move_pointer, actor="bo", tick_seconds=0.001)
    try:
        with pytest.raises(ConflictError, match="driven by ana@"):
            other.resume()
        while other.driver() is not None:  # its lease runs out while it is stopped
            time.sleep(0.02)
        other.resume()
        assert other.drive().state.phase is Phase.COMPLETED
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert machine.hear().startswith("fenced: ")
    assert json.loads(machine.hear()) == {"status": 3}
    store.close()
    assert json.dumps(ending(tmp_path), sort_keys=True) == quiet[0.0]


def test_the_lease_of_a_controller_that_is_certainly_dead_need_not_run_out(tmp_path: Path, machine: Machine) -> None:
    assert machine.control(tmp_path, 0.0, "after-commit:4") == -signal.SIGKILL
    store, target = SqliteStore(tmp_path / "gonogo.db"), MemoryTarget(path=tmp_path / "target.json", requests=20_000)
    with store.transaction() as tx:
        live = tx.get_lease("rollout/shop")
    waited: list[float] = []
    other = Controller(store, target, "shop", move_pointer=move_pointer, actor="bo", tick_seconds=0.001, sleep=waited.append)
    other.resume()
    assert other.drive().state.phase is Phase.COMPLETED
    if live is not None:  # the kill was less than a lease ago: then taking over is on record
        assert [event.kind for event in store.events(kinds=["lease_taken_over"])] == ["lease_taken_over"]
    store.close()


def move_pointer(tx: Transaction, plan: Plan, actor: str, reason: str) -> None:
    tx.append("pointer", {"to": plan.new}, actor)
