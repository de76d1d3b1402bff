"""An environment of its own for each peer, under `.cache/peers/NAME`, with the versions that its file pins.

Peers exclude each other (uvloop, pydantic, protobuf), and none of them may touch our own environment. One that cannot be installed is
not dropped: its row of the table says why.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".cache"
INSTALL_SECONDS = 1200


class NotInstalled(Exception):
    """Why a peer cannot take part, in one line."""


def environment(name: str, packages: Sequence[str]) -> Path:
    """The interpreter of a peer's environment, made when it is not there or of other versions. Raises NotInstalled."""
    folder = CACHE / "peers" / name
    wanted = "\n".join((f"python {sys.version_info.major}.{sys.version_info.minor}", *packages))
    stamp = folder / "installed.txt"
    python = folder / "bin" / "python"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted and python.exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    print(f"  installing {name}: {' '.join(packages)}", file=sys.stderr, flush=True)
    venv.create(folder, with_pip=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", *packages]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, env=_clean(), check=False)
    except subprocess.TimeoutExpired as error:
        raise NotInstalled(f"pip did not end within {INSTALL_SECONDS} s") from error
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.strip()] or ["pip said nothing"]
        raise NotInstalled(last[-1].strip()[:200])
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _clean() -> dict[str, str]:
    """Our own environment must not leak into a peer's."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")}
