"""`kill -9` of a training at points all along it: no step that is not whole counts, nothing that lay there before is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gonogo.operations.workspace import Workspace
from team import make

MEMORY = "/dev/shm"  # what a kill leaves behind does not depend on the disk
CHILD = Path(__file__).with_name("retraining_child.py")


@pytest.mark.timeout(300)
def test_a_training_that_is_killed_anywhere_is_resumed_or_undone_whole(tmp_path: Path) -> None:
    make(tmp_path / "base")
    Workspace.open(tmp_path / "base" / "project").store().close()
    with tempfile.TemporaryDirectory(prefix="gonogo-faults-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
        words = [sys.executable, str(CHILD), str(tmp_path / "base"), str(Path(folder) / "in"), "7"]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["points"] > 20
    assert min(seen["resumed"], seen["put back"]) > 5
