"""What a terminal of 80 columns shows, and what a pipe gets."""

from __future__ import annotations

import errno
import os
import pty
import struct
import subprocess
import sys
import termios
from fcntl import ioctl
from pathlib import Path

LOOKS = """
from gonogo.cli.looks import show_looks
from gonogo.operations.rollout import Seen
with show_looks(False) as look:
    look(Seen("PREPARING", 0))
    for n in range(3):
        look(Seen("VERIFYING_ROLLBACK", 500, 1000000 + n, 1000000, 1000000, 1000000, -100.5, -100.5))
    look(Seen("COMPLETED", 10000))
"""
NEEDS = """
from gonogo.cli.looks import show_looks
from gonogo.operations.rollout import Seen
with show_looks(False) as look:
    look(Seen("ANALYZING", 500))
    for n in range(3):
        look(Seen("ANALYZING", 500, n, needs="needs 10,204 requests"))
    look(Seen("SHIFTING", 500, 9))
    look(Seen("ANALYZING", 2500, 1, needs="needs 1,204 requests"))
"""
PROGRESS = """
from gonogo.cli.door import progress
draw = progress(False)
draw("a-very-long-name-of-an-item-that-nobody-would-choose " * 3, 1, 2)
draw("done", 2, 2)
"""


def on_a_terminal(*command: str, columns: int = 80, **environment: str) -> str:
    """What the program writes to a real pseudo-terminal."""
    parent, child = pty.openpty()
    ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    variables = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")} | environment
    process = subprocess.Popen([sys.executable, *command], stdin=child, stdout=child, stderr=child, env=variables)
    os.close(child)
    written = b""
    try:
        while part := os.read(parent, 65536):
            written += part
    except OSError as error:
        if error.errno != errno.EIO:  # the end of a terminal that nobody holds any more
            raise
    os.close(parent)
    assert process.wait() in (0, 2), written
    return written.decode()


def test_a_rollout_draws_each_line_over_within_the_width_and_keeps_one_line_a_change():
    written = on_a_terminal("-c", LOOKS)
    rows = written.replace("\r\n", "\n").split("\n")
    assert [row.rpartition("\r")[2].split()[0] for row in rows if row] == ["PREPARING", "VERIFYING_ROLLBACK", "COMPLETED"]
    assert max(len(drawn) for row in rows for drawn in row.split("\r")) < 80, "a line that wraps cannot be drawn over"


def test_a_pipe_gets_one_line_a_change_and_no_terminal_codes():
    done = subprocess.run([sys.executable, "-c", LOOKS], capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["PREPARING", "VERIFYING_ROLLBACK", "COMPLETED"]
    assert "\r" not in done.stdout
    assert "\033" not in done.stdout


def test_progress_is_clipped_on_a_terminal_cleared_at_its_end_and_silent_in_a_pipe():
    drawn = on_a_terminal("-c", PROGRESS).split("\r")
    assert max(map(len, drawn)) < 80
    assert "1/2 a-very-long" in "".join(drawn)
    assert drawn[-1] == ""
    assert drawn[-2].strip() == ""
    done = subprocess.run([sys.executable, "-c", PROGRESS], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


def test_errors_are_coloured_on_a_terminal_unless_told_otherwise(tmp_path: Path):
    words = ("status", "--project", str(tmp_path / "none.yaml"))
    program = f"import sys; from gonogo.cli import main; sys.argv = ['gonogo', *{words!r}]; main(prog_name='gonogo')"
    assert "\033[31m" in on_a_terminal("-c", program)
    assert "\033" not in on_a_terminal("-c", program, NO_COLOR="1")


def test_what_a_judged_step_needs_is_told_once_while_it_waits():
    done = subprocess.run([sys.executable, "-c", NEEDS], capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["ANALYZING", "needs", "SHIFTING", "needs", "ANALYZING"]
    rows = on_a_terminal("-c", NEEDS).replace("\r\n", "\n").split("\n")
    drawn = [row.rpartition("\r")[2].split()[0] for row in rows if row]
    assert drawn == ["ANALYZING", "needs", "ANALYZING", "SHIFTING", "needs", "ANALYZING"]
