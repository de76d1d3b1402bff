"""What the network is given: the same numbers from the fitted preparation and from the document that ships."""

from __future__ import annotations

import json

import numpy as np
import pytest

from features import CATEGORIES, NUMBERS, read_list
from preparation import Preparation, entering


def columns(rows: int = 40) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    found = {feature.name: rng.gamma(2.0, size=rows) for feature in NUMBERS}
    found |= {"hour": rng.integers(5, 23, rows).astype(float), "weekday": rng.integers(1, 8, rows).astype(float)}
    for name, values in (("carrier", ["AA", "B6"]), ("origin", ["EWR", "JFK", "LGA"]), ("dest", ["BOS", "MIA", "SFO"])):
        found[name] = rng.choice(np.array(values, dtype=object), rows)
    return found


def test_numbers_have_mean_zero_and_spread_one_and_a_missing_one_is_the_median():
    given = columns()
    made = Preparation.fit(given)
    np.testing.assert_allclose(made.numbers(given).mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(made.numbers(given).std(axis=0), 1, atol=1e-6)
    lacking = {**given, "temp": np.full(40, np.nan)}
    middle = {**given, "temp": np.full(40, np.median(given["temp"]))}
    np.testing.assert_array_equal(made.numbers(lacking), made.numbers(middle))


def test_a_value_that_training_did_not_have_has_the_place_minus_one():
    given = columns()
    made = Preparation.fit(given)
    strange = {**given, "dest": np.array(["HNL"] * 40, dtype=object), "hour": np.full(40, 3.0)}
    codes = dict(zip((feature.name for feature in CATEGORIES), made.codes(strange).T, strict=True))
    assert set(codes["dest"]) == {-1}
    assert set(codes["hour"]) == {-1}
    assert set(codes["origin"]) == {0, 1, 2}


def test_what_is_read_back_from_the_document_prepares_the_same_numbers():
    given = columns()
    made = Preparation.fit(given)
    again = Preparation.from_steps(json.loads(json.dumps(made.steps())))
    np.testing.assert_array_equal(again.numbers(given), made.numbers(given))
    np.testing.assert_array_equal(again.codes(given), made.codes(given))


def test_every_listed_feature_enters_the_network_once():
    names = [name.rstrip("#") for part in entering().values() for name in part]
    assert sorted(names) == sorted(feature.name for feature in (*NUMBERS, *CATEGORIES))


def test_a_list_with_a_step_that_nobody_knows_is_refused(tmp_path):
    (tmp_path / "list.csv").write_text("name,type,step\ntemp,float,square\n")
    with pytest.raises(SystemExit, match="square"):
        read_list(tmp_path / "list.csv")
