"""Figures that documents state, against the same figures measured from scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gonogo.errors import DataError
from gonogo.evidence.figures import Figure, agrees, figures_of, measured_figures, stated_figures
from gonogo.evidence.inputs import Scores
from gonogo.evidence.markdown import parse_markdown
from gonogo.evidence.memory import measure

T, V = ("test",), ("validation",)
LOAD = {"p50_ms": 4.0, "p95_ms": 9.0, "p99_ms": 12.5, "throughput": 5000.0}


def scores(right: int = 90, classes: int = 2) -> Scores:
    """100 rows, `right` of them labelled rightly, of each class nearly as many."""
    y = np.arange(100) % classes
    said = np.where(np.arange(100) < right, y, (y + 1) % classes)
    spread = np.full((100, classes), 0.2 / (classes - 1))
    spread[np.arange(100), said] = 0.8
    return Scores(y, spread, tuple(str(name) for name in range(classes)), "none: a test")


def found(text: str) -> list[tuple[str, tuple[str, ...], str, str, str]]:
    return [(f.metric, f.splits, f.average, f.printed, f.unit) for f in stated_figures(parse_markdown(text), ("no", "yes"))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Test Accuracy: 93.4 %", [("accuracy", T, "", "93.4", "%")]),
        ("**F1** of 0.87, precision 0.9.", [("f1", T, "", "0.87", ""), ("precision", T, "", "0.9", "")]),
        ("It reaches 93 % accuracy and 0.91 recall on the validation\ntable.",
         [("accuracy", V, "", "93", "%"), ("recall", V, "", "0.91", "")]),
        ("Validation and test ROC-AUC are 0.97 / 0.96.", [("roc_auc", V, "", "0.97", ""), ("roc_auc", T, "", "0.96", "")]),
        ("Macro F1 is 0.220 on 20,000 rows of 2013.", [("f1", T, "macro", "0.220", "")]),
        ("P95 is 12 ms at a throughput of 1,200 requests/s.", [("p95_ms", T, "", "12", "ms"), ("throughput", T, "", "1,200", "")]),
        ("PR-AUC 0.81, balanced accuracy 0.7, ROC-AUC 0.9 (95 % confidence 0.8 to 0.95)",
         [("pr_auc", T, "", "0.81", ""), ("roc_auc", T, "", "0.9", "")]),
    ],
)  # fmt: skip
def test_figures_are_found_in_sentences(text: str, expected: Any) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    ["The target is an accuracy of 0.9.", "Accuracy ≥ 0.9", "Alarm when the accuracy drops below 0.8.", "Training accuracy 0.99.",
     "Without a point: accuracy 2", "The baseline has an accuracy of 0.61.", "Accuracy on 12 of 13 airports", "`accuracy`",
     "```\naccuracy: 0.9\n```", "<!-- accuracy 0.9 -->",
     "An ROC-AUC 95 % interval", "Accuracy grew by 2 in version 1.2.3"],
)  # fmt: skip
def test_targets_limits_and_training_figures_are_no_claims(text: str) -> None:
    assert found(text) == []


def test_figures_are_found_in_tables_by_row_and_by_column() -> None:
    by_row = "| metric | target | validation | test |\n|---|---|---|---|\n| Accuracy | 0.9 | 0.95 | 93.4% |\n| P95 (ms) | | | 12 |\n"
    assert found(by_row) == [
        ("accuracy", V, "", "0.95", ""), ("accuracy", T, "", "93.4", "%"), ("p95_ms", T, "", "12", "ms"),
    ]  # fmt: skip
    by_class = "| | precision | recall |\n|---|---|---|\n| no | 0.91 | 0.8 |\n| class yes | 0.9 | |\n| macro avg | 0.9 | |\n"
    assert found(by_class) == [
        ("precision", T, "class no", "0.91", ""), ("recall", T, "class no", "0.8", ""),
        ("precision", T, "class yes", "0.9", ""), ("precision", T, "macro", "0.9", ""),
    ]  # fmt: skip


def test_a_section_names_the_table_when_the_sentence_does_not() -> None:
    table = "## Validation\n\n| metric | value |\n|---|---|\n| accuracy | 0.9 |\n"
    assert found(table) == [("accuracy", V, "", "0.9", "")]


@pytest.mark.parametrize(
    ("printed", "unit", "right"),
    [("0.90", "", True), ("0.9", "", True), ("90", "%", True), ("90.0", "", True), ("90.00", "%", True),
     ("0.904", "", False), ("0.91", "", False),
     ("89.9", "%", False), ("0.8", "", False), ("1.0", "", False)],
)  # fmt: skip
def test_a_figure_is_right_to_its_printed_digits(printed: str, unit: str, right: bool) -> None:
    measured = measured_figures(scores(90))
    assert agrees(Figure("accuracy", T, "", printed, unit, ""), measured, 1e-6) is right


@pytest.mark.parametrize(("average", "right"), [("", True), ("macro", True), ("weighted", True), ("class 0", True), ("class 9", False)])
def test_a_figure_is_held_against_the_average_that_it_names(average: str, right: bool) -> None:
    measured = measured_figures(scores(80, classes=4))
    assert agrees(Figure("recall", T, average, "0.8", "", ""), measured, 1e-6) is right
    assert agrees(Figure("recall", V, average, "0.8", "", ""), measured, 1e-6) is False


def test_keys_of_a_structured_document_name_metric_average_and_table() -> None:
    document = {
        "validation_metrics": {"f1_macro": 0.22, "accuracy": True},
        "rows": 10,
        "train": {"accuracy": 0.99},
        "test": {"roc_auc": 0.9},
    }
    assert [(f.metric, f.splits, f.average, f.printed) for f in figures_of(document)] == [
        ("f1", V, "macro", "0.22"), ("roc_auc", T, "", "0.9"),
    ]  # fmt: skip


# -- document_numbers and model_card ------------------------------------------------------------------------------------------------


def card(tmp_path: Path, text: str) -> dict[str, Path]:
    path = tmp_path / "card.md"
    path.write_text(text, encoding="utf-8")
    return {"card": path}


def test_right_figures_match_and_wrong_ones_are_named(tmp_path: Path) -> None:
    documents = card(tmp_path, "Accuracy 90.0 %, recall 0.9. Validation accuracy 0.80. ROC-AUC 0.5.")
    given = {"documents": documents, "scores_test": scores(90), "scores_validation": scores(80)}
    result = measure("document_numbers", {"document": "card", "metrics": ["accuracy", "f1"]}, **given)
    assert {name: fact.value for name, fact in result.facts.items()} == {
        "exists": True, "numbers": 4, "matched": 3, "unmatched": 1, "metrics_missing": 1, "classes_missing": 2,
    }  # fmt: skip
    assert result.findings[0].startswith("not what is measured: roc_auc 0.5")
    assert result.findings[1:] == ("no figure for: f1",)


def test_each_class_has_a_row_of_its_own_or_is_missing(tmp_path: Path) -> None:
    documents = card(tmp_path, "## Per-class performance\n\n| class | recall |\n|---|---|\n| 0 | 0.90 |\n| 2 | 0.5 |\n")
    facts = measure("document_numbers", {"document": "card"}, documents=documents, scores_test=scores(90)).facts
    assert (facts["classes_missing"].value, facts["numbers"].value, facts["matched"].value) == (1, 2, 1)


def test_a_document_that_is_not_there_states_nothing() -> None:
    facts = measure("document_numbers", {"document": "card", "metrics": ["accuracy"]}, documents={}, scores_test=scores()).facts
    assert (facts["exists"].value, facts["numbers"].value, facts["metrics_missing"].value) == (False, 0, 1)


def test_times_are_compared_roughly_and_only_when_demanded(tmp_path: Path) -> None:
    documents = card(tmp_path, "P95 is 12 ms, P99 is 0.5 s, accuracy 0.9.")
    given = {"documents": documents, "scores_test": scores(90), "load_result": LOAD}
    facts = measure("document_numbers", {"document": "card"}, **given).facts
    assert (facts["numbers"].value, facts["unmatched"].value) == (1, 0)
    facts = measure("document_numbers", {"document": "card", "metrics": ["p95", "p99"]}, **given).facts
    assert (facts["numbers"].value, facts["unmatched"].value, facts["metrics_missing"].value) == (3, 1, 0)
    with pytest.raises(DataError, match="no load test"):
        measure("document_numbers", {"document": "card", "metrics": ["p95"]}, documents=documents, scores_test=scores())


@pytest.mark.parametrize("options", [{"document": "card", "metrics": ["goodness"]}, {}])
def test_an_unknown_metric_or_no_document_is_an_error(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        measure("document_numbers", options, documents=card(tmp_path, "x"), scores_test=scores())


WHOLE_CARD = """---
version: 1.0.0
license: ""
---
# Card

