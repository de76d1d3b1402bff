"""The C programs of the comparison, compiled when they are needed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from benchmarks.serve.environments import CACHE

HERE = Path(__file__).parent
FLAGS = ("-O3", "-march=native", "-Wall", "-Wextra")


def compiled(name: str) -> Path:
    """The program made from `name.c`, from the cache when the source is the same. Exits with what to do when there is no compiler."""
    source = HERE / f"{name}.c"
    program = CACHE / "serve" / f"{name}-{hashlib.sha256(source.read_bytes()).hexdigest()[:12]}"
    if not program.is_file():
        program.parent.mkdir(parents=True, exist_ok=True)
        draft = program.with_name(f"{program.name}.{os.getpid()}")
        done = subprocess.run([_compiler(), *FLAGS, "-o", str(draft), str(source)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{source} does not compile:\n{done.stderr}")
        draft.replace(program)
    return program


def _compiler() -> str:
    found = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if found is None and os.getuid() == 0 and shutil.which("apt-get"):  # as `make servers` does for the browser
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "-qq", "update"], env=quiet, check=False)
        subprocess.run(["apt-get", "-qq", "install", "-y", "--no-install-recommends", "gcc", "libc6-dev"], env=quiet, check=False)
        found = shutil.which("gcc")
    if found is None:
        raise SystemExit("There is no C compiler. Install one (on Debian: apt-get install gcc libc6-dev), then run this again.")
    return found
