"""Pictures: drawn from sound data, refused in words for any other."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.reports.pictures import DRAWERS, draw

SOUND = {
    "confusion_matrix": {"labels": ["in time", "late"], "counts": [[51600, 540], [1201, 2248]]},
    "reliability": {"bins": [{"mean_score": 0.1, "share": 0.2, "n": 10}, {"mean_score": 0.9, "share": 0.8, "n": 5}]},
    "roc": {"points": [[0, 0], [0.05, 0.8], [1, 1]], "auc": 0.97},
    "bars": {"title": "Importance", "items": [{"name": "dep_delay", "value": 0.4}, {"name": "noise", "value": -0.01}]},
    "intervals": {"title": "F1", "items": [{"name": "crf", "value": 0.27, "low": 0.2, "high": 0.31}, {"name": "position", "value": 0.22}]},
    "histogram": {"title": "Scores", "edges": [0, 0.5, 1], "series": {"train": [8, 2], "test": [9, 1]}},
    "latency": {"quantiles": [{"p": 50, "ms": 1.3}, {"p": 99, "ms": 5.4}]},
    "percentiles": {"series": {"now": [[0.0, 0.4], [0.5, 1.3], [0.999, 5.4], [1.0, 9.0]], "before": [[0.5, 1.0], [1.0, 4.0]]}},
    "series": {
        "since": "2026-01-01T00:00:00.000Z",
        "until": "2026-01-01T01:00:00.000Z",
        "lines": {
            "p95": [{"time": f"2026-01-01T00:{10 * step}:00.000Z".replace(":0:", ":00:"), "value": 1.0 + step, "n": 9} for step in range(5)]
        },
    },
}


def test_there_is_a_sound_example_of_every_kind():
    assert SOUND.keys() == DRAWERS.keys()


@pytest.mark.parametrize("kind", SOUND)
def test_a_picture_is_well_formed_has_a_label_and_says_the_same_in_words(kind):
    drawn = draw("x", {"kind": kind, **SOUND[kind]})
    root = ElementTree.fromstring(drawn.svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == drawn.title
    assert re.search(r"\d", drawn.words)


@pytest.mark.parametrize("kind", SOUND)
def test_everything_is_drawn_inside_the_frame(kind):
    root = ElementTree.fromstring(draw("x", {"kind": kind, **SOUND[kind]}).svg)
    _, _, width, height = (float(number) for number in root.get("viewBox").split())
    for shape in root.iter():
        x, y = float(shape.get("x", shape.get("cx", 0))), float(shape.get("y", shape.get("cy", 0)))
        assert 0 <= x <= width
        assert 0 <= y <= height
        assert x + float(shape.get("width", 0)) <= width + 0.01
        for pair in shape.get("points", "").split():
            px, py = (float(number) for number in pair.split(","))
            assert 0 <= px <= width
            assert 0 <= py <= height


def test_the_confusion_matrix_says_counts_and_shares():
    words = draw("x", {"kind": "confusion_matrix", **SOUND["confusion_matrix"]}).words
    assert "Of 3,449 that are late: 1,201 predicted in time (34.8%), 2,248 predicted late (65.2%)." in words


def test_the_roc_curve_says_its_area_and_its_good_end():
    words = draw("x", {"kind": "roc", **SOUND["roc"]}).words
    assert "Area 0.9700" in words
    assert "80.0% at 5%" in words


def test_a_curve_of_very_many_points_keeps_both_ends():
    points = [[n / 9999, n / 9999] for n in range(10000)]
    drawn = draw("x", {"kind": "roc", "points": points, "auc": 0.5})
    curve = max(re.findall(r'points="([^"]+)"', drawn.svg), key=len).split()
    first, last = curve[0], curve[-1]
    assert len(curve) <= 240
    assert first != last
    assert float(first.split(",")[0]) < float(last.split(",")[0])


def test_the_percentiles_say_how_long_most_answers_took_and_name_every_series():
    drawn = draw("x", {"kind": "percentiles", **SOUND["percentiles"]})
    assert "now: 50 % within 1.3 ms, 99.9 % within 5.4 ms, 100 % within 9 ms; before: 50 % within 1 ms" in drawn.words
    assert drawn.svg.count("<polyline") == 2


def test_more_bars_than_fit_are_in_the_words():
    drawn = draw("x", {"kind": "bars", "items": [{"name": f"f{n}", "value": n} for n in range(50)]})
    assert "f49" in drawn.words
    assert "f49" not in drawn.svg


BROKEN = [
    ("confusion_matrix", {"labels": ["a"], "counts": [[1, 2]]}),
    ("confusion_matrix", {"labels": [], "counts": []}),
    ("confusion_matrix", {"labels": ["a"], "counts": [[-1]]}),
    ("confusion_matrix", {"labels": ["a"], "counts": [[math.nan]]}),
    ("reliability", {"bins": []}),
    ("reliability", {"bins": [{"mean_score": 0.1, "share": "many", "n": 3}]}),
    ("roc", {"points": [[0, 0]], "auc": 0.5}),
    ("roc", {"points": [[0, 0], [1, math.inf]], "auc": 0.5}),
    ("roc", {"points": [[0, 0], [1, 1]], "auc": None}),
    ("bars", {"items": []}),
    ("bars", {"items": [{"name": "a", "value": True}]}),
    ("histogram", {"edges": [0, 1], "series": {}}),
    ("histogram", {"edges": [0, 1], "series": {"a": [1, 2]}}),
    ("latency", {"quantiles": [{"p": 50}]}),
    ("percentiles", {"series": {}}),
    ("percentiles", {"series": {"a": [[0.5, 1.0]]}}),
    ("percentiles", {"series": {"a": [[0.5, 1.0], [1.5, 2.0]]}}),
    ("percentiles", {"series": {"a": [[0.5, -1.0], [1.0, 2.0]]}}),
    ("percentiles", {"series": {"a": [[0.5, math.nan], [1.0, 2.0]]}}),
    ("percentiles", {"series": {"a": [[1.0, 1.0], [1.0, 2.0]]}}),
    ("series", {"lines": {"a": []}}),
    ("series", {**SOUND["series"], "since": "yesterday"}),
    ("series", {**SOUND["series"], "lines": {"a": [{"time": "now", "value": 1.0, "n": 1}]}}),
]


@pytest.mark.parametrize(("kind", "data"), BROKEN)
def test_unsound_data_gives_words_instead_of_a_picture(kind, data):
    drawn = draw("importance", {"kind": kind, **data})
    assert drawn.svg == ""
    assert "cannot be drawn" in drawn.words


KEYS = ["items", "bins", "points", "auc", "edges", "series", "labels", "counts", "quantiles", "title", "name", "value", "n", "p", "ms"]
json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@given(kind=st.sampled_from([*SOUND, "unknown"]), data=json)
def test_no_data_whatever_makes_drawing_fail_or_breaks_the_markup(kind, data):
    drawn = draw("x", {**data, "kind": kind} if isinstance(data, dict) else data)
    if drawn.svg:
        ElementTree.fromstring(drawn.svg)


@given(name=st.text(), value=st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_any_name_and_any_finite_value_can_be_a_bar(name, value):
    drawn = draw("x", {"kind": "bars", "items": [{"name": name, "value": value}]})
    ElementTree.fromstring(drawn.svg)
