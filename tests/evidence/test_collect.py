"""Collecting evidence: what is reused, what is measured again, and how every way to go wrong ends."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from gonogo.base import catalogue
from gonogo.base.clock import FakeClock, stamp
from gonogo.base.table import Table
from gonogo.checklist.items import Checklist, Item
from gonogo.errors import DataError, UsageError
from gonogo.evidence.check import Check, asked_inputs
from gonogo.evidence.collect import collect, current_inputs, is_fresh
from gonogo.evidence.digests import FileDigests
from gonogo.evidence.memory import MemoryInputs, measure
from gonogo.evidence.record import Evidence, Fact, Measurement
from gonogo.evidence.store import EvidenceStore

CALLS: list[str] = []


class Rows(Check):
    """How many rows are there?"""

    name = "rows"
    facts: ClassVar = {"rows": "rows of the test table"}
    options: ClassVar = {"least": 1}

    def measure(self, test: Table, validation: Table | None = None) -> Measurement:
        CALLS.append("rows")
        print("a check may print")
        return Measurement({"rows": Fact(np.int64(test.rows + (validation.rows if validation else 0)))})


class Hostile(Check):
    """What does a check do that does everything wrong?"""

    name = "hostile"
    facts: ClassVar = {"x": "a number"}
    options: ClassVar = {"how": ""}

    def measure(self, test: Any) -> Any:
        how = self.chosen["how"]
        if how == "exit":
            sys.exit(0)
        if how == "exit at once":
            os._exit(0)
        if how == "raise":
            raise ZeroDivisionError("by zero")
        if how == "recursion":
            raise RecursionError
        if how == "surrogate":
            raise ValueError("\udcff")
        return {
            "none": None,
            "nothing": Measurement({}),
            "undocumented": Measurement({"y": Fact(1)}),
            "no-fact": Measurement({"x": 1}),  # type: ignore[dict-item]
            "object": Measurement({"x": Fact(object())}),  # type: ignore[arg-type]
            "null": Measurement({"x": Fact(None)}),  # type: ignore[arg-type]
            "array": Measurement({"x": Fact(np.ones(3))}),  # type: ignore[arg-type]
            "nan-picture": Measurement({"x": Fact(1)}, pictures={"p": [float("nan")]}),
            "huge": Measurement({"x": Fact(2**70)}),
        }[how]


class Stranger(Check):
    """What happens to a check that asks for what does not exist?"""

    name = "stranger"
    facts: ClassVar = {"x": "a number"}

    def measure(self, tset: Any) -> Measurement:
        return Measurement({"x": Fact(1)})


@pytest.fixture(autouse=True)
def known_checks() -> Any:
    """These checks stand in the catalogue while a test runs, as a third party's would."""
    CALLS.clear()
    mine = {name: f"{__name__}:{kind}" for name, kind in (("rows", "Rows"), ("hostile", "Hostile"), ("stranger", "Stranger"))}
    sys.modules.setdefault(__name__, sys.modules[Rows.__module__])
    catalogue.CATALOGUE["checks"].update(mine)
    yield
    for name in mine:
        del catalogue.CATALOGUE["checks"][name]


def checklist(*items: Item) -> Checklist:
    return Checklist("gate", "Gate", "1", "2026-01-01", items)


def item(check: str = "rows", **more: Any) -> Item:
    return Item(**{"id": "one", "section": "s", "statement": "a statement", "check": check, **more})


def table(rows: int = 3) -> Table:
    return Table({"x": np.arange(rows, dtype=float)}, rows)


def run(given: Item, inputs: MemoryInputs, previous: dict[str, Evidence] | None = None, clock: Any = None, **more: Any) -> Evidence:
    return collect(checklist(given), inputs, clock=clock or FakeClock(), previous=previous or {}, **more)["one"]


def test_a_check_is_run_and_its_evidence_names_every_input() -> None:
    evidence = run(item(), MemoryInputs(test=table()))
    assert evidence.status == "measured"
    assert evidence.facts["rows"].value == 3
    assert type(evidence.facts["rows"].value) is int
    assert evidence.inputs["validation"] == "absent"
    assert evidence.inputs["test"].startswith("sha256:")
    assert {"gonogo", "python", "numpy"} <= evidence.tools.keys()


