"""The book tells what the walks left behind, and nothing where a walk is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "systems"))

import book

PAGE = """<style>.picture .mark { fill: var(--mark); }</style>
<svg viewBox="0 0 360 166" role="img" aria-label="Confusion matrix" class="picture">
<rect x="1" y="1" width="5" height="5" class="mark"></rect></svg><svg viewBox="0 0 1 1" aria-label="Missing" class="picture"></svg>"""
REQUIRED = {"required": "roc_auc > 0.6", "measured": "roc_auc = 0.7 (95% interval 0.6 to 0.8, n = 100)"}
FACTS = {"roc_auc": {"value": 0.7, "low": 0.6, "high": 0.8, "n": 100}}
QUALITY = {
    "item": "good", "check": "quality", "outcome": "PASS", "requirements": [REQUIRED], "pack_demand": "roc_auc > 0.95",
    "override_reason": "before the start nobody knows | more", "measurement": {"facts": FACTS},
}  # fmt: skip
CHECK = {
    "verdict": "GO", "checklist_id": "gate", "checklist_version": "1.0.0", "headline": "All 1 items are satisfied.", "counts": {"PASS": 1},
    "scores": [], "items": [QUALITY],
}  # fmt: skip
STORY = {"seconds": 61.2, "setting": "small", "machine": "2 cores", "chapters": [{"text": "Real flights", "seconds": 12.0}]}


def left(folder: Path, **changed: Any) -> Path:
    whole = {
        "late_arrivals.check.json": json.dumps(CHECK),
        "late_arrivals.report.html": PAGE,
        "late_arrivals.story.json": json.dumps(STORY),
    }
    for name, text in (whole | changed).items():
        (folder / name).write_text(text)
    return folder


def test_a_chapter_has_the_figures_of_the_evidence_and_both_demands_with_the_reason(tmp_path: Path) -> None:
    told = book.chapter("late_arrivals", left(tmp_path), tmp_path / "pictures")
    assert "| ROC-AUC | 0.7000 | 0.6000 to 0.8000 | 100 |" in told
    assert "| `good` | roc_auc > 0.95 | roc_auc > 0.6 | before the start nobody knows \\| more |" in told
    assert "| `good` | roc_auc > 0.6 | roc_auc = 0.7 (95% interval 0.6 to 0.8, n = 100) |" in told
    assert "1. Real flights (12 s)" in told
    assert "Where the source contradicts itself" in told
    assert "![Confusion matrix of late_arrivals](pictures/late_arrivals-confusion-matrix.svg)" in told


def test_a_picture_stands_alone_with_its_style_and_only_those_that_are_told_are_drawn(tmp_path: Path) -> None:
    assert book.draw("one", PAGE, tmp_path) == [("Confusion matrix", "one-confusion-matrix.svg")]
    root = ElementTree.parse(tmp_path / "one-confusion-matrix.svg").getroot()
    assert (root.get("width"), root.get("height")) == ("360", "166")
    assert "--mark" in (root[0].text or "")


@pytest.mark.parametrize("gone", ["late_arrivals.check.json", "late_arrivals.report.html", "late_arrivals.story.json"])
def test_what_no_walk_has_left_is_not_told(tmp_path: Path, gone: str) -> None:
    (left(tmp_path) / gone).unlink()
    with pytest.raises(book.Missing, match="make demo SYSTEM=late_arrivals"):
        book.chapter("late_arrivals", tmp_path, tmp_path / "pictures")
