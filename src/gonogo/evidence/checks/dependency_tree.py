"""Does the environment's lock fit together?"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import ClassVar

from packaging.requirements import InvalidRequirement, Requirement

from gonogo.evidence.check import Check
from gonogo.evidence.lock import Pin, normalised, read_lock
from gonogo.evidence.record import Fact, Measurement


class DependencyTree(Check):
    """Is what each locked package needs locked too, in a version that it takes?

    What a package needs is read from its metadata, as far as it is installed here; nothing of it is imported. Extras are not followed.
    """

    name = "dependency_tree"
    facts: ClassVar = {
        "packages": "locked packages that count on this machine",
        "conflicts": "needs that the lock has in a version that does not meet them",
        "unlocked": "needs that the lock does not name",
        "unknown": "locked packages that are not installed here in that version, so that nobody knows what they need",
    }

    def measure(self, environment: Path) -> Measurement:
        pins = {pin.name: pin for pin in read_lock(environment).pins if pin.counts and pin.name != "python"}
        conflicts, unlocked, unknown = [], [], []
        for pin in pins.values():
            needs = _needs(pin)
            if needs is None:
                unknown.append(f"not installed here: {pin.name}=={pin.version}")
                continue
            for need in needs:
                met = pins.get(normalised(need.name))
                if met is None:
                    unlocked.append(f"{pin.name} needs {need.name}, which is not locked")
                elif not need.specifier.contains(met.version, prereleases=True):
                    conflicts.append(f"{pin.name} needs {need.name}{need.specifier}, and {met.version} is locked")
        return Measurement(
            {
                "packages": Fact(len(pins)),
                "conflicts": Fact(len(conflicts)),
                "unlocked": Fact(len(unlocked)),
                "unknown": Fact(len(unknown)),
            },
            (*conflicts, *unlocked, *unknown),
        )


def _needs(pin: Pin) -> list[Requirement] | None:
    """What a package needs on this machine; None when this version is not installed or its metadata cannot be understood."""
    try:
        found = metadata.distribution(pin.name)
        if found.version != pin.version:
            return None
        needs = [Requirement(text) for text in found.requires or ()]
    except (metadata.PackageNotFoundError, InvalidRequirement):
        return None
    return [need for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
