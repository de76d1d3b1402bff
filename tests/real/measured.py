"""What a measurement found, as tests ask for it."""

from __future__ import annotations

from typing import Any

from gonogo.evidence.record import Measurement


def values(measurement: Measurement) -> dict[str, Any]:
    """The values of its facts, by name."""
    return {name: fact.value for name, fact in measurement.facts.items()}
