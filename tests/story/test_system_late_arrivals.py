"""`systems/late_arrivals` in its small setting: GO as it is, NO-GO on the right item for each way to spoil it, and trained again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.operations.check import check
from gonogo.operations.workspace import Workspace
from gonogo.verdict.outcome import Decision, Outcome
from spoiled import Spoil, another, judged, replaced, run, table
from waiting import free_port, until

if TYPE_CHECKING:
    from .conftest import User

pytestmark = [pytest.mark.xdist_group("story"), pytest.mark.timeout(900)]

REF = "late-arrivals@1.0.0"
COIN = "CAST(hash(temp, departures, dep_delay) % 2 AS TINYINT)"
UNCALIBRATED = """
import onnx
from features import SEASONS, WORDS
from season_correction import append_to_graph
onnx.save(append_to_graph(onnx.load('models/forest.onnx'), dict.fromkeys(SEASONS, 3.0)), 'models/forest.onnx')
"""
COMPUTED = "SELECT * REPLACE (CAST({} AS FLOAT) AS {}) FROM {{train}}"

SPOILINGS: dict[str, tuple[Spoil, str]] = {
    "leaked-column": (table("data/train.parquet", COMPUTED.format("late * 100", "dep_delay")), "no-leakage"),
    "shuffled-labels": (table("data/test.parquet", f"SELECT * REPLACE ({COIN} AS late) FROM {{test}}"), "quality"),
    "tuned-on-the-test": (table("data/validation.parquet", "SELECT * FROM {test}"), "temporal-split"),
    "trained-on-the-test": (table("data/train.parquet", "SELECT * FROM {train} UNION ALL SELECT * FROM {test}"), "no-overlap"),
    "stale-checkpoint": (another("models/forest.onnx", "later/1.1.0/forest.onnx"), "reproducible"),
    "mismatched-export": (another("models/reference.parquet", "later/1.1.0/reference.parquet"), "export-parity"),
    "uncalibrated-scores": (lambda folder: run(folder, "-c", UNCALIBRATED), "calibration"),
    "retrain-that-got-worse": (lambda folder: run(folder, "train.py", "--trees", "1", "--depth", "1"), "quality"),
    "wrong-units": (table("data/train.parquet", COMPUTED.format("(temp - 32) / 1.8", "temp")), "data-versioned"),
    "old-documents": (replaced("OPERATIONS_RUNBOOK.md", "Alarm: drift", "Alarm: shift"), "runbook"),
    "loose-environment": (replaced("requirements.lock", "numpy==", "numpy>="), "environment-pinned"),
}  # fmt: skip


def test_the_system_as_it_is_was_a_go(released: User) -> None:
    assert check(Workspace.open(released.folder), judge_only=True).verdict.decision is Decision.GO


@pytest.mark.parametrize(("spoil", "item"), SPOILINGS.values(), ids=list(SPOILINGS))
def test_each_way_to_spoil_it_fails_its_item(released: User, spoil: Spoil, item: str) -> None:
    spoil(released.folder)
    decision, result = judged(released.folder, item)
    assert (decision, result.outcome) == (Decision.NO_GO, Outcome.FAIL), result.reason


# -- training again


def steps(user: User, train: str) -> None:
    file = user.folder / "gonogo.yaml"
    head, _, _ = file.read_text().partition("\nretrain:")
    people = file.read_text().partition("\npeople:")[2].partition("\nretrain:")[0]
    text = head if "people:" in head else f"{head}\npeople:{people}"
    data = f"{{run: {sys.executable} prepare.py --every 6, reads: [prepare.py, features.py], writes: [data]}}"
    again = f"retrain:\n  steps:\n    data: {data}\n    train: {{run: {sys.executable} {train}, reads: [train.py]}}\n"
    file.write_text(f"{text.rstrip()}\n{again}")


def in_production(user: User) -> None:
    service = user.serve(REF)
    until(lambda: user.json("status")["production"])
    service.stop()
    assert user.json("status")["production"]["version"] == "1.0.0"


def trainings(user: User) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = user.json("retrain", "--status")["trainings"]
    return found


def test_a_training_that_is_killed_is_resumed_and_a_worse_model_leaves_the_champion_where_it_was(released: User) -> None:
    in_production(released)
    steps(released, "train.py --trees 2 --depth 2")
    champion = (released.folder / "models/forest.onnx").read_bytes()
    before = {path.name: path.read_bytes() for path in (released.folder / "data").iterdir()}
    running = released.start("retrain")
    until(lambda: any(one["step"] == "train" for run in trainings(released) for one in run["steps"]), seconds=120)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    [made] = trainings(released)
    assert [(one["step"], one["state"]) for one in made["steps"]] == [("data", "done"), ("train", "started")]
    assert made["problem"] == "it ended without a word"

    done = released.json("retrain", "--resume", expect=1)
    assert (done["outcome"], done["id"]) == ("rejected", made["id"])
    assert done["comparison"]["champion"] == REF
    assert done["comparison"]["standing"] == "worse"
    [made] = trainings(released)
    assert [(one["step"], one["state"]) for one in made["steps"]] == [("data", "done"), ("train", "done")]
    begun = [one.body for one in Workspace.open(released.folder).store().events(kinds=["retrain_step"])]
    assert [one["step"] for one in begun if one["state"] == "started"] == ["data", "train", "train"], "the tables were made once"
    assert (released.folder / "models/forest.onnx").read_bytes() == champion
    assert {path.name: path.read_bytes() for path in (released.folder / "data").iterdir()} == before
    assert len(released.json("releases")["releases"]) == 1
    assert released.json("status")["production"]["version"] == "1.0.0"


def test_from_september_on_drift_begins_a_training_and_what_is_better_takes_over(tmp_path: Path, trained: Path) -> None:
    from .conftest import SYSTEM, User

    user = User(SYSTEM, tmp_path / "people", {"DEMO_PORT": str(free_port()), "DEMO_PACE": "1"})
    words = ["months.py", "--every", "6", "--last", "9", "--work", str(tmp_path / "work"), "--page", str(tmp_path / "months.md")]
    with (tmp_path / "months.log").open("wb") as log:
        told = subprocess.Popen([sys.executable, *words], cwd=SYSTEM, env=user.environ(), stdout=log, stderr=log)
        try:
            told.wait(timeout=800)
        finally:
            told.send_signal(signal.SIGINT)  # it ends the service that it has started
            told.wait(timeout=60)
    assert told.returncode == 0, (tmp_path / "months.log").read_text()[-3000:]
    page = (tmp_path / "months.md").read_text()
    [met] = [line for line in page.splitlines() if line.startswith("| September | late-arrivals@1.0.0 |")]
    assert met.endswith("| better | production: 1.1.0 |")
    assert "polyline" in (tmp_path / "months.svg").read_text()
    project = User(tmp_path / "work" / "late_arrivals", tmp_path / "people")
    assert project.json("status")["production"]["version"] == "1.1.0"
    [made] = trainings(project)
    assert (made["outcome"], made["reason"].partition(":")[0]) == ("staging", "drift")
    assert made["comparison"]["standing"] == "better"
