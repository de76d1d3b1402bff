"""Laws of the statistics: counting is adding, order does not matter, and evidence cannot be made by looking."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gonogo.stats.bins import BinEdges, fit_categorical, fit_numeric
from gonogo.stats.classification import roc_auc, roc_auc_delong
from gonogo.stats.drift import psi, psi_interval, psi_p_value
from gonogo.stats.eprocess import StageCounts, log_e_harm, log_e_safe
from gonogo.stats.intervals import wilson
from gonogo.stats.latency import LatencyHistogram
from gonogo.stats.score_table import ScoreTable

ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)
COLUMNS = arrays(np.float64, st.integers(1, 60), elements=ANY_FLOAT)
WORDS = st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=1, max_size=60)
HISTOGRAMS = st.integers(2, 12).flatmap(
    lambda bins: st.tuples(*[arrays(np.int64, bins, elements=st.integers(0, 10_000)).filter(lambda a: a.sum() > 0)] * 2)
)


@given(COLUMNS, COLUMNS, st.integers(2, 12))
def test_every_number_is_counted_once_and_counts_add(reference: Any, current: Any, most: int) -> None:
    bins = fit_numeric(reference, most)
    counts = bins.count(current)
    assert counts.sum() == len(current)
    assert (counts >= 0).all()
    assert counts[-1] == np.isnan(current).sum()
    half = len(current) // 2
    np.testing.assert_array_equal(counts, bins.count(current[:half]) + bins.count(current[half:]))
    np.testing.assert_array_equal(counts, bins.count(current[::-1]))
    assert BinEdges.from_json(bins.to_json()) == bins


@given(WORDS, WORDS)
def test_every_word_is_counted_once_and_counts_add(reference: list[Any], current: list[Any]) -> None:
    bins = fit_categorical(np.array(reference, dtype=object), top=3, least=2)
    values = np.array(current, dtype=object)
    counts = bins.count(values)
    assert counts.sum() == len(current)
    assert counts[-1] == sum(not value for value in current)
    half = len(current) // 2
    np.testing.assert_array_equal(counts, bins.count(values[:half]) + bins.count(values[half:]))


@given(HISTOGRAMS)
def test_drift_is_not_negative_and_lies_in_its_interval(pair: tuple[Any, Any]) -> None:
    reference, current = pair
    value = psi(reference, current)
    low, high = psi_interval(reference, current)
    assert 0 <= value < math.inf
    assert low <= value <= high
    assert psi(reference, reference) == 0
    assert 0 <= psi_p_value(value, int(current.sum()), int(reference.sum()), len(reference)) <= 1


@given(st.integers(0, 10_000), st.integers(1, 10_000), st.floats(0.5, 0.999))
def test_a_share_lies_in_its_interval(k: int, n: int, level: float) -> None:
    k = min(k, n)
    low, high = wilson(k, n, level)
    assert 0 <= low <= k / n <= high <= 1
    assert low < high


SCORED = st.lists(st.tuples(st.integers(0, 1), st.integers(-5, 5)), min_size=2, max_size=40).filter(
    lambda rows: len({y for y, _ in rows}) == 2
)


@given(SCORED)
def test_the_area_is_the_share_of_ordered_pairs_and_lies_in_its_interval(rows: list[tuple[int, int]]) -> None:
    y, score = np.array([label for label, _ in rows]), np.array([float(value) for _, value in rows])
    positive, negative = score[y == 1], score[y == 0]
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in positive for b in negative]
    assert math.isclose(roc_auc(y, score), sum(pairs) / len(pairs))
    assert math.isclose(roc_auc(y, -score), 1 - roc_auc(y, score), abs_tol=1e-12)
    auc, low, high = roc_auc_delong(y, score)
    assert 0 <= low <= auc <= high <= 1
    assert low < high


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=50), st.floats(0, 1))
def test_latencies_add_and_quantiles_ascend(values: list[float], p: float) -> None:
    whole, left, right = LatencyHistogram(), LatencyHistogram(), LatencyHistogram()
    for index, value in enumerate(values):
        whole.add(value)
        (left if index % 2 else right).add(value)
    left.merge(right)
    assert left.to_json()["counts"] == whole.to_json()["counts"]
    assert whole.quantile(0) <= whole.quantile(p) <= whole.quantile(1)
    low, high = whole.interval(0.5)
    assert low <= whole.quantile(0.5) <= high


@st.composite
def stages(draw: Any) -> StageCounts:
    canary, stable, good = draw(st.integers(0, 2000)), draw(st.integers(0, 2000)), draw(st.integers(0, 100_000))
    return StageCounts(canary + stable + good, canary, stable, draw(st.integers(1, 9999)))


@given(st.lists(stages(), max_size=4), st.randoms())
def test_evidence_is_finite_and_the_order_of_stages_does_not_matter(counted: list[StageCounts], random: Any) -> None:
    shuffled = list(counted)
    random.shuffle(shuffled)
    for statistic in (log_e_harm, log_e_safe):
        value = statistic(counted)
        assert math.isfinite(value)
        assert math.isclose(value, statistic(shuffled), rel_tol=1e-9, abs_tol=1e-9)


@given(stages())
def test_another_bad_request_of_the_new_release_never_speaks_for_it(stage: StageCounts) -> None:
    worse = StageCounts(stage.n + 1, stage.errors_canary + 1, stage.errors_stable, stage.weight_bp)
    assert log_e_harm([worse]) >= log_e_harm([stage])
    assert log_e_safe([worse]) <= log_e_safe([stage])


@settings(max_examples=50)
@given(st.integers(1, 9999), st.floats(0, 0.3), st.floats(0, 0.05), st.lists(st.sampled_from([0, 1, 2]), max_size=5))
def test_the_next_request_is_a_fair_bet_whatever_came_before(weight: int, p_stable: float, d: float, past: list[int]) -> None:
    """At the boundary of the null the expected evidence after one more request is the evidence now."""
    w, p_canary = weight / 10_000, p_stable + d
    canary, stable = past.count(1), past.count(2)
    chances = {1: w * p_canary, 2: (1 - w) * p_stable, 0: 1 - w * p_canary - (1 - w) * p_stable}

    def after(kind: int | None) -> list[StageCounts]:
        more = 0 if kind is None else 1
        return [StageCounts(len(past) + more, canary + (kind == 1), stable + (kind == 2), weight)]

    for statistic, margin in ((log_e_harm, {"d": d}), (log_e_safe, {"d_prime": d})):
        now = math.exp(statistic(after(None), **margin))
        then = sum(chance * math.exp(statistic(after(kind), **margin)) for kind, chance in chances.items())
        assert math.isclose(then, now, rel_tol=1e-9)


LABELLED = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1), st.integers(0, 3)), max_size=60)


@given(LABELLED, st.randoms(use_true_random=False))
def test_shards_of_scores_and_outcomes_add_to_the_one_table_in_any_order(rows: list[tuple[float, int, int]], random: Any) -> None:
    def table_of(some: list[tuple[float, int, int]]) -> ScoreTable:
        table = ScoreTable()
        table.add(np.array([score for score, _, _ in some]), np.array([outcome for _, outcome, _ in some]))
        return table

    whole = table_of(rows)
    shards = [table_of([row for row in rows if row[2] == shard]) for shard in range(4)]
    random.shuffle(shards)
    merged = ScoreTable()
    for shard in shards:
        merged = merged.plus(ScoreTable.from_json(shard.to_json()))
    assert merged.to_json() == whole.to_json()
    for shard in shards:
        merged = merged.plus(shard, sign=-1)
    assert merged.rows == 0
    assert not merged.sums.any()
