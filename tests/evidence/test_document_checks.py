"""The checks that read documents: what Markdown says, and what it only seems to say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gonogo.errors import DataError
from gonogo.evidence.markdown import parse_markdown
from gonogo.evidence.memory import measure
from gonogo.evidence.record import Measurement
from measured import values

GUIDE = """---
version: 1.2.0
---

# Guide

What it is for, in a few words.

## Performance

Latency is 3.5 ms, throughput 1,200 requests a second, memory 210 MB.

| class | recall |
|---|---|
| no | 0.97 |

## Inference API

```python
print("hello")
```

## Troubleshooting

<!-- ## Rollback
will be written -->

### Slow

TBD.
"""


def document(tmp_path: Path, text: str, **options: Any) -> Measurement:
    path = tmp_path / "guide.md"
    path.write_text(text, encoding="utf-8")
    return measure("document", {"document": "guide", **options}, documents={"guide": path})


# -- Markdown ------------------------------------------------------------------------------------------------------------------------


def test_headings_are_those_that_a_reader_sees() -> None:
    fenced = "````\n```\n# no\n```\n# no\n````"
    text = f"# One\n\n{fenced}\n\n    # no, indented code\n\n<!--\n# no\n-->\n\n- # in a list\n\nTwo\n===\n\n> ## quoted\n"
    assert [section.heading for section in parse_markdown(text).sections] == ["One", "in a list", "Two", "quoted"]


@pytest.mark.parametrize(
    "body", ["", "\n", "<!-- later -->", "TODO", "TBD.", "...", "### Sub", "### Sub\n\n<!-- x -->", "<insert text>", "---"]
)
def test_a_section_of_headings_comments_and_placeholders_is_empty(body: str) -> None:
    assert [section.empty for section in parse_markdown(f"## A\n\n{body}\n\n## B\n\nWords.\n").sections if section.heading in "AB"] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    "body", ["One word", "```\nls\n```", "| a |\n|---|\n| b |", "![chart](c.png)", "- item", "### Sub\n\nText", "<p>text</p>"]
)
def test_a_section_in_which_something_is_said_is_not(body: str) -> None:
    assert parse_markdown(f"## A\n\n{body}\n").sections[0].empty is False


def test_numbers_are_read_as_printed_and_dates_and_versions_are_none() -> None:
    section = parse_markdown("## A\n\nP95 is 9.5 ms of 55,589, -0.5 or 1e-4; v1.2.3, 2013-10-02, f1, x2.\n").sections[0]
    assert section.numbers() == ["9.5", "55,589", "-0.5", "1e-4"]


def test_front_matter_is_data_and_no_text() -> None:
    read = parse_markdown("---\nversion: 1.0\n---\n\n# A\n\n```bash run\nls\n```\n")
    assert read.front_matter == {"version": 1.0}
    assert [(block.language, block.words, block.line) for block in read.everything.code] == [("bash", ("run",), 7)]
    assert parse_markdown("---\n\njust a line\n\n---\n").front_matter == {}


# -- document ------------------------------------------------------------------------------------------------------------------------


def test_a_document_that_has_everything_lacks_nothing(tmp_path: Path) -> None:
    found = document(
        tmp_path, GUIDE.split("## Troubleshooting", maxsplit=1)[0], sections=["guide", "performance"], numbers=["performance: 3"],
        tables=["performance"], code=["inference"], mentions=["version: 1.2.0", 'print("hello")'],
    )  # fmt: skip
    facts = values(found)
    assert found.findings == ()
    assert {name: value for name, value in facts.items() if value == 0} == dict.fromkeys(
        ("sections_missing", "sections_empty", "mentions_missing", "keys_missing", "numbers_missing",
         "tables_missing", "code_missing", "broken_links",
         "placeholders"), 0,
    )  # fmt: skip
    assert facts["code_blocks"] == 1
    assert facts["words_per_section_min"] > 10


def test_what_stands_only_in_comments_or_is_still_to_be_written_is_missing(tmp_path: Path) -> None:
    found = document(tmp_path, GUIDE, sections=["rollback", "troubleshooting"], mentions=["will be written"])
    facts = values(found)
    assert (facts["sections_missing"], facts["sections_empty"], facts["mentions_missing"], facts["placeholders"]) == (1, 2, 1, 1)
    assert facts["words_per_section_min"] == 0
    assert "nothing is said under: Slow" in found.findings


@pytest.mark.parametrize(
    ("options", "fact"),
    [
        ({"numbers": ["performance: 5"]}, "numbers_missing"), ({"numbers": ["nowhere"]}, "numbers_missing"),
        ({"tables": ["inference"]}, "tables_missing"), ({"tables": ["performance: 2"]}, "tables_missing"),
        ({"code": ["inference: 2"]}, "code_missing"), ({"code": ["performance"]}, "code_missing"),
    ],
)  # fmt: skip
def test_a_section_with_too_little_in_it_is_counted_and_named(tmp_path: Path, options: dict[str, Any], fact: str) -> None:
    found = document(tmp_path, GUIDE, **options)
    assert values(found)[fact] == 1
    assert any(finding.startswith("fewer than") for finding in found.findings)


def test_links_to_files_that_are_not_there_are_broken_and_such_pictures_are_no_tables(tmp_path: Path) -> None:
    text = "## Confusion matrix\n\n![m](m.png) [a](other.md#x) [b](#here) [c](https://example.invalid/x) [d](/predict) [e](guide.md)\n"
    found = document(tmp_path, text, tables=["confusion"])
    assert (values(found)["broken_links"], values(found)["tables_missing"]) == (2, 1)
    (tmp_path / "m.png").write_bytes(b"x")
    assert (values(document(tmp_path, text, tables=["confusion"]))["tables_missing"]) == 0


def test_front_matter_gives_keys_and_age(tmp_path: Path) -> None:
    facts = values(
        document(tmp_path, "---\nversion: 1.0.0\nowner:\nupdated: 2024-01-15\n---\n# A\n\nText.\n", keys=["version", "owner", "date"])
    )
    assert facts["keys_missing"] == 2
    assert facts["age_days"] > 365
    assert "age_days" not in values(document(tmp_path, GUIDE))


@pytest.mark.parametrize("written", ["yesterday", "2999-01-01", "15.01.2024"])
def test_a_date_that_is_none_or_to_come_is_an_error(tmp_path: Path, written: str) -> None:
    with pytest.raises(DataError, match="has the date"):
        document(tmp_path, f"---\ndate: {written}\n---\n# A\n")


def test_a_demand_that_names_no_section_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="names no section"):
        document(tmp_path, GUIDE, numbers=[": 3"])
