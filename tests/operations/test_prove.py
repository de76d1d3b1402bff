"""The negative control: spoiled copies of a real candidate, judged by its own checklist."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import sample
from gonogo.base.table import read_table
from gonogo.errors import DataError, GonogoError, RefusedError
from gonogo.model.onnx_wire import weight_spans
from gonogo.operations.check import Checked, check
from gonogo.operations.inputs import ProjectInputs
from gonogo.operations.negative_control import kept_negative_control
from gonogo.operations.prove import prove, prove_and_check
from gonogo.operations.spoil import spoilings
from gonogo.operations.workspace import Workspace

pytestmark = [pytest.mark.xdist_group("prove")]

LOOSE = "items:\n  no-overlap: {require: shared_share <= 50%}\n"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[str]]]:
    """A project that was checked and proved once, and which items refused each spoiled copy."""
    folder = tmp_path_factory.mktemp("measured")
    sample.write_project(folder, more=LOOSE)
    workspace = Workspace.open(folder)
    before = {path.name: path.read_bytes() for path in folder.glob("*.*") if path.is_file()}
    checked = check(workspace)
    found = {one["name"]: list(one["by"]) for one in prove(workspace, checked)["spoilings"]}
    assert {path.name: path.read_bytes() for path in folder.glob("*.*") if path.is_file()} == before, "the project was touched"
    assert judged(workspace).verdict.items == checked.verdict.items
    return folder, found


@pytest.fixture
def workspace(measured: tuple[Path, dict[str, list[str]]], tmp_path: Path) -> Workspace:
    shutil.copytree(measured[0], tmp_path / "project")
    return Workspace.open(tmp_path / "project")


def judged(workspace: Workspace) -> Checked:
    return check(workspace, judge_only=True)


def test_spoiled_copies_are_refused_by_items_that_measure_and_the_project_is_not_touched(
    measured: tuple[Path, dict[str, list[str]]],
) -> None:
    _, found = measured
    assert set(found) == {"shuffled-labels", "permuted-feature", "corrupted-weights", "leaked-target"}
    assert "quality" in found["shuffled-labels"]
    assert "quality" in found["permuted-feature"]
    assert found["leaked-target"]


def test_a_gate_that_demands_nothing_of_the_model_misses_them_and_says_so(tmp_path: Path) -> None:
    sample.write_project(tmp_path, more=LOOSE + "  quality: {require: roc_auc > 0.01}\n")
    workspace = Workspace.open(tmp_path)
    again = prove_and_check(workspace, check(workspace, only=frozenset({"quality"})))
    assert "the gate did not notice a spoiled copy: labels beside other rows" in again.verdict.notes


def test_a_copy_that_could_not_be_measured_was_not_refused(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = judged(workspace)
    monkeypatch.setenv("GONOGO_MEASURE_SECONDS", "0.05")
    found = {one["name"]: one["by"] for one in prove(workspace, checked)["spoilings"]}
    assert found["shuffled-labels"] == found["permuted-feature"] == []


def test_a_control_counts_for_its_own_bundle_and_checklist_only(workspace: Workspace) -> None:
    checked = judged(workspace)
    subject = checked.verdict.subject
    assert subject is not None
    assert kept_negative_control(workspace, subject, checked.checklist) is not None
    stricter = Workspace.open(_with(workspace, "items:", "items:\n  quality: {require: roc_auc > 0.6}"))
    assert kept_negative_control(stricter, subject, judged(stricter).checklist) is None
    assert kept_negative_control(workspace, "sha256:" + 64 * "0", checked.checklist) is None


def _with(workspace: Workspace, old: str, new: str) -> Path:
    file = workspace.project.file
    file.write_text(file.read_text().replace(old, new))
    return file


def test_an_edited_control_is_refused(workspace: Workspace) -> None:
    checked = judged(workspace)
    [path] = workspace.negative_controls.glob("*.json")
    document = json.loads(path.read_bytes())
    document["content"]["spoilings"][0]["by"] = ["quality"]
    path.write_text(json.dumps(document))
    with pytest.raises(DataError, match="not used"):
        kept_negative_control(workspace, checked.verdict.subject or "", checked.checklist)


def test_without_a_proof_the_input_is_missing_and_says_how_to_get_it(workspace: Workspace) -> None:
    shutil.rmtree(workspace.negative_controls)
    with ProjectInputs(workspace, build=False, progress=lambda *_: None) as inputs, pytest.raises(GonogoError) as caught:
        inputs.digest("negative_control")
    assert "check --prove" in caught.value.hint


def test_nothing_measured_is_nothing_to_prove_with(tmp_path: Path) -> None:
    sample.write_project(tmp_path)
    workspace = Workspace.open(tmp_path)
    with pytest.raises(RefusedError, match="nothing to prove with"):
        prove(workspace, check(workspace, judge_only=True))


def test_a_permuted_column_keeps_its_values_and_leaves_the_others_alone(workspace: Workspace, tmp_path: Path) -> None:
    way = next(one for one in spoilings(workspace.project, "amount") if one.name == "permuted-feature")
    (tmp_path / "copy").mkdir()
    spoiled = read_table(way.make(tmp_path / "copy").data.test)
    real = read_table(workspace.project.data.test)
    assert spoiled.columns["city"].tolist() == real.columns["city"].tolist()
    assert spoiled.columns["late"].tolist() == real.columns["late"].tolist()
    assert spoiled.columns["amount"].tolist() != real.columns["amount"].tolist()
    assert sorted(map(str, spoiled.columns["amount"])) == sorted(map(str, real.columns["amount"]))


def test_the_weights_of_a_real_graph_are_found() -> None:
    assert sum(end - start for start, end in weight_spans(sample.model_bytes())) == 4 * (3 + 1)  # three tensors and values_floats


def test_a_model_whose_weights_cannot_be_found_in_its_file_is_spoiled_in_the_other_ways(tmp_path: Path) -> None:
    sample.write_project(tmp_path)
    project = Workspace.open(tmp_path).project
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"\x08\x01")
    other = replace(project, model=replace(project.model, path=tmp_path / "saved"))
    assert {way.name for way in spoilings(project, "amount")} - {way.name for way in spoilings(other, "amount")} == {"corrupted-weights"}
    assert len(spoilings(other, "amount")) == 3
