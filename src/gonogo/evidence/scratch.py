"""Commands of the project on a copy of the project: they can break nothing, and reach no network.

    with scratch_copy(project.root) as copy:
        finished, isolation = run_shielded(["python", "train.py"], copy, sandbox)

A command has limits of time (GONOGO_CHECK_SECONDS) and memory (GONOGO_CHECK_MEMORY), a home folder of its own, and may write only beside
and below the copy. It is the project's own code, like its tests: what is kept from it is harm by mistake and help from outside.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from gonogo import settings
from gonogo.base.files import storage
from gonogo.errors import IsolationError, StorageError
from gonogo.evidence.commands import Finished, run_command
from gonogo.evidence.inputs import NOT_SOURCE, SandboxPort
from gonogo.evidence.shielded import REPORT


@contextmanager
def scratch_copy(root: Path, *, within: Path | None = None) -> Iterator[Path]:
    """A copy of the project's folder without caches, virtual environments and what git or gonogo keep; gone with the block. It lies in the
    folder `within`, or where temporary files lie.

    Raises StorageError when there is no room for it, before anything is copied, or a file cannot be read.
    """
    with storage(within or Path(tempfile.gettempdir()), "make a scratch folder in"):
        base = Path(tempfile.mkdtemp(prefix="gonogo-copy-", dir=within))
    try:
        _insist_on_room(root, base)
        with storage(base, "copy the project to"):
            _copy(root, base / "project")
            (base / "home").mkdir()
            (base / "tmp").mkdir()
        yield base / "project"
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _insist_on_room(root: Path, place: Path) -> None:
    """Raises StorageError when the disk of `place` has less room than a copy of the project takes."""
    with storage(root, "read"):
        sizes = {name: _size(root / name) for name in os.listdir(root) if name not in NOT_SOURCE}
        needed, free = sum(sizes.values()), shutil.disk_usage(place).free
    if needed > free:
        largest = max(sizes, key=lambda name: sizes[name])
        raise StorageError(
            f"a copy of the project takes {needed / 1e6:,.0f} MB, and the disk of {place.parent} has {free / 1e6:,.0f} MB left: "
            f"{(needed - free) / 1e6:,.0f} MB are missing.",
            hint=f"Free some, or keep what no command of the project needs outside of it; the largest part is {largest}, "
            f"{sizes[largest] / 1e6:,.0f} MB.",
        )


def _size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder that are copied."""
    if path.is_symlink() or not path.is_dir():
        return path.stat().st_size if path.is_file() and not path.is_symlink() else 0
    return sum(_size(Path(entry)) for entry in os.scandir(path) if entry.name not in NOT_SOURCE)


def _left_out(folder: str, names: list[str]) -> set[str]:
    paths = {name: Path(folder, name) for name in names}
    return {name for name, path in paths.items() if name in NOT_SOURCE or not (path.is_symlink() or path.is_file() or path.is_dir())}


def _copy(root: Path, place: Path) -> None:
    try:
        shutil.copytree(root, place, symlinks=True, ignore=_left_out)
    except shutil.Error as error:
        failures = error.args[0]
        raise OSError(None, f"{len(failures)} files could not be copied, such as {failures[0][0]}") from error


def run_shielded(
    command: Sequence[str], copy: Path, sandbox: SandboxPort, *, limit: str = "check_seconds", environment: Mapping[str, str] | None = None
) -> tuple[Finished, str]:
    """Run a command in a scratch copy. Returns how it ended and what isolation was in force. The setting `limit` says how long it may take.

    Raises ChildError when it takes too long or is killed, IsolationError when it could not be cut off and was not run.
    """
    base = copy.parent
    (base / REPORT).unlink(missing_ok=True)
    seconds = settings.number(limit)
    weaker = "weaker" if sandbox.accept_weaker else "required"
    shield = [sys.executable, "-P", "-m", "gonogo.evidence.shielded", str(base), str(seconds), str(settings.number("check_memory")), weaker]
    longer = f"Set GONOGO_{limit.upper()} if it needs longer."
    own = {**(environment or {}), "HOME": str(base / "home"), "TMPDIR": str(base / "tmp")}
    finished = run_command([*shield, *command], folder=copy, seconds=seconds, environment=own, called=command, longer=longer)
    if not (base / REPORT).is_file():
        raise IsolationError(f"`{' '.join(command)[:200]}` was not run, because it could not be cut off: {finished.last_words}")
    return finished, (base / REPORT).read_text(encoding="utf-8")
