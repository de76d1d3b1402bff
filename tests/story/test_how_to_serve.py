"""docs/how-to-serve.md, typed: two small releases, a service, and every way to ask, look, split, copy and measure."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import sample

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.timeout(300)


def blocks(kind: str) -> Iterator[str]:
    text = (ROOT / "docs" / "how-to-serve.md").read_text(encoding="utf-8")
    return iter(re.findall(rf"```{kind}\n(.*?)```", text, flags=re.DOTALL))


def release_two(user) -> None:
    """1.0.0 of the project as it is, and 1.1.0 of another model."""
    user.gonogo("release")
    (user.folder / "model.onnx").write_bytes(sample.model_bytes(2.5))
    user.gonogo("check", expect=1)
    user.gonogo("sign", "technical-lead")
    user.gonogo("release")


def run(user, command: list[str], **more) -> str:
    done = subprocess.run(command, cwd=user.folder, env=user.environ(), capture_output=True, text=True, timeout=120, check=False, **more)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_how_to_serve_works_as_it_is_written(small) -> None:
    release_two(small)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    gonogo = f'gonogo() {{ "{sys.executable}" -m gonogo "$@"; }}\n'
    service, said = None, {}
    try:
        for command in (line.removeprefix("$ ").replace("8400", port) for block in blocks("console") for line in block.splitlines()):
            if command.startswith("gonogo serve"):
                service = small.start(*command.split()[1:])
                wait_for(f"http://127.0.0.1:{port}/health", service)
                continue
            said[command] = run(small, ["bash", "-c", gonogo + command])
        for block in blocks("python"):
            assert "small@1.0.0" in run(small, [sys.executable, "-c", block.replace("8400", port)])
    finally:
        if service is not None:
            service.terminate()
            service.wait(30)

    answers = {command: text for command, text in said.items() if "/predict -d" in command}
    rows = [[row["score"] for row in json.loads(text)["predictions"]] for text in answers.values()]
    assert rows[1] == rows[2] == [rows[0][0], rows[1][1]]
    assert len((small.folder / "predictions.jsonl").read_text().splitlines()) == 120
    by_release, by_service = (
        [json.loads(line)["score"] for line in (small.folder / name).read_text().splitlines()]
        for name in ("predictions.jsonl", "again.jsonl")
    )
    assert max(abs(a - b) for a, b in zip(by_release, by_service, strict=True)) < 1e-6
    named = next(text for command, text in said.items() if "x-gonogo-version" in command)
    assert json.loads(named)["release"] == "small@1.1.0"
    page = (small.folder / "load.html").read_text()
    assert "<svg" in page
    assert (small.folder / "deploy" / "gonogo.service").exists()


def wait_for(url: str, service: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        assert service.poll() is None
        try:
            urllib.request.urlopen(url, timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
