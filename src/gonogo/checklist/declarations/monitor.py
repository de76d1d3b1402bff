"""`monitor` of gonogo.yaml: what is watched in service, and who is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gonogo.checklist.channels import CHANNEL, ChannelDeclaration, read_channels
from gonogo.checklist.declarations.file import ProjectFile
from gonogo.checklist.declarations.labels import LABELS, LabelsDeclaration, read_labels
from gonogo.checklist.periods import PERIODS, Period
from gonogo.checklist.quantities import DURATION
from gonogo.checklist.rules import ESCALATION, RULE
from gonogo.checklist.schema_words import section, text


@dataclass(frozen=True)
class MonitorDeclaration:
    """Who is told, and how labels come. `changes` is what the project has otherwise than its pack, as written: rules, escalation, repeat
    (see `rules.py`). `reviews` are those that the service makes by itself when they are due, as far as the pack has them."""

    channels: tuple[ChannelDeclaration, ...] = (ChannelDeclaration("file", "file"),)
    labels: LabelsDeclaration = field(default_factory=LabelsDeclaration)
    changes: Mapping[str, Any] = field(default_factory=dict)
    reviews: tuple[Period, ...] = PERIODS


_CHANGES = {
    "rules": {
        "type": "array",
        "items": RULE,
        "minItems": 1,
        "description": "alarms beside those of the pack; one of the pack's names changes that alarm, or leaves it out",
    },
    "escalation": ESCALATION,
    "repeat": {**DURATION, "description": "when a critical alarm or a warning that rings on is told again", "default": "1 h"},
}

MONITOR = section(
    "what is watched in service, and who is told",
    {
        "channels": {
            "type": "array",
            "items": {"anyOf": [text("a channel's name"), CHANNEL]},
            "uniqueItems": True,
            "description": "where alarms are told: names of channels, or channels with what they need (docs/how-to-channels.md)",
            "default": ["file"],
            "examples": ["[file]"],
        },
        **_CHANGES,
        "reviews": {
            "type": "array",
            "items": {"type": "string", "enum": list(PERIODS)},
            "uniqueItems": True,
            "description": "which reviews the service makes by itself when they are due; default: all that the pack has",
            "examples": ["[hour, day]"],
        },
        "labels": LABELS,
    },
)


def read_monitor(file: ProjectFile) -> MonitorDeclaration:
    """Raises ProjectFileError for a channel or labels that cannot be as they are declared; rules are read over the pack's, by `load.py`."""
    said = file.section("monitor")
    return MonitorDeclaration(
        channels=read_channels(file.source, ("monitor", "channels"), said.get("channels", ("file",)), file.root),
        labels=read_labels(file, said["labels"]) if "labels" in said else LabelsDeclaration(),
        changes={key: said[key] for key in _CHANGES if key in said},
        reviews=tuple(said.get("reviews", PERIODS)),
    )
