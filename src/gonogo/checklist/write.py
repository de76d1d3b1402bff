"""A checklist as the text of a `gate.yaml`: what `gonogo packs show NAME` prints, to start a pack of one's own from.

Loading the text again gives the same items, phases and status. What belongs to the pack (`apart`) or to a project (`overrides`) is not in
it: overridden requirements are written as they are in force.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from itertools import groupby
from typing import Any

import yaml

from gonogo.checklist.items import Checklist, Item, Phase, default_of

_ELSEWHERE = ("section", "phase", "pack_demand", "reason")  #: said by the section, or by the project


def gate_yaml(checklist: Checklist) -> str:
    """YAML that `load_pack` reads as a gate: items in their order, each run of one section and phase as a section."""
    runs = groupby(checklist.items, key=lambda item: (item.section, item.phase))
    sections = [
        {"title": title, **({"phase": phase} if phase else {}), "items": [_said(item) for item in run]} for (title, phase), run in runs
    ]
    gate: dict[str, Any] = {key: getattr(checklist, key) for key in ("id", "title", "version", "date", "status", "sign_off_days")}
    if checklist.phases:
        gate["phases"] = [_said(phase) for phase in checklist.phases]
    return yaml.safe_dump({**gate, "sections": sections}, sort_keys=False, allow_unicode=True, width=120)


def _said(record: Item | Phase) -> dict[str, Any]:
    """The fields that are not at their default, as YAML has them."""
    said = {one.name for one in fields(record) if getattr(record, one.name) != default_of(one)} - set(_ELSEWHERE)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(record).items() if key in said}
