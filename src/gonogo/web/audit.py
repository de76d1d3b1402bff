"""The page of the audit log: whether its chain is whole, and its newest events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MOST = 400  #: characters of an event's body


def view(log: Mapping[str, Any]) -> dict[str, Any]:
    return {"log": log, "events": [{**event, "words": _words(event["body"])} for event in log["events"]]}


def _words(body: Mapping[str, Any]) -> str:
    """An event's body in one line; what is long is cut."""
    parts = [f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}" for name, value in body.items()]
    said = "; ".join(parts)
    return said if len(said) <= MOST else said[: MOST - 1] + "…"
