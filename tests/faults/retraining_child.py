"""Run by `test_retrain_kill.py` in a process of its own: a training of three steps, killed by SIGKILL at another point each time.

    retraining_child.py BASE FOLDER STEP    BASE holds a measured project; every STEP-th point; prints one JSON line

After each death the training is resumed, or what lay there before is put back, by turns.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from sealing_child import killed_at

from gonogo.candidate.kept import is_whole
from gonogo.errors import NotFoundError
from gonogo.operations.retrain import resume, retrain, take_back
from gonogo.operations.retrain_steps import folder_of, steps_of
from gonogo.operations.trainings import retraining
from gonogo.operations.workspace import Workspace

STEPS = """
retrain:
  steps:
    data: cp next.csv train.csv
    train: {run: cp next.txt notes.txt, writes: [notes.txt]}
    evaluate: {run: cp notes.txt report.txt, writes: [report.txt]}
"""
WRITTEN = ("train.csv", "notes.txt", "report.txt", "model.onnx", "test.csv")


def fresh(base: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(base, folder)
    project = folder / "project"
    (project / "next.csv").write_text((project / "train.csv").read_text().replace("paris", "oslo"))
    (project / "next.txt").write_text("new\n")
    (project / "notes.txt").write_text("old\n")
    with (project / "gonogo.yaml").open("a") as file:
        file.write(f"code: {{paths: [keys]}}{STEPS}")
    return project


def lie(project: Path) -> dict[str, str | None]:
    """What lies there, byte for byte."""
    return {name: (project / name).read_bytes().hex() if (project / name).exists() else None for name in WRITTEN}


def begin(project: Path) -> None:
    """The model stays as it is, so the training ends as `unchanged`, and everything is put back."""
    assert retrain(Workspace.open(project)).outcome == "unchanged"


def went_on(project: Path) -> str:
    """Resume after a death, and see that no step counts that is not whole."""
    workspace = Workspace.open(project)
    try:
        done = resume(workspace)
    except NotFoundError:
        return "nothing"
    found = retraining(workspace, workspace.clock.now())["trainings"][-1]
    assert (done.outcome, found["outcome"], found["state"]) == ("unchanged", "unchanged", "done")
    assert [(one["step"], one["state"]) for one in found["steps"]] == [(step.name, "done") for step in steps_of(workspace.project)]
    for one in found["steps"]:
        assert is_whole(folder_of(workspace, done.id) / "steps" / one["step"], one["wrote"]), one
    assert [list(one["wrote"]) for one in found["steps"]] == [["train.csv"], ["notes.txt"], ["report.txt"]]
    return "resumed"


def gave_up(project: Path) -> str:
    try:
        take_back(Workspace.open(project))
    except NotFoundError:
        return "nothing"
    return "put back"


def main(base: Path, folder: Path, step: int) -> None:
    seen: dict[str, Any] = {"nothing": 0, "resumed": 0, "put back": 0}
    points = 0
    project = fresh(base, folder)
    before = lie(project)
    while killed_at(1 + points * step, lambda: begin(project)):
        seen[(went_on, gave_up)[points % 2](project)] += 1
        if points % 2:
            begin(project)  # and one that is begun after it is not disturbed
        assert lie(project) == before, 1 + points * step
        points += 1
        fresh(base, folder)
    print(json.dumps({**seen, "points": points}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
