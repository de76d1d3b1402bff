"""What a verdict adds to the history, and the file that keeps it."""

from __future__ import annotations

from pathlib import Path

from gonogo.operations.history import read_history, remember
from gonogo.verdict.history import news

from .conftest import AUC, LEAD, Case, measured


def test_the_first_verdict_is_news_of_every_item_and_the_same_again_of_none() -> None:
    verdict = Case(AUC, LEAD).judge()
    first = news(verdict, [])
    assert [past.item for past in first] == ["auc", "lead"]
    assert news(verdict, first) == []


def test_only_what_changed_is_news() -> None:
    case = Case(AUC, LEAD)
    known = news(case.judge(), [])
    case.evidence["auc"] = measured(AUC, 0.5)
    assert [(past.item, past.outcome) for past in news(case.judge(), known)] == [("auc", "FAIL")]


def test_the_file_is_only_appended_to_and_read_by_item(tmp_path: Path) -> None:
    file = tmp_path / "store" / "history.jsonl"
    case = Case(AUC, LEAD)
    remember(file, case.judge())
    before = file.read_bytes()
    remember(file, case.judge())
    assert file.read_bytes() == before
    case.evidence["auc"] = measured(AUC, 0.5)
    remember(file, case.judge())
    assert file.read_bytes().startswith(before)
    assert [past.outcome for past in read_history(file, "auc")] == ["PASS", "FAIL"]


def test_a_torn_or_foreign_line_is_passed_over_and_what_follows_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    case = Case(AUC)
    remember(file, case.judge())
    file.write_bytes(b'["no record"]\n{"time": 1}\n\xff\n' + file.read_bytes() + b'{"time": "2026')
    case.evidence["auc"] = measured(AUC, 0.5)
    remember(file, case.judge())
    assert [past.outcome for past in read_history(file, "auc")] == ["PASS", "FAIL"]


def test_a_reason_with_every_kind_of_line_end_stays_one_record(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    case = Case(AUC)
    case.evidence["auc"] = measured(AUC, status="error", facts={}, message="a\u2028b\nc\x85d")
    remember(file, case.judge())
    (past,) = read_history(file)
    assert past.reason == "a\u2028b\nc\x85d"
