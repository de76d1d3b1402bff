"""E-processes: what they promise, by simulation; how much they need, as a table that may not get worse.

The table is the one measured in the project's research on rollouts: requests on the new release until FAIL or PASS, at 5 % weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from gonogo.stats.eprocess import HARM_RATIOS, SAFE_SHARES, StageCounts, log_e_harm, log_e_safe, srm_log_e
from gonogo.stats.intervals import wilson

Statistic = Callable[[list[StageCounts]], float]


def run(
    statistic: Statistic,
    generator: np.random.Generator,
    stages: list[tuple[int, int]],
    rates: Callable[[int, int], tuple[float, float]],
    limit: float,
    looks: int = 100,
) -> int | None:
    """Simulate stages of (weight in basis points, requests), looking many times. Canary requests at the crossing of `limit`, or None."""
    done: list[StageCounts] = []
    canary = 0
    for number, (weight, requests) in enumerate(stages):
        n = bad_canary = bad_stable = 0
        for look in range(looks):
            step = requests // looks
            on_canary = int(generator.binomial(step, weight / 10_000))
            p_canary, p_stable = rates(number, look)
            n += step
            canary += on_canary
            bad_canary += int(generator.binomial(on_canary, p_canary))
            bad_stable += int(generator.binomial(step - on_canary, p_stable))
            if statistic([*done, StageCounts(n, bad_canary, bad_stable, weight)]) >= limit:
                return canary
        done.append(StageCounts(n, bad_canary, bad_stable, weight))
    return None


def crossings(times: int, *arguments: object, seed: int = 1, **options: object) -> list[int | None]:
    statistic, stages, rates, limit = arguments
    generator = np.random.default_rng(seed)
    return [run(statistic, generator, stages, rates, limit, **options) for _ in range(times)]  # type: ignore[arg-type]


def not_more_often_than(alpha: float, found: list[int | None]) -> bool:
    """Whether so many crossings are compatible with a rate of at most alpha (99.9 % interval)."""
    return wilson(sum(at is not None for at in found), len(found), 0.999)[0] <= alpha


STAGES = [(500, 20_000), (2500, 10_000), (9500, 10_000)]


@pytest.mark.parametrize("rate", [0.0, 0.002, 0.05])
def test_a_release_that_is_not_worse_fails_at_most_with_alpha(rate: float) -> None:
    found = crossings(400, log_e_harm, STAGES, lambda _stage, _look: (rate, rate), math.log(100), looks=40)
    assert not_more_often_than(0.01, found)


def test_an_incident_that_both_arms_share_is_no_harm() -> None:
    def rates(_stage: int, look: int) -> tuple[float, float]:
        return (0.2, 0.2) if 10 <= look < 15 else (0.002, 0.002)

    assert not_more_often_than(0.01, crossings(400, log_e_harm, STAGES, rates, math.log(100), looks=40))


def test_a_release_within_the_tolerance_is_no_harm() -> None:
    found = crossings(400, lambda s: log_e_harm(s, d=0.005), STAGES, lambda _s, _l: (0.006, 0.002), math.log(100), looks=40)
    assert not_more_often_than(0.01, found)


def test_a_release_at_its_margin_passes_at_most_with_beta() -> None:
    found = crossings(400, lambda s: log_e_safe(s, d_prime=0.01), STAGES, lambda _s, _l: (0.012, 0.002), math.log(20), looks=40)
    assert not_more_often_than(0.05, found)


def test_these_tests_would_notice_a_test_that_is_looked_at_too_often() -> None:
    """A z-test at 1 %, looked at 120 times, as a teacher of what the ones above exclude."""

    def z(stages: list[StageCounts]) -> float:
        n, weight = stages[-1].n, stages[-1].weight_bp / 10_000
        bad = stages[-1].errors_canary + stages[-1].errors_stable
        if bad < 10 or n < 100:
            return 0.0
        return (stages[-1].errors_canary - bad * weight) / math.sqrt(bad * weight * (1 - weight))

    found = crossings(400, z, STAGES, lambda _s, _l: (0.05, 0.05), 2.326, looks=40)
    assert not not_more_often_than(0.01, found)


def median_to(limit: float, statistic: Statistic, p_canary: float, p_stable: float, expected: int, runs: int = 121) -> float:
    requests = expected * 20 * 8  # eight times the expected median, at 5 % weight
    stages = [(500, requests)]
    found = crossings(runs, statistic, stages, lambda _s, _l: (p_canary, p_stable), limit, looks=min(480, requests), seed=5)
    return float(np.median([math.inf if at is None else at for at in found]))


@pytest.mark.parametrize(
    ("p_canary", "d", "canary_requests"),
    [
        (0.006, 0.0, 2120), (0.01, 0.0, 816), (0.02, 0.0, 215), (0.05, 0.0, 66), (0.10, 0.0, 31), (1.0, 0.0, 3),
        (0.006, 0.001, 4650), (0.01, 0.001, 1170), (0.02, 0.001, 268), (0.05, 0.001, 71), (0.10, 0.001, 31), (1.0, 0.001, 3),
    ],
)  # fmt: skip
def test_harm_is_found_as_fast_as_measured(p_canary: float, d: float, canary_requests: int) -> None:
    median = median_to(math.log(100), lambda s: log_e_harm(s, d=d), p_canary, 0.002, canary_requests)
    assert 0.8 * canary_requests - 1 <= median <= 1.2 * canary_requests + 1


@pytest.mark.parametrize(
    ("rate", "margin", "canary_requests"),
    [(0.0, 0.005, 1019), (0.002, 0.005, 1314), (0.01, 0.005, 3208), (0.0, 0.01, 513), (0.002, 0.01, 612), (0.01, 0.01, 1163)],
)
def test_safety_is_shown_as_fast_as_measured(rate: float, margin: float, canary_requests: int) -> None:
    median = median_to(math.log(20), lambda s: log_e_safe(s, d_prime=margin), rate, rate, canary_requests)
    # The table looked after every request; looking seldom (here once in 0.8 to 1.7 % of the run) finds it up to a fifth later.
    assert 0.8 * canary_requests <= median <= 1.3 * canary_requests


def by_hand(stages: list[StageCounts], r0: float, d: float, *, harm: bool) -> float:
    """The definition, factor by factor."""
    grid = len(HARM_RATIOS) if harm else len(SAFE_SHARES)
    products = []
    for index in range(grid):
        product = 1.0
        for stage in stages:
            w = stage.weight_bp / 10_000
            if harm:
                null = w * r0 / (w * r0 + 1 - w)
                ratio = HARM_RATIOS[index]
                bet = min(w * ((w * ratio * r0 / (w * ratio * r0 + 1 - w)) / null - 1), 0.95 / (r0 / (1 - w) + d))
            else:
                bet = -SAFE_SHARES[index] / (1 / w - d)
            good = stage.n - stage.errors_canary - stage.errors_stable
            for times, x in ((stage.errors_canary, 1 / w - d), (stage.errors_stable, -r0 / (1 - w) - d), (good, -d)):
                product *= (1 + bet * x) ** times
        products.append(product)
    return math.log(sum(products) / grid)


@pytest.mark.parametrize(("r0", "d"), [(1.0, 0.001), (1.0, 0.0), (1.5, 0.02)])
def test_the_counters_give_what_the_definition_says(r0: float, d: float) -> None:
    stages = [StageCounts(200, 3, 4, 500), StageCounts(90, 0, 1, 2500), StageCounts(80, 9, 0, 9500)]
    assert log_e_harm(stages, r0, d) == pytest.approx(by_hand(stages, r0, d, harm=True), rel=1e-9)
    assert log_e_safe(stages, r0, d) == pytest.approx(by_hand(stages, r0, d, harm=False), rel=1e-9)


@pytest.mark.parametrize("weight", [1, 100, 500, 5000, 9900, 9999])
def test_every_bet_has_the_null_as_its_mean(weight: int) -> None:
    """At the boundary p_c = r0·p_s + d the expected factor of each single request is 1: no evidence arises from nothing."""
    p_stable, d = 0.03, 0.01
    w, p_canary = weight / 10_000, p_stable + d
    cases = [
        (w * p_canary, StageCounts(1, 1, 0, weight)),
        ((1 - w) * p_stable, StageCounts(1, 0, 1, weight)),
        (1 - w * p_canary - (1 - w) * p_stable, StageCounts(1, 0, 0, weight)),
    ]
    assert sum(chance * math.exp(log_e_harm([stage], d=d)) for chance, stage in cases) == pytest.approx(1.0)
    assert sum(chance * math.exp(log_e_safe([stage], d_prime=d)) for chance, stage in cases) == pytest.approx(1.0)


def test_a_stage_that_compares_nothing_is_no_evidence() -> None:
    for weight in (0, 10_000):
        assert log_e_harm([StageCounts(1000, 500 * (weight > 0), 0, weight)]) == 0.0
        assert log_e_safe([StageCounts(1000, 0, 0, weight)]) == 0.0
    assert log_e_harm([]) == log_e_safe([]) == 0.0


def test_evidence_stays_a_number_at_any_size() -> None:
    for counts in (StageCounts(10**12, 10**11, 0, 500), StageCounts(10**12, 0, 10**11, 500), StageCounts(10**12, 0, 0, 1)):
        assert math.isfinite(log_e_harm([counts]))
        assert math.isfinite(log_e_safe([counts]))


@pytest.mark.parametrize("counts", [(1, 2, 0, 500), (5, -1, 0, 500), (5, 0, 0, 10_001), (5, 0, 0, -1), (-1, 0, 0, 500)])
def test_impossible_counts_are_refused(counts: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"impossible|more bad"):
        StageCounts(*counts)


def test_impossible_margins_are_refused() -> None:
    for call in (lambda: log_e_harm([], d=-0.1), lambda: log_e_safe([], d_prime=1.0), lambda: log_e_harm([], r0=math.nan)):
        with pytest.raises(ValueError, match="margin"):
            call()


def test_an_honest_router_is_believed_and_a_wrong_one_is_not() -> None:
    generator = np.random.default_rng(3)
    limit = math.log(1e4)
    for _ in range(200):
        counts = generator.binomial(1, 0.05, size=4000).cumsum()
        assert max(srm_log_e(int(counts[n - 1]), n, 0.05) for n in range(200, 4001, 200)) < limit
    assert srm_log_e(500, 4000, 0.05) > limit
    assert srm_log_e(0, 4000, 0.05) > limit
    assert srm_log_e(0, 0, 0.05) == pytest.approx(0.0)
    assert srm_log_e(1, 10, 0.0) == math.inf
    assert srm_log_e(10, 10, 1.0) == 0.0
