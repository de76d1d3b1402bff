"""Files that are either wholly there or not there: write beside, flush to disk, rename.

Every function turns an operating-system error into a StorageError that names the path, so that a full disk is never mistaken for
success.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gonogo.errors import ConflictError, StorageError


@contextmanager
def storage(path: Path, doing: str) -> Iterator[None]:
    """Turn OSError into StorageError with the path and what was being done."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot {doing} {path}: {error.strerror or error}.", hint="Free space or mend permissions, then repeat."
        ) from error


def fsync_directory(path: Path) -> None:
    """Flush a directory's entries, so that a rename in it survives a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace `path` by `data`; a reader sees the old bytes or the new ones, never a mixture."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    with storage(path, "write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
            fsync_directory(path.parent)
        finally:
            beside.unlink(missing_ok=True)


def publish_directory(draft: Path, final: Path) -> None:
    """Flush every file of `draft`, then rename it to `final`, which must not exist. Both lie on one file system."""
    with storage(final, "publish"):
        for root, directories, names in os.walk(draft):
            for name in names:
                handle = os.open(Path(root) / name, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)
            for name in directories:
                fsync_directory(Path(root) / name)
        fsync_directory(draft)
        final.parent.mkdir(parents=True, exist_ok=True)
        if final.exists():
            raise StorageError(f"{final} is there already.", hint="Another command has written it meanwhile: repeat yours.")
        os.rename(draft, final)
        fsync_directory(final.parent)


@contextmanager
def draft_directory(final: Path) -> Iterator[Path]:
    """A directory to fill beside `final`; removed with all it holds when the block fails or does not publish it."""
    draft = final.with_name(f".{final.name}.{os.getpid()}.part")
    with storage(draft, "create"):
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def exclusive(path: Path, busy: str, *, hint: str) -> Iterator[None]:
    """Holds the lock file `path`; it ends with the process, however that ends. Raises ConflictError(busy) when another one holds it."""
    with storage(path, "lock"):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConflictError(busy, hint=hint) from None
        yield
    finally:
        os.close(handle)
