"""A checklist from its record, as a sealed release carries it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from gonogo.base.canonical import canonical_bytes
from gonogo.checklist.items import Checklist, Item

_ITEM_KEYS = {one.name for one in fields(Item)}
_LISTS = ("require", "rows")


def read_checklist(data: Mapping[str, Any]) -> Checklist:
    """Inverse of `Checklist.to_json`. Raises ValueError when it is not whole: writing it again must give the same."""
    try:
        items: list[Item] = []
        for entry in data["items"]:
            if entry.keys() != _ITEM_KEYS:
                raise ValueError(f"an item has the keys {sorted(entry)}")
            values: dict[str, Any] = {key: tuple(value) if key in _LISTS else value for key, value in entry.items()}
            items.append(Item(**values))
        found = Checklist(
            id=data["id"],
            title=data["title"],
            version=data["version"],
            date=data["date"],
            items=tuple(items),
            overrides={key: tuple(value) for key, value in data["overrides"].items()},
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a checklist: {error}") from error
    if canonical_bytes(found.to_json()) != canonical_bytes(dict(data)):
        raise ValueError("not a checklist: it has other keys or another format")
    return found
