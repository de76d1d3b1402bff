"""Golden requests are mixed in and held against the sealed scores, by a real service."""

from __future__ import annotations

from collections import Counter

import pytest

import sample
from gonogo.service.loadtest.requests import EVERY, Golden, payloads
from gonogo.service.loadtest.run import run_load_test
from gonogo.service.loadtest.target import Target
from gonogo.service.trial import TrialServer

ROWS = [{"amount": n / 100, "city": ("paris", "oslo")[n % 2]} for n in range(1, 41)]


def sent(rows, golden):
    return payloads(rows, golden, "/predict", "here", b"")


@pytest.mark.parametrize(("rows", "golden"), [(1, 1), (40, 8), (500, 8), (3, 20), (9, 1)])
def test_every_tenth_request_is_golden_and_none_is_left_out(rows, golden):
    requests = [([{"a": n}], [[0.5, 0.5]]) for n in range(golden)]
    rotation = sent([{"a": -n} for n in range(rows)], Golden(["0", "1"], 1e-5, requests))
    assert {payload.number for payload in rotation} == set(range(rows + golden))
    assert Counter(payload.expected is not None for payload in rotation)[True] * EVERY == len(rotation)
    assert all((payload.expected is not None) == (place % EVERY == 0) for place, payload in enumerate(rotation))


def test_without_golden_requests_the_rows_go_round():
    assert [payload.number for payload in sent([{"a": 1}, {"a": 2}], None)] == [0, 1]


def test_a_real_service_gives_its_golden_scores_and_a_falsified_one_is_found(tmp_path):
    bundle = sample.build(sample.write_project(tmp_path / "project"), tmp_path / "bundles")
    golden = Golden.of_document(bundle.golden)
    asked, scores = golden.requests[0]
    falsified = Golden(golden.classes, golden.tolerance, [(asked, [[value + 0.01 for value in row] for row in scores])])
    with TrialServer(bundle, accept_weaker=True) as trial:
        good = run_load_test(Target.of(trial.base_url), ROWS, golden=golden, requests=400, concurrency=20)
        bad = run_load_test(Target.of(trial.base_url), ROWS, golden=falsified, requests=400, concurrency=20, rate=4000.0)
    assert (good.errors, good.golden_checked, good.golden_wrong) == (0, 40, 0)
    assert good.releases == {"small@trial": 400}
    assert bad.golden_wrong == bad.golden_checked == bad.error_kinds["wrong golden scores"] == bad.errors == 40
