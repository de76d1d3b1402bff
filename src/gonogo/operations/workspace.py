"""A project opened for work: its declarations, its store, its clock.

store/
  gonogo.db, anchor.json    the registry: events, also all that people signed, and documents (see docs/formats/registry.md)
  keys/store.key, .pub      the key that signs events and releases
  bundles/<digest>/         what would ship, content-addressed
  evidence/<item>.json      what was measured
  load_tests/<digest>.json  load tests of bundles
  test_uses/                which bundles each test table has judged
  negative_controls/        what the gate said to spoiled copies, by bundle
  releases/<name>-<version> sealed releases, and the same as .tar.gz
  service/                  control socket, persisted routes
  history.jsonl             what became of each item, change by change
  alarms.jsonl              what the file channel was told
  history.db                what was counted, by minute, hour and day
  reviews/                  every review: report, page and Markdown
  retrain/<id>/             of each training: what it printed, what lay there before, what each step wrote, what was set aside
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gonogo.base.clock import Clock, SystemClock
from gonogo.base.files import exclusive, fsync_directory, storage
from gonogo.errors import VerificationError

if TYPE_CHECKING:
    from gonogo.checklist.project import Project
    from gonogo.model.sandbox import Sandbox
    from gonogo.registry.registry import Registry
    from gonogo.registry.stores.sqlite import SqliteStore
    from gonogo.trust.keys import PublicKey
    from gonogo.trust.signers.file import FileSigner


class Workspace:
    """One project and its store. Nothing is created before it is needed."""

    def __init__(self, project: Project, clock: Clock | None = None) -> None:
        self.project = project
        self.clock: Clock = clock or SystemClock()
        self.path = project.store
        self._store: SqliteStore | None = None

    @classmethod
    def open(cls, path: Path) -> Workspace:
        """Open the project file, or the `gonogo.yaml` in a folder. Raises ProjectFileError."""
        from gonogo.checklist.project import load_project

        return cls(load_project(path / "gonogo.yaml" if path.is_dir() else path))

    bundles = property(lambda self: self.path / "bundles")
    evidence = property(lambda self: self.path / "evidence")
    load_tests = property(lambda self: self.path / "load_tests")
    test_uses = property(lambda self: self.path / "test_uses")
    negative_controls = property(lambda self: self.path / "negative_controls")
    releases = property(lambda self: self.path / "releases")
    service = property(lambda self: self.path / "service")
    history = property(lambda self: self.path / "history.jsonl")
    alarms_file = property(lambda self: self.path / "alarms.jsonl")
    key_file = property(lambda self: self.path / "keys" / "store.key")
    log_file = property(lambda self: self.path / "gonogo.db")

    def signer(self) -> FileSigner:
        """The store's own key, made with the log at first use."""
        from gonogo.trust.signers.file import FileSigner

        if not self.key_file.exists():
            self.store()
        return FileSigner(self.key_file)

    def public_key(self) -> PublicKey:
        return self.signer().public

    def store(self) -> SqliteStore:
        """The registry's store, opened once."""
        from gonogo.registry.stores.sqlite import SqliteStore

        if self._store is None:
            if not self.key_file.exists():
                self._begin_log()
            self._refuse_a_removed_log()
            self._store = SqliteStore(self.log_file, self.signer(), self.clock)
        return self._store

    def _begin_log(self) -> None:
        """The log without any event first, and its key last: whoever is killed in between leaves a log that nobody has used, and the next
        one begins again."""
        from gonogo.registry.stores.sqlite import SqliteStore
        from gonogo.trust.keys import generate_key
        from gonogo.trust.signers.file import FileSigner

        with exclusive(self.key_file.with_name("begin.lock"), "somebody else begins the log of this store.", hint="Try again."):
            if self.key_file.exists():
                return
            self._refuse_a_removed_log()
            fresh, log = self.key_file.with_name("begun.key"), self.log_file
            with storage(self.key_file, "create"):
                self.key_file.parent.chmod(0o700)
                beside = [log.with_name(name) for name in ("anchor.json", log.name + "-wal", log.name + "-shm")]
                for left in (fresh, fresh.with_suffix(".pub"), self.key_file.with_suffix(".pub"), *beside, log):
                    left.unlink(missing_ok=True)
            generate_key(fresh)
            SqliteStore(self.log_file, FileSigner(fresh), self.clock).close()
            with storage(self.key_file, "create"):
                fresh.with_suffix(".pub").replace(self.key_file.with_suffix(".pub"))
                fresh.replace(self.key_file)
                fsync_directory(self.key_file.parent)

    def has_log(self) -> bool:
        """Whether something was ever recorded here, also when it was removed since."""
        if self.key_file.exists():
            return True
        if not self.log_file.exists():
            return bool(self.log_file.with_name("anchor.json").exists())
        from gonogo.registry.stores.sqlite import is_unused

        return not is_unused(self.log_file)  # one that was begun, and never used: its key comes last

    def _refuse_a_removed_log(self) -> None:
        """The key is made with the log: one without the other is a log that was taken away, and is never begun again under that key."""
        if self.has_log() and not (self.log_file.exists() and self.key_file.exists()):
            gone = self.log_file if self.key_file.exists() else self.key_file
            raise VerificationError(
                f"the log of {self.path} was tampered with: {gone.name} was removed, and with it what was signed and released here.",
                hint="Restore the whole store from a backup; docs/how-to-keys.md says how to begin anew.",
            )

    def registry(self) -> Registry:
        from gonogo.registry.registry import Registry

        return Registry(self.store())

    def check_log(self) -> None:
        """Raises VerificationError unless the whole log is as it was written: releases and pointers are a fold over it.

        For what puts something new into the world: sealing, serving, starting a rollout. Taking traffic back asks nothing of the log.
        """
        problems = self.store().verify_chain(self.public_key()).problems
        if problems:
            raise VerificationError(
                f"the log of {self.path} was tampered with: {problems[0]}",
                hint="See `gonogo log --verify`, and restore gonogo.db and anchor.json together from a backup.",
            )

    def sandbox(self) -> Sandbox:
        """The isolated child, limited by the settings."""
        from gonogo import settings
        from gonogo.model.sandbox import Sandbox

        return Sandbox(
            seconds=settings.number("child_seconds"),
            memory_mib=int(settings.number("child_memory")),
            accept_weaker=self.project.isolation == "accept-weaker",
        )
