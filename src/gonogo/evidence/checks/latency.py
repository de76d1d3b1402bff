"""How long does one client wait for one answer?"""

from __future__ import annotations

import time
from typing import ClassVar

import numpy as np

from gonogo.errors import DataError
from gonogo.evidence.asking import predict, predicted_scores, right_row
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, Endpoint
from gonogo.evidence.record import Fact, Measurement

WARM_UP = 20  #: requests that are not counted


class Latency(Check):
    """How long does a single client wait for one prediction, and for many in one request, when the service is warm?

    `samples` requests, one after the other, each on a connection of its own, as the client sees them; the time of a request of `batch`
    rows is that of the whole request. A wrong answer is an error: how fast it came says nothing.
    """

    name = "latency"
    facts: ClassVar = {
        "p50": "half of the answers took no longer",
        "p95": "95 % of the answers took no longer",
        "p99": "99 % of the answers took no longer",
        "mean": "mean time of an answer",
        "batch": "rows of a request with many",
        "batch_mean": "mean time of the answer to such a request",
    }
    options: ClassVar = {"samples": 200, "batch": 100}

    def measure(self, endpoint: Endpoint, bundle: BundleView) -> Measurement:
        samples, batch = self.chosen["samples"], self.chosen["batch"]
        if samples < 100 or not 1 <= batch <= 1000:
            raise DataError("the 99th percentile needs at least 100 samples, and a batch has 1 to 1000 rows.")
        single = _times(endpoint, bundle, 1, samples)
        many = _times(endpoint, bundle, batch, max(samples // 10, 10))
        quantiles = {f"p{p}": float(np.quantile(single, p / 100, method="inverted_cdf")) for p in (50, 95, 99)}
        return Measurement(
            {
                **{name: Fact(value, "ms", n=samples) for name, value in quantiles.items()},
                "mean": Fact(float(np.mean(single)), "ms", n=samples),
                "batch": Fact(batch),
                "batch_mean": Fact(float(np.mean(many)), "ms", n=len(many)),
            },
            isolation=endpoint.isolation,
        )


def _times(endpoint: Endpoint, bundle: BundleView, rows: int, samples: int) -> list[float]:
    """Milliseconds of each request after the warm-up. Raises DataError for an answer that is none."""
    asked = [right_row(bundle)] * rows
    times = []
    for number in range(WARM_UP + samples):
        started = time.perf_counter()
        response = predict(endpoint, asked)
        waited = time.perf_counter() - started
        try:
            predicted_scores(response, bundle.schema.classes, rows)
        except ValueError as error:
            raise DataError(f"a request of {rows} rows got a wrong answer: {error}.") from error
        if number >= WARM_UP:
            times.append(waited * 1000)
    return times
