"""A small real project that two people sign for, and an attacker; for tests of whose word counts."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import sample
from gonogo.base.clock import FakeClock
from gonogo.base.names import Ref
from gonogo.operations.check import check
from gonogo.operations.release import release
from gonogo.operations.sign import sign, sign_changed_policy
from gonogo.operations.workspace import Workspace
from gonogo.trust.keys import generate_key
from gonogo.verdict.outcome import Decision

PACK = """
name: small-pack
title: Small pack
roles: {lead: the technics, owner: the business}
"""
GATE = """
id: small-gate
title: Small gate
version: 1.0.0
date: "2026-01-01"
status: ready
sections:
  - title: Model
    items:
      - {id: quality, statement: It tells late from punctual., check: quality, require: roc_auc > 0.5}
      - {id: legal, statement: The law allows it., kind: conditional, sign_off: owner}
  - title: Approval
    items:
      - {id: technical, statement: The lead agrees., sign_off: lead}
      - {id: business, statement: The owner agrees., sign_off: owner}
"""
PEOPLE = """
people:
  lead: {name: ana, key: keys/ana.pub}
  owner: {name: ben, key: keys/ben.pub}
items:
  legal: {applies: true, reason: personal data}
"""


@dataclass
class Team:
    """A project whose candidate is measured (`folder`), and everybody's private keys (`keys`)."""

    folder: Path
    keys: Path
    clock: FakeClock | None = None

    def workspace(self) -> Workspace:
        found = Workspace.open(self.folder)
        return Workspace(found.project, self.clock) if self.clock else found

    @property
    def store(self) -> Path:
        return self.folder / ".gonogo"

    def edit(self, old: str, new: str, file: str = "gonogo.yaml") -> None:
        text = (self.folder / file).read_text()
        assert old in text
        (self.folder / file).write_text(text.replace(old, new))

    def sign(self, role: str, name: str, reject: str | None = None) -> None:
        sign(self.workspace(), role, key=self.keys / f"{name}.key", reject=reject)

    def put_live(self) -> None:
        """Signed by both, released, and in production: the first release."""
        self.sign("lead", "ana")
        self.sign("owner", "ben")
        registry, version = self.workspace().registry(), release(self.workspace()).release.version
        entry = registry.resolve(Ref.parse(f"small@{version}"))
        registry.move_pointer(
            "small", "production", entry.version, verdict_digest=entry.verdict_digest, expected=None, reason="first", actor="ana"
        )

    def sign_policy(self, role: str, name: str) -> tuple[str, ...]:
        return sign_changed_policy(self.workspace(), role, key=self.keys / f"{name}.key").lacking

    def decision(self) -> Decision:
        return check(self.workspace(), judge_only=True).verdict.decision

    def notes(self) -> str:
        return "\n".join(check(self.workspace(), judge_only=True).verdict.notes)

    def database(self) -> sqlite3.Connection:
        """The attacker's own way to the log."""
        connection = sqlite3.connect(self.store / "gonogo.db", isolation_level=None)
        connection.execute("DROP TRIGGER IF EXISTS event_is_never_deleted")
        connection.execute("DROP TRIGGER IF EXISTS event_is_never_changed")
        return connection


def make(base: Path, more: str = "") -> None:
    """The project, measured; keys of ana (lead), ben (owner) and eve (nobody). Nobody has signed anything. `more` sections are declared."""
    project = base / "project"
    sample.write_project(project, more=PEOPLE + more)
    text = (project / "gonogo.yaml").read_text()
    (project / "gonogo.yaml").write_text(text.replace("pack: starter", "pack: ./pack"))
    for folder in (project / "pack", project / "keys", base / "keys"):
        folder.mkdir()
    (project / "pack" / "pack.yaml").write_text(PACK)
    (project / "pack" / "gate.yaml").write_text(GATE)
    for name in ("ana", "ben", "eve"):
        generate_key(base / "keys" / f"{name}.key")
    for name in ("ana", "ben"):
        shutil.copy(base / "keys" / f"{name}.pub", project / "keys")
    check(Workspace.open(project))


# -- what somebody may write into the project


def swap_the_key(team: Team) -> None:
    shutil.copy(team.keys / "eve.pub", team.folder / "keys" / "ana.pub")


def join_the_role(team: Team) -> None:
    shutil.copy(team.keys / "eve.pub", team.folder / "keys")
    team.edit("lead: {name: ana, key: keys/ana.pub}", "lead: [{name: ana, key: keys/ana.pub}, {name: eve, key: keys/eve.pub}]")


def lower_the_threshold(team: Team) -> None:
    team.edit("items:", "items:\n  quality: {require: roc_auc > 0.1}")


def let_fewer_sign_policies(team: Team) -> None:
    (team.folder / "pack" / "pack.yaml").write_text(PACK + "policy_roles: [owner]\n")
