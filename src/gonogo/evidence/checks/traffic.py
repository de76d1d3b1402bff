"""How did the service do in this period?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, ClassVar

import numpy as np

from gonogo.base.clock import parse_stamp
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.record import Fact, Measurement, share_of
from gonogo.stats.trend import mann_kendall, theil_sen

QUANTILES = ("p50", "p95", "p99")
FEWEST_STEPS = 10


class Traffic(Check):
    """How many predictions of the release in production were asked for in the period, how many failed, how long did they take, and how
    much of the period was seen at all?

    Shares and quantiles are of the whole period: of sums of counts, never averages of averages. A spike of errors is a share of faults
    above `spike_floor` and above `spike_times` that of the time before the period (decision U11).
    """

    name = "traffic"
    facts: ClassVar = {
        "seen_share": "share of the period in which somebody watched",
        "unwell_share": "share of the looks at which it did not answer or was not well",
        "requests": "requests",
        "error_share": "share of them that went wrong by the service's fault; missing without requests",
        "usual_error_share": "that share before the period, as far back as `before` says; missing when there was nothing",
        "error_spike": "whether the share of faults is a spike; missing without requests",
        "client_error_share": "share of requests that callers had sent wrongly; missing without requests",
        "p50": "half of the answers took no longer; missing without requests",
        "p95": "95 % of the answers took no longer; missing without requests",
        "p99": "99 % of the answers took no longer; missing without requests",
        "p95_rise": "how much the P95 has risen over the period, as a share of its middle; missing without ten steps with requests",
        "p95_rise_z": "z of Mann and Kendall's test of that rise",
    }
    options: ClassVar = {"spike_floor": 0.005, "spike_times": 3.0}

    def measure(self, passed: Mapping[str, Any]) -> Measurement:
        total, before, seconds, looks = passed["total"], passed["before"], passed["seconds"], passed["looks"]
        if not seconds > 0 or not looks:
            raise DataError("nobody looked at the service in this period.", hint="The service watches itself: gonogo serve.")
        facts = {
            "seen_share": Fact(min(1.0, passed["seen_seconds"] / seconds)),
            "unwell_share": share_of(passed["unwell"], looks),
            "requests": Fact(total["n"]),
        }
        if total["n"]:
            facts |= self._of_requests(total, before) | _trend(passed["series"])
        findings = [f"{total['n']:,} requests of {passed['release']} from {passed['since']} to {passed['until']}"]
        return Measurement(facts, tuple(findings), _pictures(passed))

    def _of_requests(self, total: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Fact]:
        n, share = total["n"], total["bad"] / total["n"]
        usual = before["bad"] / before["n"] if before["n"] else None
        # Without a past the floor alone decides.
        spike = share > self.chosen["spike_floor"] and (usual is None or share > self.chosen["spike_times"] * usual)
        facts = {
            "error_share": share_of(total["bad"], n),
            "error_spike": Fact(spike),
            "client_error_share": share_of(total["client_errors"], n),
        }
        if usual is not None:
            facts["usual_error_share"] = Fact(usual, n=before["n"])
        for name in QUANTILES:
            if (quantile := total["latency"].get(name)) is not None:
                high = float("inf") if quantile["high"] is None else quantile["high"]  # too few answers to bound it
                facts[name] = Fact(quantile["ms"], "ms", n=quantile["n"], low=quantile["low"], high=high, level=0.95)
        return facts


def _trend(series: list[Mapping[str, Any]]) -> dict[str, Fact]:
    """The slope of the P95 by the median of all slopes between two steps (Theil and Sen), over the whole period."""
    times = [parse_stamp(one["time"]).timestamp() for one in series if one["p95"] is not None]
    values = [one["p95"] for one in series if one["p95"] is not None]
    if len(values) < FEWEST_STEPS:
        return {}
    rise = theil_sen(times, values) * (times[-1] - times[0])
    middle = float(np.median(values)) or 1.0
    return {"p95_rise": Fact(rise / middle, n=len(values)), "p95_rise_z": Fact(mann_kendall(values), n=len(values))}


def _pictures(passed: Mapping[str, Any]) -> dict[str, Any]:
    """What happened, step by step. A step without requests has no latency and no share of faults."""
    series = passed["series"]
    if len(series) < 2:
        return {}

    def picture(title: str, unit: str, lines: Mapping[str, Callable[[Mapping[str, Any]], float | None]]) -> dict[str, Any]:
        points = {name: [{"time": one["time"], "value": value(one), "n": one["n"]} for one in series] for name, value in lines.items()}
        return {"kind": "series", "title": title, "unit": unit, "since": passed["since"], "until": passed["until"], "lines": points}

    return {
        "requests": picture("Requests", "", {"requests": itemgetter("n")}),
        "latency": picture("Latency", "ms", {name: itemgetter(name) for name in QUANTILES}),
        "faults": picture("Share of faults", "", {"faults": lambda one: one["bad"] / one["n"] if one["n"] else None}),
    }
