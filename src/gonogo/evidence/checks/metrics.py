"""Can Prometheus read the service, and does it count requests?"""

from __future__ import annotations

import time
from typing import ClassVar

from gonogo.evidence.asking import JSON
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import Endpoint
from gonogo.evidence.prometheus import Exposition, read_exposition
from gonogo.evidence.record import Fact, Measurement

PATIENCE = 5.0  #: s; services gather counters from their processes every now and then


class Metrics(Check):
    """Does GET /metrics give well-formed Prometheus text, and does a request make a counter grow?"""

    name = "metrics"
    facts: ClassVar = {
        "status": "HTTP status of GET /metrics",
        "families": "metric families with samples",
        "malformed": "places that are not in the text exposition format 0.0.4, a wrong content type among them",
        "counters": "families that are counters",
        "histograms": "families that are histograms",
        "counted": "counters that grew after a request to /predict",
    }

    def measure(self, endpoint: Endpoint) -> Measurement:
        status, before, problems = _scrape(endpoint)
        endpoint.request("POST", "/predict", b'{"features": {}}', JSON)
        deadline = time.monotonic() + PATIENCE
        after = _scrape(endpoint)[1]
        while not _grown(before, after) and before.families and time.monotonic() < deadline:
            time.sleep(0.1)
            after = _scrape(endpoint)[1]
        kinds = [after.types[name] for name in after.families]  # after: a service that nobody has asked has nothing to tell
        return Measurement(
            {
                "status": Fact(status),
                "families": Fact(len(after.families)),
                "malformed": Fact(len(problems)),
                "counters": Fact(kinds.count("counter")),
                "histograms": Fact(kinds.count("histogram")),
                "counted": Fact(len(_grown(before, after))),
            },
            tuple(problems),
            isolation=endpoint.isolation,
        )


def _scrape(endpoint: Endpoint) -> tuple[int, Exposition, list[str]]:
    response = endpoint.request("GET", "/metrics")
    problems = []
    try:
        text = response.body.decode("utf-8")
    except UnicodeDecodeError:
        text = response.body.decode("utf-8", "replace")
        problems.append("the answer is not UTF-8")
    content_type = response.headers.get("content-type", "")
    if not content_type.startswith("text/plain"):
        problems.append(f"the content type is {content_type[:80]!r}, not text/plain")
    found = read_exposition(text)
    return response.status, found, problems + found.problems


def _grown(before: Exposition, after: Exposition) -> list[str]:
    counters = [name for name in after.families if after.types[name] == "counter"]
    return [name for name in counters if after.total(name) > (before.total(name) if name in before.samples else 0.0)]
