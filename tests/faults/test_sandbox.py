"""Hostile models and hostile children: none of them harms us, and none of them gives a result.

A child that misbehaves is a real program, handed to the sandbox in place of our own.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gonogo.errors import ChildError, IsolationError, StorageError
from gonogo.model.sandbox import Sandbox
from gonogo.model.source import ModelSource

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the isolation is Linux's")

BUILDERS = Path(__file__).parent.parent / "model" / "conftest.py"


@pytest.fixture(scope="session")
def models() -> Any:
    spec = importlib.util.spec_from_file_location("model_builders", BUILDERS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["model_builders"] = module
    spec.loader.exec_module(module)
    return module.Models()


@pytest.fixture
def model(tmp_path: Path, models: Any) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(models.logistic())
    return path


def program(folder: Path, body: str) -> tuple[str, ...]:
    """A child that runs `body`, which finds the scratch folder as `scratch` and may leave a result with `leave(…)`."""
    start = """
    import json, os, signal, socket, sys, time
    from pathlib import Path
    scratch = Path(sys.argv[1])
    def leave(**result):
        (scratch / "result.json").write_text(json.dumps(result))
    """
    path = folder / "child.py"
    path.write_text(textwrap.dedent(start) + textwrap.dedent(body))
    return (sys.executable, "-I", str(path))


def hostile(folder: Path, model: Path, body: str, **limits: float) -> Any:
    sandbox = Sandbox(limits.get("seconds", 60), limits.get("memory_mib", 4096), command=program(folder, body))
    return sandbox.run("inspect", ModelSource(model), None, {})


def test_a_model_that_never_answers_is_stopped(tmp_path: Path, models: Any) -> None:
    path = tmp_path / "endless.onnx"
    path.write_bytes(models.endless())
    with pytest.raises(ChildError, match=r"did not end within 3 s"):
        Sandbox(3, 4096).run("predict", ModelSource(path), {"x": np.zeros((1, 1), np.float32)}, {})


def test_a_model_that_takes_all_memory_is_stopped(tmp_path: Path, models: Any) -> None:
    path = tmp_path / "greedy.onnx"
    path.write_bytes(models.greedy())
    with pytest.raises(ChildError, match="ran out of memory"):
        Sandbox(60, 1024).run("predict", ModelSource(path), {"x": np.zeros((1, 1), np.float32)}, {})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "crashed .SIGSEGV"),
        ("os.abort()", "crashed .SIGABRT"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "was killed"),
        ("sys.exit(0)", "ended without a result"),
        ("sys.exit('no more')", "status 1 and left no result.* no more"),
        ("leave(facts={}, arrays=[], isolation='x'); os.kill(os.getpid(), signal.SIGSEGV)", "crashed .SIGSEGV"),
        ("time.sleep(600)", "did not end within 2 s"),
        ("signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 60)); time.sleep(600)", "did not end within 2 s"),
        ("print('\\x1b[2J' + 'x' * 5000); sys.exit(3)", "status 3"),
    ],
)
def test_a_child_that_dies_leaves_no_result(tmp_path: Path, model: Path, body: str, said: str) -> None:
    with pytest.raises(ChildError, match=said) as caught:
        hostile(tmp_path, model, body, seconds=2)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "body",
    [
        "(scratch / 'result.json').write_text('')",
        "(scratch / 'result.json').write_text('{')",
        "(scratch / 'result.json').write_text('[' * 100000)",
        '(scratch / \'result.json\').write_text(\'{"facts": NaN, "arrays": [], "isolation": "x"}\')',
        "(scratch / 'result.json').write_bytes(b' ' * (17 << 20))",
        "leave()",
        "leave(facts=[], arrays=[], isolation='x')",
        "leave(facts={}, arrays={}, isolation='x')",
        "leave(facts={}, arrays=[], isolation='')",
        "leave(error='no')",
        "(scratch / 'result.json').symlink_to(scratch / 'request.json')",
        "os.mkfifo(scratch / 'result.json')",
        "(scratch / 'result.json').mkdir()",
    ],
)
def test_garbage_is_no_result(tmp_path: Path, model: Path, body: str) -> None:
    with pytest.raises(ChildError, match="garbage"):
        hostile(tmp_path, model, body)


@pytest.mark.parametrize(
    "body",
    [
        "leave(facts={}, arrays=['p'], isolation='x')",
        "leave(facts={}, arrays=[['p']], isolation='x')",
        "(scratch / 'array-0.npy').write_bytes(b'\\x93NUMPY garbage'); leave(facts={}, arrays=['p'], isolation='x')",
        "(scratch / 'array-0.npy').symlink_to('/etc/passwd'); leave(facts={}, arrays=['p'], isolation='x')",
        "import numpy as np; np.save(scratch / 'array-0.npy', np.arange(3)); leave(facts={}, arrays=['p'], isolation='x')",
        "import numpy as np; np.save(scratch / 'array-0.npy', np.array([print])); leave(facts={}, arrays=['p'], isolation='x')",
        "f = open(scratch / 'array-0.npy', 'wb'); f.truncate(1 << 40); leave(facts={}, arrays=['p'], isolation='x')",
    ],
    ids=["none", "a name that is none", "garbage", "a link", "whole numbers", "a pickle", "a terabyte"],
)
def test_arrays_that_are_no_floats_are_no_result(tmp_path: Path, model: Path, body: str) -> None:
    with pytest.raises(ChildError, match="cannot be read"):
        hostile(tmp_path, model, body)


def test_what_a_child_started_ends_with_it(tmp_path: Path, model: Path) -> None:
    note = tmp_path / "pid"
    body = f"""
    if os.fork() == 0:
        Path({str(note)!r}).write_text(str(os.getpid()))
        time.sleep(600)
    while not Path({str(note)!r}).exists() or not Path({str(note)!r}).read_text():
        time.sleep(0.01)
    """
    with pytest.raises(ChildError, match="without a result"):
        hostile(tmp_path, model, body)
    assert _ends(int(note.read_text()))


def _ends(pid: int) -> bool:
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state in "ZX":
            return True
        time.sleep(0.01)
    return False


def test_a_child_sees_none_of_our_environment(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONOGO_TEST_SECRET", "hunter2")
    result = hostile(tmp_path, model, "leave(facts=dict(os.environ), arrays=[], isolation='x')")
    assert "hunter2" not in json.dumps(result.facts)


ESCAPES = """
from gonogo.model.isolation import enter_isolation, limit_resources
secret = scratch.parent / sys.argv[0].rsplit("/", 1)[-1]
limit_resources(seconds=30, memory_mib=2048)
words = enter_isolation(writable=(scratch,))
def attempt(what):
    try:
        what()
    except OSError as error:
        return type(error).__name__
    return "done"
