"""Is there room to write down what happens?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.record import Fact, Measurement


class Room(Check):
    """How much room is left on the disk of the store, and how much does the store take?"""

    name = "room"
    facts: ClassVar = {
        "free_mb": "what is free for us, in 10^6 bytes",
        "free_share": "that, as a share of the disk",
        "store_mb": "what the store takes, in 10^6 bytes",
    }

    def measure(self, host: Mapping[str, Any]) -> Measurement:
        size, free = host["disk_bytes"], host["free_bytes"]
        if not size > 0:
            raise DataError("the disk does not say how large it is.")
        return Measurement(
            {"free_mb": Fact(free / 1e6, "MB"), "free_share": Fact(free / size), "store_mb": Fact(host["store_bytes"] / 1e6, "MB")}
        )
