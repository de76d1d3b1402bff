"""The check on one document: sections, words, and what it lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gonogo.errors import DataError
from gonogo.evidence.memory import measure
from measured import values

README = "# Small\n\nA text of some words.\n\nRolling back\n------------\n\n```\n# TODO in code\n```\n\n## Deployment ##\n"


def test_a_whole_document_has_its_sections(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(README)
    options = {"document": "readme", "sections": ["deploy", "roll(ing)? back"], "mentions": ["SMALL"]}
    found = measure("document", options, documents={"readme": path})
    facts = values(found)
    assert facts["exists"] is True
    assert (facts["sections_missing"], facts["mentions_missing"], facts["words"], facts["placeholders"]) == (0, 0, 9, 0)


def test_what_a_document_lacks_is_counted_and_named(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("# TBD\n\nTODO: write. <your name here>\n\n```\n# Rollback\n```\n")
    found = measure("document", {"document": "readme", "sections": ["Rollback"], "mentions": ["1.2.0"]}, documents={"readme": path})
    facts = values(found)
    assert (facts["sections_missing"], facts["mentions_missing"], facts["placeholders"]) == (1, 1, 3)
    assert "no section: Rollback" in found.findings


@pytest.mark.parametrize("documents", [{}, {"readme": Path("/nowhere/README.md")}])
def test_a_document_that_is_not_there_lacks_everything(documents: dict[str, Path]) -> None:
    facts = values(measure("document", {"document": "readme", "sections": ["a", "b"]}, documents=documents))
    assert facts["exists"] is False
    assert facts["sections_missing"] == 2
    assert facts["words"] == 0


@pytest.mark.parametrize(
    ("options", "content"), [({}, b"x"), ({"document": "readme", "sections": ["("]}, b"# x"), ({"document": "readme"}, b"\xff")]
)
def test_a_document_that_cannot_be_judged_is_an_error(tmp_path: Path, options: dict[str, Any], content: bytes) -> None:
    path = tmp_path / "README.md"
    path.write_bytes(content)
    with pytest.raises(DataError):
        measure("document", options, documents={"readme": path})
