"""A release behind other doors: under uvicorn as an ASGI application, and over TLS."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tls_pair import make_pair
from waiting import free_port, until

pytestmark = [pytest.mark.xdist_group("story"), pytest.mark.timeout(300)]
REF = "late-arrivals@1.0.0"


def golden_rows(user: Any) -> list[dict[str, Any]]:
    """Rows that the release was sealed with."""
    (file,) = (user.folder / ".gonogo" / "releases").rglob("golden.json")
    return json.loads(file.read_bytes())["requests"][0]["rows"]


@contextmanager
def started(command: list[str], user: Any, **environment: str):
    log = user.folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=user.folder, env={**user.environ(), **environment}, stdout=out, stderr=out)
    try:
        yield process, log
    finally:
        process.terminate()
        process.wait(30)


def ask(url: str, body: Any = None, context: ssl.SSLContext | None = None) -> Any:
    deadline = time.monotonic() + 60
    while True:
        request = urllib.request.Request(url, None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=5, context=context) as answer:
                return json.loads(answer.read())
        except OSError:
            assert time.monotonic() < deadline, url
            time.sleep(0.05)


def uvicorn(port: int) -> list[str]:
    return [sys.executable, "-m", "uvicorn", "--factory", "gonogo.http.asgi:application", "--port", str(port), "--log-level", "warning"]


def test_a_release_is_served_by_uvicorn_and_one_that_was_touched_is_not(released: Any, unused_port: int) -> None:
    environment = {"GONOGO_PROJECT": str(released.folder), "GONOGO_REF": REF}
    rows = golden_rows(released)
    with started(uvicorn(unused_port), released, **environment):
        answer = ask(f"http://127.0.0.1:{unused_port}/predict", {"features": rows})
        assert answer["release"] == REF
        assert len(answer["predictions"]) == len(rows)
    with started(uvicorn(unused_port), released, GONOGO_PROJECT=str(released.folder)) as (process, log):
        assert process.wait(60) != 0  # nothing is in production yet
        assert "stands nowhere" in log.read_text()
    (model,) = (released.folder / ".gonogo" / "releases").rglob("*.onnx")
    os.chmod(model, 0o644)
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    with started(uvicorn(unused_port), released, **environment) as (process, log):
        assert process.wait(60) != 0
        assert "VerificationError" in log.read_text()


def test_a_service_speaks_tls_with_the_certificate_it_is_given(released: Any, unused_port: int, tmp_path: Path) -> None:
    certificate, key = make_pair(tmp_path)
    tls = ["--tls-cert", str(certificate), "--tls-key", str(key)]
    context = ssl.create_default_context(cafile=str(certificate))
    with started([sys.executable, "-m", "gonogo", "serve", REF, "--port", str(unused_port), *tls], released) as (_, log):
        answer = ask(f"https://localhost:{unused_port}/predict", {"features": golden_rows(released)}, context)
        assert answer["release"] == REF
        until(log.read_text, lambda said: f"https://127.0.0.1:{unused_port}/predict" in said)
    refused = released.gonogo("serve", "--port", "0", "--tls-cert", str(key), "--tls-key", str(key), expect=2)
    assert "no certificate with its key" in refused.stderr
    assert "go together" in released.gonogo("serve", "--tls-cert", str(certificate), expect=2).stderr


@pytest.fixture
def unused_port() -> int:
    return free_port()
