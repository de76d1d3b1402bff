"""Every row of the sources' requirements is mapped to what meets it, and what it is mapped to exists.

docs/requirement-rows.tsv names the 667 rows with the capability of each; docs/traceability.tsv says, row by row, where it is met: by
items of packs (`pack/item`), by alarm rules of packs (`pack/alarms/rule`), by runbooks (`runbooks/page`), by a feature, named by tests
that show it, or by an issue that is still to come. Several places may meet a row; its kind is that of the first.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from gonogo.checklist.load import bundled_packs
from gonogo.checklist.rules import RUNBOOKS

ROOT = Path(__file__).parent.parent
SOURCES = {"S0": 252, "S1": 131, "S2": 73, "S3": 127, "S4": 84}
PLANNED = re.compile(r"(issue 6|later): \S.*")
#: Capabilities of the gate and of the watch: a row of these is met now.
MET = frozenset(
    {"gate", "data checks", "code checks", "model checks", "docs checks", "reproducibility", "approvals", "doctor"}
    | {"monitor", "alarms", "dashboard", "reviews", "troubleshooting"}
)  # fmt: skip


class Line(NamedTuple):
    row: str
    kind: str
    where: str
    note: str


def _table(name: str, head: str) -> list[list[str]]:
    lines = (ROOT / "docs" / name).read_text(encoding="utf-8").splitlines()
    assert lines[0] == head.replace(" ", "\t")
    return [line.split("\t") for line in lines[1:]]


@cache
def capabilities() -> dict[str, str]:
    table = _table("requirement-rows.tsv", "row capability")
    assert len(table) == len({cells[0] for cells in table})
    return {cells[0]: cells[1] for cells in table}


@cache
def traced() -> tuple[Line, ...]:
    return tuple(Line(*cells) for cells in _table("traceability.tsv", "row kind where note"))


@cache
def rows_of_items() -> dict[str, tuple[str, ...]]:
    """Of gates and of reviews."""
    return {
        f"{pack.name}/{item.id}": item.rows
        for pack in bundled_packs()
        for checklist in (pack.gate, *(review.checklist for review in pack.reviews.values()))
        for item in checklist.items
    }


@cache
def rows_of_rules() -> dict[str, tuple[str, ...]]:
    return {f"{pack.name}/alarms/{rule.name}": rule.rows for pack in bundled_packs() for rule in pack.monitor.rules}


@cache
def names_of_tests(path: str) -> frozenset[str]:
    """The names of the tests that pytest would collect from a file."""
    if not (ROOT / path).is_file() or not Path(path).name.startswith("test_"):
        return frozenset()
    body = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    return frozenset(
        node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
    )


def wrong_with(line: Line, items: Mapping[str, tuple[str, ...]]) -> str:
    """What is wrong with a line of the table; empty when nothing is."""
    if line.kind == "planned":
        return "" if PLANNED.fullmatch(line.where) else f"{line.row}: {line.where!r} names no issue that is to come"
    wrong = [said for place in line.where.split(" ") if (said := wrong_place(line.row, place, {**items, **rows_of_rules()}))]
    if wrong:
        return f"{line.row}: {wrong[0]}"
    kind = kind_of(line.where.split(" ")[0])
    return "" if line.kind == kind else f"{line.row}: {line.kind!r} is not {kind}"


def wrong_place(row: str, place: str, rows: Mapping[str, tuple[str, ...]]) -> str:
    """What is wrong with one place of a row. `rows` are those that items and rules name."""
    kind = kind_of(place)
    if kind == "feature":
        path, _, name = place.partition("::")
        return "" if name in names_of_tests(path) else f"no test {place!r}"
    if kind == "runbook":
        return "" if (RUNBOOKS.parent / f"{place}.md").is_file() else f"no page {place!r}"
    return "" if row in rows.get(place, ()) else f"{place!r} is no {kind}, or does not name the row"


def kind_of(place: str) -> str:
    if place.startswith(("tests/", "systems/")):
        return "feature"
    if place.startswith("runbooks/"):
        return "runbook"
    return "rule" if "/alarms/" in place else "item"


def test_the_rows_are_the_667_of_the_five_sources() -> None:
    assert Counter(row[:2] for row in capabilities()) == SOURCES
    assert sum(SOURCES.values()) == 667


def test_every_row_is_mapped_once() -> None:
    assert [line.row for line in traced()] == sorted(capabilities())  # sorted as text, so that two people can add to it


def test_what_a_row_is_mapped_to_exists() -> None:
    assert [wrong for line in traced() if (wrong := wrong_with(line, rows_of_items()))] == []


def test_what_the_gate_and_the_watch_are_for_is_not_planned() -> None:
    assert [line.row for line in traced() if line.kind == "planned" and capabilities()[line.row] in MET] == []


@pytest.mark.parametrize("rows_of", [rows_of_items, rows_of_rules], ids=["item", "rule"])
def test_every_row_that_an_item_or_a_rule_names_is_mapped_to_it(rows_of: Callable[[], dict[str, tuple[str, ...]]]) -> None:
    named = {(row, place) for place, rows in rows_of().items() for row in rows}
    mapped = {(line.row, place) for line in traced() for place in line.where.split(" ")}
    assert named - mapped == set()
    assert {row for row, _ in named} <= set(capabilities())


@pytest.mark.parametrize(
    "line",
    [
        Line("S0-1.1a", "item", "sequence-model/no-such-item", ""),
        Line("S0-1.1a", "item", "sequence-model/approved", ""),
        Line("S0-1.1a", "feature", "tests/test_traceability.py::test_nothing", ""),
        Line("S0-1.1a", "feature", "tests/test_nothing.py::test_nothing", ""),
        Line("S0-1.1a", "feature", "tests/test_traceability.py", ""),
        Line("S0-1.1a", "planned", "soon", ""),
        Line("S0-1.1a", "planned", "issue 2: the spine", ""),
        Line("S0-1.1a", "done", "trust me", ""),
        Line("S0-1.1a", "item", "", ""),
        Line("S0-1.1a", "rule", "tabular-service/alarms/drift", ""),
        Line("S3-6b", "item", "tabular-service/alarms/drift", ""),
        Line("S0-1.1a", "runbook", "runbooks/no-such-page", ""),
    ],
    ids=lambda line: f"{line.kind} {line.where}",
)
def test_a_line_that_leads_nowhere_is_found(line: Line) -> None:
    assert wrong_with(line, {"sequence-model/approved": ("S0-Fd",)}).startswith(f"{line.row}: ")
