"""The environment of a release: the packages that its lock names, in the versions that it names.

A release that was made with what is installed here is served with it. For one that was not, the packages that differ are installed into a
layer of its own, `STORE/environments/<digest>`, which stands before the installed ones on the import path of that release's processes
alone. So an old release goes on with the library that it was judged with, while the newest one uses the newest.

A layer is made once, beside, and put in place by a rename; a build that died leaves nothing that could be taken for one. gonogo itself is
never replaced: the supervisor and its workers speak one language.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import site
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from gonogo import settings
from gonogo.base.canonical import digest
from gonogo.base.files import draft_directory, publish_directory
from gonogo.errors import ConflictError, FaultError

OURS = "gonogo"
_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.!+_-]+)\s*$")
_PYTHON = re.compile(r"# python (\d+)\.(\d+)\.")


@dataclass(frozen=True)
class Differences:
    """What a lock names and this environment does not have: name → (version in the lock, version here or "")."""

    python: str  #: "3.12" when the lock is of another Python, else ""
    packages: Mapping[str, tuple[str, str]]

    def __bool__(self) -> bool:
        return bool(self.python or self.packages)


def differences(lock: str) -> Differences:
    """Compare the first part of an environment lock (`release/environment.py`) with what is installed here."""
    own = lock.partition("\n\n")[0]
    made_with = _PYTHON.search(own)
    python = ".".join(made_with.groups()) if made_with else ""
    pins = {found[1]: found[2] for line in own.splitlines() if (found := _PIN.match(line)) and found[1] != OURS}
    apart = {name: (version, here) for name, version in pins.items() if (here := _installed(name)) != version}
    return Differences(python if python != ".".join(platform.python_version_tuple()[:2]) else "", apart)


def interpreter_for(release: str, lock: str, folder: Path) -> str:
    """The Python that the release's processes are started with; builds its layer below `folder` at first.

    Raises ConflictError for a lock of another Python, FaultError when the packages cannot be had.
    """
    apart = differences(lock)
    if apart.python:
        raise ConflictError(
            f"{release} was made with Python {apart.python}, and this is {platform.python_version()}.",
            hint=f"Serve it with Python {apart.python}, or release it again.",
        )
    if not apart.packages:
        return sys.executable
    wanted = {name: version for name, (version, _) in sorted(apart.packages.items())}
    place = folder / digest({"python": platform.python_version(), "base": sys.prefix, "packages": wanted}).removeprefix("sha256:")[:20]
    if not place.exists():
        _build(release, wanted, place)
    return str(place / "bin" / "python")


def _build(release: str, wanted: Mapping[str, str], place: Path) -> None:
    """A layer with these packages and no others, before what is installed here."""
    with draft_directory(place) as draft:
        _run(release, sys.executable, "-m", "venv", "--without-pip", str(draft))
        [packages] = draft.glob("lib/python*/site-packages")
        # What is not in the layer comes from here; `addsitedir` also follows an installation that points to sources.
        below = "; ".join(f"site.addsitedir({path!r})" for path in site.getsitepackages())
        (packages / "below.pth").write_text(f"import site; {below}\n", encoding="utf-8")
        pins = [f"{name}=={version}" for name, version in wanted.items()]
        _run(
            release,
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--no-compile"),
            *("--only-binary", ":all:", "--target", str(packages), *pins),
        )
        (draft / "packages.json").write_text(json.dumps(wanted), encoding="utf-8")
        for cache in draft.rglob("__pycache__"):
            shutil.rmtree(cache)
        publish_directory(draft, place)


def _run(release: str, *command: str) -> None:
    seconds = settings.number("environment_seconds")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as error:
        raise FaultError(
            f"the environment of {release} was not built within {seconds:g} s.", hint="Repeat; GONOGO_ENVIRONMENT_SECONDS."
        ) from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise FaultError(
            f"the environment of {release} cannot be built: {lines[-1] if lines else f'status {done.returncode}'}",
            hint="The packages of its lock must be on the package index that pip is set up for.",
        )


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
