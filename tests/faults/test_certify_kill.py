"""A certification that is killed in the middle of a training goes on where it was; a half training is never a result."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from certified_project import Fires, write_fires
from gonogo.operations.certificates import newest
from gonogo.operations.certify import certify

WAIT = 120.0  #: s at most until the second retrain is under way
SLOW = """
if SEED == 2 and Path("mood.txt").read_text() == "slow":
    import time
    time.sleep(600)
"""
pytestmark = [pytest.mark.xdist_group("certify"), pytest.mark.timeout(400)]


@pytest.fixture
def fires(tmp_path: Path) -> Fires:
    fires = write_fires(tmp_path / "fires")
    fires.edit("seeds: [1, 2, 3], folds: 2, permutations: 20", "seeds: [1, 2], folds: 2, permutations: 2", "gonogo.yaml")
    fires.edit("permutation_p < 0.05", "permutation_p <= 0.34", "pack/gate.yaml")
    fires.edit('tx, ty = read("test")', f'{SLOW}\ntx, ty = read("test")')
    (fires.folder / "mood.txt").write_text("slow")
    return fires


def test_a_killed_certification_goes_on_and_leaves_nothing_behind(fires: Fires) -> None:
    folder = fires.folder / ".gonogo" / "certify"
    killed = subprocess.Popen([sys.executable, "-m", "gonogo", "certify", "--project", str(fires.folder)], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + WAIT
        while not (list(folder.glob("*/run-1.json")) and list(folder.glob("work/*/project/models/model.onnx"))):
            assert time.monotonic() < deadline, "the second retrain never began"
            assert killed.poll() is None
            time.sleep(0.05)
        (half,) = folder.glob("work/*/project")
    finally:
        killed.kill()
        killed.wait()
    assert newest(fires.workspace()) is None
    kept = {path.name: path.stat().st_mtime_ns for path in folder.glob("*/*.json")}
    assert kept.keys() == {"model.json", "again.json", "run-1.json"}, "the half training is no result"
    (fires.folder / "mood.txt").write_text("quick")
    found = certify(fires.workspace())
    assert found.green, found.reasons
    assert not half.exists()
    assert list(folder.glob("work/*")) == []
    again = {path.name: path.stat().st_mtime_ns for path in folder.glob("*/*.json")}
    assert {name: again[name] for name in kept} == kept, "what was done was not done again"
    states = [event.body["state"] for event in fires.workspace().store().events(kinds=["certification"])]
    assert states == ["started", "started", "certified"]
    assert found.said["attempts"] == 1
    assert not left_in(half), "a training outlived its certification"


def left_in(folder: Path) -> list[str]:
    """Processes that work in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if entry.readlink().is_relative_to(folder):
                found.append(entry.parent.name)
        except OSError:
            continue
    return found
