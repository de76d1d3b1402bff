"""The signals of the watch in PromQL, over what `/metrics` tells. One meaning in two places: promtool and the tests hold them together.

A signal becomes recording rules (`gonogo:NAME:WINDOW`, labelled with the system): its value, the number of samples, and, where there is
a law, whether such a value is beyond chance (1 or 0). What differs from the watch, by Prometheus' nature: `increase` extrapolates to the
ends of a window; a value that is missing ends an alert (the watch says UNKNOWN); a duration starts again when Prometheus was away;
chi-square is taken by Wilson and Hilferty's cube (within 3 % of the limit at 2 degrees of freedom, 1 % from 3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gonogo.base.catalogue import load
from gonogo.checklist.rules import RuleDeclaration
from gonogo.monitor.signals.latency import JUDGED as JUDGED_QUANTILE
from gonogo.monitor.signals.latency import QUANTILES
from gonogo.monitor.signals.psi_many import JUDGED as JUDGED_LEVEL
from gonogo.service.reference import SCORE

Z = 3.0902  #: the normal quantile of a chance of 1 in 1,000, the second key of every rule
STEP = "5s"  #: how often a state is sampled within a window
WEEK = "1w"


@dataclass(frozen=True)
class Series:
    """A signal over one window: names of the recorded value, number of samples, and sureness ("" where there is no law); the labels that
    tell its readings apart; and the records by name, in the order in which they are needed."""

    value: str
    n: str
    sure: str = ""
    by: tuple[str, ...] = ("release",)
    records: Mapping[str, str] = field(default_factory=dict)


class Writer:
    """Writes the signals of one system."""

    def __init__(self, system: str) -> None:
        self.system = system
        self.job = f"gonogo-{system}"

    def series(self, rule: RuleDeclaration) -> Series | None:
        """What a rule looks at, or None for a signal that /metrics does not tell enough of."""
        write = WRITERS.get(rule.signal)
        return None if write is None else write(self, rule, window_of(rule))

    def told(self, metric: str, **labels: str) -> str:
        """A family of /metrics, of this system."""
        return metric + matchers({"job": self.job, **labels})

    def recorded(self, name: str, **labels: str) -> str:
        return name + matchers({"system": self.system, **labels})

    def increase(self, metric: str, window: str, by: str = "release", **labels: str) -> str:
        return f"sum by ({by}) (increase({self.told(metric, **labels)}[{window}]))"

    # -- requests ----------------------------------------------------------------------------------------------------------------

    def share(self, name: str, window: str, part: str) -> Series:
        requests = f"gonogo:requests:{window}"
        value = f"gonogo:{name}:{window}"
        return Series(
            value,
            requests,
            records={
                requests: self.increase("gonogo_requests_total", window),
                value: f"{part} / ({self.recorded(requests)} > 0)",
            },
        )

    def latency(self, rule: RuleDeclaration, window: str) -> Series:
        quantile = rule.labels.get("quantile", JUDGED_QUANTILE)
        value, n = f"gonogo:latency_ms_{quantile}:{window}", f"gonogo:answered:{window}"
        buckets = self.increase("gonogo_request_seconds_bucket", window, "release, le")
        return Series(
            value,
            n,
            records={
                n: self.increase("gonogo_request_seconds_count", window),
                value: f"1000 * histogram_quantile({QUANTILES[quantile]}, {buckets}) and on (release) {self.recorded(n)} > 0",
            },
        )

    def volume(self, name: str, window: str) -> Series:
        seconds = window.removesuffix("s")
        live, expected = f"gonogo:volume:{window}", f"gonogo:volume_expected:{window}"
        value, sure = f"gonogo:{name}:{window}", f"gonogo:{name}_sure:{window}"
        requests = self.told("gonogo_requests_total")
        week, hours = f"sum(increase({requests}[1h] offset {WEEK}))", f"sum(increase({requests}[6h] offset {window}))"
        drop = name == "volume_drop"
        part = f"{self.recorded(live)} / {self.recorded(expected)}"
        gone = f"({self.recorded(expected)} - {self.recorded(live)})"
        return Series(
            value,
            expected,
            sure,
            (),
            {
                live: f"sum(increase({requests}[{window}]))",
                expected: f"({week} * {seconds} / 3600 or {hours} * {seconds} / 21600) > 0",
                value: f"clamp_min({f'1 - {part}' if drop else f'{part} - 1'}, 0)",
                sure: f"({gone if drop else f'(-{gone})'} / sqrt({self.recorded(expected)})) > bool {Z}",
            },
        )

    # -- bins --------------------------------------------------------------------------------------------------------------------

    def bins(self, window: str) -> dict[str, str]:
        """Live rows and those of the baseline by bin (those that are empty on both sides left out), and their numbers by feature."""
        live, before = f"gonogo:drift_rows:{window}", f"gonogo:baseline_rows:{window}"
        by = "release, feature, bin"
        now = f"sum by ({by}) (increase({self.told('gonogo_drift_rows_total')}[{window}]))"
        was = f"max by ({by}) ({self.told('gonogo_baseline_rows')})"
        # The two sides have the same labels, so that `and` and arithmetic match bin with bin.
        return {
            live: f"{now} and ({now} + {was}) > 0",
            before: f"{was} and ({now} + {was}) > 0",
            f"gonogo:drift_n:{window}": f"sum by (release, feature) ({self.recorded(live)})",
            f"gonogo:baseline_n:{window}": f"sum by (release, feature) ({self.recorded(before)})",
            f"gonogo:drift_bins:{window}": f"count by (release, feature) ({self.recorded(live)})",
        }

    def psi(self, window: str) -> Series:
        n, m, size = (self.recorded(f"gonogo:{name}:{window}") for name in ("drift_n", "baseline_n", "drift_bins"))
        p, q = f"gonogo:drift_share:{window}", f"gonogo:baseline_share:{window}"
        value, sure = f"gonogo:psi:{window}", f"gonogo:psi_sure:{window}"
        match = "on (release, feature) group_left ()"
        rows, before = self.recorded(f"gonogo:drift_rows:{window}"), self.recorded(f"gonogo:baseline_rows:{window}")
        ratio = f"({self.recorded(p)} - {self.recorded(q)}) * ln({self.recorded(p)} / {self.recorded(q)})"
        degrees = f"({size} - 1)"
        cube = f"(1 - 2 / (9 * {degrees}) + {Z} * sqrt(2 / (9 * {degrees})))"
        return Series(
            value,
            f"gonogo:drift_n:{window}",
            sure,
            ("release", "feature"),
            {
                **self.bins(window),
                p: f"({rows} + 0.5) / {match} ({n} + 0.5 * {size})",
                q: f"({before} + 0.5) / {match} ({m} + 0.5 * {size})",
                value: f"sum by (release, feature) ({ratio}) and ({n} > 0) and ({m} > 0)",
                sure: f"({self.recorded(value)} / (1 / {n} + 1 / {m})) > bool ({degrees} * {cube} * {cube} * {cube})",
            },
        )

    def psi_many(self, rule: RuleDeclaration, window: str) -> Series:
        level = rule.labels.get("level", f"{JUDGED_LEVEL:g}")
        psi = self.psi(window)
        value, n = f"gonogo:psi_many_{level.replace('.', '_')}:{window}", f"gonogo:psi_many_n:{window}"
        features = '{system="%s", feature!="%s"}' % (self.system, SCORE)  # noqa: UP031 - braces
        drifted = f"({psi.value}{features} > {level}) and ({psi.sure}{features} == 1)"
        return Series(
            value,
            n,
            records={
                **psi.records,
                n: f"min by (release) ({psi.n}{features})",
                value: f"count by (release) ({drifted}) or 0 * max by (release) ({psi.value}{features})",
            },
        )

    def rise(self, name: str, window: str, place: str) -> Series:
        """By how much the share of one bin rose above the baseline's."""
        bins = self.bins(window)
        n, m = self.recorded(f"gonogo:drift_n:{window}"), self.recorded(f"gonogo:baseline_n:{window}")
        by = "release, feature"
        k = f"(sum by ({by}) (increase({self.told('gonogo_drift_rows_total', bin=place)}[{window}])) and {n} > 0)"
        before = f"(max by ({by}) ({self.told('gonogo_baseline_rows', bin=place)}) and {m} > 0)"
        value, sure = f"gonogo:{name}:{window}", f"gonogo:{name}_sure:{window}"
        pooled = f"(({k} + {before}) / ({n} + {m}))"
        spread = f"sqrt({pooled} * (1 - {pooled}) * (1 / {n} + 1 / {m}))"
        return Series(
            value,
            f"gonogo:drift_n:{window}",
            sure,
            ("release", "feature"),
            {
                **bins,
                value: f"clamp_min({k} / {n} - {before} / {m}, 0) unless on (feature) "
                f'label_replace(vector(0), "feature", "{SCORE}", "", "")',
                sure: f"(({k} / {n} - {before} / {m}) / {spread}) > bool {Z}",
            },
        )

    # -- life --------------------------------------------------------------------------------------------------------------------

    def health(self, window: str) -> Series:
        value, n = f"gonogo:health:{window}", f"gonogo:health_n:{window}"
        ready = f"(max by (release) ({self.told('gonogo_processes', state='ready')}) > bool 0)[{window}:{STEP}]"
        return Series(value, n, records={n: f"count_over_time({ready})", value: f"1 - avg_over_time({ready})"})

    def unreachable(self, window: str) -> Series:
        value, n = f"gonogo:unreachable:{window}", f"gonogo:unreachable_n:{window}"
        seen = f"(max({self.told('up')}) or vector(0))[{window}:{STEP}]"
        return Series(value, n, by=(), records={n: f"count_over_time({seen})", value: f"1 - avg_over_time({seen})"})


