"""Signals of the service, of the past and of scores, against numbers made by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gonogo.base import catalogue
from gonogo.base.clock import stamp
from gonogo.monitor.alarms.rule import Rule
from gonogo.monitor.counts import SERVICE, Counts
from gonogo.monitor.history import LAST_DAY, SAME_HOUR, History
from gonogo.monitor.signal import NoPast, Past, Reading, Sight, Usual
from gonogo.monitor.watch import Watch
from gonogo.monitor.windows import Window
from gonogo.stats.bins import fit_categorical
from gonogo.stats.latency import LatencyHistogram
from gonogo.stats.score_table import ScoreTable, count_scores, fixed_point

from .conftest import BINS, RELEASE, Stand

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
RANDOM = np.random.default_rng(5)


@dataclass
class Before:
    """A past that is what a test says."""

    counts: Counts
    latency: Counts = field(default_factory=Counts)

    def same_hour_of_week(self, release: str, moment: datetime) -> Counts:
        return self.latency

    def usual(self, release: str, before: datetime) -> Usual:
        return Usual(self.counts if release == SERVICE else Counts(), SAME_HOUR)


def read(
    name: str, counts: Counts, *, baseline: Mapping[str, Any] | None = None, past: Past | None = None,
    service: Mapping[str, Any] | None = None, failing: int = 0, whole: Counts | None = None,
) -> list[Reading]:  # fmt: skip
    window = Window(300.0, {RELEASE: counts, SERVICE: whole or counts}, (RELEASE,), {RELEASE: failing})
    baselines = {} if baseline is None else {RELEASE: baseline}
    made: list[Reading] = catalogue.load("signals", name)().compute(Sight(window, baselines, service or {}, NOW, past or NoPast()))
    return made


@pytest.mark.parametrize("name", catalogue.names("signals"))
def test_no_signal_has_a_value_where_nothing_was_counted(name: str) -> None:
    assert all(reading.value is None and reading.n == 0 for reading in read(name, Counts(), whole=Counts()))


@pytest.mark.parametrize("name", [name for name in catalogue.names("signals") if name != "unreachable"])
def test_no_release_in_service_is_read_as_nothing(name: str) -> None:
    sight = Sight(Window(60.0, {RELEASE: Counts(n=5)}), {}, {"in_force": True}, NOW, Before(Counts(seconds=1e6, n=10**6)))
    assert catalogue.load("signals", name)().compute(sight) == []


@pytest.mark.parametrize(
    ("name", "counts", "expected"),
    [
        ("client_error_share", Counts(n=200, client_errors=10), 0.05),
        ("server_error_share", Counts(n=200, server_errors=1), 0.005),
        ("failure_share", Counts(n=200, client_errors=10, unread=3, invalid=5), 0.04),
        ("health", Counts(looks=30, unwell=3), 0.1),
        ("unreachable", Counts(looks=30, unwell=15), 0.5),
        ("extreme_share", Counts(low=10, high=15, fine=(100,)), 0.25),
        ("low_confidence_share", Counts(unsure=30, fine=(100,)), 0.3),
    ],
)
def test_a_share_comes_with_its_interval(name: str, counts: Counts, expected: float) -> None:
    (reading,) = read(name, counts)
    assert reading.value == pytest.approx(expected)
    assert reading.low is not None
    assert reading.high is not None
    assert reading.low < expected < reading.high


def test_a_run_of_failures_is_told_as_its_length() -> None:
    assert [reading.value for reading in read("failures_in_a_row", Counts(n=100, bad=7), failing=7)] == [7.0]
    assert [reading.value for reading in read("failures_in_a_row", Counts(n=100))] == [0.0]


def histogram(ms: Any) -> LatencyHistogram:
    made = LatencyHistogram()
    made.add_many(np.asarray(ms, dtype=float) * 1000)
    return made


def of_latency(ms: Any) -> Counts:
    made = histogram(ms)
    return Counts(n=made.count, latency=made.to_json()["counts"], latency_us=made.total_us)


def test_one_slow_request_is_a_spike() -> None:
    (reading,) = read("latency_spike", of_latency([5.0] * 999 + [250.0]))
    assert reading.value == pytest.approx(250, rel=0.012)


def test_latency_drifts_against_the_load_test_and_rather_against_the_same_hour_of_the_week() -> None:
    quiet, slow = RANDOM.lognormal(2.0, 0.3, 5000), RANDOM.lognormal(2.0, 0.3, 5000) * 1.5
    sealed = {"latency": histogram(quiet).to_json()}
    (drifted,) = read("latency_drift", of_latency(slow), baseline=sealed)
    assert drifted.value == pytest.approx(0.5, abs=0.1)
    assert drifted.p_value is not None
    assert drifted.p_value < 1e-9
    (same,) = read("latency_drift", of_latency(slow), baseline=sealed, past=Before(Counts(), of_latency(slow)))
    assert (same.value, same.p_value) == (0.0, 0.5)
    (unknown,) = read("latency_drift", of_latency(slow), past=Before(Counts(), of_latency(slow[:200])))
    assert unknown.value is None


def test_volume_is_compared_with_what_is_usual_by_the_second() -> None:
    usual = Before(Counts(seconds=36_000, n=72_000))
    half = Counts(seconds=300, n=300)
    (drop,) = read("volume_drop", half, past=usual)
    (spike,) = read("volume_spike", half, past=usual)
    assert (drop.value, drop.n, spike.value) == (0.5, 600, 0.0)
    assert drop.p_value is not None
    assert drop.p_value < 1e-9
    (tripled,) = read("volume_spike", Counts(seconds=300, n=1800), past=usual)
    assert tripled.value == pytest.approx(2.0)
    (gone,) = read("volume_drop", Counts(seconds=300), past=usual)
    assert (gone.value, gone.n) == (1.0, 600)


def test_a_little_less_traffic_than_usual_is_no_surprise() -> None:
    (drop,) = read("volume_drop", Counts(seconds=300, n=590), past=Before(Counts(seconds=36_000, n=72_000)))
    assert drop.p_value is not None
    assert 0.2 < drop.p_value < 0.5


def test_the_hour_in_which_the_day_begins_is_compared_with_its_neighbours_too() -> None:
    @dataclass(frozen=True)
    class Morning(NoPast):
        def usual(self, release: str, before: datetime) -> Usual:
            return Usual(Counts(seconds=3600, n={-1: 1200, 0: 3600, 1: 14_400}[before.hour - hour]), SAME_HOUR)

    hour = (NOW - timedelta(seconds=300)).hour
    (drop,) = read("volume_drop", Counts(seconds=300, n=90), past=Morning())
    (spike,) = read("volume_spike", Counts(seconds=300, n=1500), past=Morning())
    assert drop.value == pytest.approx(0.1), "fewer than in the quietest of the three hours"
    assert spike.value == pytest.approx(0.25), "more than in the fullest of them"
    assert (drop.n, spike.n) == (100, 1200)


def test_until_there_is_an_hour_of_the_week_a_night_is_compared_with_the_night_before() -> None:
    @dataclass(frozen=True)
    class Yesterday(NoPast):
        """A day that is remembered, with 36,000 requests an hour, and 60 in the hours around this one."""

        def usual(self, release: str, before: datetime) -> Usual:
            return Usual(Counts(seconds=86_400, n=800_000), LAST_DAY)

        def same_hour_of_week(self, release: str, moment: datetime) -> Counts:
            back = NOW - (moment - timedelta(days=7))
            return Counts(seconds=3600, n=60 if abs(back - timedelta(days=1)) < timedelta(hours=3) else 36_000)

    (drop,) = read("volume_drop", Counts(seconds=300, n=5), past=Yesterday())
    assert (drop.value, drop.n, drop.details["of"]) == (0.0, 5, "the same hour of the day before")


def test_too_short_a_past_expects_nothing() -> None:
    (drop,) = read("volume_drop", Counts(seconds=300, n=3), past=Before(Counts(seconds=900, n=9000)))
    assert (drop.value, drop.n) == (None, 0)


NUMERIC = {"bins": BINS.to_json(), "counts": [2000] * 10 + [100], "range": {"low": -3.0, "high": 3.0, "outside": 40}}


def test_many_features_drift_at_once_and_one_that_cannot_be_compared_leaves_it_unknown() -> None:
    names = [f"f{number}" for number in range(6)]
    baseline = {"format": "gonogo-baseline/1", "features": dict.fromkeys(names, NUMERIC), "score": NUMERIC}
    still, moved = (200,) * 10 + (10,), (900, 400, 200, 100, 100, 100, 100, 50, 30, 20, 10)
    counts = Counts(features={name: moved if name < "f4" else still for name in names}, score=still)
    readings = {reading.labels["level"]: reading for reading in read("psi_many", counts, baseline=baseline)}
    assert readings["0.15"].value == 4
    assert [level for level, reading in readings.items() if reading.judged] == ["0.15"]
    some = Counts(features=dict.fromkeys(names[:5], still), score=still)
    assert all(reading.value is None for reading in read("psi_many", some, baseline=baseline))


def test_a_tensor_whose_summaries_all_moved_is_one_feature_that_drifted() -> None:
    parts = {f"image.{channel}.{what}": {**NUMERIC, "tensor": "image"} for channel in "rgb" for what in ("mean", "spread")}
    baseline = {"format": "gonogo-baseline/3", "features": {**parts, "age": NUMERIC, "hour": NUMERIC}, "score": NUMERIC}
    still, moved = (200,) * 10 + (10,), (900, 400, 200, 100, 100, 100, 100, 50, 30, 20, 10)
    counts = Counts(features={name: still if name == "hour" else moved for name in baseline["features"]}, score=still)
    [judged] = [reading for reading in read("psi_many", counts, baseline=baseline) if reading.judged]
    assert (judged.value, judged.details) == (2.0, {"features": ["image", "age"], "of": 3})
    one = Counts(features={name: moved if name == "image.g.mean" else still for name in baseline["features"]}, score=still)
    assert [reading.value for reading in read("psi_many", one, baseline=baseline)] == [1.0, 1.0, 1.0]


def test_missing_values_new_categories_and_values_out_of_range_are_told_as_a_rise() -> None:
    colours = np.array(["red"] * 60 + ["blue"] * 36 + ["odd"] * 4, dtype=object)
    bins = fit_categorical(colours)
    baseline = {"features": {"age": NUMERIC, "colour": {"bins": bins.to_json(), "counts": bins.count(colours).tolist()}}}
    counts = Counts(features={"age": (100,) * 10 + (500,), "colour": (50, 30, 20, 0)}, outside={"age": 302})
    missing = {reading.labels["feature"]: reading for reading in read("missing_rate", counts, baseline=baseline)}
    assert missing["age"].value == pytest.approx(500 / 1500 - 100 / 20_100)
    assert missing["age"].p_value is not None
    assert missing["age"].p_value < 1e-9
    assert missing["colour"].value == 0
    (new,) = read("new_categories", counts, baseline=baseline)
    assert (new.labels["feature"], new.value) == ("colour", pytest.approx(0.16))
    (outside,) = read("out_of_range", counts, baseline=baseline)
    assert outside.value == pytest.approx(302 / 1500 - 40 / 20_100)


def scored(score: Any) -> Counts:
    return Counts(
        rows=len(score), fine=tuple(count_scores(score).tolist()), score_sum=int(fixed_point(score).sum()),
        score_squares=int(fixed_point(score * score).sum()),
    )  # fmt: skip


def sealed_scores(score: Any) -> dict[str, Any]:
    table = ScoreTable()
    table.add(score, RANDOM.random(len(score)) < score)
    return {"format": "gonogo-baseline/2", "features": {}, "score": {"table": table.to_json(), **NUMERIC}}


def test_extreme_scores_are_no_surprise_where_the_release_had_as_many_on_held_out_data() -> None:
    """Rare events: most scores lie near 0, and are right. The limit is the row's (S3-5.6e), the second key is the release's own share."""
    rule = Rule("score-extremes", "extreme_share", above=0.2, clear=0.15, min_n=500)

    def of(score: Any, baseline: dict[str, Any] | None) -> str:
        low, high = int((score < 0.05).sum()), int((score > 0.95).sum())
        (reading,) = read("extreme_share", replace(scored(score), low=low, high=high), baseline=baseline)
        assert reading.value == pytest.approx((low + high) / len(score))
        return str(rule.judge(reading))

    rare, middling = RANDOM.beta(0.3, 12, 5000), RANDOM.beta(5, 5, 5000)
    sure = RANDOM.choice([0.01, 0.99], size=5000)
    assert of(RANDOM.beta(0.3, 12, 5000), sealed_scores(rare)) == "BETWEEN"
    assert of(sure, sealed_scores(rare)) == "BREACH"
    assert of(sure, sealed_scores(middling)) == "BREACH"
    assert of(middling, sealed_scores(rare)) == "CLEAR"
    assert of(sure, sealed_scores(sure)) == "BETWEEN", "a model that is always sure was so before"
    assert of(sure, None) == "BREACH", "nothing to compare with: the share alone is judged"


def test_scores_are_compared_with_the_held_out_ones_from_counters_alone() -> None:
    before, same, moved = RANDOM.beta(2, 5, 4000), RANDOM.beta(2, 5, 4000), np.clip(RANDOM.beta(2, 5, 4000) * 1.5, 0, 1)
    baseline = sealed_scores(before)
    for name, exact in (
        ("score_mean_shift", abs(moved.mean() - before.mean())),
        ("score_variance_growth", moved.var() / before.var() - 1),
        ("ks", None),
    ):
        (quiet,) = read(name, scored(same), baseline=baseline)
        (loud,) = read(name, scored(moved), baseline=baseline)
        assert quiet.p_value is not None
        assert loud.p_value is not None
        assert quiet.p_value > 1e-3
        assert loud.p_value < 1e-9
        if exact is not None:
            assert loud.value == pytest.approx(exact, abs=1e-4)


def test_a_score_that_is_no_number_leaves_mean_and_variance_unknown() -> None:
    counts = Counts(rows=3, fine=tuple(count_scores(np.array([0.2, 0.4, math.nan])).tolist()), score_sum=int(0.6 * 2**30))
    (reading,) = read("score_mean_shift", counts, baseline=sealed_scores(RANDOM.beta(2, 5, 100)))
    assert reading.value is None


def test_what_the_service_says_of_itself_is_read() -> None:
    processes = [{"memory": 300_000_000}, {"memory": 200_000_000}]
    service: dict[str, Any] = {"in_force": True, "table": {"tripped": []}, "releases": {RELEASE: {"processes": processes}}}
    assert [reading.value for reading in read("memory", Counts(), service=service)] == [500.0]
    assert [reading.value for reading in read("weights", Counts(), service=service)] == [0.0]
    service |= {"in_force": False, "table": {"tripped": ["shop@2.0.0"]}}
    assert [reading.value for reading in read("weights", Counts(), service=service)] == [2.0]
    processes.append({"memory": None})  # type: ignore[dict-item]
    assert [reading.value for reading in read("memory", Counts(), service=service)] == [None]
    (unknown,) = read("serving_skew", Counts(), service=service)
    assert (unknown.value, unknown.n) == (None, 0)
    service["releases"][RELEASE]["golden"] = [{"tolerances": 0.25, "requests": 4}, {"tolerances": 3.0, "requests": 4}]
    (skew,) = read("serving_skew", Counts(), service=service)
    assert (skew.value, skew.n, skew.details) == (3.0, 2, {"requests": 4})
    service["releases"][RELEASE]["golden"].append({})
    assert [reading.value for reading in read("serving_skew", Counts(), service=service)] == [None], "one process has not told yet"
    service["releases"][RELEASE]["processes"] = [{"device_memory": 2_000_000_000}, {"device_memory": 0}]
    assert [reading.value for reading in read("device_memory", Counts(), service=service)] == [2000.0]
    service["releases"][RELEASE]["processes"].append({"device_memory": None})
    assert [reading.value for reading in read("device_memory", Counts(), service=service)] == [None]
    (age,) = read("model_age", Counts(), baseline={"sealed_at": stamp(NOW - timedelta(days=3))})
    assert (age.value, age.n) == (3.0, 1)


# -- in the watch ------------------------------------------------------------------------------------------------------------


def remembering(stand: Stand, path: Path) -> Watch:
    return Watch(
        stand.service.observe, lambda release: stand.service.baseline, stand.rules, {"memory": stand.channel}, stand.store, system="shop",
        signals=[catalogue.load("signals", name)() for name in catalogue.names("signals")], clock=stand.clock,
        history=lambda: History(path, stand.clock),
    )  # fmt: skip


def value(record: Mapping[str, Any], name: str) -> Any:
    return next(signal["value"] for signal in record["signals"] if signal["signal"] == name and signal["thresholds"] is not None)


def test_windows_and_the_usual_volume_outlive_the_watch(stand: Stand, tmp_path: Path) -> None:
    first = remembering(stand, tmp_path / "history.db")
    for _ in range(52):  # a day and two hours
        stand.service.serve(18_000)
        stand.clock.advance(1800)
        first.tick()
    later = remembering(stand, tmp_path / "history.db")
    for _ in range(45):
        stand.service.serve(20)
        stand.clock.advance(10)
        record = later.tick()
    assert record["problem"] == ""
    assert value(record, "volume_drop") == pytest.approx(0.8, abs=0.05)


def test_a_history_that_cannot_be_read_is_told_and_the_watch_goes_on(stand: Stand, tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"no database at all" * 100)
    watch = remembering(stand, tmp_path / "history.db")
    for _ in range(3):
        stand.service.serve(200)
        stand.clock.advance(5)
        record = watch.tick()
    assert "the history cannot be read" in record["problem"]
    assert value(record, "error_rate") == 0


def test_a_service_that_does_not_answer_is_read_as_unreachable(stand: Stand) -> None:
    stand.rules = (Rule("unreachable", "unreachable", above=0.5, clear=0.2, for_seconds=10.0, min_n=3),)
    watch = stand.watch()
    stand.service.unreachable = True
    for _ in range(12):
        stand.clock.advance(5)
        record = watch.tick()
    assert value(record, "unreachable") == 1
    assert {signal["signal"] for signal in record["signals"]} == {"blind", "unreachable"}
    assert "fired" in stand.told


def test_the_p50_and_the_p99_are_judged_by_rules_that_name_them(stand: Stand) -> None:
    stand.rules = (
        Rule("p50", "latency", above=1, clear=1, for_seconds=5.0, min_n=10, labels={"quantile": "p50"}),
        Rule("p99", "latency", above=100, clear=80, for_seconds=5.0, min_n=10, labels={"quantile": "p99"}),
    )
    watch = stand.watch()
    for _ in range(5):
        stand.service.serve(100, ms=4.0)
        stand.clock.advance(5)
        record = watch.tick()
    states = {alarm["rule"]: alarm["state"] for alarm in record["alarms"] if alarm["rule"] in ("p50", "p99")}
    assert states == {"p50": "FIRING", "p99": "OK"}