facts = {
    "inet": attempt(lambda: socket.socket(socket.AF_INET)),
    "inet6": attempt(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)),
    "unix": attempt(lambda: socket.socket(socket.AF_UNIX)),
    "netlink": attempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),
    "fork": attempt(lambda: os.fork()),
    "exec": attempt(lambda: os.execv("/bin/true", ["true"])),
    "signal": attempt(lambda: os.kill(os.getppid(), 0)),
    "session": attempt(lambda: os.setsid()),
    "write": attempt(lambda: open(OUTSIDE, "w")),
    "append": attempt(lambda: open(OUTSIDE + "/../child.py", "a")),
    "delete": attempt(lambda: os.unlink(OUTSIDE + "/../child.py")),
    "inside": attempt(lambda: (scratch / "mine").write_text("x")),
    "null": attempt(lambda: open(os.devnull, "w")),
    "core": list(__import__("resource").getrlimit(__import__("resource").RLIMIT_CORE)),
    "interfaces": sorted(line.split(":")[0].strip() for line in open("/proc/self/net/dev").readlines()[2:]),
}
import threading
thread = threading.Thread(target=lambda: facts.update(thread=attempt(lambda: socket.socket())))
thread.start(); thread.join()
leave(facts=facts, arrays=[], isolation=words)
"""


def test_an_isolated_child_can_reach_nothing(tmp_path: Path, model: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    result = hostile(tmp_path, model, f"OUTSIDE = {str(outside)!r}" + "\n" + ESCAPES)
    said = result.facts
    assert said["core"] == [0, 0]
    assert said["inside"] == "done"
    assert said["null"] == "done"
    if "seccomp" in result.isolation:
        refused = ("inet", "inet6", "unix", "netlink", "fork", "exec", "signal", "session", "thread")
        assert {name: said[name] for name in refused} == dict.fromkeys(refused, "PermissionError")
    if "network namespace" in result.isolation:
        assert said["interfaces"] in ([], ["lo"])
    if "read-only files" in result.isolation:
        assert said["append"] == said["delete"] == "PermissionError"
        assert said["write"] in ("PermissionError", "IsADirectoryError")
        assert (tmp_path / "child.py").exists()
    assert "seccomp" in result.isolation or "network namespace" in result.isolation


def test_a_socket_from_before_the_isolation_goes_on_working(tmp_path: Path) -> None:
    code = """
    import socket, sys
    from gonogo.model.isolation import enter_isolation
    listener = socket.socket(fileno=int(sys.argv[1]))
    words = enter_isolation()
    connection, _ = listener.accept()
    connection.sendall(words.encode())
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        os.set_inheritable(listener.fileno(), True)
        child = subprocess.Popen([sys.executable, "-I", "-c", textwrap.dedent(code), str(listener.fileno())], pass_fds=(listener.fileno(),))
        with socket.create_connection(listener.getsockname(), timeout=60) as client:
            said = client.makefile().read()
        assert child.wait(60) == 0
    assert "seccomp" in said or "network namespace" in said


