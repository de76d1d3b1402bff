"""Is every package of the environment pinned to one version?"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from gonogo.evidence.check import Check
from gonogo.evidence.lock import read_lock
from gonogo.evidence.record import Fact, Measurement


class Environment(Check):
    """Does the environment lock name exactly one version of every package?

    Read are requirements files of pip and environment files of conda; `evidence/lock.py` says what counts as pinned.
    """

    name = "environment"
    facts: ClassVar = {
        "packages": "packages in the lock",
        "pinned": "packages with one exact version",
        "unpinned": "packages, links and other files that are not",
        "hashed": "pinned packages that also have a hash",
        "python": "the Python version that the lock was made for, when it says so",
    }

    def measure(self, environment: Path) -> Measurement:
        lock = read_lock(environment)
        facts = {
            "packages": Fact(len(lock.pins) + len(lock.loose)),
            "pinned": Fact(len(lock.pins)),
            "unpinned": Fact(len(lock.loose)),
            "hashed": Fact(sum(pin.hashed for pin in lock.pins)),
        }
        if lock.python:
            facts["python"] = Fact(lock.python)
        return Measurement(facts, tuple(f"not pinned: {line[:100]}" for line in lock.loose))
