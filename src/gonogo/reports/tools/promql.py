"""The signals of the watch in PromQL, over what `/metrics` tells. One meaning in two places: the tests hold them together.

A signal becomes recording rules (`gonogo:NAME:WINDOW`, labelled with the system): its value, the number of samples, and, where there is a
law, whether such a value is beyond chance (1 or 0). All records carry the same labels and the system, so that they match each other
without a list of labels; what is raw is summed up by the labels that are meant first.

Counts are differences of samples, whole numbers, where `increase` would extrapolate each series on its own and bend the shares; only where
a counter began anew in the window is it `increase`. What differs from the watch, by Prometheus' nature: what came before the first sample
of a window is not in it; a value that is missing ends an alert (the watch says UNKNOWN); a duration starts again when Prometheus was away;
chi-square is taken by Wilson and Hilferty's cube (within 3 % of the limit at 2 degrees of freedom, 1 % from 3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gonogo.monitor.signals.latency import JUDGED as JUDGED_QUANTILE
from gonogo.monitor.signals.latency import QUANTILES
from gonogo.monitor.signals.psi_many import JUDGED, LEVELS
from gonogo.service.reference import SCORE

Z, Z_BOTH = 3.0902, 3.2905  #: the normal quantiles of a chance of 1 in 1,000, on one side and on both: the second key of every rule
FEATURES = {"feature!": SCORE}
REQUESTS, SCORES = ("requests", "gonogo_requests_total"), ("scores", "gonogo_scores_total")


@dataclass(frozen=True)
class Series:
    """A signal over one window: names of the recorded value, number of samples, and sureness ("" where there is no law); the labels that
    tell its readings apart, and those that are the same for all of them; the records by name, in the order in which they are needed; and
    whether it is gonogo's watch that measures it, of releases in service only."""

    value: str
    n: str
    sure: str = ""
    by: tuple[str, ...] = ("release",)
    labels: Mapping[str, str] = field(default_factory=dict)
    records: Mapping[str, str] = field(default_factory=dict)
    watched: bool = False


