"""Commands of a project on a copy of it: what they cannot do, and documents whose blocks run or do not."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gonogo.errors import ChildError, StorageError, UsageError
from gonogo.evidence.inputs import SourceTree
from gonogo.evidence.memory import measure
from gonogo.evidence.record import Measurement
from gonogo.evidence.scratch import run_shielded, scratch_copy
from gonogo.model.sandbox import Sandbox
from measured import values

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux cuts a process off")
SANDBOX = Sandbox(60, 2048, accept_weaker=sys.platform != "linux")


def run(root: Path, program: str) -> tuple[int, str, str]:
    with scratch_copy(root) as copy:
        finished, isolation = run_shielded(["python", "-c", program], copy, SANDBOX)
        return finished.exit_code, finished.output + finished.errors, isolation


def test_a_copy_has_the_project_and_neither_its_caches_nor_what_git_keeps(tmp_path: Path) -> None:
    for name in ("a.py", ".git/config", ".venv/bin/x", "src/__pycache__/a.pyc", "src/b.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    (tmp_path / "link").symlink_to("a.py")
    with scratch_copy(tmp_path) as copy:
        found = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
        assert found == {"a.py", "src/b.py", "link"}
        (copy / "a.py").write_text("changed\n")
    assert (tmp_path / "a.py").read_text() == "x = 1\n"
    assert not copy.exists()


def test_a_project_that_the_disk_has_no_room_for_is_told_before_anything_is_copied(tmp_path: Path) -> None:
    (tmp_path / "project" / "raw").mkdir(parents=True)
    (tmp_path / "project" / ".git").mkdir()
    for place in ("raw/rows.bin", ".git/pack"):
        with (tmp_path / "project" / place).open("wb") as file:
            file.truncate(8 << 40)  # a hole: it takes nothing, and its copy would take 8 TiB
    within = tmp_path / "within"
    within.mkdir()
    with (
        pytest.raises(StorageError, match=r"takes 8,796,093 MB, and the disk of \S+within has \S+ MB left: \S+ MB are missing") as told,
        scratch_copy(tmp_path / "project", within=within),
    ):
        pass
    assert "the largest part is raw, 8,796,093 MB" in told.value.hint
    assert list(within.iterdir()) == []


def test_a_command_may_start_programs_and_write_beside_itself(tmp_path: Path) -> None:
    program = (
        "import multiprocessing, pathlib, subprocess, sys, tempfile\n"
        "pathlib.Path('out.txt').write_text('x'); tempfile.TemporaryFile(); (pathlib.Path.home() / 'y').write_text('y')\n"
        "subprocess.run(['sh', '-c', 'echo from a child'], check=True)\n"
        "print(multiprocessing.get_context('fork').Pool(2).map(abs, [-1, -2]))\n"
    )
    code, said, isolation = run(tmp_path, program)
    assert code == 0, said
    assert "from a child" in said
    assert "[1, 2]" in said
    assert isolation.startswith("process, rlimits")
    assert not (tmp_path / "out.txt").exists()


@LINUX
def test_a_command_reaches_no_network_whatever_it_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        attempt = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
        code, said, isolation = run(
            tmp_path, f"import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', {attempt!r}]).returncode)"
        )
    assert code != 0
    assert "Error" in said
    assert {"network namespace", "seccomp"} & set(isolation.split(", "))


@LINUX
def test_of_sockets_only_local_ones_are_left(tmp_path: Path) -> None:
    program = (
        "import socket\n"
        "socket.socket(socket.AF_UNIX).close(); [end.close() for end in socket.socketpair()]\n"
        "for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET):\n"
        "    try:\n"
        "        socket.socket(family, socket.SOCK_RAW if family == socket.AF_NETLINK else socket.SOCK_DGRAM).close()\n"
        "        print('open', family)\n"
        "    except PermissionError:\n"
        "        print('refused')\n"
    )
    code, said, isolation = run(tmp_path, program)
    assert code == 0, said
    if "seccomp" in isolation:
        assert said.split() == ["refused"] * 4


@LINUX
def test_a_command_changes_no_file_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("kept")
    for change in (f"open({str(tmp_path / 'kept.txt')!r}, 'w')", f"__import__('os').remove({str(tmp_path / 'kept.txt')!r})"):
        code, said, isolation = run(tmp_path, change)
        if "read-only files" in isolation:
            assert (code, "Permission" in said) == (1, True)
            assert (tmp_path / "kept.txt").read_text() == "kept"


@LINUX
def test_a_command_that_takes_too_long_or_too_much_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(tmp_path, "bytearray(8 << 30)")[0] == 1
    monkeypatch.setenv("GONOGO_CHECK_SECONDS", "1")
    with pytest.raises(ChildError, match="did not end within 1 s"):
        run(tmp_path, "import time; time.sleep(60)")


def test_a_program_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with scratch_copy(tmp_path) as copy:
        finished, _ = run_shielded(["no-such-program"], copy, SANDBOX)
    assert finished.exit_code == 127
    assert "no-such-program cannot be started" in finished.errors


# -- document_commands ----------------------------------------------------------------------------------------------------------------

GUIDE = """# Guide

