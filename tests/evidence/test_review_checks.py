"""What the checks of reviews say of a period: of what is known, of what is not, and of nothing."""

from __future__ import annotations

from typing import Any

import pytest

from gonogo.errors import DataError, UsageError
from gonogo.evidence.checks.against_release import AgainstRelease
from gonogo.evidence.checks.alarms import Alarms
from gonogo.evidence.checks.audit_log import AuditLog
from gonogo.evidence.checks.gate_again import GateAgain
from gonogo.evidence.checks.live_drift import LiveDrift
from gonogo.evidence.checks.live_quality import LiveQuality
from gonogo.evidence.checks.retraining import Retraining
from gonogo.evidence.checks.reviews_made import ReviewsMade
from gonogo.evidence.checks.room import Room
from gonogo.evidence.checks.service_log import ServiceLog
from gonogo.evidence.checks.signal import Signal
from gonogo.evidence.checks.traffic import Traffic
from gonogo.reports.pictures import draw

RELEASE = "small@1.0.0"
DAY = 86400.0


def passed(**changed: Any) -> dict[str, Any]:
    latency = {name: {"ms": ms, "low": ms - 1, "high": None if name == "p99" else ms + 1, "n": 1000} for name, ms in LATENCY.items()}
    series = [
        {"time": f"2026-01-01T{hour:02}:00:00.000Z", "n": 50, "bad": 0, "unwell": 0, "p50": 2.0, "p95": 10.0 + hour, "p99": 30.0}
        for hour in range(20)
    ]
    return {
        "release": RELEASE, "period": "day", "since": "2026-01-01T00:00:00.000Z", "until": "2026-01-01T20:00:00.000Z", "seconds": 72000.0,
        "seen_seconds": 71000.0, "looks": 1000, "unwell": 0, "before": {"n": 7000, "bad": 7}, "series": series, "bins": {},
        "total": {"n": 1000, "bad": 1, "client_errors": 20, "rows": 1000, "latency": latency}, **changed,
    }  # fmt: skip


LATENCY = {"p50": 2.0, "p95": 20.0, "p99": 30.0}


def reading(signal: str, value: float | None, n: int = 1000, **labels: str) -> dict[str, Any]:
    bounds = {"low": None if value is None else 0.9 * value, "high": None if value is None else 1.1 * value}
    return {"signal": signal, "labels": {"release": RELEASE, **labels}, "value": value, "n": n, "unit": "", **bounds}


def test_traffic_is_told_in_sums_with_intervals_and_drawn_step_by_step() -> None:
    found = Traffic({}).measure(passed())
    facts = found.facts
    assert facts["error_share"].value == 0.001
    assert facts["error_share"].low is not None
    assert facts["usual_error_share"].value == 0.001
    assert facts["error_spike"].value is False
    assert (facts["p95"].value, facts["p95"].unit) == (20.0, "ms")
    assert facts["p99"].high == float("inf"), "too few answers bound it, which is not the same as none"
    assert facts["p95_rise"].value == pytest.approx(19 / 19.5), "from 10 to 29 ms around 19.5"
    assert facts["p95_rise_z"].value > 3
    pictures = {draw(name, data).title for name, data in found.pictures.items() if draw(name, data).svg}
    assert pictures == {"Requests", "Latency", "Share of faults"}


@pytest.mark.parametrize(("bad", "spike"), [(4, False), (6, True)])
def test_a_spike_is_a_share_above_the_floor_and_above_three_times_the_usual_one(bad: int, spike: bool) -> None:
    total = {**passed()["total"], "bad": bad}
    assert Traffic({}).measure(passed(total=total)).facts["error_spike"].value is spike
    usual = {"n": 1000, "bad": 5}
    assert Traffic({}).measure(passed(total=total, before=usual)).facts["error_spike"].value is False


def test_without_requests_no_share_is_made_up_and_without_a_look_nothing_is_measured() -> None:
    total = {"n": 0, "bad": 0, "client_errors": 0, "rows": 0, "latency": {}}
    assert set(Traffic({}).measure(passed(total=total, series=[])).facts) == {"seen_share", "unwell_share", "requests"}
    with pytest.raises(DataError, match="nobody looked"):
        Traffic({}).measure(passed(looks=0))


