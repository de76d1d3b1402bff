"""Can the figures that are claimed all be true?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.declared import declared_file, read_structured
from gonogo.evidence.record import Fact, Measurement
from gonogo.stats.feasibility import contradictions


class MetricClaims(Check):
    """Can the metrics that a file claims all be true of one model?

    The file that `file` names under `files`, read before anything is run: its map `metrics`, or the map that it is. A figure that was
    copied from another model or another task is often found by arithmetic alone; that a figure is right is found by measuring (`quality`).
    """

    name = "metric_claims"
    facts: ClassVar = {
        "claims": "figures in the file",
        "contradictions": "figures that cannot be, or not beside each other",
        "not_numbers": "entries that are no finite number",
    }
    options: ClassVar = {"file": "metadata", "classes": 2, "tolerance": 0.005}

    def measure(self, files: Mapping[str, Path]) -> Measurement:
        if self.chosen["classes"] < 2 or not 0 <= self.chosen["tolerance"] < 0.5:
            raise DataError("a claim needs two classes or more, and a tolerance like 0.005.")
        document = read_structured(declared_file(files, self.chosen["file"]))
        found = document.get("metrics", document) if isinstance(document, Mapping) else None
        if not isinstance(found, Mapping) or not found:
            raise DataError(f"the file {self.chosen['file']!r} claims no metrics.", hint="Write a map `metrics` of names to numbers.")
        numbers = {
            str(name): float(value) for name, value in found.items() if isinstance(value, int | float) and not isinstance(value, bool)
        }
        wrong = [str(name) for name in found if not math.isfinite(numbers.get(str(name), math.nan))]
        lines = contradictions(numbers, classes=self.chosen["classes"], tolerance=float(self.chosen["tolerance"]))
        return Measurement(
            {"claims": Fact(len(found)), "contradictions": Fact(len(lines)), "not_numbers": Fact(len(wrong))},
            (*lines, *(f"{name} is no finite number" for name in wrong)),
        )
