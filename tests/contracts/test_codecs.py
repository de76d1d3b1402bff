"""One contract for all codecs: the same rows, however they are spelt, are computed to the same scores or refused for the same reasons.

Every codec runs in front of a real batcher and a real graph.
"""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec_service import FLAGS, MIXED, MOST, NUMBERS, Service
from spellings import (
    GOOD_MIXED,
    GOOD_NUMBERS,
    SPELLINGS,
    VALUE,
    as_arrow,
    as_binary_matrices,
    as_columns,
    as_fortran_matrix,
    as_matrices,
    as_numpy_matrix,
    as_numpy_records,
    as_rows,
    as_tensors,
    ask_in_every_way,
    numpy_file,
    outcome,
)


@pytest.fixture(scope="module")
def numbers():
    return Service(NUMBERS)


@pytest.fixture(scope="module")
def mixed():
    return Service(MIXED)


def test_the_same_numbers_get_the_same_scores_in_every_spelling(numbers):
    scores, ways = ask_in_every_way(numbers, GOOD_NUMBERS)
    assert ways == len(SPELLINGS) - 1
    assert scores[0][1] == pytest.approx(1 / (1 + math.exp(-0.75)), abs=1e-6)
    assert ask_in_every_way(numbers, GOOD_NUMBERS[:1])[1] == len(SPELLINGS)


def test_the_same_mixed_values_get_the_same_scores_in_every_spelling_that_has_them(mixed):
    scores, ways = ask_in_every_way(mixed, GOOD_MIXED)
    assert ways == len(SPELLINGS) - 3  # not one row, and no single matrix holds text
    assert scores[0][1] == pytest.approx(1 / (1 + math.exp(-1.5)), abs=1e-6)


def test_a_boolean_is_0_or_1_where_all_columns_are_numbers():
    flags = Service(FLAGS)
    _, ways = ask_in_every_way(flags, [{"flag": True, "a": 0.5}, {"flag": False, "a": -0.5}])
    assert ways == len(SPELLINGS) - 1
    assert outcome(flags, numpy_file(np.array([[2.0, 0.5]]))) == (422, {(0, "flag", "type")})


def test_a_missing_value_may_be_null_where_the_schema_says_so(numbers, mixed):
    assert ask_in_every_way(numbers, [{"a": 1.0, "b": 0.5, "c": None}, {"a": 1.0, "b": 0.5, "c": 0.0}])[1] >= 6
    assert ask_in_every_way(mixed, [{**GOOD_MIXED[0], "amount": None}])[1] >= 6


BAD = {
    "text for a number": ({"b": "1"}, {(1, "b", "type")}),
    "a boolean for a number": ({"b": True}, {(1, "b", "type")}),
    "null where none may be": ({"b": None}, {(1, "b", "null")}),
    "too large": ({"a": 1e39, "b": -1e39}, {(1, "a", "range"), (1, "b", "range")}),
    "just too large": ({"a": 3.4028235677973366e38}, {(1, "a", "range")}),
}


@pytest.mark.parametrize("name", BAD)
def test_a_value_that_cannot_be_used_is_named_in_every_spelling(numbers, name):
    changed, problems = BAD[name]
    assert ask_in_every_way(numbers, [GOOD_NUMBERS[0], {**GOOD_NUMBERS[1], **changed}])[0] == (422, problems)
    # A whole column of them, for those spellings that have one type a column.
    (status, found), ways = ask_in_every_way(numbers, [{**GOOD_NUMBERS[0], **changed}])
    assert (status, {problem[1:] for problem in found}) == (422, {problem[1:] for problem in problems})
    assert ways >= 5


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"count": 1.5}, (0, "count", "type")),
        ({"count": "3"}, (0, "count", "type")),
        ({"count": None}, (0, "count", "null")),
        ({"flag": 2}, (0, "flag", "type")),
        ({"flag": "true"}, (0, "flag", "type")),
        ({"city": 7}, (0, "city", "type")),
        ({"city": True}, (0, "city", "type")),
        ({"city": None}, (0, "city", "null")),
        ({"amount": "0.5"}, (0, "amount", "type")),
    ],
)
def test_a_value_of_another_type_is_named_in_every_spelling(mixed, changed, problem):
    found, ways = ask_in_every_way(mixed, [{**GOOD_MIXED[0], **changed}])
    assert found == (422, {problem})
    assert ways >= 5


