"""The history file of a store: every change of an item's outcome as one line of JSON, only ever appended to.

It is there to be looked at. A line that cannot be read (a power cut, an edit) is passed over: no verdict rests on it.
"""

from __future__ import annotations

import json
from pathlib import Path

from gonogo.base.files import storage
from gonogo.verdict.history import Past, news
from gonogo.verdict.outcome import Verdict


def remember(file: Path, verdict: Verdict) -> None:
    """Append what the verdict changes. Raises StorageError."""
    lines = [json.dumps(past.to_json(), ensure_ascii=False) + "\n" for past in news(verdict, read_history(file))]
    if not lines:
        return
    with storage(file, "append to"):
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab") as out:
            torn = file.stat().st_size > 0 and not file.read_bytes().endswith(b"\n")
            out.write((("\n" if torn else "") + "".join(lines)).encode())


def read_history(file: Path, item: str | None = None) -> tuple[Past, ...]:
    """Every record, or those of one item, the oldest first. Raises StorageError."""
    if not file.exists():
        return ()
    with storage(file, "read"):
        text = file.read_text(encoding="utf-8", errors="replace")
    found = []
    for line in text.split("\n"):
        try:
            past = Past.from_json(json.loads(line))
        except (ValueError, TypeError):
            continue
        if item in (None, past.item):
            found.append(past)
    return tuple(found)
