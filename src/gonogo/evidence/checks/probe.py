"""Does the service that is live answer as it should?"""

from __future__ import annotations

import time
from typing import ClassVar

from gonogo.evidence.asking import JSON, json_object, predict, right_row
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, Endpoint
from gonogo.evidence.record import Fact, Measurement

WRONG = b'{"features": {}}'


class Probe(Check):
    """Does the service say that it is well, serve the very bytes of the release, answer in time, and refuse a request without features?

    A handful of requests, so that it can be asked of a service that is live: one after the other, each on a connection of its own.
    """

    name = "probe"
    facts: ClassVar = {
        "healthy": "whether GET /health says so",
        "model_loaded": "whether it says that the model is loaded",
        "release_match": "whether GET /model_info names the digest of the release",
        "answered": "predictions that were answered with status 200, of `requests` asked for",
        "requests": "predictions asked for",
        "slowest": "the longest time of such an answer",
        "wrong_refused": "whether a request without features is refused as the caller's mistake",
    }
    options: ClassVar = {"requests": 5}

    def measure(self, endpoint: Endpoint, bundle: BundleView) -> Measurement:
        health = endpoint.request("GET", "/health")
        said = json_object(health)
        healthy = health.status == 200 and said.get("status") == "healthy"
        info = json_object(endpoint.request("GET", "/model_info"))
        row, times, statuses = right_row(bundle), [], []
        for _ in range(max(1, self.chosen["requests"])):
            started = time.perf_counter()
            statuses.append(predict(endpoint, [row]).status)
            times.append(1000 * (time.perf_counter() - started))
        wrong = endpoint.request("POST", "/predict", WRONG, JSON).status
        match, refused = info.get("digest") == bundle.digest, 400 <= wrong < 500
        findings = [] if healthy else [f"GET /health: {health.status} {health.body[:200].decode('utf-8', 'replace')}"]
        findings += [] if match else [f"GET /model_info names {str(info.get('digest'))[:80]}, not {bundle.digest}"]
        findings += [f"a right request was answered {status}" for status in statuses if status != 200]
        findings += [] if refused else [f"a request without features was answered {wrong}"]
        return Measurement(
            {
                "healthy": Fact(healthy),
                "model_loaded": Fact(healthy and said.get("model_loaded") is True),
                "release_match": Fact(match),
                "answered": Fact(statuses.count(200)),
                "requests": Fact(len(statuses)),
                "slowest": Fact(max(times), "ms", n=len(times)),
                "wrong_refused": Fact(refused),
            },
            tuple(findings),
            isolation=endpoint.isolation,
        )
