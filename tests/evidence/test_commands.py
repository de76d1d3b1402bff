"""Commands of the project: whatever they do, they end, and nothing of them stays."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gonogo.errors import ChildError
from gonogo.evidence.commands import OUTPUT, run_command


def python(code: str, folder: Path, seconds: float = 30.0) -> tuple[int, str, str]:
    finished = run_command([sys.executable, "-c", code], folder=folder, seconds=seconds)
    return finished.exit_code, finished.output, finished.errors


def is_gone(pid: int) -> bool:
    """Whether a process has ended; a zombie has."""
    for _ in range(200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_exit_code_output_and_folder_are_the_command_s(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd()); print('bad', file=sys.stderr); sys.exit(3)"
    assert python(code, tmp_path) == (3, f"{tmp_path}\n", "bad\n")


def test_a_command_has_no_terminal_to_wait_for(tmp_path: Path) -> None:
    assert python("import sys; print(repr(sys.stdin.read()))", tmp_path)[1] == "''\n"


def test_a_command_that_hangs_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(ChildError, match=r"did not end within 0\.5 s"):
        python("import time; time.sleep(600)", tmp_path, seconds=0.5)


def test_a_command_that_ignores_signals_and_prints_for_ever_is_stopped(tmp_path: Path) -> None:
    code = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: print('x' * 4096)"
    with pytest.raises(ChildError, match="did not end"):
        python(code, tmp_path, seconds=0.5)


def test_children_that_outlive_the_command_are_ended_and_do_not_keep_us(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = (
        "import os, time, pathlib\n"
        "if os.fork() == 0:\n"
        f"    pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))\n"
        "    time.sleep(600)\n"
        f"while not pathlib.Path({str(pid_file)!r}).exists() or not pathlib.Path({str(pid_file)!r}).read_text(): time.sleep(0.01)\n"
        "print('done')"
    )
    assert python(code, tmp_path)[1] == "done\n"
    assert is_gone(int(pid_file.read_text()))


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finding daemons that left the group needs /proc")
def test_a_daemon_that_left_the_group_is_ended_too(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = (
        "import os, time, pathlib\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork(): os._exit(0)\n"
        f"    pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))\n"
        "    time.sleep(600)\n"
        f"while not pathlib.Path({str(pid_file)!r}).exists() or not pathlib.Path({str(pid_file)!r}).read_text(): time.sleep(0.01)"
    )
    python(code, tmp_path)
    assert is_gone(int(pid_file.read_text()))


ESCAPES = """
import os, pathlib, subprocess, sys, time
place = pathlib.Path(sys.argv[1])
write = f"p = pathlib.Path({str(place)!r} + '.part'); p.write_text(str(os.getpid())); p.rename({str(place)!r})"
waits = f"import os, pathlib, time; {write}; time.sleep(600)"
subprocess.Popen(["env", "-i", "setsid", "-f", sys.executable, "-c", waits], stdin=-3, stdout=-3, stderr=-3)
while not place.exists():
    time.sleep(0.01)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
@pytest.mark.parametrize(
    "then", ["", "raise SystemExit(3)", "os.kill(os.getpid(), 9)", "time.sleep(600)"], ids=["ends", "fails", "dies", "hangs"]
)
def test_a_daemon_in_another_session_and_with_no_environment_is_ended_however_the_command_ends(tmp_path: Path, then: str) -> None:
    place = tmp_path / "pid"
    with contextlib.suppress(ChildError):
        run_command([sys.executable, "-c", ESCAPES + then, str(place)], folder=tmp_path, seconds=8)
    assert is_gone(int(place.read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
def test_when_we_are_killed_the_command_and_its_daemons_are_ended_too(tmp_path: Path) -> None:
    place = tmp_path / "pid"
    ours = (
        "from gonogo.evidence.commands import run_command; from pathlib import Path; import sys; "
        f"run_command([sys.executable, '-c', {ESCAPES + 'time.sleep(600)'!r}, {str(place)!r}], folder=Path({str(tmp_path)!r}), seconds=600)"
    )
    process = subprocess.Popen([sys.executable, "-c", ours])
    try:
        while not place.exists():
            assert process.poll() is None
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    assert is_gone(int(place.read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
def test_a_command_that_stops_or_kills_the_process_above_it_is_ended_all_the_same(tmp_path: Path) -> None:
    for number in ("SIGSTOP", "SIGKILL"):
        started = time.monotonic()
        with pytest.raises(ChildError):
            python(f"import os, signal, time; os.kill(os.getppid(), signal.{number}); time.sleep(600)", tmp_path, seconds=2)
        assert time.monotonic() - started < 60


def test_a_command_has_the_signals_that_a_program_has(tmp_path: Path) -> None:
    assert python("import subprocess; print(subprocess.run('yes | head -1', shell=True).returncode)", tmp_path)[1].splitlines() == [
        "y",
        "0",
    ]
    if sys.platform == "linux":
        ignored = python("print([l for l in open('/proc/self/status') if l.startswith('SigBlk')])", tmp_path)[1]
        assert "0000000000000000" in ignored


def test_a_command_that_dies_of_a_signal_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ChildError, match="SIGKILL"):
        python("import os; os.kill(os.getpid(), 9)", tmp_path)


@pytest.mark.parametrize("command", [[], ["no-such-program-of-gonogo"], ["\0"], ["/"]])
def test_a_command_that_cannot_be_started_is_an_error(tmp_path: Path, command: list[str]) -> None:
    with pytest.raises(ChildError):
        run_command(command, folder=tmp_path, seconds=5)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ChildError, match="cannot be started"):
        python("", tmp_path / "gone")


def test_much_output_keeps_its_beginning_and_its_end(tmp_path: Path) -> None:
    _, output, _ = python(f"print('first'); print('x' * {OUTPUT * 2}); print('last')", tmp_path)
    assert output.startswith("first\n")
    assert output.endswith("last\n")
    assert len(output) <= OUTPUT


def test_output_that_is_not_text_does_not_break_us(tmp_path: Path) -> None:
    assert "\ufffd" in python("import sys; sys.stdout.buffer.write(b'\\xff\\xfe')", tmp_path)[1]


def test_words_are_never_given_to_a_shell(tmp_path: Path) -> None:
    finished = run_command([sys.executable, "-c", "import sys; print(sys.argv[1])", "$(touch x); `id` > y"], folder=tmp_path, seconds=30)
    assert finished.output == "$(touch x); `id` > y\n"
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="a running process can be limited on Linux only")
def test_neither_a_command_nor_what_it_starts_can_take_all_the_memory(tmp_path: Path) -> None:
    greedy = "x = bytearray(9 << 30)"
    exit_code, _, errors = python(greedy, tmp_path)
    assert (exit_code, errors.strip().splitlines()[-1]) == (1, "MemoryError")
    starts = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {greedy!r}]))"
    assert python(starts, tmp_path)[0] == 1


def test_a_command_that_forks_and_prints_from_everywhere_is_bounded_and_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib\n"
        "for _ in range(4): os.fork()\n"
        "pathlib.Path(f'pid-{os.getpid()}').touch()\n"
        "while True: sys.stdout.write('x' * 65536)\n"
    )
    with pytest.raises(ChildError, match="did not end within"):
        python(code, tmp_path, seconds=2.0)
    pids = [int(path.name.removeprefix("pid-")) for path in tmp_path.glob("pid-*")]
    assert pids
    assert all(is_gone(pid) for pid in pids)
