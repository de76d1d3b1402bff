"""`gonogo doctor`: every line by its name, the JSON document, the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import sample
from gonogo.cli import main
from gonogo.operations.doctor import doctor

NAMED = {"python", "imports", "isolation", "disk", "configuration", "project", "accelerator", "data", "model", "people"}


def lines(project: Path) -> dict[str, tuple[bool, str]]:
    return {found.what: (found.ok, found.detail) for found in doctor(project)}


def ask(project: Path) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(main, ["doctor", "--project", str(project), "--json"])
    return result.exit_code, json.loads(result.output)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sample.write_project(tmp_path, more="isolation: accept-weaker\nenvironment: requirements.lock\n")
    (tmp_path / "requirements.lock").write_text("no-such-thing==1.0\n")
    return tmp_path


def test_every_part_of_the_diagnosis_has_its_line(folder: Path) -> None:
    found = lines(folder)
    assert set(found) >= NAMED
    assert all(found[name][0] for name in NAMED - {"people"})
    assert found["accelerator"][1].startswith("not needed")
    assert found["environment"] == (True, "0 of 1 packages of the lock are installed as locked; training here needs no-such-thing==1.0")


def test_the_json_document_and_the_exit_code_say_the_same(folder: Path) -> None:
    code, document = ask(folder)
    wrong = [found["what"] for found in document["findings"] if not found["ok"]]
    assert document["ok"] == (code == 0) == (not wrong)
    (folder / "test.csv").unlink()
    code, document = ask(folder)
    assert (code, document["ok"]) == (1, False)
    assert "data" in [found["what"] for found in document["findings"] if not found["ok"]]


def test_each_fault_is_found_on_its_own_line(folder: Path) -> None:
    (folder / "train.csv").write_bytes(b"")
    assert lines(folder)["data"] == (False, "not there or empty: train.csv")
    (folder / "model.onnx").write_bytes(b"garbage")
    assert lines(folder)["model"][0] is False
    (folder / "requirements.lock").unlink()
    assert lines(folder)["environment"][0] is False
    (folder / "gonogo.yaml").write_text("system: [\n")
    found = lines(folder)
    assert found["project"][0] is False
    assert "gonogo.yaml:" in found["project"][1]
    assert "data" not in found


def test_an_accelerator_that_is_required_and_absent_needs_mending(folder: Path) -> None:
    with (folder / "gonogo.yaml").open("a") as file:
        file.write("accelerator: required\n")
    ok, detail = lines(folder)["accelerator"]
    assert ok == detail.startswith("present")


def test_without_a_project_the_machine_alone_is_diagnosed(tmp_path: Path) -> None:
    found = lines(tmp_path / "gonogo.yaml")
    assert found["project"][0] is True
    assert "model" not in found
