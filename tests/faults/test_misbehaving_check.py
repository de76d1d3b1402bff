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


def test_without_a_standard_output_checks_are_measured_as_ever() -> None:
    code = (
        "import os; os.close(1)\n"
        "from gonogo.evidence.bounds import bounded\n"
        "with bounded(seconds=60, memory_mib=8192): done = True\n"
        "raise SystemExit(0 if done else 1)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120, check=False).returncode == 0


def test_the_shortest_time_ends_too() -> None:
    code = (
        "from gonogo.evidence.bounds import OutOfTimeError, bounded\n"
        "try:\n"
        "    with bounded(seconds=1e-6, memory_mib=8192):\n"
        "        while True: pass\n"
        "except OutOfTimeError: raise SystemExit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120, check=False).returncode == 7
