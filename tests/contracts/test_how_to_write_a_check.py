"""The page on writing a check is true: its code runs, its checks keep the contract, its table is the table of inputs."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gonogo.errors import UsageError
from gonogo.evidence.check import Check, asked_inputs
from gonogo.evidence.inputs import INPUTS
from page import blocks, read_page, run_python

PAGE = read_page("how-to-write-a-check.md")


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    """What the page's code defines, run from top to bottom as a reader would."""
    assert len(blocks(PAGE, "python")) == 3
    return run_python(PAGE, "how-to-write-a-check.md")


def test_the_checks_of_the_page_keep_the_contract(written: dict[str, Any]) -> None:
    checks = [value for value in written.values() if isinstance(value, type) and issubclass(value, Check) and value is not Check]
    assert [check.name for check in checks] == ["rows", "wide"]
    for check in checks:
        assert (check.__doc__ or "").endswith("?")
        assert asked_inputs(check)
        with pytest.raises(UsageError):
            check({"no_such_option": 1})


def test_a_check_of_one_s_own_takes_ten_lines() -> None:
    first = blocks(PAGE, "python")[0]
    lines = [line for line in first.splitlines() if line.strip()]
    assert len(lines) <= 10


def test_every_input_is_on_the_page_in_its_words() -> None:
    table = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE, re.MULTILINE))
    assert table == INPUTS
