"""The ledger of runs: one line of JSON for each, only ever added to, so that "which runs were there" has an answer.

A line holds the run and its digest. A half-written or edited line is an error that names it, never a run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gonogo.base.canonical import canonical_bytes, digest, parse_json
from gonogo.base.files import storage
from gonogo.errors import DataError


@dataclass(frozen=True)
class LedgerLine:
    """One run: its digest and its record."""

    digest: str
    run: Mapping[str, Any]


def append_run(path: Path, run: Mapping[str, Any]) -> str:
    """Add a run and give its digest. On disk when this returns; writers at the same time do not mix their lines."""
    value = digest(dict(run))
    line = canonical_bytes({"digest": value, "run": dict(run)}) + b"\n"
    with storage(path, "append to"):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            if os.write(handle, line) != len(line):
                raise OSError(28, "the line could only be written in part")
            os.fsync(handle)
        finally:
            os.close(handle)
    return value


def read_ledger(path: Path) -> list[LedgerLine]:
    """Every run, oldest first; none when there is no ledger yet. Raises DataError naming the first line that is not whole, or that is an
    earlier one again."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    lines: list[LedgerLine] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(text.split(b"\n"), 1):
        if not line:
            continue
        try:
            entry = parse_json(line)
            found = LedgerLine(entry["digest"], entry["run"])
            if digest(entry["run"]) != found.digest:
                raise ValueError("the run does not have the digest beside it")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataError(f"{path}, line {number} is damaged: {error}.", hint="Move the ledger away; a new one will begin.") from error
        if found.digest in seen:
            raise DataError(
                f"{path}, line {number} is the run of line {seen[found.digest]} again.", hint="A run is one line; remove the copy."
            )
        seen[found.digest] = number
        lines.append(found)
    return lines
