"""Keys of people: one pair a person, public halves in projects, never a private one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = "system: shop\npack: starter # kept\npeople: {}\nstore: .gonogo\n"


def key_new(folder: Path, *words: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "gonogo", "key", "new", *words],
        cwd=folder,
        env={**os.environ, "GONOGO_KEYS": str(folder.parent / "private")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == expect, done.stderr
    return done


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "gonogo.yaml").write_text(PROJECT)
    return folder


def test_the_private_half_stays_out_of_the_project_and_is_its_owners_alone(project: Path) -> None:
    key_new(project, "ana", "--role", "technical-lead")
    private = project.parent / "private" / "ana.key"
    assert private.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in project.rglob("*") if path.is_file()) == ["ana.pub", "gonogo.yaml"]
    text = (project / "gonogo.yaml").read_text()
    assert "pack: starter # kept" in text
    assert "technical-lead: {name: ana, key: keys/ana.pub}" in text


def test_a_person_with_a_key_brings_it_to_the_next_project(project: Path, tmp_path: Path) -> None:
    key_new(project, "ana")
    first = (project / "keys" / "ana.pub").read_bytes()
    second = tmp_path / "other"
    second.mkdir()
    (second / "gonogo.yaml").write_text(PROJECT)
    assert "yours already" in key_new(second, "ana", "--role", "technical-lead").stdout
    assert (second / "keys" / "ana.pub").read_bytes() == first


def test_a_key_or_a_role_that_is_taken_is_never_overwritten(project: Path) -> None:
    key_new(project, "ana", "--role", "technical-lead")
    before = (project / "gonogo.yaml").read_text()
    key_new(project, "ana", expect=1)
    refused = key_new(project, "eve", "--role", "technical-lead", expect=2)
    assert "gonogo.yaml:4:3" in refused.stderr
    assert (project / "gonogo.yaml").read_text() == before
    assert not (project / "keys" / "eve.pub").exists()
    key_new(project, "../eve", expect=2)


def test_a_role_that_the_pack_does_not_have_is_refused_before_anything_is_written(project: Path) -> None:
    """Otherwise the project file would be broken by our own hand."""
    refused = key_new(project, "zoe", "--role", "technical-leader", expect=2)
    assert "the pack starter has no role 'technical-leader'" in refused.stderr
    assert "Roles: technical-lead." in refused.stderr
    assert sorted(path.name for path in project.parent.rglob("*") if path.is_file()) == ["gonogo.yaml"]


def test_the_roles_of_a_pack_of_ones_own_are_known(project: Path) -> None:
    pack = project / "gate" / "own"
    pack.mkdir(parents=True)
    (pack / "pack.yaml").write_text("name: own\ntitle: Our own\nextends: starter\nroles: {owner: answers for it}\n")
    (pack / "gate.yaml").write_text('id: own\ntitle: Own\nversion: 1.0.0\ndate: "2026-01-01"\nstatus: ready\nsections: []\n')
    (project / "gonogo.yaml").write_text(PROJECT.replace("pack: starter", "pack: gate/own"))
    key_new(project, "ana", "--role", "owner")
    key_new(project, "ben", "--role", "technical-lead")
    assert "owner: {name: ana, key: keys/ana.pub}" in (project / "gonogo.yaml").read_text()
