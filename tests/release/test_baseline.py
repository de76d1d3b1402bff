"""The baseline holds scores with what came true, ranges of numbers, the threshold, and nobody's row; the format before is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, roc_auc_score

from gonogo.base.canonical import canonical_bytes, parse_json
from gonogo.base.table import Table
from gonogo.errors import DataError, VerificationError
from gonogo.model.schema import Feature, GraphInput, Schema, Tensor
from gonogo.release.baseline import (
    BEFORE,
    OF_MORE,
    check_baseline,
    make_baseline,
    reference_confusion,
    reference_scores,
    slice_parts,
    slice_scores,
)
from gonogo.release.contents import Bundle
from gonogo.release.verify import verify
from gonogo.stats.confusion import MOST_CLASSES
from gonogo.stats.score_decisions import decisions
from gonogo.stats.score_ranking import roc_auc
from gonogo.trust.keys import PublicKey
from small_bundle import put_bundle

GOLDEN = Path(__file__).parent.parent / "golden"
ROWS = 4_000


def schema(classes: tuple[str, ...] = ("no", "yes"), threshold: float = 0.25) -> Schema:
    task: Any = "binary-classification" if len(classes) == 2 else "multiclass-classification"
    features = (Feature("x", "float", True, "x", 0), Feature("word", "string", True, "word", 0))
    return Schema(task, (GraphInput("x", "float32", 1), GraphInput("word", "string", 1)), features, classes, "p", threshold)


def table(rows: int = ROWS) -> Table:
    generator = np.random.default_rng(0)
    x = generator.normal(size=rows)
    x[:3] = [np.nan, np.inf, 1e6]
    return Table({"x": x, "word": np.array(["a", "b"] * (rows // 2), dtype=object)}, rows)


def scored(rows: int = ROWS) -> tuple[Any, Any]:
    generator = np.random.default_rng(1)
    score = generator.beta(1, 3, size=rows)
    return np.stack((1 - score, score), axis=1), (generator.uniform(size=rows) < score).astype(np.int64)


def test_the_scores_of_the_test_table_stand_beside_what_came_true() -> None:
    scores, labels = scored()
    document = json.loads(json.dumps(make_baseline(schema(), table(), scores, labels)))
    found = reference_scores(document)
    assert found is not None
    assert (found.rows, found.positives) == (ROWS, labels.sum())
    assert found.mean == pytest.approx(scores[:, 1].mean(), abs=1e-8)
    assert document["score"]["threshold"] == 0.25
    said = scores[:, 1] >= 0.25
    assert decisions(found, 0.25).precision().value == labels[said].mean()
    assert roc_auc(found).value == pytest.approx(roc_auc_score(labels, scores[:, 1]), abs=1e-3)


def test_no_score_of_one_row_can_be_told_from_the_table() -> None:
    scores, labels = scored(200)
    found = reference_scores(make_baseline(schema(), table(), scores, labels))
    assert found is not None
    assert found.histogram[found.histogram > 0].min() >= 5


def test_of_more_classes_the_highest_score_and_whether_it_was_right_is_counted() -> None:
    scores = np.tile([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75]], (10, 1))
    document = make_baseline(schema(("a", "b", "c")), table(), scores, np.tile([0, 1], 10))
    found = reference_scores(document)
    assert found is not None
    assert found.counts[512].tolist() == [0, 10]
    assert found.counts[768].tolist() == [10, 0]
    assert "threshold" not in document["score"]


def test_of_more_classes_the_confusion_matrix_is_sealed_for_all_and_by_slice() -> None:
    scores = np.random.default_rng(2).dirichlet((1, 1, 1), size=ROWS)
    labels = np.random.default_rng(3).integers(0, 3, ROWS)
    of_three = schema(("a", "b", "c"))
    parts = slice_parts(of_three, table(), {"word": ["a"]})
    document = json.loads(json.dumps(make_baseline(of_three, table(), scores, labels, parts=parts)))
    assert document["format"] == OF_MORE
    check_baseline(document)
    found, of_slice = reference_confusion(document), reference_confusion(document, "word=a")
    assert found is not None
    assert of_slice is not None
    assert (found == confusion_matrix(labels, scores.argmax(axis=1)).T).all()
    assert (of_slice == confusion_matrix(labels[::2], scores[::2].argmax(axis=1)).T).all()
    assert reference_confusion(document, "word=gone") is None


def test_a_baseline_of_two_classes_without_tensors_is_as_it_was() -> None:
    scores, labels = scored()
    document = make_baseline(schema(), table(), scores, labels)
    assert (document["format"], reference_confusion(document)) == ("gonogo-baseline/2", None)
    assert list(document) == ["format", "source", "rows", "features", "score", "classes"]
    assert {name: list(entry) for name, entry in document["features"].items()} == {
        "x": ["type", "bins", "counts", "range"],
        "word": ["type", "bins", "counts"],
    }


def test_of_very_many_classes_no_matrix_is_sealed() -> None:
    many = tuple(str(number) for number in range(MOST_CLASSES + 1))
    scores = np.full((300, len(many)), 1 / len(many))
    document = make_baseline(schema(many), table(), scores, np.arange(300) % len(many))
    assert (document["format"], "confusions" in document) == ("gonogo-baseline/2", False)


@pytest.mark.parametrize(
    "cells",
    [[[3, 0, 1]], [[0, 0, -1]], [[0, 0, 1.5]], [[0, 0, True]], [[0, 0]], [[0, 1, 2], [0, 1, 2]], {"0": 1}, ["abc"]],
    ids=str,
)
def test_a_matrix_that_cannot_be_is_refused(cells: Any) -> None:
    document = make_baseline(schema(("a", "b", "c")), table(), np.tile([[0.5, 0.25, 0.25]], (20, 1)), np.arange(20) % 3)
    for damaged in ({"": cells}, cells):
        with pytest.raises(ValueError, match=r"confusion|malformed"):
            check_baseline({**document, "confusions": damaged})


def test_a_slice_of_a_tensor_is_refused() -> None:
    window = Feature("window", "float", False, "window", 0, Tensor((2,)))
    of_window = Schema("binary-classification", (GraphInput("window", "float32", 2, (2,)),), (window,), ("no", "yes"), "p")
    with pytest.raises(DataError, match="no single value"):
        slice_parts(of_window, Table({"window": np.zeros((3, 2), dtype=np.float32)}, 3), {"window": ["1"]})


def test_scores_that_are_no_probabilities_have_bins_but_no_table() -> None:
    scores, labels = scored()
    document = make_baseline(schema(), table(), scores * 3, labels)
    assert "table" not in document["score"]
    assert reference_scores(document) is None
    check_baseline(document)
    rounded = make_baseline(schema(), table(), scores / scores.max() * (1 + 1e-7), labels)
    assert reference_scores(rounded) is not None


def test_a_range_leaves_a_thousandth_of_the_rows_at_each_end_outside_and_infinity_too() -> None:
    scores, labels = scored()
    feature = make_baseline(schema(), table(), scores, labels)["features"]["x"]
    low, high, outside = (feature["range"][key] for key in ("low", "high", "outside"))
    x = table().columns["x"].astype(np.float32)
    assert np.float32(low) == low
    assert 5 <= (x <= low).sum() <= 6
    assert 5 <= ((x >= high) & np.isfinite(x)).sum() <= 6
    assert outside == ((x < low) | (x > high)).sum()
    assert high < 1e6


def test_few_rows_and_words_have_no_range() -> None:
    scores, labels = scored()
    features = make_baseline(schema(), table(12), scores, labels)["features"]
    assert "range" not in features["word"]
    assert "range" in features["x"]
    assert "range" not in make_baseline(schema(), table(10), scores, labels)["features"]["x"]


@pytest.mark.parametrize("version", ["release-1", "release-2"])
def test_a_baseline_of_the_format_before_is_read_and_has_no_table(version: str) -> None:
    release = verify(GOLDEN / version / "golden-1.0.0.tar.gz", PublicKey.load(GOLDEN / version / "store.pub"))
    assert release.bundle.baseline["format"] == BEFORE
    assert reference_scores(release.bundle.baseline) is None


@pytest.mark.parametrize(
    "change",
    [
        {"format": "gonogo-baseline/4"},
        {"format": None},
        {"score": None},
        {"score": {"table": {"format": "gonogo-score-table/1", "bins": {"3": [1, 0, 0, 0]}}}},
        {"score": {"table": [1]}},
    ],
    ids=str,
)
def test_a_bundle_with_a_baseline_that_cannot_be_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    root = put_bundle(tmp_path / "bundle")
    document = parse_json((root / "baseline.json").read_bytes()) | {"format": "gonogo-baseline/2"}
    (root / "baseline.json").write_bytes(canonical_bytes(document))
    Bundle.open(root)
    (root / "baseline.json").write_bytes(canonical_bytes(document | change))
    with pytest.raises(VerificationError, match=r"baseline\.json cannot be used"):
        Bundle.open(root)


def test_a_declared_slice_is_sealed_with_its_own_scores_and_pooled_like_the_whole() -> None:
    scores, labels = scored()
    parts = slice_parts(schema(), table(), {"word": ["a", "gone"]})
    document = json.loads(json.dumps(make_baseline(schema(), table(), scores, labels, parts=parts)))
    check_baseline(document)
    found = slice_scores(document, "word=a")
    assert found is not None
    assert (list(document["slices"]), slice_scores(document, "word=gone")) == (["word=a"], None)  # nobody is in it
    assert (found.rows, found.positives) == (ROWS // 2, labels[::2].sum())
    assert found.mean == pytest.approx(scores[::2, 1].mean(), abs=1e-8)
    assert (found.histogram[found.histogram > 0] >= 5).all()


def test_a_slice_of_what_is_no_feature_is_refused_and_a_damaged_one_is_found() -> None:
    with pytest.raises(DataError, match="colour"):
        slice_parts(schema(), table(), {"colour": ["red"]})
    scores, labels = scored()
    document = make_baseline(schema(), table(), scores, labels)
    for damaged in ({"word=a": {"format": "other"}}, ["word=a"]):
        with pytest.raises(ValueError, match=r"score-table|malformed"):
            check_baseline({**document, "slices": damaged})
