"""Can the environment be built again from its lock?"""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from typing import ClassVar

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from gonogo import settings
from gonogo.evidence.check import Check
from gonogo.evidence.commands import run_command
from gonogo.evidence.lock import normalised, read_lock
from gonogo.evidence.record import Fact, Measurement


class Installable(Check):
    """Is the locked environment the one that is installed here, or can pip find every package of the lock?

    First the lock is compared with what is installed where gonogo runs: an environment that exists, exists. Where they differ, pip is
    asked whether it could install the lock (`--dry-run`, wheels only, so that nothing of the packages runs). Without an index that it
    can reach, that is a no.
    """

    name = "installable"
    facts: ClassVar = {
        "installable": "whether the lock is installed here, or can be installed",
        "missing": "locked packages that are not installed here",
        "mismatched": "locked packages that are installed here in another version",
        "resolved": "whether pip had to be asked, and found everything",
    }

    def measure(self, environment: Path) -> Measurement:
        lock = read_lock(environment)
        here = {normalised(found.name): found.version for found in metadata.distributions()}
        counted = [pin for pin in lock.pins if pin.counts and pin.name not in ("python", "pip")]
        missing = [pin for pin in counted if pin.name not in here]
        other = [pin for pin in counted if pin.name in here and not _is(here[pin.name], pin.version)]
        findings = [f"not installed: {pin.name}=={pin.version}" for pin in missing]
        findings += [f"{pin.name} is {here[pin.name]} here, not {pin.version}" for pin in other]
        findings += [f"not pinned: {line[:100]}" for line in lock.loose]
        resolved = False
        if (missing or other) and not lock.loose:
            resolved, said = _resolves(environment)
            findings += [] if resolved else [f"pip: {said}"]
        return Measurement(
            {
                "installable": Fact(resolved or not (missing or other or lock.loose)),
                "missing": Fact(len(missing)),
                "mismatched": Fact(len(other)),
                "resolved": Fact(resolved),
            },
            tuple(findings),
        )


def _is(installed: str, pinned: str) -> bool:
    """Whether a version is the pinned one as pip sees it (PEP 440): 2.13.0+cpu is 2.13.0, but 2.13.0 is not 2.13.0+cpu."""
    try:
        return SpecifierSet(f"=={pinned}").contains(installed, prereleases=True)
    except InvalidSpecifier:
        return installed == pinned


def _resolves(lock: Path) -> tuple[bool, str]:
    if lock.suffix in (".yaml", ".yml"):
        return False, "an environment of conda cannot be resolved here"
    words = ["install", "--dry-run", "--ignore-installed", "--only-binary", ":all:", "--no-input", "--disable-pip-version-check", "-r"]
    # -P: a pip.py beside the lock is not pip.
    finished = run_command(
        [sys.executable, "-P", "-m", "pip", *words, lock.name], folder=lock.parent, seconds=settings.number("check_seconds")
    )
    return finished.exit_code == 0, finished.last_words
