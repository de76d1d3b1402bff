"""One training at a time; a kill in the middle of one loses nothing, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gonogo.errors import ConflictError
from gonogo.operations.duties import due
from gonogo.operations.retrain import resume, retrain, take_back
from gonogo.operations.trainings import trainings
from supervised import lives, wait_gone
from team import Team
from trained_again import TRAIN, files
from waiting import until


def test_trainings_that_begin_within_one_second_are_two(live: Team) -> None:
    (live.folder / "train.py").write_text("print('the same')")
    workspace = live.workspace()
    first, second = retrain(workspace), retrain(workspace)
    assert first.id != second.id
    assert first.folder != second.folder
    assert [one["id"] for one in trainings(workspace)] == [first.id, second.id]


def started(live: Team) -> subprocess.Popen[bytes]:
    """A training that writes half a model, says so, and then hangs; it runs from here on."""
    (live.folder / "train.py").write_text(
        "import os, pathlib, time\n"
        "open('model.onnx', 'wb').write(b'half')\n"
        "pathlib.Path('pid').write_text(str(os.getpid())); pathlib.Path('pid').rename('half.pid')\n"
        "time.sleep(600)\n"
    )
    first = subprocess.Popen([sys.executable, "-m", "gonogo", "retrain", "--project", str(live.folder)], stdout=subprocess.DEVNULL)
    until((live.folder / "half.pid").exists)
    return first


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.parametrize("reaper_hangs", [False, True])
def test_a_kill_in_the_middle_of_a_training_is_resumed_and_what_outlived_it_is_ended(live: Team, reaper_hangs: bool) -> None:
    before = files(live)
    first = started(live)
    pid = int((live.folder / "half.pid").read_text())
    if reaper_hangs:
        os.kill(parent_of(pid), signal.SIGSTOP)
    try:
        with pytest.raises(ConflictError, match="runs already"):
            retrain(live.workspace())
        assert [one["state"] for one in trainings(live.workspace())] == ["started"]
    finally:
        first.kill()
        first.wait()
    [made] = trainings(live.workspace())
    assert (made["state"], made["problem"]) == ("failed", "it ended without a word")
    assert (live.folder / "model.onnx").read_bytes() == b"half"
    assert due(live.workspace()) == [], "nothing begins by itself where the project does not say so"
    live.edit("people:", "retrain: {when: [schedule]}\npeople:")
    assert due(live.workspace()) == [("retrain", "--resume")]
    if reaper_hangs:
        assert lives(pid)
    else:
        wait_gone([pid], 60)
    (live.folder / "train.py").write_text(TRAIN)
    assert resume(live.workspace()).outcome == "waiting"
    assert not lives(pid)
    name, changed = take_back(live.workspace())
    assert (name, changed) == (made["id"], ["model.onnx"])
    assert (live.folder / "model.onnx").read_bytes() == before["model.onnx"]


@pytest.mark.parametrize("end", ["another", "put back", "terminate"])
def test_the_champion_comes_back_after_a_kill(live: Team, end: str) -> None:
    champion = (live.folder / "model.onnx").read_bytes()
    first = started(live)
    (first.terminate if end == "terminate" else first.kill)()
    first.wait()
    if end == "put back":
        done = subprocess.run(
            [sys.executable, "-m", "gonogo", "retrain", "--put-back", "--json", "--project", str(live.folder)],
            capture_output=True,
            check=True,
        )
        assert json.loads(done.stdout)["put_back"] == ["model.onnx"]
    elif end == "another":
        (live.folder / "train.py").write_text("print('the same')")
        assert retrain(live.workspace()).outcome == "unchanged"
        assert [one["state"] for one in trainings(live.workspace())] == ["failed", "done"]
    else:
        assert "interrupted" in trainings(live.workspace())[0]["problem"]
    assert (live.folder / "model.onnx").read_bytes() == champion
    pid = int((live.folder / "half.pid").read_text())
    assert not lives(pid)