def test_what_a_check_prints_does_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    run(item(), MemoryInputs(test=table()))
    assert capsys.readouterr() == ("", "")


def test_unchanged_evidence_is_reused_and_changed_evidence_is_measured_again() -> None:
    inputs = MemoryInputs(test=table())
    first = run(item(), inputs)
    assert run(item(), inputs, {"one": first}) is first
    assert len(CALLS) == 1
    inputs.put("test", table(5))
    assert run(item(), inputs, {"one": first}).facts["rows"].value == 5


def test_an_optional_input_that_appears_makes_evidence_stale() -> None:
    inputs = MemoryInputs(test=table())
    first = run(item(), inputs)
    inputs.put("validation", table(4))
    assert run(item(), inputs, {"one": first}).facts["rows"].value == 7


def test_an_optional_input_that_is_declared_and_broken_is_an_error_not_absent() -> None:
    evidence = run(item(), MemoryInputs(test=table(), validation=DataError("v.csv is not there.")))
    assert evidence.status == "error"
    assert "v.csv is not there" in evidence.message


def test_evidence_is_measured_again_when_options_check_tools_or_age_differ() -> None:
    inputs = MemoryInputs(test=table())
    clock = FakeClock()
    first = run(item(), inputs, clock=clock)
    now = current_inputs(checklist(item()), inputs)["one"]
    moment = clock.now()
    assert is_fresh(first, item(), now, moment)
    stale = [
        (first, item(options={"least": 2}), moment),
        (replace(first, check="hostile"), item(), moment),
        (replace(first, item="two"), item(), moment),
        (replace(first, status="error"), item(), moment),
        (replace(first, tools={**first.tools, "gonogo": "0.0.0"}), item(), moment),
        (replace(first, started=stamp(moment + timedelta(seconds=1))), item(), moment),
        (replace(first, started="yesterday"), item(), moment),
        (replace(first, inputs={}), item(), moment),
        (first, item(max_age=10.0), moment + timedelta(seconds=11)),
    ]
    for evidence, given, when in stale:
        assert not is_fresh(evidence, given, now, when)


def test_an_error_is_never_reused() -> None:
    inputs = MemoryInputs(test=DataError("broken"))
    first = run(item(), inputs)
    assert first.status == "error"
    inputs.put("test", table())
    assert run(item(), inputs, {"one": first}).status == "measured"


@pytest.mark.parametrize(
    ("how", "said"),
    {
        "exit": "ended the program",
        "exit at once": "ended the program",
        "raise": "ZeroDivisionError: by zero",
        "recursion": "RecursionError",
        "surrogate": "udcff",
        "none": "NoneType instead of a Measurement",
        "nothing": "measured nothing",
        "undocumented": "does not document: y",
        "no-fact": "not a Fact",
        "object": "wrong type",
        "null": "wrong type",
        "array": "ValueError",
        "nan-picture": "ValueError",
        "huge": "ValueError",
    }.items(),
)
def test_whatever_a_check_does_wrong_is_error_evidence_that_can_be_stored(tmp_path: Path, how: str, said: str) -> None:
    store = EvidenceStore(tmp_path)
    evidence = run(item("hostile", options={"how": how}), MemoryInputs(test=1), store=store)
    assert evidence.status == "error"
    assert said in evidence.message
    assert not evidence.facts
    assert store.read("one") == evidence


@pytest.mark.parametrize("check", ["nobody-wrote-this", "stranger"])
def test_a_check_that_cannot_be_had_is_error_evidence(check: str) -> None:
    evidence = run(item(check), MemoryInputs(test=1))
    assert evidence.status == "error"
    assert "missing:" in evidence.inputs["check"]


def test_an_unknown_option_is_error_evidence_with_a_suggestion() -> None:
    evidence = run(item(options={"leest": 3}), MemoryInputs(test=table()))
    assert evidence.status == "error"
    assert "Did you mean 'least'" in evidence.message


