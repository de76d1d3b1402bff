"""docs/how-to-review.md is true: its commands are typed against a running service, its declarations are read, its checks are there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from gonogo.base.catalogue import CATALOGUE
from gonogo.checklist.load import load_pack
from gonogo.checklist.project import load_project
from gonogo.operations.release import release
from gonogo.operations.workspace import Workspace
from team import Team, make
from waiting import free_port

PAGE = (Path(__file__).parents[2] / "docs" / "how-to-review.md").read_text(encoding="utf-8")
TYPED = [line.removeprefix("$ ") for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
DECLARED = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
[REVIEWS] = re.findall(r"```yml\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A small project whose technical lead signs, with its first release in service."""
    base = tmp_path_factory.mktemp("how-to-review")
    make(base)
    team = Team(base / "project", base / "keys")
    for file in ("gonogo.yaml", "pack/pack.yaml", "pack/gate.yaml"):
        path = team.folder / file
        path.write_text(path.read_text().replace("lead:", "technical-lead:").replace("sign_off: lead", "sign_off: technical-lead"))
    (team.folder / "pack" / "reviews.yaml").write_text(REVIEWS)
    (team.folder / "train.py").write_text("print('trained')\n")
    team.edit("people:", f"code: {{train: {sys.executable} train.py}}\npeople:")
    gonogo(team, "check", expect=1)
    team.sign("technical-lead", "ana")
    team.sign("owner", "ben")
    release(Workspace.open(team.folder))
    port = free_port()
    environment = environ(team) | {"GONOGO_WATCH_SECONDS": "0.5"}
    with (base / "serve.log").open("wb") as log:
        words = [sys.executable, "-m", "gonogo", "serve", "small@1.0.0", "--port", str(port), "--processes", "1"]
        service = subprocess.Popen(words, cwd=team.folder, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).read()
                break
            except OSError:
                time.sleep(0.2)
        yield team
    finally:
        service.terminate()
        service.wait(timeout=30)


def environ(team: Team) -> dict[str, str]:
    import os

    return {**os.environ, "GONOGO_KEYS": str(team.keys), "OMP_NUM_THREADS": "1"}


def gonogo(team: Team, *words: str, expect: int | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "gonogo", *words],
        cwd=team.folder,
        env=environ(team),
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )
    assert expect is None or done.returncode == expect, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.mark.timeout(400)
def test_every_command_of_the_page_does_what_it_says(served: Team) -> None:
    gonogo(served, "review", "week")
    for line in TYPED:
        words = shlex.split(line, comments=True)[1:]
        done = gonogo(served, *words)
        assert "Traceback" not in done.stderr, f"{line}\n{done.stderr}"
        assert done.returncode in (0, 1), f"{line}\n{done.stdout}\n{done.stderr}"
        may_say_no = (["review", "hour"], ["review", "day"], ["review", "sign"], ["retrain", "--reason"])
        assert done.returncode == 0 or words[:2] in may_say_no, f"{line}\n{done.stdout}{done.stderr}"
    assert "WELL" in gonogo(served, "review").stdout
    assert "A day in service" in (served.folder.parent / "day.html").read_text()
    assert {file.name for file in (served.folder.parent / "deploy").iterdir()} == {
        "gonogo-reviews.cron", "gonogo-reviews.service", "gonogo-reviews.timer",
    }  # fmt: skip


def test_what_the_page_declares_is_read(served: Team, tmp_path: Path) -> None:
    for declared in DECLARED:
        shutil.copytree(served.folder, tmp_path / str(DECLARED.index(declared)), ignore=shutil.ignore_patterns(".gonogo"))
        folder = tmp_path / str(DECLARED.index(declared))
        with (folder / "gonogo.yaml").open("a") as file:
            file.write("\n" + declared)
        project = load_project(folder)
        rules = {rule.name for rule in load_pack(project.pack, project).monitor.rules}
        assert "retrain" in declared or {"review-overdue", "review-not-well"} <= rules
        assert "monitor" in declared or project.retrain.when == ("schedule", "drift", "calibration")


def test_the_checks_of_the_page_are_those_that_look_at_what_is_live() -> None:
    table = PAGE.partition("<!-- checks")[2].partition("\n\n`")[0]
    listed = {name for row in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert listed <= set(CATALOGUE["checks"])
    from gonogo.base import catalogue
    from gonogo.evidence.check import asked_inputs

    live = {"passed", "readings", "watched", "audit", "host", "label_quality", "service_log", "reviews", "retraining", "gate_again"}
    asking = {name for name in CATALOGUE["checks"] if live & {one.name for one in asked_inputs(catalogue.load("checks", name))}}
    assert asking <= listed
