"""Law: the quick path and the careful path of the encoder accept the same rows and give the same arrays."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.model.encode import RowEncoder, RowErrors
from gonogo.model.rows import nested
from gonogo.model.schema import Feature, GraphInput, Schema, Tensor

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.integers(), st.floats(), st.floats(-1e39, 1e39), st.text(max_size=3), st.just([1.0]),
    st.just("\ud800"), st.sampled_from([2**63, -(2**63), 2**24 + 1, 3.4028234663852886e38, 1e-46, -1, 255, 256, 65504, 65519.0, 2**31]),
)  # fmt: skip
PAIRS = st.sampled_from(
    [
        ("float", "float32"),
        ("float", "float64"),
        ("float", "float16"),
        ("int", "int64"),
        ("int", "uint8"),
        ("int", "int32"),
        ("bool", "int8"),
        ("int", "float32"),
        ("bool", "bool"),
        ("bool", "int64"),
        ("string", "string"),
    ]
)


@st.composite
def schemas(draw: Any) -> Schema:
    inputs, features = [], []
    for number in range(draw(st.integers(1, 3))):
        kind, dtype = draw(PAIRS)
        shape = draw(st.sampled_from([(), (2,), (2, 3), (1, 2, 2)])) if kind != "string" else ()
        if shape:
            inputs.append(GraphInput(f"x{number}", dtype, prod(shape), draw(st.sampled_from([(), shape]))))
            features.append(Feature(f"x{number}", kind, draw(st.booleans()), f"x{number}", 0, Tensor(shape)))
            continue
        width = draw(st.integers(1, 3))
        inputs.append(GraphInput(f"x{number}", dtype, width))
        features += [Feature(f"f{number}{column}", kind, draw(st.booleans()), f"x{number}", column) for column in range(width)]
    return Schema("binary-classification", tuple(inputs), tuple(features), ("0", "1"), "p")


GOOD: dict[str, Any] = {
    "float": st.floats(-1e6, 1e6),
    "int": st.integers(-9, 9),
    "bool": st.booleans(),
    "string": st.text("abé", max_size=3),
}


@st.composite
def tensors(draw: Any, feature: Feature) -> Any:
    """Nested lists that are mostly right: sometimes one element, or one list, is not."""
    shape = feature.tensor.shape if feature.tensor is not None else ()
    flat = [draw(st.none() if feature.nullable and draw(st.booleans()) else GOOD[feature.type]) for _ in range(prod(shape))]
    fault = draw(st.integers(0, 5))
    if fault == 0:
        flat[draw(st.integers(0, len(flat) - 1))] = draw(VALUES)
    if fault == 1:
        return nested(flat, draw(st.sampled_from([(), (2,), (3, 2), (3,), (2, 2, 1)])))
    value = nested(flat, shape[1:])
    if fault == 2:
        part = draw(st.sampled_from([value, *(one for one in value if isinstance(one, list))]))
        part.pop() if draw(st.booleans()) else part.append(draw(VALUES))
    return value


@st.composite
def cases(draw: Any) -> tuple[Schema, list[Any]]:
    """Rows that are mostly right, so that the quick path is taken as well as left."""
    schema = draw(schemas())
    rows = []
    for _ in range(draw(st.integers(0, 3))):
        row = {}
        for feature in schema.features:
            spoil = draw(st.integers(0, 9)) == 0
            if feature.tensor is not None and not spoil:
                row[feature.name] = draw(tensors(feature))
                continue
            row[feature.name] = draw(VALUES if spoil else st.none() if feature.nullable and draw(st.booleans()) else GOOD[feature.type])
        if draw(st.integers(0, 9)) == 0:
            row.pop(next(iter(row)))
        if draw(st.integers(0, 9)) == 0:
            row["extra"] = 1
        rows.append(row)
    return schema, rows


def outcome(encoder: RowEncoder, rows: list[Any], *, quickly: bool) -> Any:
    try:
        return encoder.encode(rows) if quickly else encoder.judge(rows)
    except RowErrors as error:
        return error.errors


@settings(max_examples=600)
@given(cases())
def test_both_paths_agree(case: tuple[Schema, list[Any]]) -> None:
    schema, rows = case
    encoder = RowEncoder(schema)
    quick, careful = outcome(encoder, rows, quickly=True), outcome(encoder, rows, quickly=False)
    if isinstance(careful, list):
        assert quick == careful
        assert all(error.keys() == {"row", "feature", "problem", "message"} for error in careful)
        return
    assert quick.keys() == careful.keys()
    for name, array in careful.items():
        assert quick[name].dtype == array.dtype
        np.testing.assert_array_equal(quick[name], array)
        if array.dtype.kind == "f":
            assert not np.isinf(array).any()
