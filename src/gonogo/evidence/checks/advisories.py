"""Is a package of the environment known to be vulnerable?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, ClassVar

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.declared import declared_file, entries, read_structured
from gonogo.evidence.lock import Pin, normalised, read_lock
from gonogo.evidence.record import Fact, Measurement

MILD = ("low", "medium", "moderate")


class Advisories(Check):
    """Does the environment lock name a version that an advisory warns of?

    Reads `files.advisories`: a list (or a map with `updated: DATE` and a list `advisories`) of `{package, versions, id, severity}`, where
    `versions` is a range such as `<2.1,>=2.0` or a list of exact versions. No network is asked. A severity that nobody knows is high; a
    version that cannot be compared is vulnerable. The age is known only when the file says `updated`.
    """

    name = "advisories"
    facts: ClassVar = {
        "packages": "packages of the lock",
        "advisories": "advisories in the file",
        "vulnerable": "packages of the lock that at least one advisory warns of",
        "high": "packages that one of high or unknown severity warns of",
        "unpinned": "packages of the lock without one exact version, which nobody can judge",
        "age_days": "days since the list was updated, when it says how old it is",
    }

    def measure(self, environment: Path, files: Mapping[str, Path]) -> Measurement:
        lock = read_lock(environment)
        path = declared_file(files, "advisories")
        document = read_structured(path)
        warned = [_advisory(entry, path) for entry in entries(document, "advisories", path, ("package", "versions", "id"))]
        hits = [(pin, id_, high) for pin in lock.pins for name, ranges, id_, high in warned if pin.name == name and _hit(pin, ranges)]
        facts = {
            "packages": Fact(len(lock.pins) + len(lock.loose)),
            "advisories": Fact(len(warned)),
            "vulnerable": Fact(len({pin.name for pin, _, _ in hits})),
            "high": Fact(len({pin.name for pin, _, high in hits if high})),
            "unpinned": Fact(len(lock.loose)),
        }
        if isinstance(document, Mapping) and document.get("updated"):
            facts["age_days"] = Fact((datetime.now(UTC).date() - _day(document["updated"], path)).days)
        findings = [f"{pin.name}=={pin.version}: {id_}{' (high)' if high else ''}" for pin, id_, high in hits]
        return Measurement(facts, (*findings, *(f"not pinned: {line[:100]}" for line in lock.loose)))


def _advisory(entry: Mapping[str, Any], path: Path) -> tuple[str, list[SpecifierSet], str, bool]:
    """Package, ranges of which any may hold, id, and whether it is high. Raises DataError when a range is none."""
    versions = entry["versions"]
    texts = [f"=={version}" for version in versions] if isinstance(versions, list) else [str(versions)]
    try:
        ranges = [SpecifierSet(text, prereleases=True) for text in texts]
    except InvalidSpecifier as error:
        raise DataError(f"{path.name}: {entry['id']}: {error}.", hint='Write `versions: "<2.1,>=2.0"` or a list of versions.') from None
    return normalised(str(entry["package"])), ranges, str(entry["id"]), str(entry.get("severity", "")).strip().lower() not in MILD


def _hit(pin: Pin, ranges: list[SpecifierSet]) -> bool:
    try:
        version = Version(pin.version)
    except InvalidVersion:
        return True
    return any(version in one for one in ranges)


def _day(value: Any, path: Path) -> date:
    """Raises DataError when the value is no day, or one to come: a list cannot be from tomorrow."""
    try:
        day = value if isinstance(value, date) else date.fromisoformat(str(value)[:10])
    except ValueError:
        raise DataError(f"{path.name}: updated: {value!r} is no date.", hint="Write it as 2026-03-01.") from None
    day = day.date() if isinstance(day, datetime) else day
    if day > datetime.now(UTC).date():
        raise DataError(f"{path.name}: updated: {day} has not come yet.")
    return day
