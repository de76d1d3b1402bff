"""A model in an isolated child: whatever its code does, the call ends, the next one is answered, and nothing is left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gonogo.errors import ModelError
from gonogo.model.hosted import HostedModel
from gonogo.model.runtimes.callable import CallableRuntime
from gonogo.model.sandbox import Sandbox
from gonogo.model.source import ModelSource
from runtime_models import packed_zip
from waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="an isolated child needs Linux")

OPTIONS = {"callable": "scoring:predict", "inputs": [{"name": "x", "dtype": "float64", "width": 1}]}
X = {"x": np.array([[0.25], [0.5]])}


def hosted(body: str, before: str = "", **options: Any) -> HostedModel:
    """The model of a function with this body; `before` stands before it."""
    lines = "\n    ".join(body.splitlines())
    source = f"import os, socket, subprocess, sys, threading, time\nimport numpy as np\n{before}\n\ndef predict(batch):\n    {lines}\n"
    return CallableRuntime().load(packed_zip({"scoring.py": source}), {**OPTIONS, **options})


def once(deed: str) -> HostedModel:
    """A function that does something when x is 9, and else gives x."""
    return hosted(f"if batch['x'][0, 0] == 9:\n    {deed}\nreturn batch['x']")


NINE = {"x": np.array([[9.0]])}


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        ("os.abort()", "ended in the middle"),
        ("os._exit(0)", "ended in the middle"),
        ("import ctypes; ctypes.string_at(0)", "ended in the middle"),
        ("sys.exit(3)", "raised SystemExit: 3"),
        ("raise KeyboardInterrupt", "raised KeyboardInterrupt"),
        ("raise ValueError('nine is too many')", "nine is too many"),
        ("return bytearray(1 << 40)", "MemoryError"),
        ("return np.zeros((2, 1))", "one row of scores"),
        ("return 'text'", "one row of scores"),
        ("return np.array([['0.5']])", "one row of scores"),
        ("return np.array([[0.5 + 1j]])", "one row of scores"),
        ("return None", "cannot compute|one row of scores"),
        ("os.write(CHANNEL, b'x' * 100)", "no answer that can be used"),
        ("os.close(CHANNEL); time.sleep(600)", "ended in the middle"),
    ],
)
def test_whatever_a_function_does_the_call_raises_and_the_next_one_is_answered(deed: str, said: str) -> None:
    sockets = "[n for n in os.listdir('/proc/self/fd') if 'socket:' in os.path.realpath(f'/proc/self/fd/{n}')]"
    channel = f"CHANNEL = int({sockets}[0])"
    model = hosted(f"if batch['x'][0, 0] == 9:\n    {deed}\nreturn batch['x']", channel)
    with pytest.raises(ModelError, match=said):
        model.run(NINE)
    np.testing.assert_array_equal(model.run(X)["probabilities"], X["x"])


def test_a_call_that_hangs_is_ended_by_an_interrupt() -> None:
    model = once("time.sleep(600)")
    timer = threading.Timer(0.3, model.interrupt)
    timer.start()
    with pytest.raises(ModelError, match="interrupted"):
        model.run(NINE)
    np.testing.assert_array_equal(model.run(X)["probabilities"], X["x"])


def test_a_call_that_hangs_is_ended_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONOGO_CHILD_SECONDS", "2")
    model = once("while True: pass")
    with pytest.raises(ModelError, match="did not answer within 2 s"):
        model.run(NINE)
    np.testing.assert_array_equal(model.run(X)["probabilities"], X["x"])


def test_an_interrupt_while_a_new_child_loads_ends_the_call_and_not_the_child(tmp_path: Path) -> None:
    model = hosted("if batch['x'][0, 0] == 9: os.abort()\nreturn batch['x']", "time.sleep(0.7)\nBORN = time.time()")
    with pytest.raises(ModelError, match="ended in the middle"):
        model.run(NINE)
    timer = threading.Timer(0.1, model.interrupt)
    timer.start()
    with pytest.raises(ModelError, match="interrupted"):
        model.run(X)
    np.testing.assert_array_equal(model.run(X)["probabilities"], X["x"])


@pytest.mark.parametrize(
    ("deed", "problem"),
    [
        ("socket.create_connection(('127.0.0.1', 1))", "not permitted"),
        ("socket.socket(socket.AF_UNIX)", "not permitted"),
        ("os.fork()", "not permitted"),
        ("subprocess.run(['true'])", "not permitted"),
        ("os.kill(os.getppid(), 9)", "not permitted"),
        ("open(os.environ['VICTIM'], 'w')", "ermission denied|VICTIM"),
        ("open('/proc/self/mem', 'wb').write(b'x')", "ermission denied|rror"),
    ],
)
def test_a_function_has_no_network_starts_nothing_and_writes_nowhere_else(deed: str, problem: str) -> None:
    model = hosted(f"try:\n    {deed}\nexcept Exception as error:\n    raise RuntimeError(f'refused: {{error}}')\nreturn batch['x']")
    with pytest.raises(ModelError, match=f"refused: .*({problem})"):
        model.run(X)
    assert "process, rlimits" in model.metadata["isolation"]


def test_a_function_may_use_its_scratch_folder_threads_and_what_lies_beside_it() -> None:
    lines = ["open('note', 'w').write('x')", "thread = threading.Thread(target=print)", "thread.start()", "thread.join()"]
    lines.append("return batch['x'] * other.HALF")
    source = "\n    ".join(["import threading\nimport other\n\ndef predict(batch):", *lines])
    model = CallableRuntime().load(packed_zip({"scoring.py": source, "other.py": "HALF = 0.5\n"}), OPTIONS)
    np.testing.assert_array_equal(model.run(X)["probabilities"], X["x"] / 2)


def test_the_secrets_of_the_environment_are_not_the_function_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "abc")
    model = hosted("raise ValueError(sorted(os.environ))")
    with pytest.raises(ModelError) as raised:
        model.run(X)
    assert "SECRET_TOKEN" not in str(raised.value)


def test_a_function_that_cannot_be_imported_is_no_model() -> None:
    for before, said in (("import nothing_like_it", "No module named"), ("sys.exit(1)", "SystemExit"), ("raise OSError('dark')", "dark")):
        with pytest.raises(ModelError, match=said):
            hosted("return batch['x']", before)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"callable": "scoring"}, "names no function"),
        ({"callable": "scoring:nothing"}, "has no function"),
        ({"callable": ":predict"}, "names no function"),
        ({"inputs": []}, "does not say what it takes"),
    ],
)
def test_a_declaration_that_leads_nowhere_is_refused(declared: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        hosted("return batch['x']", **declared)


def test_a_keeper_that_was_killed_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # what it leaves behind, it alone could clear up
    model = hosted("return np.full(len(batch['x']), float(os.getppid()))")
    keeper = int(model.run(X)["probabilities"][0, 0])
    os.kill(keeper, signal.SIGKILL)
    until(lambda: not alive(keeper) or state(keeper) == "Z")
    with pytest.raises(ModelError, match="ended in the middle"):
        model.run(X)
    assert int(model.run(X)["probabilities"][0, 0]) != keeper


def test_nothing_is_left_of_a_model_that_is_no_longer_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    model = hosted("return np.full(len(batch['x']), float(os.getpid()))")
    child = int(model.run(X)["probabilities"][0, 0])
    assert len(list(tmp_path.glob("gonogo-child-*"))) == 1
    del model
    until(lambda: not alive(child) and not list(tmp_path.glob("gonogo-child-*")))


OWNER = """
import sys, time
import numpy as np
from gonogo.model.runtimes.callable import CallableRuntime
model = CallableRuntime().load(open(sys.argv[1], "rb").read(), {options})
told = model.run({{"x": np.array([[0.0], [1.0]])}})["probabilities"][:, 0]
print(*told.astype(int), flush=True)
time.sleep(600)
"""


def test_child_and_keeper_die_with_a_process_that_is_killed(tmp_path: Path) -> None:
    source = "import os\nimport numpy as np\n\ndef predict(batch):\n    return np.array([os.getppid(), os.getpid()], float)\n"
    (tmp_path / "m.zip").write_bytes(packed_zip({"scoring.py": source}))
    owner = subprocess.Popen([sys.executable, "-c", OWNER.format(options=OPTIONS), tmp_path / "m.zip"], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    keeper, child = map(int, owner.stdout.readline().split())
    assert alive(keeper)
    assert alive(child)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    until(lambda: not alive(keeper) and not alive(child))


def test_in_the_sandbox_it_runs_as_it_does_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "m.zip").write_bytes(packed_zip({"scoring.py": "def predict(batch):\n    return batch['x']\n"}))
    source = ModelSource(tmp_path / "m.zip", "callable", OPTIONS)
    rows = np.linspace(0, 1, 9000)[:, None]
    result = Sandbox(60, 4096, accept_weaker=True).run("predict", source, {"x": rows}, {})
    np.testing.assert_array_equal(result.arrays["probabilities"], rows)
    assert re.match("process, rlimits", result.facts["metadata"]["isolation"])
    with pytest.raises(ModelError, match="No module named"):
        Sandbox(60, 4096, accept_weaker=True).inspect(ModelSource(source.path, "callable", {**OPTIONS, "callable": "no:f"}))


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and state(pid) != "Z"


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