```bash
rm -rf everything
```

## Inference

```python
from model import answer
question = 6 * 7
```

Text between.

```python
assert answer == question
```

## Steps

```bash run
echo "$((40 + 2))" > result.txt
```

```bash run
test "$(cat result.txt)" = 42
```

```python no-run
raise SystemExit("not to be run")
```
"""


@pytest.fixture
def blocks(tmp_path: Path, project: Callable[..., Any]) -> Callable[..., Measurement]:
    def measured(text: str, *sections: str) -> Measurement:
        (tmp_path / "model.py").write_text("answer = 42\n")
        (tmp_path / "guide.md").write_text(text)
        documents = {"guide": tmp_path / "guide.md"}
        source = SourceTree.read(tmp_path, [Path("model.py")])
        options = {"document": "guide", "sections": list(sections)}
        return measure("document_commands", options, project=project(tmp_path), documents=documents, source=source, sandbox=SANDBOX)

    return measured


def test_blocks_that_run_as_they_stand_pass(blocks: Callable[..., Measurement], tmp_path: Path) -> None:
    found = blocks(GUIDE)
    assert values(found) == {"exists": True, "blocks": 4, "failed": 0, "sections_missing": 0}, found.findings
    assert found.isolation.startswith("process, rlimits")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["guide.md", "model.py"]


def test_blocks_that_fail_are_named_with_line_and_last_words(blocks: Callable[..., Measurement]) -> None:
    found = blocks(GUIDE.replace("6 * 7", "6 * 8").replace("= 42\n", "= 43\n"))
    assert values(found)["failed"] == 2
    assert "guide.md, line 16: exit code 1: AssertionError" in found.findings
    assert any(finding.startswith("guide.md, line 26: exit code 1") for finding in found.findings)


def test_only_blocks_of_the_demanded_sections_are_run(blocks: Callable[..., Measurement]) -> None:
    assert values(blocks(GUIDE, "inference", "rollback")) == {"exists": True, "blocks": 2, "failed": 0, "sections_missing": 1}
    assert values(blocks("# Guide\n\nNothing.\n", "guide")) == {"exists": True, "blocks": 0, "failed": 0, "sections_missing": 1}


def test_a_document_that_is_not_there_has_no_blocks(tmp_path: Path, project: Callable[..., Any]) -> None:
    given = {"project": project(tmp_path), "source": None, "sandbox": SANDBOX}
    found = measure("document_commands", {"document": "guide", "sections": ["a"]}, documents={}, **given)
    assert values(found) == {"exists": False, "blocks": 0, "failed": 0, "sections_missing": 1}


# -- smoke ------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def smoke(tmp_path: Path, project: Callable[..., Any]) -> Callable[..., Measurement]:
    def measured(program: str, **options: Any) -> Measurement:
        (tmp_path / "infer.py").write_text(program)
        source = SourceTree.read(tmp_path, [Path("infer.py")])
        return measure(
            "smoke", options, project=project(tmp_path), files={"inference": tmp_path / "infer.py"}, source=source, sandbox=SANDBOX
        )

    return measured


def test_inference_code_that_runs_says_something(smoke: Callable[..., Measurement]) -> None:
    found = smoke("import sys; print('score', sys.argv[1])", arguments=["0.5"])
    assert (found.facts["exit_code"].value, found.facts["lines"].value, found.findings) == (0, 1, ())
    assert found.isolation.startswith("process, rlimits")


def test_inference_code_that_fails_is_named_with_its_last_words(smoke: Callable[..., Measurement]) -> None:
    found = smoke("import no_such_module")
    assert (found.facts["exit_code"].value, found.facts["lines"].value) == (1, 0)
    assert "No module named 'no_such_module'" in found.findings[0]


def test_inference_code_that_is_not_declared_or_lies_elsewhere_is_an_error(smoke: Callable[..., Measurement], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="declares no file"):
        smoke("", file="sample")
    given = {"source": None, "sandbox": SANDBOX}
    elsewhere = type("Elsewhere", (), {"root": tmp_path / "project"})()
    (tmp_path / "x.py").write_text("")
    with pytest.raises(UsageError, match="outside the project"):
        measure("smoke", project=elsewhere, files={"inference": tmp_path / "x.py"}, **given)
