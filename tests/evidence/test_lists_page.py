"""The page on declared lists is true: each of its examples is read by the check that it is for."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gonogo.base.canonical import digest
from gonogo.evidence.declared import read_structured
from gonogo.evidence.known_failures import read_known_failures
from gonogo.evidence.memory import measure

PAGE = (Path(__file__).parents[2] / "docs" / "formats" / "lists.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"```yaml\n# (\w+)\n(.*?)```", PAGE, re.DOTALL))
WRITTEN = dict(re.findall(r"^## [^`\n]*`(\w+)`\n[^`]*(?:`[a-z_]+`[^`]*)*```json\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE))
LAST_ROWS = {"train": "2025-08-31", "validation": "2025-09-30", "test": "2025-11-30"}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    for name, text in EXAMPLES.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    for name, text in WRITTEN.items():
        (tmp_path / f"{name}.json").write_text(text)
    return {name: tmp_path / f"{name}.yaml" for name in EXAMPLES} | {name: tmp_path / f"{name}.json" for name in WRITTEN}


def test_every_list_of_the_page_has_an_example() -> None:
    declared = re.findall(r"^  (\w+): \S+$", PAGE.split("```yaml\nfiles:\n")[1].split("```")[0], re.MULTILINE)
    assert declared == [*EXAMPLES, *WRITTEN]
    assert list(WRITTEN) == ["history", "folds", "splits"]


def test_the_examples_are_read_as_the_page_says(files: dict[str, Path], tmp_path: Path) -> None:
    (last_day,) = read_known_failures(files["known_failures"], datetime(2026, 3, 1, 23, 59, tzinfo=UTC))
    (after,) = read_known_failures(files["known_failures"], datetime(2026, 3, 2, tzinfo=UTC))
    assert (last_day.expired, after.expired) == (False, True)
    found = measure("issues", files=files)
    assert (found.facts["open"].value, found.facts["without_workaround"].value) == (1, 0)
    (tmp_path / "r.lock").write_text("jinja2==3.1.5\n")
    found = measure("advisories", environment=tmp_path / "r.lock", files=files)
    assert (found.facts["vulnerable"].value, found.facts["high"].value) == (1, 0)
    assert found.facts["age_days"].value >= 0
    found = measure("configuration", {"required": ["training.seed"], "optional": ["training.epochs"]}, files=files)
    assert (found.facts["required_missing"].value, found.facts["unknown"].value) == (0, 0)


def test_what_a_training_writes_is_read_as_the_page_says(files: dict[str, Path]) -> None:
    found = measure("training", files={"history": files["history"]}).facts
    assert (found["epochs"].value, found["stop_reason"].value) == (2, "early_stopping")
    found = measure("cross_validation", files=files, project=SimpleNamespace(data=SimpleNamespace(embargo=86400.0))).facts
    assert (found["folds"].value, found["out_of_order"].value, found["embargo_violations"].value) == (2, 0, 0)
    tables: dict[str, Any] = {}
    for name, day in LAST_ROWS.items():
        tables[f"{name}_file"] = files["splits"].with_name(f"{name}.csv")
        tables[f"{name}_file"].write_text(f"day\n{day} 12:00:00\n")
    project = SimpleNamespace(data=SimpleNamespace(time="day", embargo=None))
    found = measure("temporal_split", files=files, project=project, **tables).facts
    assert (found["in_order"].value, found["rows_after_end"].value) == (True, 0)


def test_the_decision_is_read_as_the_page_says(files: dict[str, Path]) -> None:
    """The page cannot know the digests of anybody's runs; with real ones in their place it is whole."""
    wide, narrow = ({"params": {"width": width}, "metrics": {"accuracy": 0.9}} for width in (64, 16))
    text = files["decision"].read_text()
    files["decision"].write_text(text.replace("sha256:1f0c…", digest(wide)).replace("sha256:7a44…", digest(narrow)))
    standing = {digest(run): SimpleNamespace(ready=True, figures={}, notes=()) for run in (narrow, wide)}
    known = SimpleNamespace(candidates=standing, logged=digest(read_structured(files["decision"])))
    found = measure("selection", files=files, ledger=[narrow, wide], run_record=wide, candidates=known).facts
    assert (found["candidates"].value, found["unknown_runs"].value, found["alternatives"].value) == (2, 0, 1)
    assert (found["recommended_is_this"].value, found["fallback_ready"].value, found["risk"].value) == (True, True, "LOW")
