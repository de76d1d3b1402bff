"""SQLite files of the store: opened alike, private to their owner, with errors that name the file.

The driver's own transactions are off: whoever writes says BEGIN IMMEDIATE, and several processes may.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gonogo.base.files import storage
from gonogo.errors import StorageError

DAMAGED = (
    "Restore a backup. Without one, move the file away if it is labels.db or history.db: what was counted in it is lost, "
    "and the service starts with an empty one."
)
BUSY_SECONDS = 10.0  #: how long a writer waits for another one


def open_database(path: Path, *, page_bytes: int = 4096) -> sqlite3.Connection:
    """A connection to the file, made if it is not there (with pages of that size), with a write-ahead log and `synchronous=FULL`: what was
    committed survives a power cut. Raises StorageError when it cannot be opened or is no database."""
    with storage(path, "create"):
        path.parent.mkdir(parents=True, exist_ok=True)
        _create_private(path)
    with database_errors(path):
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            connection.execute(f"PRAGMA page_size = {page_bytes}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Turn sqlite3's errors into a StorageError that names the file."""
    try:
        yield
    except sqlite3.Error as error:
        damaged = getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
        hint = DAMAGED if damaged else "Free space or end the process that holds it; nothing of this transaction was recorded."
        raise StorageError(f"{path}: {error}.", hint=hint) from error


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """All of what is done inside, or none of it. Raises StorageError."""
    with database_errors(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def file_of(path: Path) -> tuple[int, int] | None:
    """Which file lies at the path now (device, inode); None when there is none. A connection goes on writing into a file that was removed
    or replaced, so who keeps one open compares."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _create_private(path: Path) -> None:
    """Make the file, for its owner alone, unless it is there.

    An existing file is not even opened: closing a second descriptor of it would drop every lock that SQLite holds on it in this process.
    The last other process to leave would then take itself for the only one, remove the write-ahead log, and this process would go on
    reading one that nobody writes to.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    for ending in ("-wal", "-shm"):  # of a file that was removed without them: they would be taken for the new one's
        path.with_name(path.name + ending).unlink(missing_ok=True)
