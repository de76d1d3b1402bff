"""Golden requests of a model that takes windows: quantiles at each place, and no row of the table."""

from __future__ import annotations

import numpy as np
import pytest

from gonogo.base.table import Table
from gonogo.model.encode import encode_rows
from gonogo.model.schema import Feature, FeatureType, GraphInput, Schema, Tensor
from gonogo.release.golden import golden_cases

VALUES = np.random.default_rng(3).normal(size=(300, 6)).astype(np.float32)


def golden(values: np.ndarray, *, nullable: bool = False, kind: FeatureType = "float", dtype: str = "float32") -> dict[str, list[dict]]:
    feature = Feature("window", kind, nullable, "window", 0, Tensor((3, 2)))
    schema = Schema("binary-classification", (GraphInput("window", dtype, 6, (3, 2)),), (feature,), ("0", "1"), "p")
    found = dict(golden_cases(schema, Table({"window": values}, len(values), {"window": (3, 2)})))
    for rows in found.values():
        encode_rows(schema, rows)  # they are requests that are accepted
    return found


def test_each_place_has_its_own_quantile() -> None:
    [typical], [high] = golden(VALUES)["typical"], golden(VALUES)["highest"]
    np.testing.assert_allclose(np.array(typical["window"]).ravel(), np.median(VALUES, axis=0), atol=1e-6)
    np.testing.assert_allclose(np.array(high["window"]).ravel(), np.quantile(VALUES, 0.99, axis=0), atol=1e-6)


def test_no_row_of_the_table_is_in_them() -> None:
    rows = {row.tobytes() for row in VALUES}
    assert not any(np.array(row["window"], np.float32).tobytes() in rows for rows_ in golden(VALUES).values() for row in rows_)


def test_an_element_is_missing_where_it_may_be_and_only_there() -> None:
    holes = VALUES.copy()
    holes[::2, 5] = np.nan
    holes[:, 4] = np.nan
    [row] = golden(holes, nullable=True)["missing values"]
    assert row["window"][0][0] is None
    assert row["window"][2][0] == 0.0  # nobody ever had a value there
    assert "missing values" not in golden(VALUES)


@pytest.mark.parametrize(("kind", "dtype"), [("int", "int64"), ("int", "uint8"), ("bool", "bool")])
def test_whole_numbers_and_truth_values_stay_what_they_are(kind: FeatureType, dtype: str) -> None:
    [typical] = golden((VALUES > 0).astype(np.float64), kind=kind, dtype=dtype)["typical"]
    assert {type(value) for part in typical["window"] for value in part} == {int if kind == "int" else bool}


def test_rounding_leads_no_whole_number_beyond_what_its_input_holds() -> None:
    largest = np.iinfo(np.int32).max  # as a float32 it would be one more
    [high] = golden(np.full((300, 6), largest, np.float64), kind="int", dtype="int32")["highest"]
    assert high["window"][0][0] == largest
    single = Schema("binary-classification", (GraphInput("n", "int32", 1),), (Feature("n", "int", False, "n", 0),), ("0", "1"), "p")
    [high] = dict(golden_cases(single, Table({"n": np.full(300, float(largest))}, 300)))["highest"]
    assert high["n"] == largest
