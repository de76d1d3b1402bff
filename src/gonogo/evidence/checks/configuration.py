"""Does the configuration say all it must, and nothing that nobody knows?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from gonogo.errors import DataError, ProjectFileError
from gonogo.evidence.check import Check
from gonogo.evidence.declared import declared_file, read_structured
from gonogo.evidence.record import Fact, Measurement


class Configuration(Check):
    """Can the final configuration be read, and does it have every required key and no unknown one?

    Reads `files.config` (YAML, JSON, TOML, or NAME=value lines in a file ending in .env). Keys inside keys are written with dots:
    `training.seed`. A required key whose value is empty is missing. Unknown keys are counted when `required` or `optional` names any:
    naming a key allows all that is below it.
    """

    name = "configuration"
    facts: ClassVar = {
        "parses": "whether it can be read as a map of keys to values",
        "required_missing": "required keys that are not there or empty",
        "unknown": "keys that are neither required nor optional; 0 when none are named",
        "values": "values in it",
    }
    options: ClassVar = {"required": [], "optional": []}

    def measure(self, files: Mapping[str, Path]) -> Measurement:
        path = declared_file(files, "config")
        required, optional = list(self.chosen["required"]), list(self.chosen["optional"])
        try:
            found = dict(_leaves(read_structured(path)))
            trouble: tuple[str, ...] = ()
        except (DataError, ProjectFileError) as error:
            found, trouble = {}, (str(error),)
        missing = [key for key in required if not _given(found, key)]
        known = required + optional
        unknown = [key for key in found if known and not any(_within(key, allowed) for allowed in known)]
        return Measurement(
            {
                "parses": Fact(not trouble),
                "required_missing": Fact(len(missing)),
                "unknown": Fact(len(unknown)),
                "values": Fact(len(found)),
            },
            (*trouble, *(f"missing: {key}" for key in missing), *(f"unknown: {key}" for key in unknown)),
        )


def _leaves(value: Any, start: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with its dotted key; a list is one value. Raises DataError when the whole is no map."""
    if not isinstance(value, Mapping):
        raise DataError("the configuration is no map of keys to values.")
    for key, inner in value.items():
        name = f"{start}.{key}" if start else str(key)
        if isinstance(inner, Mapping) and inner:
            yield from _leaves(inner, name)
        else:
            yield name, inner


def _given(found: Mapping[str, Any], key: str) -> bool:
    return any(_within(name, key) and value not in (None, "", [], {}) for name, value in found.items())


def _within(key: str, allowed: str) -> bool:
    return key == allowed or key.startswith(f"{allowed}.")
