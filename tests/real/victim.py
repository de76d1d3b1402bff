"""A project whose GO somebody wants to keep without earning it; for the tests of attacks."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import sample
from gonogo.operations.check import check
from gonogo.operations.policy import policy_state
from gonogo.operations.sign import sign
from gonogo.operations.workspace import Workspace
from gonogo.trust.keys import generate_key
from gonogo.verdict.outcome import Decision

MORE = """
people:
  technical-lead: {name: ana, key: keys/ana.pub}
items:
  no-overlap: {require: shared_share <= 50%}
"""
LOG = ("gonogo.db", "gonogo.db-wal", "gonogo.db-shm", "anchor.json", "keys")


@dataclass
class Victim:
    """A project with a GO (`folder`), the same project with another candidate that has one too (`other`), and the keys of two people."""

    folder: Path
    other: Path
    keys: Path

    @property
    def store(self) -> Path:
        return self.folder / ".gonogo"

    def edit(self, old: str, new: str) -> None:
        file = self.folder / "gonogo.yaml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def sign_off(self) -> bytes:
        """What ana signed, as the log holds it."""
        [*_, recorded] = policy_state(Workspace.open(self.folder)).log.sign_offs
        return recorded.envelope

    def sql(self, *statements: str) -> None:
        """Past the store's own guards."""
        connection = sqlite3.connect(self.store / "gonogo.db")
        connection.execute("DROP TRIGGER event_is_never_changed")
        connection.execute("DROP TRIGGER event_is_never_deleted")
        for one in statements:
            connection.execute(one)
        connection.commit()
        connection.close()

    def load_test(self) -> Path:
        [path] = (self.store / "load_tests").glob("*.json")
        return path


def make_approved(base: Path) -> None:
    """A project with a GO, and its twin with another candidate that has one too, below `base`."""
    sample.write_project(base / "project", more=MORE)
    for name in ("ana", "eve"):
        generate_key(_made(base / "people") / f"{name}.key")
    shutil.copy(base / "people" / "ana.pub", _made(base / "project" / "keys"))
    _approve(base / "project", base / "people")
    shutil.copytree(base / "project", base / "other")
    for name in LOG:
        remove(base / "other" / ".gonogo" / name)
    (base / "other" / "model.onnx").write_bytes(sample.model_bytes(1.3))
    _approve(base / "other", base / "people")


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _approve(folder: Path, people: Path) -> None:
    check(Workspace.open(folder))
    sign(Workspace.open(folder), "technical-lead", key=people / "ana.key")
    assert check(Workspace.open(folder), judge_only=True).verdict.decision is Decision.GO
