"""The three signals, against known numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from gonogo.monitor.signal import Reading, Sight
from gonogo.monitor.signals.error_rate import ErrorRate
from gonogo.monitor.signals.latency import Latency
from gonogo.monitor.signals.psi import SCORE, Psi
from gonogo.monitor.windows import Windows, read_snapshot

from .conftest import BASELINE, RELEASE, Service


def sight(service: Service, n: int, bad: int = 0, *, baselines: Mapping[str, Any] | None = None, **how: float) -> Sight:
    windows = Windows()
    windows.add(read_snapshot(service.observe(), 0.0))
    if n:
        service.serve(n, bad, **how)  # type: ignore[arg-type]
    windows.add(read_snapshot(service.observe(), 10.0))
    return Sight(windows.window(60), {RELEASE: BASELINE} if baselines is None else baselines, service.observe(), datetime.now(UTC))


def test_the_error_rate_is_the_share_of_bad_ones_with_its_interval() -> None:
    (reading,) = ErrorRate().compute(sight(Service(), 1000, 50))
    assert (reading.value, reading.n, reading.labels) == (0.05, 1000, {"release": RELEASE})
    assert reading.low is not None
    assert reading.high is not None
    assert 0.03 < reading.low < 0.05 < reading.high < 0.07


def test_latency_is_told_in_milliseconds_and_judged_at_its_p95() -> None:
    readings = {reading.labels["quantile"]: reading for reading in Latency().compute(sight(Service(), 500, ms=40.0))}
    assert readings["p95"].value == pytest.approx(40, rel=0.02)
    assert [name for name, reading in readings.items() if reading.judged] == ["p95"]


def drift(shift: float, n: int = 2000) -> dict[str, Reading]:
    readings = Psi().compute(sight(Service(), n, shift=shift))
    return {reading.labels["feature"]: reading for reading in readings}


def test_without_drift_psi_is_small_and_no_surprise() -> None:
    reading = drift(0.0)["age"]
    assert reading.value is not None
    assert reading.p_value is not None
    assert reading.value < 0.02
    assert reading.p_value > 1e-3


def test_with_drift_psi_is_large_and_certain_for_every_feature_and_the_score() -> None:
    found = drift(1.0)
    assert set(found) == {"age", SCORE}
    for reading in found.values():
        assert reading.value is not None
        assert reading.p_value is not None
        assert reading.value > 0.5
        assert reading.p_value < 1e-9
        assert reading.n == 2000


@pytest.mark.parametrize("signal", [ErrorRate(), Latency(), Psi()], ids=lambda signal: signal.name)
def test_a_release_without_requests_has_no_value(signal: ErrorRate | Latency | Psi) -> None:
    readings = signal.compute(sight(Service(), 0))
    assert readings
    assert all(reading.value is None and reading.n == 0 for reading in readings)


def test_a_release_without_a_baseline_has_no_drift_instead_of_none() -> None:
    (reading,) = Psi().compute(sight(Service(), 2000, baselines={}))
    assert reading.value is None


def test_bins_that_do_not_fit_the_baseline_are_not_compared() -> None:
    other = {"features": {"age": {"counts": [1, 2, 3]}}, "score": BASELINE["score"]}
    readings = {reading.labels["feature"]: reading.value for reading in Psi().compute(sight(Service(), 2000, baselines={RELEASE: other}))}
    assert readings["age"] is None
    assert readings[SCORE] is not None


def test_a_reading_is_json_even_when_it_is_infinite() -> None:
    text = json.dumps(Reading("s", {}, float("inf"), 3, high=float("nan")).to_json(), allow_nan=False)
    assert json.loads(text)["value"] is None
