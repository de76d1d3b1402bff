"""docs/how-to-dashboard.md, typed: the service with its dashboard, its pages and records, and a key to act with."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from gonogo.web.dashboard import PAGES

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "how-to-dashboard.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.timeout(300)


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")


def test_how_to_dashboard_works_as_it_is_written(small) -> None:
    small.gonogo("release")
    ports = {"8400": free_port(), "8401": free_port()}
    service, said = None, {}
    try:
        for line in "".join(re.findall(r"```console\n(.*?)```", TEXT, flags=re.DOTALL)).splitlines():
            command = line.removeprefix("$ ")
            typed = re.sub("840[01]", lambda port: ports[port[0]], command)
            if command.startswith("gonogo serve"):
                service = small.start(*typed.split()[1:])
                wait_for(f"http://127.0.0.1:{ports['8401']}/", service)
                continue
            gonogo = f'gonogo() {{ "{sys.executable}" -m gonogo "$@"; }}\n'
            done = subprocess.run(
                ["bash", "-c", gonogo + typed],
                cwd=small.folder,
                env=small.environ(),
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
            said[command] = done.stdout
    finally:
        if service is not None:
            service.terminate()
            service.wait(30)

    records = [text for command, text in said.items() if command.endswith(".json")]
    assert len(records) == 6
    assert all(json.loads(text) for text in records)
    assert "small@1.0.0" in next(text for command, text in said.items() if command.endswith("8401/"))
    assert (small.folder / "olga.key").read_text().startswith("gng_")


def test_the_page_names_every_page_of_the_dashboard() -> None:
    assert re.findall(r"^\| ([A-Z]\w+) \|", TEXT, flags=re.MULTILINE) == list(PAGES.values())
