"""A small project whose pack asks which of several runs was chosen, and its people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import sample
from gonogo.trust.keys import generate_key

GATE = """
id: spans-gate
title: Spans
version: 1.0.0
date: "2026-01-01"
status: ready
sections:
  - title: Choice
    items:
"""


def write_choosing(folder: Path, keys: Path, *, model: str, people: Mapping[str, str], items: str, more: str) -> None:
    """The project, its private `keys` elsewhere. `people` are names by role, `items` those of the gate, `more` goes into gonogo.yaml."""
    who = "".join(f"  {role}: {{name: {name}, key: keys/{name}.pub}}\n" for role, name in people.items())
    sample.write_project(folder, more=f"files: {{decision: decision.json}}\n{more}people:\n{who}")
    text = (folder / "gonogo.yaml").read_text()
    assert "pack: starter" in text
    assert "path: model.onnx" in text
    (folder / "gonogo.yaml").write_text(text.replace("pack: starter", "pack: ./pack").replace("path: model.onnx", f"path: {model}"))
    for made in (folder / "pack", folder / "keys", keys):
        made.mkdir()
    roles = ", ".join(f"{role}: one who signs" for role in people)
    (folder / "pack" / "pack.yaml").write_text(f"name: spans-pack\ntitle: Spans\nroles: {{{roles}}}\n")
    (folder / "pack" / "gate.yaml").write_text(GATE + "".join(f"      - {item}\n" for item in items.strip().splitlines()))
    for name in people.values():
        generate_key(keys / f"{name}.key")
        (folder / "keys" / f"{name}.pub").write_bytes((keys / f"{name}.pub").read_bytes())
