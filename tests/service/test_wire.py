"""What is written is JSON that any parser reads back unchanged."""

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from gonogo.model.schema import Feature, GraphInput, Schema
from gonogo.service.wire import prediction_writer, problem


def schema(*classes, task="binary-classification"):
    return Schema(task, (GraphInput("x", "float32", 1),), (Feature("x", "float", False, "x", 0),), classes, "p")


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
