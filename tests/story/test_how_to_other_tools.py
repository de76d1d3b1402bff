"""docs/how-to-other-tools.md, typed, with the real programs."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from otlp_collector import Collector
from page import read_page, typed
from receivers import tool
from waiting import free_port, until, until_answers

PAGE = read_page("how-to-other-tools.md")
pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("other-tools")]
PORTS = ("8400", "9090", "9093", "4318")


def test_how_to_other_tools_works_as_it_is_written(small) -> None:
    for name in ("prometheus", "promtool", "amtool"):
        tool(name)
    small.gonogo("release")
    collector = Collector()
    ports = {port: str(free_port()) for port in PORTS} | {"4318": collector.url.rpartition(":")[2]}
    running: dict[str, subprocess.Popen[bytes]] = {}
    said = {}
    try:
        for command in typed(PAGE):
            here = re.sub("|".join(PORTS), lambda found: ports[found.group()], command)
            if command.startswith("promtool query"):
                until(lambda words=here: "small@1.0.0" in run(small, words).stdout)
            elif "gonogo serve" in command or command.startswith("prometheus"):
                name, port, page = ("serve", "8400", "health") if "gonogo serve" in command else ("prometheus", "9090", "-/ready")
                end(running.pop(name, None))
                running[name] = background(small, here)
                until_answers(running[name], f"http://127.0.0.1:{ports[port]}/{page}", small.folder / "background.log")
            else:
                done = run(small, here)
                assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
                said[command] = done.stdout
        until(lambda: collector.points("gonogo.requests"))
    finally:
        for process in running.values():
            end(process)
        collector.close()
    routes = [text.strip() for command, text in said.items() if "routes test" in command]
    assert routes == ["pager", "chat", "nobody"]


def shell(command: str) -> list[str]:
    return ["bash", "-c", f'gonogo() {{ "{sys.executable}" -m gonogo "$@"; }}\npython() {{ "{sys.executable}" "$@"; }}\n{command}']


def run(user, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(shell(command), cwd=user.folder, env=user.environ(), capture_output=True, text=True, timeout=120, check=False)


def background(user, command: str) -> subprocess.Popen[bytes]:
    """Without a shell between, so that it can be ended."""
    words = command.split()
    environment = dict(word.split("=", 1) for word in words if word.startswith("GONOGO_"))
    words = [word for word in words if not word.startswith("GONOGO_")]
    start = [sys.executable, "-m", *words] if words[0] == "gonogo" else [tool(words[0]), *words[1:]]
    with open(user.folder / "background.log", "ab") as log:
        return subprocess.Popen(start, cwd=user.folder, env={**user.environ(), **environment}, stdout=log, stderr=log)


def end(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None:
        process.terminate()
        process.wait(30)
