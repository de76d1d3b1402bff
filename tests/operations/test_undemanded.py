"""What a project declares of its data and nothing measures is said."""

from __future__ import annotations

from pathlib import Path

import sample
from gonogo.operations.check import check
from gonogo.operations.workspace import Workspace


def test_a_declared_group_and_embargo_that_no_item_measures_are_named(tmp_path: Path) -> None:
    sample.write_project(tmp_path)
    file = tmp_path / "gonogo.yaml"
    assert not [note for note in check(Workspace.open(tmp_path), judge_only=True).verdict.notes if "is declared" in note]
    file.write_text(file.read_text().replace("target: late", "target: late, group: plan, embargo: 1 d"))
    notes = [note for note in check(Workspace.open(tmp_path), judge_only=True).verdict.notes if "is declared" in note]
    assert notes == [
        "data.group is declared, but no item of Starter gate measures it: a pack of your own can, with the check group_overlap",
        "data.embargo is declared, but no item of Starter gate measures it: a pack of your own can, with the check temporal_split",
    ]
