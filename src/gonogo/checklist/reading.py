"""A checklist from its record, as a sealed release carries it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from gonogo.checklist.items import Checklist, Item

_ITEM_KEYS = {one.name for one in fields(Item)}
_LISTS = ("require", "rows")


def read_checklist(data: Mapping[str, Any]) -> Checklist:
    """Inverse of `Checklist.to_json`. Raises ValueError when it is not whole: writing it again must give the same."""
    try:
        items = []
        for entry in data["items"]:
            if entry.keys() != _ITEM_KEYS:
                raise ValueError(f"an item has the keys {sorted(entry)}")
            items.append(Item(**{key: tuple(value) if key in _LISTS else value for key, value in entry.items()}))
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
    written = found.to_json()
    if {**data, "items": [{**entry, **{key: tuple(entry[key]) for key in _LISTS}} for entry in data["items"]]} != written:
        raise ValueError("not a checklist: it has other keys or another format")
    return found
