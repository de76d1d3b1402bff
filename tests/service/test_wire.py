"""What goes over the wire is read strictly and written as JSON that any parser reads back unchanged."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.model.schema import Feature, GraphInput, Schema
from gonogo.service.wire import RequestRefused, prediction_writer, problem, read_rows


def schema(*classes, task="binary-classification"):
    return Schema(task, (GraphInput("x", "float32", 1),), (Feature("x", "float", False, "x", 0),), classes, "p")


def test_one_row_and_several_rows_are_read():
    assert read_rows(b'{"features": {"a": 1}}', 5) == [{"a": 1}]
    assert read_rows(b'{"features": [{"a": 1}, {"a": 2}]}', 5) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"features": {"a": NaN}}', 400),
        (b'{"features": {"a": Infinity}}', 400),
        (b'{"features": {"a": 1}} x', 400),
        (b"\xff\xfe", 400),
        (b"null", 422),
        (b"{}", 422),
        (b'{"features": null}', 422),
        (b'{"features": [1]}', 422),
        (b'{"features": []}', 422),
        (b'{"features": {"a": 1}, "extra": 1}', 422),
        (b'{"features": [{}, {}, {}, {}, {}, {}]}', 413),
    ],
)
def test_what_is_no_request_is_refused_with_its_status(body, status):
    with pytest.raises(RequestRefused) as refused:
        read_rows(body, 5)
    assert refused.value.status == status


@given(st.binary(max_size=60))
def test_any_bytes_are_rows_or_a_refusal(body):
    try:
        rows = read_rows(body, 5)
    except RequestRefused as refusal:
        rows, status = [], refusal.status
    else:
        status = 200
    assert status in (200, 400, 413, 422)
    assert all(isinstance(row, dict) for row in rows)


names = st.lists(st.text(min_size=1, max_size=8).filter(lambda text: text.isprintable()), min_size=2, max_size=2, unique=True)
score = st.floats(0, 1)


@given(names, st.lists(score, min_size=1, max_size=4))
def test_an_answer_reads_back_as_it_was_computed_whatever_the_classes_are_called(classes, positives):
    rows = [[1 - p, p] for p in positives]
    labels = [classes[p >= 0.5] for p in positives]
    answer = json.loads(prediction_writer(schema(*classes), 'a"%s@1.0.0')("id-1", labels, rows))
    assert answer["release"] == 'a"%s@1.0.0'
    assert answer["prediction_id"] == "id-1"
    expected = [
        {"label": label, "score": row[1], "scores": dict(zip(classes, row, strict=True))} for label, row in zip(labels, rows, strict=True)
    ]
    assert answer["predictions"] == expected


def test_the_score_of_three_classes_is_that_of_the_label():
    write = prediction_writer(schema("a", "b", "c", task="multiclass-classification"), "m@1.0.0")
    assert json.loads(write("1", ["b"], [[0.2, 0.7, 0.1]]))["predictions"][0]["score"] == 0.7


def test_a_problem_has_the_members_of_rfc_9457():
    content_type, body = problem(422, 'a "quoted" detail', errors=[{"row": 0}])
    assert content_type == b"application/problem+json"
    document = json.loads(body)
    assert (document["type"], document["title"][:13], document["status"]) == ("about:blank", "Unprocessable", 422)
    assert document["detail"] == 'a "quoted" detail'
    assert not math.isnan(document["status"])
