"""In a container: as process 1, and with no more processes than the cores that may be used."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gonogo.service.supervising.cores import usable_cores

NAMESPACE = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child")

SERVICE = """
import os, signal, subprocess, sys, time
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append("told"))
subprocess.run(["sh", "-c", "sleep 0.2 & sleep 0.1 &"])  # two orphans; their parent is gone already
print("ready", os.getppid(), flush=True)
while not told:
    time.sleep(0.02)
time.sleep(0.5)
states = [open(f"/proc/{name}/stat").read().rpartition(")")[2].split()[0] for name in os.listdir("/proc") if name.isdigit()]
print("zombies", states.count("Z"), flush=True)
sys.exit(7)
"""
FIRST = "import sys; from gonogo.service.supervising.first_process import run_as_child; sys.exit(run_as_child(sys.argv[1:]))"


def namespaces() -> bool:
    try:
        return subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True, timeout=20).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not namespaces(), reason="this machine does not let us make a process namespace")
def test_process_1_passes_signals_on_reaps_orphans_and_ends_as_its_child_did():
    command = [*NAMESPACE, sys.executable, "-c", FIRST, sys.executable, "-c", SERVICE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as outside:
        assert outside.stdout.readline() == "ready 1\n"
        (first,) = Path(f"/proc/{outside.pid}/task/{outside.pid}/children").read_text().split()
        os.kill(int(first), signal.SIGTERM)
        assert outside.stdout.readline() == "zombies 0\n"
        assert outside.wait(20) == 7


def test_a_command_that_is_killed_ends_as_a_shell_would_tell_it():
    ended = subprocess.run([sys.executable, "-c", FIRST, "sh", "-c", "kill -9 $$"], check=False, timeout=20)
    assert ended.returncode == 128 + 9


def group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


AVAILABLE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu__max": "50000 100000\n"}, 1),
        ({"cpu__max": "100000 100000\n"}, 1),
        ({"cpu__max": "max 100000\n"}, AVAILABLE),
        ({"cpu__max": "999900000 100000\n"}, AVAILABLE),
        ({"cpu__max": "what?\n"}, AVAILABLE),
        ({}, AVAILABLE),
    ],
    ids=["half", "one", "none", "more than there are", "garbage", "no file"],
)
def test_a_quota_of_the_own_group_or_of_one_above_it_bounds_the_cores(tmp_path, files, cores):
    mine = tmp_path / "mine"
    mine.write_text("0::/outer/inner\n")
    for place in ("outer", "outer/inner"):
        group(tmp_path / place / "groups" / place, **files)
        assert usable_cores(tmp_path / place / "groups", mine) == cores


def test_the_older_kind_of_group_bounds_the_cores_too(tmp_path):
    mine = tmp_path / "mine"
    mine.write_text("5:memory:/m\n4:cpu,cpuacct:/docker/x\n")
    group(tmp_path / "cpu", cpu__cfs_quota_us="100000", cpu__cfs_period_us="100000")  # mounted as the root in the container
    assert usable_cores(tmp_path, mine) == 1
    group(tmp_path / "cpu", cpu__cfs_quota_us="-1")
    assert usable_cores(tmp_path, mine) == AVAILABLE


def test_without_control_groups_the_cores_are_those_of_the_machine(tmp_path):
    assert usable_cores(tmp_path / "none", tmp_path / "none") == AVAILABLE
