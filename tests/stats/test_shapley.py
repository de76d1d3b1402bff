"""Sampled Shapley values against what the definition gives when every order is taken."""

from itertools import permutations
from math import factorial

import numpy as np
import pytest

from gonogo.model.parts import Part
from gonogo.model.schema import Feature
from gonogo.stats.shapley import contributions

FEATURES = tuple(Part(f"f{n}", Feature(f"f{n}", "float", False, "x", n), np.array([n])) for n in range(4))
ROWS = np.array([[1.0, 2.0, -1.0, 3.0], [0.5, 0.0, 2.0, 1.0]])
BACKGROUND = np.array([[0.2, 0.1, 0.4, 0.3]])


def wavy(batch: dict) -> np.ndarray:
    x = batch["x"]
    p = 1 / (1 + np.exp(-(x[:, 0] * x[:, 1] + np.sin(x[:, 2]) - 0.1 * x[:, 3])))
    return np.stack([1 - p, p], axis=1)


def exact(row: np.ndarray, background: np.ndarray) -> np.ndarray:
    values = np.zeros(4)
    for order in permutations(range(4)):
        now = background.copy()
        for feature in order:
            before = wavy({"x": now[None]})[0, 1]
            now[feature] = row[feature]
            values[feature] += wavy({"x": now[None]})[0, 1] - before
    return values / factorial(4)


def of(score, rows, background, *, orders, cells=100_000, seed=3):
    parts = contributions(
        score,
        FEATURES,
        {"x": rows},
        np.arange(len(rows)),
        {"x": background},
        orders=orders,
        generator=np.random.default_rng(seed),
        cells=cells,
    )
    return list(parts)


def test_many_orders_come_near_the_definition():
    (part,) = of(wavy, ROWS, BACKGROUND, orders=3000, cells=1_000_000)
    for row, values in zip(ROWS, part.values, strict=True):
        assert values == pytest.approx(exact(row, BACKGROUND[0]), abs=0.01)


def test_contributions_and_base_add_up_to_the_score_however_few_the_orders():
    (part,) = of(wavy, ROWS, BACKGROUND, orders=1)
    assert part.values.sum(axis=1) + part.base == pytest.approx(wavy({"x": ROWS})[:, 1], abs=1e-12)
    assert part.base == pytest.approx(np.repeat(wavy({"x": BACKGROUND})[:, 1], 2))
    assert part.score == pytest.approx(wavy({"x": ROWS})[:, 1])
    assert part.of.tolist() == [1, 1]


def test_a_feature_that_the_model_does_not_use_contributes_nothing_and_a_lone_one_everything():
    def first_only(batch: dict) -> np.ndarray:
        return np.stack([1 - batch["x"][:, 0] / 10, batch["x"][:, 0] / 10], axis=1)

    (part,) = of(first_only, ROWS, BACKGROUND, orders=5)
    assert part.values[:, 1:].tolist() == [[0.0] * 3] * 2
    assert part.values[:, 0] == pytest.approx((ROWS[:, 0] - 0.2) / 10)


def test_few_cells_mean_more_and_smaller_calls_never_none():
    asked = []

    def noted(batch: dict) -> np.ndarray:
        asked.append(batch["x"].size)
        return wavy(batch)

    parts = of(noted, ROWS, BACKGROUND, orders=10, cells=1)
    assert len(parts) == len(ROWS)
    assert asked == [20, 20]  # one order of five rows of four features


def test_of_several_classes_the_one_that_the_row_is_given_is_explained():
    def three(batch: dict) -> np.ndarray:
        x = np.exp(batch["x"][:, :3])
        return x / x.sum(axis=1, keepdims=True)

    (part,) = of(three, ROWS, BACKGROUND, orders=5)
    assert part.of.tolist() == [1, 2]
    assert part.score == pytest.approx(three({"x": ROWS})[[0, 1], [1, 2]])


def test_a_score_that_is_nan_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        of(lambda batch: np.full((len(batch["x"]), 2), np.nan), ROWS, BACKGROUND, orders=1)