@pytest.mark.parametrize("value", [True, "3", [3], None])
def test_an_option_of_the_wrong_type_is_refused(value: Any) -> None:
    with pytest.raises(UsageError, match="not a int"):
        Rows({"least": value})


def test_an_input_that_changes_while_it_is_measured_is_an_error() -> None:
    class Moving(MemoryInputs):
        def get(self, name: str) -> Any:
            value = super().get(name)
            self._revision[name] = self._revision.get(name, 0) + 1
            return value

    evidence = run(item(), Moving(test=table()))
    assert evidence.status == "error"
    assert "changed while it was measured" in evidence.message


def test_judge_only_never_measures_and_keeps_what_there_is() -> None:
    inputs = MemoryInputs(test=table())
    assert collect(checklist(item()), inputs, clock=FakeClock(), previous={}, judge_only=True) == {}
    first = run(item(), inputs)
    inputs.put("test", table(9))
    assert run(item(), inputs, {"one": first}, judge_only=True) is first
    assert len(CALLS) == 1


def test_only_measures_the_named_items_and_keeps_the_others() -> None:
    two = replace(item(), id="two")
    inputs = MemoryInputs(test=table())
    assert collect(checklist(item(), two), inputs, clock=FakeClock(), previous={}, only={"two"}).keys() == {"two"}
    first = collect(checklist(item(), two), inputs, clock=FakeClock(), previous={})
    inputs.put("test", table(9))
    again = collect(checklist(item(), two), inputs, clock=FakeClock(), previous=first, only={"two"})
    assert again["one"] is first["one"]
    assert again["two"].facts["rows"].value == 9


def test_each_piece_of_evidence_is_stored_as_it_is_measured_and_progress_is_told(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    seen: list[tuple[str, str, bool]] = []
    two = item("hostile", id="two", options={"how": "raise"})
    inputs = MemoryInputs(test=table())
    first = collect(
        checklist(item(), two), inputs, clock=FakeClock(), previous={}, store=store,
        progress=lambda one, step: seen.append((one.id, step, store.read("one") is not None)),
    )  # fmt: skip
    assert seen == [("one", "measuring", False), ("one", "measured", True), ("two", "measuring", True), ("two", "error", True)]
    assert store.read_all(["one", "two", "three"]) == first


def test_items_that_put_the_same_question_share_one_measurement() -> None:
    two, other = replace(item(), id="two"), item(id="other", options={"least": 2})
    found = collect(checklist(item(), two, other), MemoryInputs(test=table()), clock=FakeClock(), previous={})
    assert len(CALLS) == 2
    assert found["two"] == replace(found["one"], item="two")
    assert found["other"].options != found["one"].options


def test_findings_are_bounded() -> None:
    class Wordy(Rows):
        """How much may a check say?"""

        name = "wordy"

        def measure(self, test: Table) -> Measurement:  # type: ignore[override]
            return Measurement({"rows": Fact(1)}, findings=tuple("x" * 9000 for _ in range(200)))

    globals()["Wordy"] = Wordy
    catalogue.CATALOGUE["checks"]["wordy"] = f"{__name__}:Wordy"
    try:
        evidence = run(item("wordy"), MemoryInputs(test=table()))
    finally:
        del catalogue.CATALOGUE["checks"]["wordy"]
    assert len(evidence.findings) == 51
    assert evidence.findings[-1] == "… and 150 more"
    assert max(map(len, evidence.findings)) == 500


def test_a_check_is_asked_for_by_parameter_names() -> None:
    assert [(asked.name, asked.optional) for asked in asked_inputs(Rows)] == [("test", False), ("validation", True)]
    with pytest.raises(UsageError, match="Did you mean 'test'"):
        asked_inputs(Stranger)


def test_one_call_measures_a_check_on_given_inputs() -> None:
    assert measure(Rows, test=table(), validation=table(1)).facts["rows"].value == 4


def test_a_file_is_hashed_once_and_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(b"one")
    digests = FileDigests()
    first = digests.digest(path)
    assert digests.digest(path) == first
    path.write_bytes(b"two")
    assert digests.digest(path) != first
    path.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        digests.digest(path)
