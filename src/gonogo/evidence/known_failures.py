"""Tests that are known to fail: who looks after each, why, and until when that is accepted.

    - test: tests/test_scale.py::test_wide_tables
      owner: Ana
      reason: needs more memory than the build machine has
      expires: 2026-03-01

Read as the input `known_failures`. Its digest covers the bytes of the file and which entries have expired, so that evidence is measured
anew on the day on which one does (decision U35).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from gonogo.errors import DataError
from gonogo.evidence.declared import entries, read_structured

KEYS = ("test", "owner", "reason", "expires")


@dataclass(frozen=True)
class KnownFailure:
    """One entry. It counts up to and including the day `expires`."""

    test: str
    owner: str
    reason: str
    expires: date
    expired: bool

    @property
    def case(self) -> str:
        """The test as a JUnit report names it: "folder.test_file.Class::test"."""
        return case_name(self.test)


def case_name(test: str) -> str:
    """From pytest's node id (`tests/test_a.py::Class::test`) to "tests.test_a.Class::test"; such a name stays as it is."""
    plain, bracket, parameters = test.partition("[")
    *places, name = plain.split("::")
    places = [re.sub(r"\.py$", "", place).replace("/", ".") for place in places]
    return ".".join(places) + f"::{name}{bracket}{parameters}"


def read_known_failures(path: Path, now: datetime) -> tuple[KnownFailure, ...]:
    """The entries as of a moment. Raises DataError for an entry without owner, reason or date, and for a test that is listed twice."""
    listed = entries(read_structured(path), "known_failures", path, KEYS)
    found = tuple(_entry(entry, path, now.astimezone(UTC).date()) for entry in listed)
    twice = {one.case for index, one in enumerate(found) if any(one.case == other.case for other in found[:index])}
    if twice:
        raise DataError(f"{path.name} lists {', '.join(sorted(twice))} twice.")
    return found


def _entry(entry: Mapping[str, Any], path: Path, today: date) -> KnownFailure:
    unknown = entry.keys() - set(KEYS)
    if unknown:
        raise DataError(f"{path.name}: unknown key {', '.join(sorted(map(str, unknown)))} at {entry['test']}.")
    try:
        expires = entry["expires"] if isinstance(entry["expires"], date) else date.fromisoformat(str(entry["expires"]))
        expires = expires.date() if isinstance(expires, datetime) else expires
    except ValueError:
        raise DataError(f"{path.name}: {entry['expires']!r} at {entry['test']} is no date.", hint="Write it as 2026-03-01.") from None
    return KnownFailure(str(entry["test"]), str(entry["owner"]), str(entry["reason"]), expires, expires < today)
