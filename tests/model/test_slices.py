"""Which rows are in a slice: by equal values, as the model sees them."""

from __future__ import annotations

import numpy as np
import pytest

from gonogo.model.slices import members


@pytest.mark.parametrize(
    ("values", "wanted", "inside"),
    [
        (np.array(["car", "house", None], dtype=object), "car", [True, False, False]),
        (np.array(["car", "house"]), "car", [True, False]),
        (np.array([1.0, np.nan, 0.1], dtype=np.float32), "0.1", [False, False, True]),
        (np.array([1.0, 2.0], dtype=np.float64), "1", [True, False]),
        (np.array([True, False]), "1", [True, False]),
        (np.array([1, 2]), "one", [False, False]),
    ],
)
def test_members(values: np.ndarray, wanted: str, inside: list[bool]) -> None:
    assert members(values, wanted).tolist() == inside