## Intended use

Late flights.

## Strengths

Accuracy 0.9.

## Weaknesses

Fails in winter.
"""


def test_a_whole_card_lacks_nothing(tmp_path: Path) -> None:
    result = measure("model_card", {"keys": ["version"]}, documents=card(tmp_path, WHOLE_CARD), scores_test=scores(90))
    facts = {name: fact.value for name, fact in result.facts.items()}
    assert facts.pop("words") > 5
    assert facts == {"exists": True, "sections_missing": 0, "keys_missing": 0, "placeholders": 0, "numbers": 1, "numbers_unmatched": 0}


def test_what_a_card_lacks_or_gets_wrong_is_counted_and_named(tmp_path: Path) -> None:
    text = WHOLE_CARD.replace("Fails in winter.", "TODO").replace("0.9", "0.95").replace("## Intended use", "## Use")
    result = measure("model_card", {"keys": ["license", "owner"]}, documents=card(tmp_path, text), scores_test=scores(90))
    facts = {name: fact.value for name, fact in result.facts.items()}
    assert (facts["sections_missing"], facts["keys_missing"], facts["placeholders"], facts["numbers_unmatched"]) == (2, 2, 1, 1)
    assert len(result.findings) == 6


def test_a_card_that_is_not_there_lacks_everything() -> None:
    facts = measure("model_card", documents={}, scores_test=scores()).facts
    assert (facts["exists"].value, facts["sections_missing"].value) == (False, 3)