def test_a_signal_is_its_worst_value_and_what_has_too_few_samples_is_unknown() -> None:
    readings = [reading("psi", 0.3, feature="a"), reading("psi", 0.1, feature="b"), reading("psi", 0.9, n=3, feature="c")]
    facts = Signal({"signal": "psi", "min_n": 100}).measure([*readings, reading("psi", None, n=0, feature="d")]).facts
    assert (facts["worst"].value, facts["unknown"].value, facts["readings"].value) == (0.3, 2, 4)
    only = Signal({"signal": "psi", "labels": ["feature=b"]}).measure(readings).facts
    assert (only["worst"].value, only["unknown"].value) == (0.1, 0)
    with pytest.raises(DataError, match="no reading"):
        Signal({"signal": "ks"}).measure(readings)
    with pytest.raises(UsageError, match="no signal"):
        Signal({}).measure(readings)


def test_drift_is_told_for_every_feature_and_drawn_against_the_baseline() -> None:
    readings = [reading("psi", 0.3, feature="a"), reading("psi", 0.1, feature="b"), reading("psi", 0.05, feature="(score)")]
    bins = {"a": {"labels": ["low", "high"], "reference": [50, 50], "live": [90, 10]}}
    found = LiveDrift({}).measure(readings, passed(bins=bins))
    assert {name: fact.value for name, fact in found.facts.items()} == {
        "features": 2, "unknown": 0, "worst": 0.3, "score": 0.05, "drifted": 1,
    }  # fmt: skip
    assert draw("x", found.pictures["bins of a"]).svg
    calendar = LiveDrift({"leave_out": ["a"]}).measure(readings, passed())
    assert (calendar.facts["worst"].value, calendar.facts["features"].value) == (0.1, 1)
    assert "left out: a, PSI 0.3" in calendar.findings
    with pytest.raises(UsageError, match="no feature c"):
        LiveDrift({"leave_out": ["c"]}).measure(readings, passed())
    few = LiveDrift({"min_n": 5000}).measure(readings, passed()).facts
    assert few["unknown"].value == 3
    assert "worst" not in few
    with pytest.raises(DataError, match="nothing is known"):
        LiveDrift({}).measure([], passed())


def test_against_the_release_counts_what_is_worse_and_what_cannot_be_said() -> None:
    readings = [reading("latency_drift", 0.3), reading("auc_drop", 0.01), reading("f1_drop", None, n=0)]
    limits = {"limits": ["latency_drift <= 0.2", "auc_drop <= 0.05", "f1_drop <= 0.05"]}
    found = AgainstRelease(limits).measure(readings, passed())
    assert {name: fact.value for name, fact in found.facts.items()} == {"compared": 2, "unknown": 1, "worse": 1}
    with pytest.raises(DataError, match="no reading of ece"):
        AgainstRelease({"limits": ["ece <= 0.1"]}).measure(readings, passed())
    with pytest.raises(UsageError):
        AgainstRelease({}).measure(readings, passed())


def test_alarms_that_ring_are_named_and_nobody_watching_is_no_silence() -> None:
    alarm = {
        "rule": "drift",
        "level": "critical",
        "ringing": True,
        "state": "FIRING",
        "since": "now",
        "text": "too far",
        "acknowledged": None,
    }
    watched = {
        "time": "2026-01-01T00:00:00.000Z",
        "fresh": True,
        "problem": "",
        "untold": 1,
        "given_up": [],
        "fired": [],
        "alarms": [alarm],
    }
    found = Alarms({}).measure(watched)
    assert (found.facts["ringing_critical"].value, found.facts["unacknowledged"].value, found.facts["untold"].value) == (1, 1, 1)
    assert "too far" in found.findings[0]
    old = Alarms({}).measure({**watched, "fresh": False, "alarms": [{**alarm, "state": "UNKNOWN", "ringing": False}]})
    assert (old.facts["fresh"].value, old.facts["unknown"].value) == (False, 1)
    with pytest.raises(DataError, match="nobody has watched"):
        Alarms({}).measure({**watched, "time": None})


def made(*days: float, well: bool = True, now: float = 10 * DAY) -> dict[str, Any]:
    reviews = [{"id": f"day-{at}", "period": "day", "at": at * DAY, "well": well, "findings": []} for at in days]
    return {"seconds": {"day": DAY}, "grace": 0.125, "now": now, "live_since": 0.0, "made": reviews, "overdue": []}