def test_missing_and_unknown_features_are_named_all_together_in_every_spelling(mixed):
    found, ways = ask_in_every_way(mixed, [{"amount": "x", "count": 1, "town": "Bern"}])
    assert ways >= 5
    assert found == (422, {(0, "amount", "type"), (0, "flag", "missing"), (0, "city", "missing"), (0, "town", "unknown")})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_refused_in_every_spelling_that_has_them_also_where_null_may_stand(numbers, value):
    rows = [{"a": 1.0, "b": 1.0, "c": value}, {"a": value, "b": 1.0, "c": 1.0}]
    for spelling in (as_binary_matrices, as_numpy_records, as_numpy_matrix, as_fortran_matrix, as_arrow):
        assert outcome(numbers, spelling(NUMBERS, rows)) == (422, {(0, "c", "not finite"), (1, "a", "not finite")})
    for spelling in (as_rows, as_columns, as_tensors, as_matrices):  # json.dumps writes NaN and Infinity, which are no JSON
        assert outcome(numbers, spelling(NUMBERS, rows))[0] == 400


def test_a_number_beyond_all_floats_is_not_finite(numbers):
    for spelling in (as_rows, as_columns, as_tensors, as_matrices):
        target, headers, body = spelling(NUMBERS, [{"a": 123.456, "b": 0.0, "c": 0.0}])
        assert outcome(numbers, (target, headers, body.replace(b"123.456", b"1e400"))) == (422, {(0, "a", "not finite")})


def test_more_rows_than_may_be_are_refused_in_every_spelling(numbers):
    found, ways = ask_in_every_way(numbers, GOOD_NUMBERS[:1] * (MOST + 1))
    assert (found, ways) == ((413, set()), len(SPELLINGS) - 1)
    assert len(ask_in_every_way(numbers, GOOD_NUMBERS[:1] * MOST)[0]) == MOST


@settings(max_examples=100)
@given(st.lists(st.fixed_dictionaries({"a": VALUE, "b": st.just(1.0), "c": VALUE}), min_size=1, max_size=3))
def test_law_numbers_are_judged_alike_in_every_spelling(numbers, rows):
    assert ask_in_every_way(numbers, rows)[1] > 1


@settings(max_examples=150)
@given(
    st.fixed_dictionaries(
        {"amount": VALUE, "flag": st.one_of(st.booleans(), VALUE), "count": VALUE, "city": st.one_of(st.just("Bern"), VALUE)},
        optional={"extra": VALUE},
    )
)
def test_law_mixed_values_are_judged_alike_in_every_spelling(mixed, row):
    assert ask_in_every_way(mixed, [row])[1] > 1


def test_requests_of_all_spellings_are_computed_in_one_batch_and_each_gets_its_own_rows(numbers):
    rows = [{"a": n / 7, "b": 0.0, "c": 0.0} for n in range(len(SPELLINGS))]
    expected = [1 / (1 + math.exp(-row["a"])) for row in rows]
    numbers.batches.clear()
    answers = numbers.ask(*(spelling(NUMBERS, [row]) for spelling, row in zip(SPELLINGS, rows, strict=True)))
    assert [batch.rows for batch in numbers.batches] == [[1] * len(SPELLINGS)]
    np.testing.assert_allclose(numbers.batches[0].scores[:, 1], expected, atol=1e-6)
    assert [status for status, *_ in answers] == [200] * len(SPELLINGS)
    assert json.loads(answers[0][2])["predictions"][0]["score"] == pytest.approx(expected[0], abs=1e-6)


def test_a_request_that_is_refused_harms_no_other_of_its_turn(numbers):
    good = [spelling(NUMBERS, GOOD_NUMBERS[:1]) for spelling in SPELLINGS]
    bad = [spelling(NUMBERS, [{"a": 1e39, "b": 0.0, "c": 0.0}]) for spelling in SPELLINGS]
    statuses = [status for status, *_ in numbers.ask(*(one for pair in zip(good, bad, strict=True) for one in pair))]
    assert statuses == [200, 422] * len(SPELLINGS)
