"""`rollout.target` of gonogo.yaml chooses where releases run, also a target that another package brings."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import sample
from gonogo.operations.rollout import controller
from gonogo.operations.workspace import Workspace

OWN = """
made = []

class Own:
    def __init__(self, store):
        made.append(store)
"""


def test_a_target_of_another_package_is_made_of_the_folder_of_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = tmp_path / "plugins"
    (plugins / "own-1.0.dist-info").mkdir(parents=True)
    (plugins / "own-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: own\nVersion: 1.0\n")
    (plugins / "own-1.0.dist-info" / "entry_points.txt").write_text("[gonogo.targets]\nown = own_target:Own\n")
    (plugins / "own_target.py").write_text(OWN)
    monkeypatch.syspath_prepend(plugins)
    sample.write_project(tmp_path / "project", more="rollout: {target: own}\n")
    workspace = Workspace.open(tmp_path / "project")
    controller(workspace)
    assert sys.modules.pop("own_target").made == [workspace.path]
