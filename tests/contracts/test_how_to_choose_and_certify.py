"""docs/how-to-choose.md and docs/how-to-certify.md are true: their scripts run, their declarations are read, their commands are typed."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import sample
from certified_project import Fires, write_fires
from choosing import write_choosing
from gonogo.candidate.ledger import read_ledger
from gonogo.checklist.project import load_project
from gonogo.checklist.project_schema import project_schema
from gonogo.evidence.checks.certification import Certification
from gonogo.operations.training_copy import training_copy
from gonogo.reports.certification import FIRST
from page import blocks, read_page, typed

CHOOSE, CERTIFY = read_page("how-to-choose.md"), read_page("how-to-certify.md")
ITEMS = "{id: f1-floor, statement: It finds them., check: selection, require: f1_macro >= 0.20}"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The candidates of the page: its script, and two more like it."""
    folder = tmp_path_factory.mktemp("choose") / "project"
    people = {"reviewer": "ravi"}
    write_choosing(
        folder, folder.parent / "private", model="models/crf.onnx", people=people, items=ITEMS, more="run_record: models/crf.json\n"
    )
    (folder / "models").mkdir()
    (script,) = blocks(CHOOSE, "python")
    for place, name in enumerate(("stones", "position", "crf")):
        (folder / f"models/{name}.onnx").write_bytes(sample.model_bytes(1.0 + place))
        (folder / f"models/{name}_predictions.csv").write_text(
            "row,label,predicted\n" + "".join(f"{i},{i % 2},{i % 2}\n" for i in range(40))
        )
        (folder / f"{name}.py").write_text(script.replace("crf", name))
        subprocess.run([sys.executable, f"{name}.py"], cwd=folder, check=True, timeout=120)
    return folder


def test_the_script_of_the_page_leaves_a_run_in_one_ledger(project: Path) -> None:
    runs = [line.run for line in read_ledger(project / "models" / "runs.jsonl")]
    assert [run["name"] for run in runs] == ["stones", "position", "crf"]
    assert runs[-1]["data"]["predictions"]["path"] == "crf_predictions.csv"


def test_what_the_page_types_works_in_its_order(project: Path) -> None:
    commands = [shlex.split(line.partition("#")[0]) for line in typed(CHOOSE)]
    assert len(commands) == 7
    environment = {**os.environ, "GONOGO_KEYS": str(project.parent / "private")}
    for words in commands:
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=project, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    assert (project / "candidates.html").is_file()


def test_the_declarations_of_the_pages_are_read(tmp_path: Path) -> None:
    (declared,) = blocks(CHOOSE, "yaml")
    sample.write_project(tmp_path / "project", more=declared)
    assert load_project(tmp_path / "project" / "gonogo.yaml").candidates.expected == {"crf": {"f1_macro": (0.26, 0.28)}}
    (declared,) = blocks(CERTIFY, "yaml")
    (tmp_path / "gonogo.yaml").write_text(declared)
    said = load_project(tmp_path / "gonogo.yaml").certify
    defaults = project_schema()["properties"]["certify"]["properties"]
    given = yaml.safe_load(declared)["certify"]
    assert {name: defaults[name]["default"] for name in given} == given, "the page shows the defaults"
    assert said.valid == 90 * 86_400.0


@pytest.fixture
def fires(tmp_path: Path) -> Fires:
    return write_fires(tmp_path / "fires")


def test_the_training_of_the_page_does_what_a_certification_asks_of_it(fires: Fires) -> None:
    (script,) = blocks(CERTIFY, "python")
    (declared,) = blocks(CERTIFY, "yaml")
    (fires.folder / "train.py").write_text(script)
    (fires.folder / "gonogo.yaml").write_text(
        declared.replace("python train.py", f"{sys.executable} train.py") + "isolation: accept-weaker\n"
    )
    fires.train()
    workspace = fires.workspace()
    with training_copy(workspace.project, workspace.path / "work") as copy:
        assert copy.train(5, workspace.sandbox()).record["seed"] == 5


def test_the_page_names_every_metric_and_option(fires: Fires) -> None:
    table = set(re.findall(r"`(\w+)`", "\n".join(line for line in CERTIFY.splitlines() if line.startswith("| `"))))
    assert set(FIRST) <= table
    assert "attempts" in Certification.facts
    for line in typed(CERTIFY):
        words = shlex.split(line.partition("#")[0])
        said = subprocess.run([sys.executable, "-m", *words[:2], "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
        assert all(word in said for word in words if word.startswith("--"))
