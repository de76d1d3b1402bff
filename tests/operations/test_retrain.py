"""A training runs once at a time, on the record, and what comes of it is a candidate and no more."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gonogo.base.clock import FakeClock
from gonogo.base.names import Ref
from gonogo.errors import ChildError, ConflictError, NotFoundError, ProjectFileError
from gonogo.monitor.retraining import reasons
from gonogo.operations.duties import due
from gonogo.operations.release import release
from gonogo.operations.retrain import asked_for, retrain, retraining, trainings
from gonogo.operations.workspace import Workspace
from team import Team

TRAIN = "import shutil; shutil.copy('next.onnx', 'model.onnx'); print('trained')"
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def put_live(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("live") / "all"
    shutil.copytree(made, base)
    team = Team(base / "project", base / "keys")
    team.sign("lead", "ana")
    team.sign("owner", "ben")
    workspace = team.workspace()
    release(workspace)
    registry = workspace.registry()
    entry = registry.resolve(Ref.parse("small@1.0.0"))
    registry.move_pointer(
        entry.system, "production", entry.version, verdict_digest=entry.verdict_digest, expected=None, reason="first", actor="ana"
    )
    return base


@pytest.fixture
def live(put_live: Path, tmp_path: Path) -> Team:
    shutil.copytree(put_live, tmp_path / "all")
    team = Team(tmp_path / "all" / "project", tmp_path / "all" / "keys", FakeClock(datetime.now(UTC)))
    (team.folder / "train.py").write_text(TRAIN)
    (team.folder / "next.onnx").write_bytes((team.folder / "model.onnx").read_bytes() + b"")
    team.edit("people:", f"code: {{train: {sys.executable} train.py}}\npeople:")
    return team


def kinds(workspace: Workspace) -> list[str]:
    return [event.body["state"] for event in workspace.store().events(kinds=["retrain"])]


def test_a_training_is_on_record_with_its_reason_and_moves_nothing(live: Team) -> None:
    import sample

    (live.folder / "next.onnx").write_bytes(sample.model_bytes(1.4))
    workspace = live.workspace()
    done = retrain(workspace, reason="new data")
    assert done.changed
    assert "trained" in done.log.read_text()
    [made] = trainings(workspace)
    assert (made["state"], made["reason"]) == ("done", "new data")
    assert kinds(workspace) == ["started", "done"]
    state = workspace.registry().state()
    assert [str(version) for version in state.pointers.values()] == ["1.0.0"]
    assert len(state.releases) == 1
    assert not retrain(live.workspace()).changed, "byte for byte the model before"


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("raise SystemExit('no rows')", "ended with 1: no rows"),
        ("print('epoch 1'); print('epoch 2'); raise SystemExit('no rows')", "ended with 1: no rows"),
        ("print('no rows'); raise SystemExit(1)", "ended with 1: no rows"),
        ("import os; os.remove('model.onnx')", "left no model"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "signal"),
    ],
)
def test_a_training_that_fails_is_told_and_recorded(live: Team, program: str, why: str) -> None:
    (live.folder / "train.py").write_text(program)
    with pytest.raises(ChildError, match=why):
        retrain(live.workspace())
    [made] = trainings(live.workspace())
    assert made["state"] == "failed"
    assert made["problem"]


def test_trainings_that_begin_within_one_second_are_two(live: Team) -> None:
    workspace = live.workspace()
    first, second = retrain(workspace), retrain(workspace)
    assert first.id != second.id
    assert first.log != second.log
    assert [one["id"] for one in trainings(workspace)] == [first.id, second.id]


def test_nothing_to_train_with_is_refused(live: Team) -> None:
    live.edit(f"code: {{train: {sys.executable} train.py}}\n", "")
    with pytest.raises(NotFoundError, match="nothing is declared that trains"):
        retrain(live.workspace())
    live.edit("people:", "retrain: {when: [drift]}\npeople:")
    with pytest.raises(ProjectFileError, match="nothing is declared that trains"):
        live.workspace()


def test_two_trainings_never_run_at_once_and_a_killed_one_has_failed(live: Team) -> None:
    (live.folder / "train.py").write_text("import time; time.sleep(60)")
    first = subprocess.Popen([sys.executable, "-m", "gonogo", "retrain", "--project", str(live.folder)], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while not trainings(live.workspace()) and time.monotonic() < deadline:
            time.sleep(0.1)
        with pytest.raises(ConflictError, match="runs already"):
            retrain(live.workspace())
        assert [one["state"] for one in trainings(live.workspace())] == ["started"]
    finally:
        first.kill()
        first.wait()
    [made] = trainings(live.workspace())
    assert (made["state"], made["problem"]) == ("failed", "it ended without a word")


def alarm(signal: str, **changed: Any) -> dict[str, Any]:
    return {"rule": signal, "signal": signal, "level": "critical", "ringing": True, "state": "FIRING", "text": "too high", **changed}


@pytest.mark.parametrize(
    ("alarms", "days", "causes"),
    [
        ([], 10, []),
        ([], 92, ["schedule"]),
        ([alarm("psi"), alarm("ece")], 10, ["drift", "calibration"]),
        ([alarm("psi", ringing=False), alarm("psi", level="info"), alarm("psi", state="UNKNOWN"), alarm("latency")], 10, []),
    ],
)
def test_what_asks_for_a_training(alarms: list[dict[str, Any]], days: float, causes: list[str]) -> None:
    found = reasons(alarms, trained=NOW - timedelta(days=days), every_seconds=91 * 86400.0, now=NOW)
    assert [one.cause for one in found] == causes


def test_a_finding_starts_a_training_only_where_the_project_says_so_and_not_twice_in_a_week(live: Team) -> None:
    assert live.clock is not None
    live.clock.advance(92 * 86400.0)
    workspace = live.workspace()
    assert [one["cause"] for one in retraining(workspace, workspace.clock.now())["reasons"]] == ["schedule"]
    assert asked_for(workspace, workspace.clock.now()) == []
    live.edit("people:", "retrain: {when: [schedule]}\npeople:")
    workspace = live.workspace()
    assert [duty[0] for duty in due(workspace)][-1] == "retrain"
    (live.folder / "train.py").write_text("raise SystemExit('no rows')")
    with pytest.raises(ChildError):
        retrain(workspace, reason="schedule")
    assert asked_for(live.workspace(), workspace.clock.now()) == [], "it was tried just now"
    live.clock.advance(8 * 86400.0)
    assert [one.cause for one in asked_for(live.workspace(), live.clock.now())] == ["schedule"]
