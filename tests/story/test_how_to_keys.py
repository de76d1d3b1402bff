"""docs/how-to-keys.md, typed: every command by the person who stands behind it, with keys in three different homes."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

import sample
from gonogo.cli import main

ROOT = Path(__file__).resolve().parents[2]
PACK = "name: two\ntitle: Two sign\nroles: {technical-lead: the technics, product-owner: the business}\n"
GATE = """
id: two
title: Two sign
version: 1.0.0
date: "2026-01-01"
status: ready
sections:
  - title: All
    items:
      - {id: quality, statement: It tells late from punctual., check: quality, require: roc_auc > 0.5}
      - {id: technical, statement: The lead agrees., sign_off: technical-lead}
      - {id: business, statement: The owner agrees., sign_off: product-owner}
"""
PEOPLE = re.compile(r"^people:\n(?:[ ].*\n)*", flags=re.MULTILINE)


class Office:
    """Three people, one project, in whose folder they type."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.project, self.monkeypatch = folder, folder / "project", monkeypatch
        sample.write_project(self.project)
        yaml = (self.project / "gonogo.yaml").read_text().replace("pack: starter", "pack: ./pack")
        (self.project / "gonogo.yaml").write_text(yaml)
        (self.project / "pack").mkdir()
        (self.project / "pack" / "pack.yaml").write_text(PACK)
        (self.project / "pack" / "gate.yaml").write_text(GATE)
        monkeypatch.chdir(self.project)

    def type(self, command: str, who: str) -> str:
        """What it prints. `check` and `policy` may say NO-GO; everything else must be done."""
        self.monkeypatch.setenv("GONOGO_KEYS", str(self.folder / (who if who in ("ana", "ben", "carla") else "nobody")))
        words = shlex.split(command)
        if words[0] != "gonogo":
            return subprocess.run(words, check=True, capture_output=True, text=True).stdout
        done = CliRunner().invoke(main, words[1:])
        assert done.exit_code in ((0, 1) if words[1] in ("check", "policy") else (0,)), f"{who}: {command}\n{done.output}"
        return done.stdout

    def write_people(self, block: str) -> None:
        file = self.project / "gonogo.yaml"
        text, count = PEOPLE.subn(block, file.read_text())
        assert count == 1
        file.write_text(text)

    def decision(self) -> str:
        return str(json.loads(self.type("gonogo check --judge-only --json", ""))["verdict"])

    def policy(self) -> dict[str, object]:
        return dict(json.loads(self.type("gonogo policy --json", "")))


def sections() -> dict[str, list[tuple[str, str]]]:
    """Heading → its console and yaml blocks, in order."""
    text = (ROOT / "docs" / "how-to-keys.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)[1:]
    blocks = re.compile(r"```(console|yaml)\n(.*?)```", flags=re.DOTALL)
    return {title: blocks.findall(body) for title, body in zip(parts[::2], parts[1::2], strict=True)}


def bring_bens_key(office: Office) -> None:
    """The reviewer's key lies with the reviewer; here, where the command says."""
    shutil.copy(office.folder / "ben" / "ben.key", office.project / "ben.key")


def lose_carlas_key(office: Office) -> None:
    (office.folder / "carla" / "carla.key").unlink()
    (office.folder / "carla" / "carla.pub").unlink()


BEFORE: dict[str, Callable[[Office], None]] = {"Sign on another machine": bring_bens_key, "A lost key": lose_carlas_key}
NUMBER = {
    "The first signature": 1,
    "Change people or demands": 2,
    "Sign on another machine": 2,
    "Replace a key": 3,
    "A stolen key": 4,
    "A lost key": 1,
}


def test_whoever_types_the_how_to_has_a_go_after_every_chapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(tmp_path, monkeypatch)
    for title, blocks in sections().items():
        BEFORE.get(title, lambda _: None)(office)
        for kind, block in blocks:
            if kind == "yaml":
                office.write_people(block)
                assert office.decision() == "NO-GO"
                continue
            for line in block.splitlines():
                command, _, who = line.removeprefix("$ ").partition("#")
                office.type(command, who.split(";")[0].split(",")[0].split(":")[0].strip())
        if title == "A stolen key":
            assert "laptop stolen" in str(office.policy()["revoked"])
        if title in NUMBER:
            pinned = office.policy()["pinned"]
            assert isinstance(pinned, dict)
            assert pinned["number"] == NUMBER[title], title
            assert office.decision() == "GO", title
    assert set(NUMBER) <= set(sections())
