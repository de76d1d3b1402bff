"""Features know nothing of later bars, nothing of the scale, and stay within their bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bars import Bars, real
from features import BOUNDS, FEATURES, WARM_UP, features


def scaled(bars: Bars, factor: float) -> Bars:
    return replace(bars, **{name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")})


@pytest.mark.parametrize("cut", [60, 137, 250, 399])
def test_later_bars_change_nothing_about_earlier_ones(made, cut):
    assert np.array_equal(features(made[:cut]), features(made)[:cut], equal_nan=True)


def test_a_later_crash_changes_nothing_before_it(made):
    crashed = Bars(made.name, made.days, *(np.concatenate([p[:300], p[300:] * 0.2]) for p in (made.open, made.high, made.low, made.close)))
    assert np.array_equal(features(crashed)[:300], features(made)[:300], equal_nan=True)
    assert not np.array_equal(features(crashed)[300:], features(made)[300:])


def test_prices_ten_times_as_high_have_the_same_features(made):
    assert np.allclose(features(scaled(made, 10)), features(made), atol=1e-5, equal_nan=True)


@pytest.mark.parametrize("source", ["generated", "sp500", "nasdaq"])
def test_every_feature_stays_within_its_bounds_and_is_there_after_the_warm_up(made, source):
    found = features(made if source == "generated" else real(source))
    missing = np.isnan(found).any(axis=1)
    begin = int(missing.sum())
    assert WARM_UP <= begin < 60
    assert not missing[begin:].any()
    for column, name in zip(found[begin:].T, FEATURES, strict=True):
        low, high = BOUNDS[name]
        assert low <= column.min() < column.max() <= high


def test_the_shares_of_a_bar_add_up(made):
    found = dict(zip(FEATURES, features(made)[60:].T, strict=True))
    assert np.allclose(np.abs(found["body"]) + found["upper_wick"] + found["lower_wick"], 1, atol=1e-5)
    assert np.allclose(found["close_place"] - found["open_place"], found["body"], atol=1e-5)


def test_a_bar_without_a_range_has_features():
    flat = Bars("flat", np.datetime64("2001-01-01") + np.arange(60), *([np.full(60, 7.0)] * 4))
    assert np.isnan(features(flat)).all(axis=1).all()  # no swing is ever over
