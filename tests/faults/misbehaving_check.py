"""A gate of two items: a check that misbehaves as the first argument says, and one that does not. Prints both outcomes alone."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any, ClassVar

from gonogo.base import catalogue
from gonogo.base.clock import SystemClock
from gonogo.checklist.items import Checklist, Item
from gonogo.evidence.check import Check
from gonogo.evidence.collect import collect
from gonogo.evidence.memory import MemoryInputs
from gonogo.evidence.record import Fact, Measurement


class Misbehaving(Check):
    """What does a check do that was written in a hurry?"""

    name = "misbehaving"
    facts: ClassVar = {"x": "a number"}
    options: ClassVar = {"how": ""}

    def measure(self, test: Any) -> Measurement:
        how = self.chosen["how"]
        if how == "prints":
            print("noise")
            os.write(1, b"noise\n")
            os.system("echo noise")
        elif how == "forks":
            os.fork()
        elif how == "hangs":
            while True:
                try:
                    time.sleep(60)
                except Exception:
                    continue
        elif how == "takes all memory":
            bytearray(9 << 30)
        elif how == "exits":
            sys.exit(0)
        return Measurement({"x": Fact(1)})


if __name__ == "__main__":
    sys.modules["misbehaving_check"] = sys.modules["__main__"]
    catalogue.CATALOGUE["checks"]["misbehaving"] = "misbehaving_check:Misbehaving"
    items = [Item(name, "s", name, check="misbehaving", options={"how": how}) for name, how in (("bad", sys.argv[1]), ("good", ""))]
    found = collect(Checklist("c", "C", "1", "2026-01-01", tuple(items)), MemoryInputs(test=1), clock=SystemClock(), previous={})
    print(json.dumps({name: [evidence.status, evidence.message] for name, evidence in found.items()}))
