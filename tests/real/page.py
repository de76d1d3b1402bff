"""A page of the documentation as its reader uses it: what stands in its code blocks, typed or run."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from waiting import until_answers

FIRST_PAGE = {"service": "health", "dashboard": ""}
DOCS = Path(__file__).resolve().parents[2] / "docs"


def read_page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(page: str, kind: str) -> list[str]:
    """The code blocks of one kind, in their order."""
    return re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL)


def typed(page: str) -> list[str]:
    """What is typed at a terminal, line by line."""
    return [line.removeprefix("$ ") for block in blocks(page, "console") for line in block.splitlines()]


def run_python(page: str, name: str, **given: Any) -> dict[str, Any]:
    """Run the page's Python from top to bottom as a reader would; what it defines."""
    space: dict[str, Any] = {"__name__": "page", **given}
    for block in blocks(page, "python"):
        exec(compile(block, name, "exec"), space)
    return space


@contextmanager
def typed_out(user: Any, page: str, **ports: int) -> Iterator[tuple[dict[str, str], subprocess.Popen[bytes]]]:
    """Every command of a page typed by a user: what each one printed, and the service that one of them starts, which runs until the end.
    `service=1234, dashboard=1235` are the ports in the place of 8400 and 8401."""
    gonogo = f'gonogo() {{ "{sys.executable}" -m gonogo "$@"; }}\n'
    said: dict[str, str] = {}
    service = None
    try:
        for line in typed(page):
            command = line.replace("8400", str(ports["service"])).replace("8401", str(ports.get("dashboard", "")))
            if command.startswith("gonogo serve"):
                service = user.start(*command.split()[1:])
                for name, port in ports.items():
                    until_answers(service, f"http://127.0.0.1:{port}/{FIRST_PAGE[name]}", user.folder / "serve.log")
                continue
            done = subprocess.run(
                ["bash", "-c", gonogo + command],
                cwd=user.folder,
                env=user.environ(),
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
            said[command] = said.get(command, "") + done.stdout + done.stderr
        assert service is not None, "no command of the page starts the service"
        yield said, service
    finally:
        if service is not None and service.poll() is None:
            service.terminate()
            service.wait(30)