def test_a_day_without_a_review_is_missed_and_one_in_the_grace_is_not() -> None:
    every = ReviewsMade({}).measure(made(4, 5, 6, 7.1, 8, 9, 10)).facts
    assert (every["made"].value, every["missing"].value) == (7, 0)
    assert ReviewsMade({}).measure(made(4, 5, 6, 9)).facts["missing"].value >= 1
    assert ReviewsMade({}).measure(made()).facts["missing"].value == 6
    assert ReviewsMade({}).measure(made(4, 5, well=False)).facts["not_well"].value == 2
    with pytest.raises(UsageError, match="no review"):
        ReviewsMade({"period": "hour"}).measure(made())


def test_a_log_without_a_line_and_one_that_is_not_there_differ() -> None:
    said = {"there": True, "levels": {"info": 5, "error": 2}, "errors": {"request 500": 2}, "unreadable": 1}
    found = ServiceLog({}).measure(said)
    assert (found.facts["lines"].value, found.facts["errors"].value, found.facts["unreadable"].value) == (7, 2, 1)
    assert found.findings == ("2 times: request 500",)
    assert ServiceLog({}).measure({**said, "levels": {}, "errors": {}}).facts["lines"].value == 0
    with pytest.raises(DataError, match="no log"):
        ServiceLog({}).measure({**said, "there": False})


def test_quality_is_known_as_far_as_labels_have_come() -> None:
    figures = {
        name: {"value": 0.9, "low": 0.8, "high": 0.95, "n": 50} for name in ("roc_auc", "pr_auc", "precision", "recall", "f1", "accuracy")
    }
    quality = {
        "rows": 100, "coverage": 0.5, "why": "", "figures": {**figures, "ece": None}, "before": {**figures, "ece": None},
        "reliability": [{"n": 50, "score": 0.8, "share": 0.7}, {"n": 50, "score": 0.2, "share": 0.1}], "reliability_before": [],
        "by_class": [],
    }  # fmt: skip
    found = LiveQuality({}).measure({"kept": True, "quality": quality})
    assert (found.facts["enough"].value, found.facts["roc_auc"].value, "ece" in found.facts) == (True, 0.9, False)
    assert draw("x", found.pictures["reliability"]).svg
    few = {**quality, "coverage": None, "why": "too few", "figures": dict.fromkeys(figures | {"ece": 0})}
    assert set(LiveQuality({}).measure({"kept": True, "quality": few}).facts) == {"rows", "enough"}
    worse = {"value": 0.4, "low": 0.2, "high": 0.6, "n": 9}
    of_three = [{"class": name, "figures": {"f1": f1}} for name, f1 in (("a", figures["f1"]), ("b", worse), ("c", None))]
    told = LiveQuality({}).measure({"kept": True, "quality": {**quality, "by_class": of_three}}).facts
    assert (told["worst_class"].value, told["worst_class_f1"].value) == ("b", 0.4)
    with pytest.raises(DataError, match="no predictions are kept"):
        LiveQuality({}).measure({"kept": False, "quality": quality})


def test_what_rests_on_the_store_and_the_machine_is_told() -> None:
    log = AuditLog({}).measure({"events": 9, "problems": ["event 3 was changed"], "kinds": {"pointer_moved": 2}})
    assert (log.facts["intact"].value, log.facts["moves"].value) == (False, 2)
    assert Room({}).measure({"disk_bytes": 100, "free_bytes": 5, "store_bytes": 1}).facts["free_share"].value == 0.05
    with pytest.raises(DataError):
        Room({}).measure({"disk_bytes": 0, "free_bytes": 0, "store_bytes": 0})
    again = GateAgain({}).measure({"good": ["a"], "bad": [{"item": "b", "outcome": "FAIL", "reason": "it broke"}]})
    assert (again.facts["failed"].value, again.findings) == (1, ("b: FAIL, it broke",))
    with pytest.raises(DataError):
        GateAgain({}).measure({"good": [], "bad": []})


def test_a_training_that_failed_and_reasons_for_another_are_findings() -> None:
    asked = [{"cause": "drift", "words": "the alarm drift rings"}]
    failed = {"id": "retrain-1", "state": "failed", "problem": "no data"}
    found = Retraining({}).measure({"reasons": asked, "days": 3.0, "trainings": [failed]})
    assert (found.facts["reasons"].value, found.facts["last_failed"].value) == (1, True)
    assert found.findings == ("drift: the alarm drift rings", "retrain-1 failed: no data")
