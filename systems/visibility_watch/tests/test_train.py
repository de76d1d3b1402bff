"""What training does, on hours that are made up: low visibility follows a small spread."""

from __future__ import annotations

import numpy as np
import pytest

from features import CANDIDATES, FEATURES
from train import explanation, fit, schema

SPREAD = FEATURES.index("spread")


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(3)
    x = random.normal(size=(800, len(FEATURES)))
    low = (x[:, SPREAD] + 0.3 * random.normal(size=800) < -1).astype(np.int8)
    x[::9, FEATURES.index("pressure")] = np.nan
    return x, low


def test_the_same_seed_gives_the_same_trees_and_another_seed_others(rows):
    first, again, other = (fit(rows, seed, 10)[1].model_to_string() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_missing_reading_stays_missing_and_gets_a_score(rows):
    scaler, booster = fit(rows, 1, 10)
    entering = scaler.transform(rows[0])
    assert np.isnan(entering[0, FEATURES.index("pressure")])
    assert np.isfinite(booster.predict(entering)).all()


def test_the_contributions_of_a_row_add_up_to_its_score_and_the_strongest_feature_is_first(rows):
    scaler, booster = fit(rows, 1, 10)
    entering = scaler.transform(rows[0])
    report = explanation(booster, entering, [str(number) for number in range(len(entering))])
    scores = booster.predict(entering)
    for values, about in zip(report["local"], report["local_rows"], strict=True):
        log_odds = report["base"] + sum(values.values())
        assert log_odds == pytest.approx(about["log_odds"])
        assert 1 / (1 + np.exp(-log_odds)) == pytest.approx(scores[about["row"]])
        assert about["hour"] == str(about["row"])
    assert next(iter(report["global"])) == "spread"
    assert set(report["global"]) == set(FEATURES)


def test_the_schema_lists_the_features_in_the_order_of_the_model_with_what_each_is():
    assert [entry["name"] for entry in schema()["features"]] == list(FEATURES)
    assert [entry["meaning"] for entry in schema()["features"]] == [CANDIDATES[name] for name in FEATURES]
