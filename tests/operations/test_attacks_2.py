"""Ways to a PASS that was not earned, through what a measurement did not ask for; and to a signature, through what a signer is shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sample
from gonogo.errors import VerificationError
from gonogo.operations.check import check
from gonogo.operations.sign_elsewhere import answer_request, import_answer, write_request
from gonogo.operations.workspace import Workspace
from gonogo.verdict.outcome import Outcome
from team import Team

TESTED = """
code: {paths: [src], tests: python -m pytest -q -p no:cacheprovider}
files: {limits: limits.json}
"""
PACK = "name: small\ntitle: Small\nroles: {lead: leads}\n"
GATE = """
id: small
title: Small
version: 1.0.0
date: "2026-01-01"
status: ready
sections:
- title: All
  items:
  - {id: tests-pass, statement: Tests pass., check: tests, require: [passed > 0, failed == 0]}
  - {id: agreed, statement: Yes., sign_off: lead}
"""
TEST = """
import pathlib

def test_the_limits_are_those_of_the_model():
    assert len(pathlib.Path("model.onnx").read_bytes()) < 5000
    assert pathlib.Path("limits.json").read_text() == "{}"
    assert pathlib.Path("test.csv").read_text().count("oslo") < 100
"""


@pytest.fixture
def tested(tmp_path: Path) -> Path:
    """A project whose tests read model, table and a declared file, none of which lies below `code.paths`."""
    sample.write_project(tmp_path, more=TESTED)
    for name in ("src", "tests", "pack"):
        (tmp_path / name).mkdir()
    text = (tmp_path / "gonogo.yaml").read_text().replace("pack: starter", "pack: ./pack")
    (tmp_path / "gonogo.yaml").write_text(text)
    (tmp_path / "pack" / "pack.yaml").write_text(PACK)
    (tmp_path / "pack" / "gate.yaml").write_text(GATE)
    (tmp_path / "src" / "a.py").write_text("x = 1\n")
    (tmp_path / "tests" / "test_model.py").write_text(TEST)
    (tmp_path / "limits.json").write_text("{}")
    assert outcome(tmp_path) is Outcome.PASS
    return tmp_path


def outcome(project: Path, *, judge_only: bool = False) -> Outcome:
    return check(Workspace.open(project), judge_only=judge_only).verdict.items[0].outcome


def a_model_that_fails_its_test(project: Path) -> None:
    """The old one, with a text in it that nobody reads."""
    (project / "model.onnx").write_bytes(sample.model_bytes() + b"\x32" + b"\x90\x4e" + b"x" * 10000)


def a_table_that_fails_its_test(project: Path) -> None:
    sample.write_table(project / "test.csv", 2, rows=600)


def a_declared_file_that_fails_its_test(project: Path) -> None:
    (project / "limits.json").write_text("[]")


@pytest.mark.parametrize("attack", [a_model_that_fails_its_test, a_table_that_fails_its_test, a_declared_file_that_fails_its_test])
def test_tests_that_passed_with_other_files_have_not_passed(tested: Path, attack) -> None:  # type: ignore[no-untyped-def]
    attack(tested)
    assert outcome(tested, judge_only=True) is Outcome.STALE
    assert outcome(tested) is Outcome.FAIL


@pytest.mark.parametrize("verb", [("policy",), ("check", "--judge-only"), ("sign", "lead"), ("log",)])
def test_no_text_of_the_project_moves_the_cursor_of_whoever_looks(team: Team, own_keys: Path, verb: tuple[str, ...]) -> None:
    """A name that erases the line above and writes another in its place."""
    team.edit("name: ben", 'name: "\\e[1A\\e[2Kpolicy in force\\r\\u202e"')
    program = [sys.executable, "-P", "-m", "gonogo", *verb, "--project", str(team.folder)]
    done = subprocess.run(program, capture_output=True, check=False, env={**os.environ, "GONOGO_ACTOR": "eve\x1b[2K"})
    said = (done.stdout + done.stderr).decode()
    assert said.strip()
    assert not any(character in said for character in "\x1b\r\u202e")


PLUGIN = '''
from gonogo.evidence.check import Check
from gonogo.evidence.record import Fact, Measurement

class Own(Check):
    """Are there rows?"""
    name = "own"
    facts = {"rows": "rows of the test table"}

    def measure(self, test):
        return Measurement({"rows": Fact(test.rows)})
'''


def test_what_a_check_said_before_somebody_edited_it_does_not_count(tmp_path: Path) -> None:
    plugins, project = tmp_path / "plugins", tmp_path / "project"
    (plugins / "own-1.0.dist-info").mkdir(parents=True)
    (plugins / "own-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: own\nVersion: 1.0\n")
    (plugins / "own-1.0.dist-info" / "entry_points.txt").write_text("[gonogo.checks]\nown = own_check:Own\n")
    (plugins / "own_check.py").write_text(PLUGIN)
    sample.write_project(project)
    (project / "gonogo.yaml").write_text((project / "gonogo.yaml").read_text().replace("pack: starter", "pack: ./pack"))
    (project / "pack").mkdir()
    (project / "pack" / "pack.yaml").write_text(PACK)
    item = "{id: rows, statement: Rows., check: own, require: rows > 0}"
    (project / "pack" / "gate.yaml").write_text(GATE.replace(GATE[GATE.index("{id: tests-pass") : GATE.index("\n  - {id: agreed")], item))

    def said(*more: str) -> str:
        program = [sys.executable, "-P", "-m", "gonogo", "check", "--json", *more, "--project", str(project)]
        done = subprocess.run(program, capture_output=True, check=False, env={**os.environ, "PYTHONPATH": str(plugins)})
        return str(json.loads(done.stdout)["items"][0]["outcome"])

    assert said() == "PASS"
    (plugins / "own_check.py").write_text(PLUGIN.replace("test.rows", "test.rows - 1000"))
    assert said("--judge-only") == "STALE"
    assert said() == "FAIL"


def test_whose_work_it_is_is_part_of_what_is_signed_elsewhere(team: Team, tmp_path: Path) -> None:
    team.edit("people:\n", "author: {name: dan}\npeople:\n")
    write_request(team.workspace(), "owner", tmp_path / "request.json")
    answer_request(tmp_path / "request.json", key=team.keys / "ben.key", out=tmp_path / "answer.json")
    assert import_answer(team.workspace(), tmp_path / "answer.json") == ["ben as owner: approve legal, business"]
    document = json.loads((tmp_path / "request.json").read_bytes())
    document["sign_off"]["author"] = {"name": "somebody", "key_id": None}
    (tmp_path / "request.json").write_text(json.dumps(document))
    with pytest.raises(VerificationError, match="not what it asks a signature for"):
        answer_request(tmp_path / "request.json", key=team.keys / "ben.key", out=tmp_path / "other.json")
