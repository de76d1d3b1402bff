"""How fast does the service answer under load?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.record import Fact, Measurement, share_of

NUMBERS = ("requests", "concurrency", "errors", "p50_ms", "p95_ms", "p99_ms", "mean_ms", "max_ms", "throughput", "seconds")
LEVEL = 0.95  #: of the quantiles' intervals
SAME = 1e-6  #: answers to one row may differ by this much (decision U08)
AGAIN = "Run `gonogo loadtest` again."


class Load(Check):
    """Does the booted bundle answer many requests at once, quickly, without errors, and each row always the same?"""

    name = "load"
    facts: ClassVar = {
        "requests": "requests that were sent",
        "concurrency": "connections that sent at the same time",
        "errors": "requests without a right answer",
        "error_share": "share of such requests",
        "timeouts": "requests whose answer took too long",
        "p50": "half of the answers took no longer",
        "p95": "95 % of the answers took no longer",
        "p99": "99 % of the answers took no longer",
        "mean": "mean time of an answer",
        "max": "time of the slowest answer",
        "throughput": "answers a second",
        "seconds": "how long the test took",
        "memory_mb": "most memory that the serving process held, where the system says so",
        "consistent": "whether all answers to one row were equal within 1e-6; not there when no row was asked twice",
        "golden_wrong": "answers to golden requests with other scores than the bundle must give; not there when none was sent",
        "max_answer_difference": "largest difference of a score between two answers to one row",
    }

    def measure(self, load_result: Mapping[str, Any]) -> Measurement:
        values = {name: _number(load_result, name) for name in NUMBERS}
        requests, errors = int(values["requests"]), int(values["errors"])
        kinds = load_result.get("error_kinds")
        if requests < 1 or not 0 <= errors <= requests:
            raise DataError(f"the load test says {errors} errors in {requests} requests.", hint=AGAIN)
        if not isinstance(kinds, Mapping):
            raise DataError("the load test does not say of what kind the errors are.", hint=AGAIN)
        if not 0 < values["p50_ms"] <= values["p95_ms"] <= values["p99_ms"] <= values["max_ms"]:
            raise DataError("the latencies of the load test are not in order.", hint=AGAIN)
        bounds = {f"p{p}": _interval(load_result, f"p{p}_ms") for p in (50, 95, 99)}
        return Measurement(
            {
                "requests": Fact(requests),
                "concurrency": Fact(int(values["concurrency"])),
                "errors": Fact(errors, n=requests),
                "error_share": share_of(errors, requests),
                "timeouts": Fact(int(_number(kinds, "late")) if "late" in kinds else 0, n=requests),
                **{
                    name: Fact(values[f"{name}_ms"], "ms", n=requests, **bounds.get(name, {}))
                    for name in ("p50", "p95", "p99", "mean", "max")
                },
                "throughput": Fact(values["throughput"], "requests/s"),
                "seconds": Fact(values["seconds"], "s"),
                **({} if load_result.get("memory_mb") is None else {"memory_mb": Fact(_number(load_result, "memory_mb"), "MB")}),
                **_consistency(load_result),
                **_golden(load_result),
            },
            tuple(f"{kind}: {count}" for kind, count in kinds.items()),
            pictures={"latency": _picture(load_result, values)},
        )


def _consistency(result: Mapping[str, Any]) -> dict[str, Fact]:
    if result.get("max_answer_difference") is None:
        return {}
    compared = int(_number(result, "answers_compared"))
    apart = math.inf if result["max_answer_difference"] == "inf" else _number(result, "max_answer_difference")
    if compared < 1:
        raise DataError("the load test compared no answers.", hint=AGAIN)
    return {"consistent": Fact(apart <= SAME, n=compared), "max_answer_difference": Fact(apart, n=compared)}


def _interval(result: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Both ends of a quantile's interval, where so many requests bound it; a load test of before has none."""
    ends = (result.get("intervals") or {}).get(name) or (None, None)
    if None in ends:
        return {}
    low, high = (_number({name: end}, name) for end in ends)
    return {"low": low, "high": high, "level": LEVEL}


def _golden(result: Mapping[str, Any]) -> dict[str, Fact]:
    checked = int(_number(result, "golden_checked")) if "golden_checked" in result else 0
    return {"golden_wrong": Fact(int(_number(result, "golden_wrong")), n=checked)} if checked else {}


def _picture(result: Mapping[str, Any], values: Mapping[str, float]) -> dict[str, Any]:
    if result.get("curve"):
        return {"kind": "percentiles", "series": {"this bundle": result["curve"]}}
    return {"kind": "latency", "quantiles": [{"p": p, "ms": values[f"p{p}_ms"]} for p in (50, 95, 99)]}


def _number(result: Mapping[str, Any], name: str) -> float:
    value = result.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise DataError(f"the load test has no usable {name}: {value!r}.", hint=AGAIN)
    return float(value)
