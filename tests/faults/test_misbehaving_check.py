"""A check that prints, forks, hangs, takes all memory or ends the program is bounded, and the other items are still measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("misbehaving_check.py")


@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        ("prints", "measured", ""),
        ("forks", "measured", ""),
        ("hangs", "error", "did not end within 1 s"),
        ("takes all memory", "error", "MemoryError"),
        ("exits", "error", "ended the program"),
    ],
)
def test_a_check_that_misbehaves_takes_nothing_else_with_it(how: str, status: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), how],
        env={**os.environ, "GONOGO_MEASURE_SECONDS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["bad"][0] == status
    assert said in found["bad"][1]
    assert found["good"] == ["measured", ""]
