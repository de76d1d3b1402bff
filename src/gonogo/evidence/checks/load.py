"""How fast does the service answer under load?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.record import Fact, Measurement

NUMBERS = ("requests", "concurrency", "errors", "p50_ms", "p95_ms", "p99_ms", "throughput", "seconds")


class Load(Check):
    """Does the booted bundle answer many requests at once, quickly and without errors?"""

    name = "load"
    facts: ClassVar = {
        "requests": "requests that were sent",
        "concurrency": "connections that sent at the same time",
        "errors": "requests without a right answer",
        "error_share": "share of such requests",
        "p50": "half of the answers took no longer",
        "p95": "95 % of the answers took no longer",
        "p99": "99 % of the answers took no longer",
        "throughput": "answers a second",
        "seconds": "how long the test took",
    }

    def measure(self, load_result: Mapping[str, Any]) -> Measurement:
        values = {name: _number(load_result, name) for name in NUMBERS}
        requests, errors = int(values["requests"]), int(values["errors"])
        if requests < 1 or not 0 <= errors <= requests:
            raise DataError(f"the load test says {errors} errors in {requests} requests.", hint="Run `gonogo loadtest` again.")
        if not 0 < values["p50_ms"] <= values["p95_ms"] <= values["p99_ms"]:
            raise DataError("the latencies of the load test are not in order.", hint="Run `gonogo loadtest` again.")
        kinds = load_result.get("error_kinds")
        quantiles = [{"p": p, "ms": values[f"p{p}_ms"]} for p in (50, 95, 99)]
        return Measurement(
            {
                "requests": Fact(requests),
                "concurrency": Fact(int(values["concurrency"])),
                "errors": Fact(errors, n=requests),
                "error_share": Fact(errors / requests, n=requests),
                "p50": Fact(values["p50_ms"], "ms", n=requests),
                "p95": Fact(values["p95_ms"], "ms", n=requests),
                "p99": Fact(values["p99_ms"], "ms", n=requests),
                "throughput": Fact(values["throughput"], "requests/s"),
                "seconds": Fact(values["seconds"], "s"),
            },
            tuple(f"{kind}: {count}" for kind, count in kinds.items()) if isinstance(kinds, Mapping) else (),
            pictures={"latency": {"kind": "latency", "quantiles": quantiles}},
        )


def _number(result: Mapping[str, Any], name: str) -> float:
    value = result.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise DataError(f"the load test has no usable {name}: {value!r}.", hint="Run `gonogo loadtest` again.")
    return float(value)
