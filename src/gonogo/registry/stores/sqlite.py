"""The default store: one SQLite file, readable by its owner alone, and `anchor.json` beside it.

Rules it keeps:

1. Write-ahead log with `synchronous=FULL`: what a transaction committed survives a power cut. Writers wait for each other (a lock
   file, then BEGIN IMMEDIATE), so that the anchor is always written in the order of the commits.
2. Triggers refuse to change or delete an event, and every append first compares the log with the anchor: to a log that was cut
   short, or whose anchor is gone, nothing is ever appended that would hide it.
3. The new anchor is on disk, under another name, *before* the commit and gets its own name *after* it. So a full disk stops both,
   and a crash between leaves an anchor that lags behind, which proves less but never accuses wrongly.

Leases expire by the wall clock: a clock that jumps back keeps a dead holder's lease longer (`take_over` ends it), one that jumps
forward ends it early, and then the token keeps the old holder from acting.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
import time
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gonogo.base.canonical import canonical_bytes, parse_json
from gonogo.base.clock import Clock, SystemClock, parse_stamp, stamp
from gonogo.base.database import BUSY_SECONDS, database_errors, open_database
from gonogo.base.files import fsync_directory, storage, write_atomic
from gonogo.errors import ConflictError, FencedError, NotFoundError, StorageError, UsageError, VerificationError
from gonogo.registry.event import GENESIS, Anchor, ChainReport, Event, check_anchor, make_anchor, make_event, verify_chain
from gonogo.registry.store import Body, Lease

if TYPE_CHECKING:
    from gonogo.trust.keys import PublicKey, Signer

SCHEMA = """
CREATE TABLE IF NOT EXISTS event(
  seq INTEGER PRIMARY KEY, time TEXT NOT NULL, actor TEXT NOT NULL, kind TEXT NOT NULL,
  body TEXT NOT NULL, prev TEXT NOT NULL, hash TEXT NOT NULL, signature TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS document(
  kind TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY(kind, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lease(
  name TEXT PRIMARY KEY, holder TEXT NOT NULL, token INTEGER NOT NULL, expires TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS event_is_never_changed BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER IF NOT EXISTS event_is_never_deleted BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
"""


class SqliteStore:
    """A store in the file `path`. Without a `signer` its events are unsigned. Safe to use from several threads and processes.

    Raises StorageError when the file cannot be opened or is no database, NotFoundError when it is not there and `create` is false.
    """

    def __init__(self, path: Path, signer: Signer | None = None, clock: Clock | None = None, *, create: bool = True) -> None:
        self.path = path
        self.anchor_path = path.with_name("anchor.json")
        self._signer = signer
        self._clock: Clock = clock or SystemClock()
        self._mutex = threading.RLock()
        self._inside = False
        if not create and not path.is_file():
            raise NotFoundError(f"there is no registry at {path}.", hint="Make a first release, or mend `store:` in gonogo.yaml.")
        self._process = os.getpid()
        self._connection = self._connect()

    # -- reading -------------------------------------------------------------------------------------------------------------

    def get(self, kind: str, key: str) -> tuple[int, Body] | None:
        with self._reading() as connection:
            return _get(connection, kind, key)

    def list(self, kind: str) -> dict[str, tuple[int, Body]]:
        with self._reading() as connection:
            return _list(connection, kind)

    def events(self, since: int = 0, kinds: Collection[str] | None = None) -> Iterator[Event]:
        with self._reading() as connection:
            found = [*_events(connection, since, kinds)]
        return iter(found)

    def anchor(self) -> Anchor | None:
        """The anchor beside the log, or None when it is missing. Raises VerificationError when it is damaged."""
        try:
            return Anchor.from_bytes(self.anchor_path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"cannot read {self.anchor_path}: {error.strerror}.") from error

    def verify_chain(self, key: PublicKey | None) -> ChainReport:
        """Everything that is wrong with the log; see `event.verify_chain`. Damage is a finding of the report, never an exception."""
        try:
            anchor, damage = self.anchor(), list[str]()  # before the events: a commit in between makes it lag behind, never run ahead
        except (VerificationError, StorageError) as error:
            anchor, damage = None, [error.message]
        try:
            report = verify_chain(self.events(), anchor, key)
        except (VerificationError, StorageError) as error:
            return ChainReport(0, (*damage, error.message), key is not None)
        return ChainReport(report.count, (*damage, *report.problems), report.signed)

    # -- writing -------------------------------------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[SqliteTransaction]:
        """All that is done with the transaction becomes true when the block ends, or nothing does when it raises."""
        with self._mutex:
            if self._inside:
                raise StorageError(f"{self.path}: a transaction inside a transaction.", hint="Hand the open one on.")
            with self._locked():
                self._inside = True
                try:
                    connection = self._own()
                    with database_errors(self.path):
                        connection.execute("BEGIN IMMEDIATE")
                    tx = SqliteTransaction(self, connection, self._clock, self._signer)
                    beside = yield from self._until_commit(tx, connection)
                finally:
                    self._inside = False
                if beside is not None:
                    with storage(self.anchor_path, "replace (the events are recorded)"):
                        os.replace(beside, self.anchor_path)
                        fsync_directory(self.anchor_path.parent)

    def _until_commit(self, tx: SqliteTransaction, connection: sqlite3.Connection) -> Generator[SqliteTransaction, None, Path | None]:
        try:
            yield tx
            beside = self._prepare_anchor(tx)
            with database_errors(self.path):
                connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return beside

    def close(self) -> None:
        """Close the file. A store that nobody refers to any more closes itself."""
        with self._mutex:
            self._connection.close()

    def __del__(self) -> None:
        connection = getattr(self, "_connection", None)  # there is none when opening it failed
        if connection is not None and self._process == os.getpid():
            connection.close()

    def _prepare_anchor(self, tx: SqliteTransaction) -> Path | None:
        if tx.head is None:
            return None
        beside = self.anchor_path.with_name(".anchor.json.next")
        anchor = make_anchor(tx.head.seq, tx.head.hash, tx.head.time, self._signer)
        write_atomic(beside, anchor.to_bytes(), mode=0o600)
        return beside

    def check_head(self, connection: sqlite3.Connection) -> tuple[int, str]:
        """Number and hash of the last event. Raises VerificationError when the log is not one that the anchor can stand for."""
        row = connection.execute("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1").fetchone() or (0, GENESIS)
        anchor = self.anchor()
        hint = "Run `gonogo log --verify`, and restore the database and anchor.json together from a backup."
        if anchor is None:
            raise VerificationError(f"{self.anchor_path} is missing; nothing can be recorded without it.", hint=hint)
        if self._signer is not None:
            check_anchor(anchor, self._signer.public)
        elif anchor.signature:
            raise VerificationError(f"{self.path} is a signed log; nothing unsigned is added to it.", hint="Open the store with its key.")
        at = connection.execute("SELECT hash FROM event WHERE seq = ?", (anchor.seq,)).fetchone()
        if (at[0] if at else GENESIS) != anchor.hash or (at is None and anchor.seq > 0):
            raise VerificationError(f"{self.path} does not hold event {anchor.seq} that its anchor names.", hint=hint)
        return int(row[0]), str(row[1])

    def _connect(self) -> sqlite3.Connection:
        connection = open_database(self.path)
        try:
            with database_errors(self.path):
                known = connection.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('event', 'document', 'lease')").fetchone()[0]
                if known < 3:
                    self._create(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _create(self, connection: sqlite3.Connection) -> None:
        with self._mutex, self._locked():
            # The anchor of the empty log comes first: from the first event on, a missing anchor means that somebody removed it.
            if not self.anchor_path.exists():
                first = make_anchor(0, GENESIS, stamp(self._clock.now()), self._signer)
                write_atomic(self.anchor_path, first.to_bytes(), mode=0o600)
            connection.executescript(f"BEGIN IMMEDIATE;{SCHEMA}COMMIT;")

    def _own(self) -> sqlite3.Connection:
        """This process's connection: one that was opened before a fork must not be used after it."""
        if self._process != os.getpid():
            self._connection = self._connect()
            self._process = os.getpid()
        return self._connection

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._mutex, database_errors(self.path):
            yield self._own()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        path = self.path.with_name(f".{self.path.name}.lock")
        with storage(path, "open"):
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            deadline = time.monotonic() + BUSY_SECONDS
            while not _try_lock(handle):
                if time.monotonic() > deadline:
                    raise StorageError(f"{self.path} is locked by another process.", hint="Wait for it, or end it, and repeat.")
                time.sleep(0.005)
            yield
        finally:
            os.close(handle)


class SqliteTransaction:
    """See `store.Transaction`. Made by `SqliteStore.transaction` alone."""

    def __init__(self, store: SqliteStore, connection: sqlite3.Connection, clock: Clock, signer: Signer | None) -> None:
        self._store = store
        self._connection = connection
        self._clock = clock
        self._signer = signer
        self.head: Event | None = None  #: the last event appended here

    def append(self, kind: str, body: Mapping[str, Any], actor: str) -> Event:
        seq, prev = (self.head.seq, self.head.hash) if self.head else self._store.check_head(self._connection)
        event = make_event(seq + 1, prev, time=stamp(self._clock.now()), actor=actor, kind=kind, body=dict(body), signer=self._signer)
        row = (event.seq, event.time, event.actor, event.kind, canonical_bytes(dict(body)).decode(), prev, event.hash, event.signature)
        self._execute("INSERT INTO event VALUES(?, ?, ?, ?, ?, ?, ?, ?)", row)
        self.head = event
        return event

    def events(self, since: int = 0, kinds: Collection[str] | None = None) -> Iterator[Event]:
        with database_errors(self._store.path):
            return iter([*_events(self._connection, since, kinds)])

    def get(self, kind: str, key: str) -> tuple[int, Body] | None:
        with database_errors(self._store.path):
            return _get(self._connection, kind, key)

    def list(self, kind: str) -> dict[str, tuple[int, Body]]:
        with database_errors(self._store.path):
            return _list(self._connection, kind)

    def put(self, kind: str, key: str, body: Mapping[str, Any], expected_version: int | None = None) -> int:
        version = self._expect(kind, key, expected_version) + 1
        try:
            text = _text(body)
        except (TypeError, ValueError) as error:
            raise UsageError(f"the {kind} {key!r} cannot be recorded: {error}.") from error
        self._execute("INSERT OR REPLACE INTO document VALUES(?, ?, ?, ?)", (kind, key, version, text))
        return version

    def acquire_lease(self, name: str, holder: str, seconds: float, take_over: bool = False) -> int:
        live, last = self.get_lease(name), self._execute("SELECT token FROM lease WHERE name = ?", (name,)).fetchone()
        if live is not None and live.holder != holder:
            if not take_over:
                raise ConflictError(
                    f"{name} is held by {live.holder} until {live.expires}.", hint="Wait for it to end, or take over if it is dead."
                )
            self.append("lease_taken_over", {"name": name, "from": live.holder, "token": live.token}, holder)
        token = (last[0] if last else 0) + 1
        self._execute("INSERT OR REPLACE INTO lease VALUES(?, ?, ?, ?)", (name, holder, token, self._later(seconds)))
        return int(token)

    def renew_lease(self, name: str, token: int, seconds: float) -> None:
        changed = self._execute("UPDATE lease SET expires = ? WHERE name = ? AND token = ?", (self._later(seconds), name, token)).rowcount
        if changed != 1:
            raise FencedError(f"{name} is no longer ours: somebody has taken it over since.", hint="This controller must stop.")

    def release_lease(self, name: str, token: int) -> None:
        self._execute("UPDATE lease SET holder = '', expires = ? WHERE name = ? AND token = ?", (self._later(0.0), name, token))

    def get_lease(self, name: str) -> Lease | None:
        row = self._execute("SELECT name, holder, token, expires FROM lease WHERE name = ?", (name,)).fetchone()
        if row is None or not row[1] or parse_stamp(row[3]) <= self._clock.now():
            return None
        return Lease(*row)

    def _later(self, seconds: float) -> str:
        return stamp(self._clock.now() + timedelta(seconds=seconds))

    def _expect(self, kind: str, key: str, expected: int | None) -> int:
        row = self._execute("SELECT version FROM document WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        version = int(row[0]) if row else 0
        if expected is not None and version != expected:
            said = "does not exist" if version == 0 else f"is at version {version}"
            raise ConflictError(f"the {kind} {key!r} {said}, not at version {expected}: somebody else was first.", hint="Look again.")
        return version

    def _execute(self, statement: str, values: tuple[Any, ...]) -> sqlite3.Cursor:
        with database_errors(self._store.path):
            return self._connection.execute(statement, values)


def is_unused(path: Path) -> bool:
    """Whether the log in this file has no event, and its anchor, where there is one, is that of a log without any. False when nobody can
    say. Raises nothing."""
    anchor = path.with_name("anchor.json")
    try:
        if anchor.exists() and Anchor.from_bytes(anchor.read_bytes()).seq > 0:
            return False
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            made = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'event'").fetchone()[0]
            return bool(not made or not connection.execute("SELECT count(*) FROM event").fetchone()[0])
        finally:
            connection.close()
    except (OSError, sqlite3.Error, VerificationError):
        return False


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _get(connection: sqlite3.Connection, kind: str, key: str) -> tuple[int, Body] | None:
    row = connection.execute("SELECT version, body FROM document WHERE kind = ? AND key = ?", (kind, key)).fetchone()
    return None if row is None else (int(row[0]), _body(row[1], f"the {kind} {key!r}"))


def _list(connection: sqlite3.Connection, kind: str) -> dict[str, tuple[int, Body]]:
    rows = connection.execute("SELECT key, version, body FROM document WHERE kind = ? ORDER BY key", (kind,))
    return {key: (int(version), _body(body, f"the {kind} {key!r}")) for key, version, body in rows}


def _events(connection: sqlite3.Connection, since: int, kinds: Collection[str] | None) -> Iterator[Event]:
    chosen = "" if kinds is None else f" AND kind IN ({', '.join('?' * len(kinds))})"
    statement = f"SELECT seq, time, actor, kind, body, prev, hash, signature FROM event WHERE seq > ?{chosen} ORDER BY seq"  # noqa: S608
    for seq, moment, actor, kind, body, prev, value, signature in connection.execute(statement, (since, *(kinds or ()))):
        yield Event(seq, moment, actor, kind, _body(body, f"event {seq}"), prev, value, signature)


def _text(body: Mapping[str, Any]) -> str:
    """A document as it is stored. Nobody signs it, so its JSON need not be canonical: the watch writes one at every look. Raises ValueError
    or TypeError for what JSON cannot say."""
    text = json.dumps(dict(body), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text.encode()
    return text


def _body(text: str, what: str) -> Body:
    try:
        value = parse_json(text.encode())
    except ValueError as error:
        raise VerificationError(f"{what} is damaged: {error}.") from error
    if not isinstance(value, dict):
        raise VerificationError(f"{what} is damaged: its body is no object.")
    return value
