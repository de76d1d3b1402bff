"""The page on declared lists is true: each of its examples is read by the check that it is for."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gonogo.evidence.known_failures import read_known_failures
from gonogo.evidence.memory import measure

PAGE = (Path(__file__).parents[2] / "docs" / "formats" / "lists.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"```yaml\n# (\w+)\n(.*?)```", PAGE, re.DOTALL))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    for name, text in EXAMPLES.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return {name: tmp_path / f"{name}.yaml" for name in EXAMPLES}


def test_every_list_of_the_page_has_an_example() -> None:
    declared = re.findall(r"^  (\w+): \S+$", PAGE.split("```yaml\nfiles:\n")[1].split("```")[0], re.MULTILINE)
    assert declared == ["known_failures", "issues", "advisories", "config"]
    assert set(EXAMPLES) == set(declared)


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