class Writer:
    """Writes the signals of one system, which Prometheus looks at every `every` seconds."""

    def __init__(self, system: str, every: int) -> None:
        self.system, self.every = system, every

    def series(self, signal: str, window: float, labels: Mapping[str, str]) -> Series | None:
        """None for labels that the signal's readings do not have here."""
        write, over = WRITERS.get(signal), f"{window:.0f}s"
        found = self.watched(signal, over, labels) if write is None else write(self, over, labels)
        return found if found is not None and {*found.by, *found.labels} >= labels.keys() else None

    def told(self, metric: str, **labels: str) -> str:
        """A family of /metrics, of this system."""
        return metric + matchers({"job": job(self.system), **labels})

    def recorded(self, name: str, /, labels: Mapping[str, str] | None = None) -> str:
        return name + matchers({"system": self.system, **(labels or {})})

    def grown(self, metric: str, window: str, by: str = "release", **labels: str) -> str:
        """By how much a counter grew, summed up."""
        one = self.told(metric, **labels)
        over = f"{one}[{window}]"
        return f"sum by ({by}) ((({one} - min_over_time({over})) unless resets({over}) > 0) or increase({over}))"

    # -- requests ----------------------------------------------------------------------------------------------------------------

    def share(self, name: str, window: str, part: str, whole: tuple[str, str] = REQUESTS, **labels: str) -> Series:
        """The share of one counter in another."""
        of, value = f"gonogo:{whole[0]}:{window}", f"gonogo:{name}:{window}"
        rows = f"gonogo:{name}_count:{window}"
        records = {
            of: self.grown(whole[1], window),
            rows: self.grown(part, window, **labels),
            value: f"{self.recorded(rows)} / ({self.recorded(of)} > 0)",
        }
        return Series(value, of, records=records)

    def latency(self, window: str, labels: Mapping[str, str]) -> Series | None:
        quantile = labels.get("quantile", JUDGED_QUANTILE)
        if quantile not in QUANTILES:
            return None
        value, n, buckets = f"gonogo:latency_ms_{quantile}:{window}", f"gonogo:answered:{window}", f"gonogo:latency_buckets:{window}"
        records = {
            n: self.grown("gonogo_request_seconds_count", window),
            buckets: self.grown("gonogo_request_seconds_bucket", window, "release, le"),
            value: f"1000 * histogram_quantile({QUANTILES[quantile]}, {self.recorded(buckets)}) and {self.recorded(n)} > 0",
        }
        return Series(value, n, labels={"quantile": quantile}, records=records)

    def volume(self, name: str, window: str) -> Series:
        """Against the same time of the week in the last four weeks, else the last 24 hours; per second that was seen, as the watch does."""
        live, value, sure = f"gonogo:volume:{window}", f"gonogo:{name}:{window}", f"gonogo:{name}_sure:{window}"
        expected, usual = f"gonogo:volume_expected:{window}", f"gonogo:volume_usual:{window}"
        seconds = int(window.removesuffix("s"))

        def counted(span: str, offset: str) -> tuple[str, str]:
            requests, up = self.told("gonogo_requests_total"), self.told("up")
            return f"sum(increase({requests}[{span}] offset {offset}))", f"max(sum_over_time({up}[{span}] offset {offset}))"

        weeks = [counted("1h", f"{7 * week * 24 * 60 - 30}m") for week in (1, 2, 3, 4)]
        requests, looks = (" + ".join(f"({each[place]} or vector(0))" for each in weeks) for place in (0, 1))
        day, day_looks = counted("24h", window)
        least = 4 * seconds // self.every
        rate = f"({requests}) / (({looks}) >= {least}) or {day} / ({day_looks} >= {least})"
        part = f"{self.recorded(live)} / {self.recorded(expected)}"
        gone = f"({self.recorded(expected)} - {self.recorded(live)})"
        drop = name == "volume_drop"
        records = {
            live: f"sum(increase({self.told('gonogo_requests_total')}[{window}]))",
            usual: f"({rate}) / {self.every}",
            expected: f"{self.recorded(usual)} * {seconds} > 0",
            value: f"clamp_min({f'1 - {part}' if drop else f'{part} - 1'}, 0)",
            sure: f"({gone if drop else f'(-{gone})'} / sqrt({self.recorded(expected)})) > bool {Z}",
        }
        return Series(value, expected, sure, (), records=records)

    # -- bins --------------------------------------------------------------------------------------------------------------------

    def bins(self, window: str) -> dict[str, str]:
        """Live rows and those of the baseline by bin, their numbers by feature, and how many bins are not empty on both sides."""
        rows, before = f"gonogo:drift_rows:{window}", "gonogo:baseline_rows"
        by = "system, release, feature"
        return {
            before: f"max by (release, feature, bin) ({self.told('gonogo_baseline_rows')})",
            "gonogo:baseline_n": f"sum by ({by}) ({self.recorded(before)})",
            rows: self.grown("gonogo_drift_rows_total", window, "release, feature, bin"),
            f"gonogo:drift_n:{window}": f"sum by ({by}) ({self.recorded(rows)})",
            f"gonogo:drift_bins:{window}": f"count by ({by}) ({self.recorded(rows)} + {self.recorded(before)} > 0)",
        }

    def psi(self, window: str) -> Series:
        n, m, size = (self.recorded(name) for name in (f"gonogo:drift_n:{window}", "gonogo:baseline_n", f"gonogo:drift_bins:{window}"))
        rows, before = self.recorded(f"gonogo:drift_rows:{window}"), self.recorded("gonogo:baseline_rows")
        p, q = f"gonogo:drift_share:{window}", f"gonogo:baseline_share:{window}"
        value, sure = f"gonogo:psi:{window}", f"gonogo:psi_sure:{window}"
        each = "on (system, release, feature) group_left ()"
        used = f"and ({rows} + {before} > 0)"
        ratio = f"({self.recorded(p)} - {self.recorded(q)}) * ln({self.recorded(p)} / {self.recorded(q)})"
        degrees = f"({size} - 1)"
        cube = f"(1 - 2 / (9 * {degrees}) + {Z} * sqrt(2 / (9 * {degrees})))"
        records = {
            **self.bins(window),
            p: f"({rows} + 0.5) / {each} ({n} + 0.5 * {size}) {used}",
            q: f"({before} + 0.5) / {each} ({m} + 0.5 * {size}) {used}",
            value: f"sum by (system, release, feature) ({ratio}) and {n} > 0 and {m} > 0",
            sure: f"({self.recorded(value)} / (1 / {n} + 1 / {m})) > bool ({degrees} * {cube} * {cube} * {cube})",
        }
        return Series(value, f"gonogo:drift_n:{window}", sure, ("release", "feature"), records=records)

    def psi_many(self, window: str, labels: Mapping[str, str]) -> Series | None:
        level = labels.get("level", f"{JUDGED:g}")
        if level not in {f"{each:g}" for each in LEVELS}:
            return None
        psi = self.psi(window)
        value, n = f"gonogo:psi_many_{level.replace('.', '_')}:{window}", f"gonogo:psi_many_n:{window}"
        of = self.recorded(psi.value, FEATURES)
        drifted = f"{of} > {level} and {self.recorded(psi.sure, FEATURES)} == 1"
        records = {
            **psi.records,
            n: f"min by (system, release) ({self.recorded(psi.n, FEATURES)})",
            value: f"count by (system, release) ({drifted}) or 0 * max by (system, release) ({of})",
        }
        return Series(value, n, labels={"level": level}, records=records)

    def rise(self, name: str, window: str, rows: Mapping[str, str], before: str) -> Series:
        """By how much a part of a feature's rows rose above the baseline's; `rows` are the records that count it, the last one of them the
        part, `before` the part in the baseline."""
        part, of = self.recorded([*rows][-1]), self.recorded(before)
        n, m = self.recorded(f"gonogo:drift_n:{window}"), self.recorded("gonogo:baseline_n")
        value, sure = f"gonogo:{name}:{window}", f"gonogo:{name}_sure:{window}"
        pooled = f"(({part} + {of}) / ({n} + {m}))"
        risen = f"({part} / {n} - {of} / {m})"
        records = {
            **self.bins(window),
            **rows,
            value: f"clamp_min({risen}, 0) and {n} > 0 and {m} > 0",
            sure: f"({risen} / sqrt({pooled} * (1 - {pooled}) * (1 / {n} + 1 / {m}))) > bool {Z}",
        }
        return Series(value, f"gonogo:drift_n:{window}", sure, ("release", "feature"), records=records)

    def rise_of_bin(self, name: str, window: str, place: str) -> Series:
        def of(record: str) -> str:
            return f"sum by (system, release, feature) ({self.recorded(record, {'bin': place, **FEATURES})})"

        before = f"gonogo:baseline_{place}_rows"
        rows = {before: of("gonogo:baseline_rows"), f"gonogo:{place}_rows:{window}": of(f"gonogo:drift_rows:{window}")}
        return self.rise(name, window, rows, before)

    def out_of_range(self, window: str) -> Series:
        before, rows = "gonogo:baseline_out_of_range_rows", f"gonogo:out_of_range_rows:{window}"
        records = {
            before: f"max by (release, feature) ({self.told('gonogo_baseline_out_of_range_rows')})",
            rows: self.grown("gonogo_out_of_range_rows_total", window, "release, feature"),
        }
        return self.rise("out_of_range", window, records, before)

    # -- scores ------------------------------------------------------------------------------------------------------------------

    def moments(self, window: str) -> dict[str, str]:
        """Of live scores and of the baseline's: number, mean, variance, fourth moment about the mean."""
        n, sums, mean, variance = (f"gonogo:{name}:{window}" for name in ("scores", "score_power_sum", "score_mean", "score_variance"))
        baseline = {
            f"gonogo:{name}": f"max by (release) ({self.told(f'gonogo_{name}')})"
            for name in ("baseline_scores", "baseline_score_mean", "baseline_score_variance", "baseline_score_fourth_moment")
        }

        def power(number: int) -> str:
            return f"(sum by (system, release) ({self.recorded(sums, {'power': str(number)})}) / ({self.recorded(n)} > 0))"

        m = self.recorded(mean)
        return {
            **baseline,
            n: f"{self.grown('gonogo_scores_total', window)} unless {self.grown('gonogo_scores_lost_total', window)} > 0",
            sums: self.grown("gonogo_score_power_sum_total", window, "release, power"),
            mean: power(1),
            variance: f"clamp_min({power(2)} - {m} ^ 2, 0)",
            f"gonogo:score_fourth_moment:{window}": f"{power(4)} - 4 * {m} * {power(3)} + 6 * {m} ^ 2 * {power(2)} - 3 * {m} ^ 4",
        }

    def score_mean_shift(self, window: str) -> Series:
        n, mean, variance = (self.recorded(f"gonogo:{name}:{window}") for name in ("scores", "score_mean", "score_variance"))
        m, before, spread = (self.recorded(f"gonogo:baseline_{name}") for name in ("scores", "score_mean", "score_variance"))
        value, sure = f"gonogo:score_mean_shift:{window}", f"gonogo:score_mean_shift_sure:{window}"
        records = {
            **self.moments(window),
            value: f"abs({mean} - {before})",
            sure: f"({self.recorded(value)} / sqrt({variance} / {n} + {spread} / {m})) > bool {Z_BOTH}",
        }
        return Series(value, f"gonogo:scores:{window}", sure, records=records)

    def score_variance_growth(self, window: str) -> Series:
        n, variance, fourth = (self.recorded(f"gonogo:{name}:{window}") for name in ("scores", "score_variance", "score_fourth_moment"))
        m, before, fourth_before = (
            self.recorded(f"gonogo:baseline_{name}") for name in ("scores", "score_variance", "score_fourth_moment")
        )
        value, sure = f"gonogo:score_variance_growth:{window}", f"gonogo:score_variance_growth_sure:{window}"
        error = f"sqrt(clamp_min({fourth} - {variance} ^ 2, 0) / {n} + clamp_min({fourth_before} - {before} ^ 2, 0) / {m})"
        records = {
            **self.moments(window),
            value: f"clamp_min({variance} / ({before} > 0) - 1, 0)",
            sure: f"(({variance} - {before}) / {error}) > bool {Z}",
        }
        return Series(value, f"gonogo:scores:{window}", sure, records=records)

    # -- what the watch says --------------------------------------------------------------------------------------------------------

    def watched(self, signal: str, window: str, labels: Mapping[str, str]) -> Series:
        """Passed on from the watch. Without labels a rule means what is judged without being named."""
        told = {"signal": signal, "window": window, **({} if labels else {"judged": "yes"})}
        kind = "_any" if labels else ""
        value, n, sure = (f"gonogo:{signal}{kind}{part}:{window}" for part in ("", "_n", "_sure"))

        def last(metric: str, condition: str = "") -> str:
            return f"max without (job, instance, signal, window, judged) ({self.told(metric, **told)}{condition})"

        records = {
            value: last("gonogo_signal"),
            n: last("gonogo_signal_samples"),
            sure: f"{last('gonogo_signal_chance', ' < bool 0.001')} or 0 * {last('gonogo_signal')} + 1",
        }
        return Series(value, n, sure, ("release", "feature", "slice", "class"), records=records, watched=True)

    # -- life --------------------------------------------------------------------------------------------------------------------

    def health(self, window: str) -> Series:
        value, n = f"gonogo:health:{window}", f"gonogo:health_n:{window}"
        ready = f"(max by (release) ({self.told('gonogo_processes', state='ready')}) > bool 0)[{window}:{self.every}s]"
        return Series(value, n, records={n: f"count_over_time({ready})", value: f"1 - avg_over_time({ready})"})

    def unreachable(self, window: str) -> Series:
        value, n, up = f"gonogo:unreachable:{window}", f"gonogo:unreachable_n:{window}", f"{self.told('up')}[{window}]"
        return Series(value, n, by=(), records={n: f"max(count_over_time({up}))", value: f"1 - max(avg_over_time({up}))"})

    def memory(self, window: str) -> Series:
        value, n = f"gonogo:memory:{window}", f"gonogo:memory_n:{window}"
        ready = f"max by (release) ({self.told('gonogo_processes', state='ready')})"
        return Series(value, n, records={n: ready, value: f"max by (release) ({self.told('gonogo_process_memory_bytes')}) / 1e6"})


