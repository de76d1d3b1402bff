"""docs/how-to-retrain.md is true: its declarations are read, and its commands do what it says, one after the other."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import sample
from gonogo.base.names import Ref
from gonogo.checklist.project import load_project
from gonogo.operations.check import check
from gonogo.operations.release import release
from team import Team, make

PAGE = (Path(__file__).parents[2] / "docs" / "how-to-retrain.md").read_text(encoding="utf-8")
RUN, CUT_OFF = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
ONE, STEPS, FURTHER = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
PREPARE = "import os\nos.replace('fresh.csv', 'train.csv')\n"
TRAIN = "import shutil\nshutil.copy('next.onnx', 'model.onnx')\n"
EVALUATE = "open('figures.txt', 'w').write('ROC-AUC')\n"


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Team:
    """A small project with a weak release in production, and the steps of the page."""
    base = tmp_path_factory.mktemp("how-to-retrain")
    make(base)
    team = Team(base / "project", base / "keys")
    for file in ("gonogo.yaml", "pack/pack.yaml", "pack/gate.yaml"):
        path = team.folder / file
        path.write_text(path.read_text().replace("lead:", "technical-lead:").replace("sign_off: lead", "sign_off: technical-lead"))
    (team.folder / "model.onnx").write_bytes(sample.model_bytes(0.1))
    (team.folder / "next.onnx").write_bytes(sample.model_bytes(1.5))
    (team.folder / "fresh.csv").write_text((team.folder / "train.csv").read_text().replace("oslo", "paris"))
    for name, program in (("prepare.py", PREPARE), ("train.py", TRAIN), ("evaluate.py", EVALUATE)):
        (team.folder / name).write_text(program)
    with (team.folder / "gonogo.yaml").open("a") as file_:
        file_.write(f"code: {{paths: [prepare.py, train.py, evaluate.py]}}\n{STEPS.replace('python', sys.executable)}")
    check(team.workspace())
    team.sign("technical-lead", "ana")
    team.sign("owner", "ben")
    workspace = team.workspace()
    release(workspace)
    entry = workspace.registry().resolve(Ref.parse("small@1.0.0"))
    workspace.registry().move_pointer(
        "small", "production", entry.version, verdict_digest=entry.verdict_digest, expected=None, reason="first", actor="ana"
    )
    return team


def typed(team: Team, line: str) -> subprocess.CompletedProcess[str]:
    words = shlex.split(line.removeprefix("$ "), comments=True)[1:]
    environment = {**os.environ, "GONOGO_KEYS": str(team.keys), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "gonogo", *words], cwd=team.folder, env=environment, capture_output=True, text=True, check=False, timeout=170
    )


def test_the_commands_of_the_page_end_as_it_says(team: Team) -> None:
    for line in RUN.splitlines():
        done = typed(team, line)
        assert done.returncode == (1 if "exit code 1" in line else 0), f"{line}\n{done.stdout}\n{done.stderr}"
    assert str(team.workspace().registry().state().pointers[("small", "staging")]) == "1.1.0"
    assert (team.folder / "figures.txt").read_text() == "ROC-AUC"

    shutil.copy(team.folder / "train.csv", team.folder / "fresh.csv")
    (team.folder / "train.py").write_text("raise SystemExit('no memory')")
    assert "no memory" in typed(team, "$ gonogo retrain").stderr
    (team.folder / "train.py").write_text(TRAIN)
    (team.folder / "next.onnx").write_bytes(sample.model_bytes(1.9))
    resume, put_back = CUT_OFF.splitlines()
    assert typed(team, resume).returncode == 1
    assert (team.folder / "model.onnx").read_bytes() == sample.model_bytes(1.9)
    assert typed(team, put_back).returncode == 0
    assert (team.folder / "model.onnx").read_bytes() == sample.model_bytes(1.5)


def test_the_declarations_of_the_page_are_read(team: Team, tmp_path: Path) -> None:
    shutil.copytree(team.folder, tmp_path / "project", ignore=shutil.ignore_patterns(".gonogo"))
    file = tmp_path / "project" / "gonogo.yaml"
    bare = {key: value for key, value in yaml.safe_load(file.read_text()).items() if key not in ("code", "retrain")}
    found = []
    for declared in (ONE, STEPS, FURTHER):
        file.write_text(yaml.safe_dump({**bare, **yaml.safe_load(declared)}, sort_keys=False))
        found.append(load_project(file))
    assert found[0].code.train == ("python", "train.py")
    data, train, evaluate = found[1].retrain.steps
    assert (data.timeout, data.reads, train.reads, evaluate.writes) == (
        600.0,
        (tmp_path / "project" / "prepare.py",),
        None,
        (tmp_path / "project" / "figures.txt",),
    )
    assert found[1].retrain.when == ("schedule", "drift", "calibration")
    assert found[2].retrain.then == "production"


def test_the_outcomes_of_the_page_are_those_that_there_are() -> None:
    from gonogo.operations.promotion import FINAL

    listed = set(re.findall(r"^\| `([a-z]+)` \|", PAGE.partition("| outcome |")[2], re.MULTILINE))
    assert listed == FINAL | {"waiting", "refused"}
