"""A small real project with a gate of its own, for tests of the doors."""

from __future__ import annotations

from pathlib import Path

import pytest

import sample

PACK = "name: tiny\ntitle: Labels only\nroles: {owner: answers for it}\n"
GATE = """
id: tiny-gate
title: Tiny gate
version: 1.0.0
date: "2026-01-01"
status: ready
sections:
  - title: Data
    items:
      - {id: labels, statement: There are labels, check: labels, require: missing_labels == 0}
      - {id: many-classes, statement: There are many classes, check: labels, require: classes >= 40, remedy: Find more., kind: optional,
         runbook: "runbook#few-classes", words: {FAIL: TOO FEW}}
"""
YAML = sample.YAML.replace("pack: starter", "pack: tiny") + "isolation: accept-weaker\ndocuments: {runbook: RUNBOOK.md}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small real project with a gate of two items, of which one fails."""
    folder = tmp_path / "project"
    sample.write_project(folder)
    (folder / "tiny").mkdir()
    (folder / "tiny" / "pack.yaml").write_text(PACK)
    (folder / "tiny" / "gate.yaml").write_text(GATE)
    (folder / "gonogo.yaml").write_text(YAML)
    (folder / "RUNBOOK.md").write_text("# Runbook\n\n## Few classes\n\nAsk the desk for more.\n")
    return folder
