"""The gates of two sources on projects that have all they ask for: GO when everybody has signed, and NO-GO on the right item when not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gonogo.checklist.load import load_pack
from gonogo.operations.check import check
from gonogo.operations.sign import sign
from gonogo.operations.workspace import Workspace
from gonogo.reports.form import render_form
from gonogo.verdict.outcome import Decision, Outcome
from gonogo.verdict.sign_off import read_sign_off
from source_projects import bars, pictures
from torch_file import TorchFile, mapping

Spoil = Callable[[Path], None]


def replaced(name: str, old: str, new: str) -> Spoil:
    def spoil(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return spoil


def worse_figure(folder: Path) -> None:
    text = (folder / "test_results.md").read_text()
    (folder / "test_results.md").write_text(text.replace("Test Accuracy | 0.9", "Test Accuracy | 0.8"))


def nan_loss(folder: Path) -> None:
    history = json.loads((folder / "history.json").read_text())
    history["epochs"][-1]["train_loss"] = float("nan")
    (folder / "history.json").write_text(json.dumps(history))


def other_scores(folder: Path) -> None:
    head, *rows = (folder / "models/reference.csv").read_text().splitlines()
    turned = [",".join([row.split(",")[0], *np.roll(row.split(",")[1:], 1)]) for row in rows]
    (folder / "models/reference.csv").write_text("\n".join([head, *turned]) + "\n")


def one_layer_less(folder: Path) -> None:
    file = TorchFile()
    file.write(folder / "models/best.pt", mapping(state_dict=mapping(fc__w1=file.tensor(np.eye(11, dtype=np.float32)))))


def one_row_less(folder: Path) -> None:
    rows = (folder / "data/test.csv").read_text().splitlines()
    (folder / "data/test.csv").write_text("\n".join(rows[:-1]) + "\n")


def neighbours(folder: Path) -> None:
    """The last window of validation ends an hour before the first one of the test."""
    rows = (folder / "data/validation.csv").read_text().splitlines()
    rows[-1] = rows[-1].rpartition(",")[0] + ",2025-03-01T23:00:00"
    (folder / "data/validation.csv").write_text("\n".join(rows) + "\n")


def new_source(folder: Path) -> None:
    (folder / "src/more.py").write_text("more = 1\n")


PICTURES: dict[str, Spoil] = {
    "test-report-numbers": worse_figure,
    "final-training": nan_loss,
    "export-accuracy": other_scores,
    "no-critical-issues": replaced("issues.yaml", "P2", "P1"),
    "monitoring-plan": replaced("gonogo.yaml", "monitor: {", "monitor: {rules: [{name: drift, leave_out: too loud}], "),
}
BARS: dict[str, Spoil] = {
    "tree-clean": new_source,
    "weights-load": one_layer_less,
    "sample-count": one_row_less,
    "no-window-overlap": neighbours,
    "metadata-file": replaced("metadata.json", '"recall": 0.', '"recall": 0.0, "was": 0.'),
    "decision": replaced("decision.yaml", "recommended: chosen", "recommended: crf"),
    "tests-pass": replaced("tests/test_train.py", "== 2", "== 3"),
}


@pytest.mark.parametrize(
    ("make", "spoilings", "signers"),
    [
        pytest.param(pictures, PICTURES, {"technical-lead": "ana", "product-owner": "ben"}, id="image-classifier"),
        pytest.param(bars, BARS, {"reviewer": "ravi", "deployer": "dana", "approver": "ana"}, id="sequence-model"),
    ],
)
def test_a_project_that_has_everything_is_go_once_signed_and_each_spoiling_fails_its_item(
    tmp_path: Path, make: Callable[[Path, Path], None], spoilings: dict[str, Spoil], signers: dict[str, str]
) -> None:
    folder = tmp_path / "project"
    make(folder, tmp_path / "private")
    verdict = check(Workspace.open(folder)).verdict
    pack = load_pack(Workspace.open(folder).project.pack, Workspace.open(folder).project)
    wanted = {item.id for item in pack.gate.items if item.sign_off in signers}
    blocking = {result.item: str(result.reason) for result in verdict.items if result.outcome not in (Outcome.PASS, Outcome.NOT_APPLICABLE)}
    assert set(blocking) <= wanted, blocking
    for role, name in signers.items():
        sign(Workspace.open(folder), role, key=tmp_path / "private" / f"{name}.key")
    checked = check(Workspace.open(folder), judge_only=True)
    assert checked.verdict.decision is Decision.GO
    signed = [read_sign_off(envelope, checked.people) for envelope in checked.sign_offs.values()]
    assert "Status: APPROVED" in render_form(checked.report, pack.form, signed)
    for item, spoil in spoilings.items():
        kept = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and ".gonogo" not in path.parts}
        spoil(folder)
        verdict = check(Workspace.open(folder), only=frozenset({item})).verdict
        (result,) = [result for result in verdict.items if result.item == item]
        assert (verdict.decision, result.outcome) == (Decision.NO_GO, Outcome.FAIL), (item, result.reason)
        for path in set(folder.rglob("*.py")) - kept.keys():
            path.unlink()
        for path, content in kept.items():
            if path.read_bytes() != content:
                path.write_bytes(content)
