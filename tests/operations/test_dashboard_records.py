"""The records behind the dashboard: series, drift, changes between releases, what rules judged; made once for all who ask."""

from __future__ import annotations

import json
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from gonogo.base.clock import FakeClock
from gonogo.errors import NotFoundError
from gonogo.monitor.counts import Counts
from gonogo.monitor.history import History
from gonogo.monitor.windows import Snapshot, Windows
from gonogo.operations.dashboard import Records
from gonogo.operations.kept import MOST, Kept
from gonogo.operations.series import SPANS, traffic_series
from gonogo.operations.workspace import Workspace
from gonogo.stats.drift import psi
from in_flight import NEW, OLD, label_a_week, make_system, remember_a_week

pytestmark = pytest.mark.xdist_group("records")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two releases, the first in production, with a week of traffic and labels behind it; no service runs."""
    made = make_system(tmp_path_factory.mktemp("recorded"))
    workspace = Workspace.open(made)
    registry = workspace.registry()
    entry = next(entry for entry in registry.state().releases.values() if entry.ref == OLD)
    registry.move_pointer(
        "small", "production", entry.version, verdict_digest=entry.verdict_digest, expected=None, reason="first", actor="ana"
    )
    remember_a_week(made)
    label_a_week(made)
    return made


@pytest.fixture
def records(folder: Path) -> Records:
    return Records(Workspace.open(folder))


@pytest.mark.parametrize("name", SPANS)
def test_a_span_holds_every_request_of_its_time_in_its_steps(records, folder, name):
    span = SPANS[name]
    record = records.traffic(span)
    history = History(folder / ".gonogo" / "history.db")
    [(_, whole)] = history.series(OLD, span.beginning(Workspace.open(folder).clock.now()), Workspace.open(folder).clock.now(), span.length)
    history.close()
    points = record["releases"][OLD]
    assert sum(point["n"] for point in points) == whole.n > 0
    assert len(points) <= span.length / span.step
    for point in points:
        latency = [point["latency"][quantile]["value"] for quantile in ("p50", "p95", "p99")]
        assert latency == sorted(latency)
        assert point["errors"]["4xx"]["low"] <= point["errors"]["4xx"]["value"] <= point["errors"]["4xx"]["high"]
        assert point["per_minute"] == pytest.approx(60 * point["n"] / point["seconds"])


def test_a_quantile_of_a_few_requests_is_written_without_an_upper_end(tmp_path: Path) -> None:
    clock = FakeClock(datetime(2026, 3, 2, 10, tzinfo=UTC))
    with closing(History(tmp_path / "history.db", clock)) as history:
        windows = Windows()
        history.restore(windows)
        few = Counts(n=3, latency={"300": 3}, latency_us=2000.0)
        for counts in (Counts(), few, few, few):
            windows.add(Snapshot(clock.monotonic(), "one", {OLD: counts}, (OLD,)))
            history.add(windows)
            clock.advance(1)
        clock.advance(60)
        windows.add(Snapshot(clock.monotonic(), "one", {OLD: few}, (OLD,)))
        history.add(windows)
        for span in SPANS.values():
            record = traffic_series(history, [OLD], clock.now(), span)
            json.dumps(record, allow_nan=False)
            [bounds] = [point["latency"]["p99"] for point in record["releases"][OLD] if point["n"]]
            assert bounds["high"] is None
            assert bounds["value"] > 0


def test_drift_is_the_psi_of_the_day_and_of_its_hours_and_the_moved_feature_is_first(records):
    record = records.drift()
    assert record["features"][0]["feature"] == "amount"
    assert {one["feature"] for one in record["features"]} == {"amount", "city", "(score)"}
    for feature in record["features"]:
        assert feature["psi"]["value"] == psi(np.asarray(feature["reference"]), np.asarray(feature["live"]))
        assert feature["psi"]["n"] == sum(feature["live"]) == record["rows"]
        assert sum(hour["n"] for hour in feature["hours"]) == record["rows"]
        assert len(feature["labels"]) == len(feature["live"])
        assert [limit["above"] for limit in feature["limits"]] == [0.2]
    amount = next(one for one in record["features"] if one["feature"] == "amount")
    early, late = amount["hours"][2]["value"], amount["hours"][-2]["value"]
    assert late > 5 * early, "it drifts since six hours"


def test_changes_between_two_releases_name_what_differs_and_nothing_else(records):
    changes = records.changes("1.0.0", "1.1.0")
    assert (changes["old"], changes["new"]) == (OLD, NEW)
    assert [row["what"] for row in changes["groups"]["model"]] == ["bytes"]
    assert not {"features", "packages", "checklist", "results", "signed by"} & set(changes["groups"])
    auc = next(row for row in changes["figures"] if row["fact"] == "roc_auc")
    assert auc["before"].value != auc["after"].value
    assert auc["within"] is True
    kinds = [row["within"] is True for row in changes["figures"]]
    assert kinds == sorted(kinds), "what is within the intervals comes last"
    same = records.changes("1.0.0", "1.0.0")
    assert (same["groups"], same["figures"]) == ({}, [])
    with pytest.raises(NotFoundError):
        records.changes("1.0.0", "7.7.7")


def test_what_is_live_is_told_with_verdict_and_signatures(records):
    live = records.live()
    assert (live["release"], live["decision"], live["problem"]) == (OLD, "GO", "")
    assert [(one["person"], one["role"]) for one in live["sign_offs"]] == [("ana", "technical-lead")]
    assert [(move["from"], move["to"], move["by"]) for move in records.moves()] == [(None, "1.0.0", "ana")]


def test_a_release_that_was_changed_on_disk_is_said_to_be_and_not_shown(folder, tmp_path):
    import shutil

    shutil.copytree(folder, tmp_path / "copy")
    baseline = tmp_path / "copy" / ".gonogo" / "releases" / "small-1.0.0" / "bundle" / "baseline.json"
    baseline.write_text(baseline.read_text().replace("train", "trein"))
    live = Records(Workspace.open(tmp_path / "copy")).live()
    assert "baseline.json" in live["problem"]
    assert "decision" not in live


def test_every_rule_is_followed_over_a_day_but_those_that_no_counter_tells_of(records):
    over = records.rules_over()["rules"]
    assert set(over) == {rule.name for rule in records.policy.rules}
    for name in ("error-share", "latency-p95", "drift"):
        points = next(iter(over[name]["series"].values()))
        assert len(points) > 40, name
        assert all(point["low"] <= point["value"] <= point["high"] for point in points if point["value"] is not None), name
    assert next(iter(over["drift"]["series"])) in ("amount", "(score)"), "the series nearest to its limit comes first"


def test_quality_is_that_of_the_live_release(records):
    [(name, mine)] = records.quality()["releases"].items()
    assert name == OLD
    assert mine["figures"]["roc_auc"]["n"] == mine["labelled"] > 1500


def test_a_record_is_made_once_for_all_who_ask_at_once_and_again_when_it_is_old():
    kept, made = Kept(), []

    def make() -> int:
        made.append(1)
        return len(made)

    together = [threading.Thread(target=lambda: kept.of("a", 60.0, make)) for _ in range(20)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    assert made == [1]
    assert kept.of("b", 0.0, make) == 2
    assert kept.of("b", 0.0, make) == 3
    for number in range(MOST + 1):
        kept.of(number, 60.0, make)
    assert len(kept) <= MOST


def test_a_record_that_cannot_be_made_is_made_at_the_next_asking():
    kept = Kept()

    def fail() -> int:
        raise NotFoundError("no.")

    with pytest.raises(NotFoundError):
        kept.of("a", 60.0, fail)
    assert kept.of("a", 60.0, lambda: 5) == 5
