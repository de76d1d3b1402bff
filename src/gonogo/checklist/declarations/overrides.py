"""`items` of gonogo.yaml: what a project says about items of its pack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gonogo.checklist.declarations.file import ProjectFile
from gonogo.checklist.quantities import CONFIDENCE, DURATION, duration, share
from gonogo.checklist.schema_words import OPTIONS, REQUIRE, section, text


@dataclass(frozen=True)
class ItemOverride:
    """What a project says about one item; None and empty mean that it says nothing."""

    require: tuple[str, ...] | None = None
    confidence: float | None = None
    max_age: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    applies: bool | None = None
    reason: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that change the item's content; an answer (applies, reason) changes nothing in it."""
        given = {"require": self.require, "confidence": self.confidence, "max_age": self.max_age, "options": self.options or None}
        return tuple(key for key, value in given.items() if value is not None)


_ITEM = section(
    "what this project has otherwise",
    {
        "require": {**REQUIRE, "description": "requirements instead of the pack's"},
        "confidence": {**CONFIDENCE, "description": "the bound at this confidence must meet the requirement"},
        "max_age": {**DURATION, "description": "older evidence is STALE"},
        "options": {**OPTIONS, "description": "options of the check, each instead of the pack's"},
        "applies": {"type": "boolean", "description": "whether a conditional item applies; false leaves an optional one out"},
        "reason": text("why it applies or does not, or why it is otherwise than in the pack; needed with `applies`"),
    },
)

ITEMS: dict[str, Any] = {"type": "object", "description": "answers and overrides, by item id", "additionalProperties": _ITEM}


def read_overrides(file: ProjectFile) -> dict[str, ItemOverride]:
    """By item. Raises ProjectFileError for an answer without a reason."""
    said = file.section("items")
    for item, entry in said.items():
        if "applies" in entry and "reason" not in entry:
            raise file.error(("items", item), f"{item}: an answer needs a reason.", "Add `reason: …` beside `applies`.")
    return {item: read_override(entry) for item, entry in said.items()}


def read_override(entry: Mapping[str, Any]) -> ItemOverride:
    """What a project, or a pack that extends another, says about one item. Expects what the schema allows."""
    require = entry.get("require")
    return ItemOverride(
        require=None if require is None else (require,) if isinstance(require, str) else tuple(require),
        confidence=share(entry["confidence"]) if "confidence" in entry else None,
        max_age=duration(entry["max_age"]) if "max_age" in entry else None,
        options=dict(entry.get("options", {})),
        applies=entry.get("applies"),
        reason=entry.get("reason", ""),
    )
