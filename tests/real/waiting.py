"""Waiting for what comes by itself, and a port where nobody listens."""

from __future__ import annotations

import random
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any


def free_port() -> int:
    """A port that is still free a minute later, and so is the next one: not one that the kernel gives to whoever asks for any."""
    while True:
        port = random.SystemRandom().randrange(12_000, 32_000, 2)
        try:
            for one in (port, port + 1):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", one))
        except OSError:
            continue
        return port


def until(seen: Callable[[], Any], what: Callable[[Any], Any] = bool, *, seconds: float = 60.0, pause: float = 0.01) -> Any:
    """Look again and again until what is seen is as it should be; gives what was seen last."""
    deadline = time.monotonic() + seconds
    while not what(last := seen()):
        assert time.monotonic() < deadline, f"it did not happen; seen last: {last!r}"
        time.sleep(pause)
    return last


def until_answers(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Wait for a program that was started to answer there; when it ends instead, its log says why."""

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError as refused:
            refused.close()
            return False
        except OSError:
            return False
        return True

    until(answers)
