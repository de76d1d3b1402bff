"""The contract of all codecs for windows and images."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec_service import BESIDE, MOST, WINDOWS, Service
from spellings import (
    GOOD_BESIDE,
    GOOD_WINDOWS,
    TARGET,
    TENSOR_SPELLINGS,
    VALUE,
    as_arrow_lists,
    as_binary_tensor,
    as_columns,
    as_fortran_tensor,
    as_numpy_tensor,
    as_rows,
    as_tensor,
    ask_in_every_way,
    changed,
    inference,
    outcome,
)


@pytest.fixture(scope="module")
def windows():
    return Service(WINDOWS)


@pytest.fixture(scope="module")
def beside():
    return Service(BESIDE)


def test_the_same_windows_get_the_same_scores_in_every_spelling(windows, beside):
    scores, ways = ask_in_every_way(windows, GOOD_WINDOWS, TENSOR_SPELLINGS)
    assert ways == len(TENSOR_SPELLINGS) - 2  # not one row, and there is no other feature
    assert [score[1] for score in scores] == pytest.approx([1 / (1 + math.exp(-1.25)), 1 / (1 + math.exp(-2.1))], abs=1e-6)
    assert ask_in_every_way(windows, GOOD_WINDOWS[:1], TENSOR_SPELLINGS)[1] == len(TENSOR_SPELLINGS) - 1
    scores, ways = ask_in_every_way(beside, GOOD_BESIDE, TENSOR_SPELLINGS)
    assert ways == len(TENSOR_SPELLINGS) - 3  # an array without names has no place for another feature


def test_elements_may_be_null_where_the_schema_says_so_and_the_whole_window_never(windows, beside):
    scores, ways = ask_in_every_way(windows, [changed(GOOD_WINDOWS[0], (1, 1), None)], TENSOR_SPELLINGS)
    assert ways >= 5
    assert scores[0][1] == pytest.approx(1 / (1 + math.exp(-1.0)), abs=1e-6)
    assert ask_in_every_way(beside, [changed(GOOD_BESIDE[0], (1, 1), None)], TENSOR_SPELLINGS)[0] == (422, {(0, "x", "null")})
    assert outcome(windows, as_rows(WINDOWS, [{"x": None}])) == (422, {(0, "x", "null")})


BAD_WINDOWS = {
    "a row too few": ([[1.0, 2.0]] * 2, "shape"),
    "a row too many": ([[1.0, 2.0]] * 4, "shape"),
    "a channel too few": ([[1.0]] * 3, "shape"),
    "the other way round": ([[1.0, 2.0, 3.0]] * 2, "shape"),
    "flat": ([1.0] * 6, "shape"),
    "flat and of its length": ([1.0] * 3, "type"),
    "one number": (1.0, "type"),
    "too deep": ([[[1.0], [2.0]]] * 3, "type"),
    "text inside": ([["a", "b"]] * 3, "type"),
    "booleans inside": ([[True, False]] * 3, "type"),
    "too large": ([[1.0, 1e39]] * 3, "range"),
}


@pytest.mark.parametrize("name", BAD_WINDOWS)
def test_a_window_that_is_none_is_named_in_every_spelling(windows, name):
    value, problem = BAD_WINDOWS[name]
    found, ways = ask_in_every_way(windows, [{"x": value}], TENSOR_SPELLINGS)
    assert found == (422, {(0, "x", problem)})
    assert ways >= 4


def test_ragged_windows_are_refused_where_they_can_be_said(windows):
    for spelling in (as_rows, as_columns):
        assert outcome(windows, spelling(WINDOWS, [{"x": [[1.0, 2.0], [3.0], [4.0, 5.0]]}])) == (422, {(0, "x", "shape")})
    nested = json.dumps({"inputs": [{"name": "x", "shape": [1, 3, 2], "datatype": "FP64", "data": [[[1.0, 2.0], [3.0], [4.0, 5.0, 6.0]]]}]})
    assert outcome(windows, (TARGET, {}, nested.encode()))[0] == 400


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_inside_are_refused_also_where_null_may_stand(windows, value):
    rows = [changed(GOOD_WINDOWS[0], (2, 0), value)]
    for spelling in (as_binary_tensor, as_numpy_tensor, as_fortran_tensor, as_arrow_lists):
        assert outcome(windows, spelling(WINDOWS, rows)) == (422, {(0, "x", "not finite")})
    for spelling in (as_rows, as_columns, as_tensor):
        assert outcome(windows, spelling(WINDOWS, rows))[0] == 400


def test_more_windows_than_may_be_are_refused_in_every_spelling(windows):
    found, ways = ask_in_every_way(windows, GOOD_WINDOWS[:1] * (MOST + 1), TENSOR_SPELLINGS)
    assert (found, ways) == ((413, set()), len(TENSOR_SPELLINGS) - 2)


@pytest.mark.parametrize("shape", [[1, 0, 2], [0, 3, 2], [2**31 - 1, 0, 2]])
def test_a_tensor_with_nothing_in_it_is_refused_whatever_it_says(windows, shape):
    body = {"inputs": [{"name": "x", "shape": shape, "datatype": "FP32", "data": []}]}
    assert outcome(windows, inference(body))[0] == 400


ELEMENT = st.one_of(VALUE, st.floats(-9, 9), st.floats(-9, 9), st.floats(-9, 9))


@settings(max_examples=150)
@given(st.lists(st.lists(st.lists(ELEMENT, min_size=2, max_size=2), min_size=3, max_size=3), min_size=1, max_size=3))
def test_law_windows_are_judged_alike_in_every_spelling(windows, given_windows):
    assert ask_in_every_way(windows, [{"x": window} for window in given_windows], TENSOR_SPELLINGS)[1] > 1