def _requests(status: str) -> Callable[[Writer, RuleDeclaration, str], Series]:
    name = {"4xx": "client_error_share", "5xx": "server_error_share"}[status]
    return lambda writer, rule, window: writer.share(name, window, writer.increase("gonogo_requests_total", window, status=status))


#: A signal that is not here is watched by gonogo alone: /metrics does not tell what it needs.
WRITERS: Mapping[str, Callable[[Writer, RuleDeclaration, str], Series]] = {
    "client_error_share": _requests("4xx"),
    "error_rate": lambda writer, rule, window: writer.share("error_rate", window, writer.increase("gonogo_bad_answers_total", window)),
    "health": lambda writer, rule, window: writer.health(window),
    "latency": Writer.latency,
    "missing_rate": lambda writer, rule, window: writer.rise("missing_rate", window, "missing"),
    "new_categories": lambda writer, rule, window: writer.rise("new_categories", window, "other"),
    "psi": lambda writer, rule, window: writer.psi(window),
    "psi_many": Writer.psi_many,
    "server_error_share": _requests("5xx"),
    "unreachable": lambda writer, rule, window: writer.unreachable(window),
    "volume_drop": lambda writer, rule, window: writer.volume("volume_drop", window),
    "volume_spike": lambda writer, rule, window: writer.volume("volume_spike", window),
}


def window_of(rule: RuleDeclaration) -> str:
    """The rule's window or its signal's own, as Prometheus writes it."""
    return f"{rule.window_seconds or load('signals', rule.signal).window_seconds:.0f}s"


def matchers(labels: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'{name}="{quoted(value)}"' for name, value in labels.items()) + "}"


def quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
