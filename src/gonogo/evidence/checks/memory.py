"""How much memory does the service take?"""

from __future__ import annotations

import json
from typing import ClassVar

from gonogo import settings
from gonogo.errors import DataError
from gonogo.evidence.asking import predict, predicted_scores, right_row
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, Endpoint
from gonogo.evidence.record import Fact, Measurement


class Memory(Check):
    """How much memory has the serving process held at most, after it has answered requests of one row and of many?

    The process is the one that serves the bundle in trial mode; its own memory only, as the system counts it (row S0-Bf, decision K17).
    """

    name = "memory"
    facts: ClassVar = {
        "peak_mb": "most memory that the serving process held, in 10^6 bytes",
        "rows": "rows of the larger request: as many as asked for, or as a body may hold",
    }
    options: ClassVar = {"batch": 1000}

    def measure(self, endpoint: Endpoint, bundle: BundleView) -> Measurement:
        row = right_row(bundle)
        most = max(1, min(self.chosen["batch"], settings.request_body(bundle.schema.width) // (len(json.dumps(row)) + 2) - 1))
        for rows in (1, most):
            try:
                predicted_scores(predict(endpoint, [row] * rows), bundle.schema.classes, rows)
            except ValueError as error:
                raise DataError(f"a request of {rows} rows got a wrong answer: {error}.") from error
        peak = endpoint.peak_memory_mb()
        if peak is None:
            raise DataError("this system does not say how much memory a process has held.", hint="Measure on Linux.")
        return Measurement({"peak_mb": Fact(peak, "MB"), "rows": Fact(most)}, isolation=endpoint.isolation)
