"""Counters are additive and lose nothing."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.model.schema import Feature, GraphInput, Schema
from gonogo.service.answering.batching import Computed
from gonogo.service.counters import Counters
from gonogo.service.drift import DriftCounter
from gonogo.service.metrics import exposition
from gonogo.service.reference import reference
from gonogo.service.routing import Arm, RoutingTable
from gonogo.service.supervising.crew import add_snapshots
from gonogo.stats.bins import BinEdges, fit_categorical, fit_numeric

SCHEMA = Schema(
    "binary-classification",
    (GraphInput("n", "float32", 2), GraphInput("s", "string", 1)),
    (Feature("a", "float", True, "n", 0), Feature("b", "float", False, "n", 1), Feature("s", "string", True, "s", 0)),
    ("0", "1"),
    "p",
)


def baseline():
    bins = fit_numeric(np.linspace(0, 1, 1001))
    text = fit_categorical(np.array(["x"] * 10 + ["y"] * 10, dtype=object))
    return {
        "features": {"a": {"bins": bins.to_json()}, "b": {"bins": bins.to_json()}, "s": {"bins": text.to_json()}},
        "score": {"bins": bins.to_json()},
    }


booking = st.tuples(
    st.integers(0, 3), st.sampled_from(["m@1.0.0", "m@1.1.0"]), st.sampled_from([200, 422, 500]), st.booleans(), st.floats(0, 5)
)


@given(st.lists(booking, max_size=60), st.integers(0, 60))
def test_what_two_processes_counted_adds_up_to_what_one_would_have_counted(bookings, cut):
    one, left, right = Counters("m@1.0.0"), Counters("m@1.0.0"), Counters("m@1.0.0")
    for number, item in enumerate(bookings):
        one.book(item)
        (left if number < cut else right).book(item)
    added = add_snapshots(left.snapshot(), right.snapshot())
    whole = one.snapshot()
    assert added["counters"] == whole["counters"]
    assert {name: h["counts"] for name, h in added["latency"].items()} == {name: h["counts"] for name, h in whole["latency"].items()}
    assert sum(row["n"] for arms in whole["counters"].values() for row in arms.values()) == len(bookings)


def test_settling_in_slices_gives_the_same_sums():
    counters = Counters("m@1.0.0")
    for number in range(1000):
        counters.book((1, "m@1.0.0", 200, number % 10 == 0, 0.001))
    while counters.waiting:
        counters.settle(64)
    row = counters.snapshot()["counters"]["1"]["m@1.0.0"]
    assert row == {"n": 1000, "bad": 100, "2xx": 1000, "4xx": 0, "5xx": 0, "unread": 0, "invalid": 0}


@pytest.mark.parametrize("most", [None, 1, 64, 100, 1000])
def test_rows_are_counted_in_slices_of_at_most_so_many_and_none_is_lost(most):
    random, counters = np.random.default_rng(1), Counters("m@1.0.0", DriftCounter(SCHEMA, baseline()))
    sizes = [1] * 150 + [100, 1, 700, 3] + [100] * 5
    for rows in sizes:
        score = random.uniform(size=rows)
        batch = {
            "n": random.uniform(-1, 2, size=(rows, 2)).astype(np.float32),
            "s": random.choice(np.array([["x"], ["new"]], object), rows),
        }
        counters.see(Computed(batch, np.column_stack([1 - score, score]), ["id"], [rows]))
    before, slices = 0, []
    while counters.waiting:
        counters.settle(most)
        rows = counters._drift.to_json()["rows"]
        slices.append(rows - before)
        before = rows
    drift = counters.snapshot()["drift"]["m@1.0.0"]
    assert all(sum(counts) == sum(sizes) for counts in (*drift["features"].values(), drift["score"]))
    assert all(most is None or rows <= most or rows in sizes for rows in slices)


def test_requests_that_cannot_be_read_are_told_from_those_with_features_that_cannot_be_used():
    counters = Counters("m@1.0.0")
    for status in (200, 400, 413, 415, 422, 422, 408, 500):
        counters.book((1, "m@1.0.0", status, status == 500, 0.001))
    row = counters.snapshot()["counters"]["1"]["m@1.0.0"]
    assert {name: row[name] for name in ("4xx", "unread", "invalid", "bad")} == {"4xx": 6, "unread": 3, "invalid": 2, "bad": 1}


def test_live_values_are_counted_with_missing_ones_apart():
    counters = Counters("m@1.0.0", DriftCounter(SCHEMA, baseline()))
    numbers = np.array([[0.05, 0.95], [np.nan, 0.5]], dtype=np.float32)
    batch = {"n": numbers, "s": np.array([["x"], ["new"]], dtype=object)}
    counters.see(Computed(batch, np.array([[0.95, 0.05], [0.05, 0.95]]), ["a", "b"], [1, 1]))
    drift = counters.snapshot()["drift"]["m@1.0.0"]
    assert drift["rows"] == 2
    assert drift["features"]["a"][0] == drift["features"]["a"][-1] == 1
    assert drift["features"]["b"][-1] == 0
    assert drift["features"]["s"] == [1, 0, 1, 0]
    assert drift["score"][0] == drift["score"][-2] == 1
    json.dumps(drift)


def test_a_baseline_that_lacks_a_feature_is_refused():
    document = baseline()
    del document["features"]["b"]
    with pytest.raises(ValueError, match="does not cover"):
        DriftCounter(SCHEMA, document)


def test_metrics_are_what_a_prometheus_parser_reads():
    prometheus = pytest.importorskip("prometheus_client.parser")
    counters = Counters('m"\\@1.0.0')
    for seconds in (0.0004, 0.003, 0.2, 20.0):
        counters.book((1, "m@1.0.0", 200, False, seconds))
    counters.book((1, "m@1.1.0", 500, True, 0.5))
    counters.shadow["m@1.2.0"] = {"n": 5, "failed": 2, "dropped": 7, "rows": 3, "labels": 1, "largest": 0.25}
    about = {"digest": "sha256:0", "size": 2, "ready": 1, "silent": 1}
    totals = {**counters.snapshot(), "uptime_seconds": 1.5, "releases": {'m"\\@1.0.0': about}}
    table = RoutingTable(3, 1, (Arm("m@1.0.0", 9500), Arm("m@1.1.0", 500)), "m@1.0.0")
    families = {f.name: f for f in prometheus.text_string_to_metric_families(exposition(totals, table).decode())}
    requests = {(s.labels["release"], s.labels["status"]): s.value for s in families["gonogo_requests"].samples}
    assert requests["m@1.0.0", "2xx"] == 4
    assert requests["m@1.1.0", "5xx"] == 1
    buckets = [
        s.value for s in families["gonogo_request_seconds"].samples if s.name.endswith("_bucket") and s.labels["release"] == "m@1.0.0"
    ]
    assert buckets == sorted(buckets)
    assert (buckets[0], buckets[-2], buckets[-1]) == (1, 3, 4)
    assert len(buckets) == 62
    assert {s.labels["release"]: s.value for s in families["gonogo_route_weight"].samples} == {"m@1.0.0": 0.95, "m@1.1.0": 0.05}
    assert families["gonogo_release_info"].samples[0].labels["release"] == 'm"\\@1.0.0'
    assert {s.labels["state"]: s.value for s in families["gonogo_processes"].samples} == {"wanted": 2, "ready": 1, "silent": 1}
    assert {s.labels["outcome"]: s.value for s in families["gonogo_shadow_requests"].samples} == {"answered": 3, "failed": 2, "dropped": 7}
    assert families["gonogo_shadow_largest_difference"].samples[0].value == 0.25


def counted():
    """The baseline with the rows that it was made from."""
    document = baseline()
    for entry in (*document["features"].values(), document["score"]):
        entry["counts"] = list(range(1, BinEdges.from_json(entry["bins"]).size + 1))
    return document


def test_live_rows_and_those_of_the_baseline_are_series_by_bin_of_a_bounded_number():
    prometheus = pytest.importorskip("prometheus_client.parser")
    counters = Counters("m@1.0.0", DriftCounter(SCHEMA, baseline()))
    batch = {"n": np.array([[0.05, 0.95], [np.nan, 0.5]], dtype=np.float32), "s": np.array([["x"], ["new"]], dtype=object)}
    counters.see(Computed(batch, np.array([[0.95, 0.05], [0.05, 0.95]]), ["a", "b"], [1, 1]))
    totals = {**counters.snapshot(), "uptime_seconds": 1.5, "releases": {}, "references": {"m@1.0.0": reference(counted())}}
    families = {f.name: f for f in prometheus.text_string_to_metric_families(exposition(totals, None).decode())}
    live = {(s.labels["feature"], s.labels["bin"]): s.value for s in families["gonogo_drift_rows"].samples}
    before = {(s.labels["feature"], s.labels["bin"]): s.value for s in families["gonogo_baseline_rows"].samples}
    assert live.keys() == before.keys()
    assert (live["a", "missing"], live["s", "other"], live["s", "0"], live["(score)", "missing"]) == (1, 1, 1, 0)
    assert sum(before[key] for key in before if key[0] == "a") == sum(counted()["features"]["a"]["counts"])

    wide = counted()
    wide["features"] = {f"f{number}": counted()["features"]["a"] for number in range(10_000)}
    assert reference(wide)["bins"] == {}
    text = exposition({**totals, "drift": {}, "references": {"m@1.0.0": reference(wide)}}, None).decode()
    assert "gonogo_drift_rows_total{" not in text
