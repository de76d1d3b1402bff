"""`kill -9` of the watch, at points all along an incident: the alarm is the same one, its time goes on, and nobody is told twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

MEMORY = "/dev/shm"  # what a kill leaves behind does not depend on the disk
CHILD = Path(__file__).with_name("watching_child.py")


@pytest.mark.timeout(300)
def test_a_watch_that_is_killed_anywhere_comes_to_the_same_end_as_one_that_is_not() -> None:
    with tempfile.TemporaryDirectory(prefix="gonogo-faults-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
        words = [sys.executable, str(CHILD), str(Path(folder) / "in"), "11"]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["points"] > 20
    assert (seen["told"], seen["events"]) == (["fired", "resolved"], ["fired", "resolved"])
    assert (seen["state"], seen["episode"], seen["left"], seen["intact"]) == ("OK", 1, [], True)
    assert seen["late"] < 60, "what lay between two looks was not seen; but its minute did not begin again"