UNABLE = """
import ctypes
from gonogo.errors import IsolationError
from gonogo.model import isolation
calls = isolation._CALLS[os.uname().machine]
denied = {"unshare": calls.denied["unshare"], "seccomp": calls.seccomp, "prctl": PRCTL}
blind = isolation._Calls(calls.audit, calls.seccomp, denied, {}, calls.clone, calls.clone3)
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)
code = isolation._program(blind, os.getpid())
assert libc.syscall(calls.seccomp, 1, 0, ctypes.byref(isolation._Program(len(code) // 8, code))) == 0
"""


def _unable(folder: Path, body: str) -> tuple[str, ...]:
    prctl = {"x86_64": 157, "aarch64": 167}[os.uname().machine]
    return program(folder, f"PRCTL = {prctl}" + "\n" + UNABLE + body)


@pytest.mark.skipif(os.uname().machine not in ("x86_64", "aarch64"), reason="seccomp numbers are known for these two")
def test_without_any_isolation_the_answer_is_no_unless_less_is_accepted(tmp_path: Path, model: Path) -> None:
    refused = """
try:
    isolation.enter_isolation()
except IsolationError as error:
    leave(error={"kind": "IsolationError", "message": error.message, "hint": error.hint})
"""
    with pytest.raises(IsolationError, match="neither by a network namespace nor by seccomp"):
        Sandbox(60, 4096, command=_unable(tmp_path, refused)).run("inspect", ModelSource(model), None, {})
    accepted = "leave(facts={}, arrays=[], isolation=isolation.enter_isolation(accept_weaker=True))"
    result = Sandbox(60, 4096, command=_unable(tmp_path, accepted)).run("inspect", ModelSource(model), None, {})
    assert result.isolation == "network open"


def test_no_scratch_folder_is_left_behind(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    Sandbox(60, 4096).inspect(ModelSource(model))
    with pytest.raises(ChildError):
        hostile(tmp_path, model, "sys.exit(1)")
    assert list(temporary.iterdir()) == []


def test_a_scratch_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(StorageError):
        Sandbox(60, 4096).inspect(ModelSource(model))


def test_the_child_ends_with_its_parent(tmp_path: Path, models: Any) -> None:
    path = tmp_path / "endless.onnx"
    path.write_bytes(models.endless())
    code = f"""
    import sys, numpy as np
    from pathlib import Path
    from gonogo.model.sandbox import Sandbox
    from gonogo.model.source import ModelSource
    Sandbox(600, 4096).run("predict", ModelSource(Path({str(path)!r})), {{"x": np.zeros((1, 1), np.float32)}}, {{}})
    """
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], env=environment)
    try:
        child = _child_of(parent.pid)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert _ends(child)


def _child_of(pid: int) -> int:
    for _ in range(3000):
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if listed and b"gonogo.model.child" in Path(f"/proc/{listed[0]}/cmdline").read_bytes():
            # It asks to die with its parent right at its start; once it has limits of its own it has asked.
            limits = Path(f"/proc/{listed[0]}/limits").read_text()
            if "Max open files            256" in limits:
                return int(listed[0])
        time.sleep(0.01)
    raise AssertionError("no child was started")