Write = Callable[[Writer, str, Mapping[str, str]], Series | None]

#: A signal that is not here cannot be measured from counters; what the watch measured of it is passed on.
WRITERS: Mapping[str, Write] = {
    "client_error_share": lambda writer, window, _: writer.share("client_error_share", window, "gonogo_requests_total", status="4xx"),
    "error_rate": lambda writer, window, _: writer.share("error_rate", window, "gonogo_bad_answers_total"),
    "failure_share": lambda writer, window, _: writer.share("failure_share", window, "gonogo_requests_refused_total"),
    "health": lambda writer, window, _: writer.health(window),
    "latency": Writer.latency,
    "low_confidence_share": lambda writer, window, _: writer.share("low_confidence_share", window, "gonogo_scores_unsure_total", SCORES),
    "memory": lambda writer, window, _: writer.memory(window),
    "missing_rate": lambda writer, window, _: writer.rise_of_bin("missing_rate", window, "missing"),
    "new_categories": lambda writer, window, _: writer.rise_of_bin("new_categories", window, "other"),
    "out_of_range": lambda writer, window, _: writer.out_of_range(window),
    "psi": lambda writer, window, _: writer.psi(window),
    "psi_many": Writer.psi_many,
    "score_mean_shift": lambda writer, window, _: writer.score_mean_shift(window),
    "score_variance_growth": lambda writer, window, _: writer.score_variance_growth(window),
    "server_error_share": lambda writer, window, _: writer.share("server_error_share", window, "gonogo_requests_total", status="5xx"),
    "unreachable": lambda writer, window, _: writer.unreachable(window),
    "volume_drop": lambda writer, window, _: writer.volume("volume_drop", window),
    "volume_spike": lambda writer, window, _: writer.volume("volume_spike", window),
}


def job(system: str) -> str:
    """The name of the scrape job, by which a system's metrics are told from others'."""
    return f"gonogo-{system}"


def matchers(labels: Mapping[str, str]) -> str:
    """A label whose name ends with `!` must be another one, one with `!~` none that the pattern finds."""
    return "{" + ", ".join(f'{name}{"" if name.endswith("~") else "="}"{quoted(value)}"' for name, value in labels.items()) + "}"


def quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
