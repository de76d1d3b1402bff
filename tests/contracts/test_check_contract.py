"""What every check in the catalogue promises, ours and third parties'. A new check gets this suite for free."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest

from gonogo.base.catalogue import load, names
from gonogo.base.clock import FakeClock
from gonogo.checklist.items import Checklist, Item
from gonogo.errors import FaultError, UsageError
from gonogo.evidence.check import Check, asked_inputs
from gonogo.evidence.collect import collect
from gonogo.evidence.inputs import INPUTS
from gonogo.evidence.memory import MemoryInputs
from gonogo.evidence.record import Evidence
from gonogo.evidence.store import EvidenceStore

CHECKS = names("checks")


class Impostor:
    """Has no attribute that a check could use, and says so as loudly as it can."""

    def __getattr__(self, name: str) -> Any:
        raise ZeroDivisionError(f"no {name} here")

    def __len__(self) -> int:
        raise ZeroDivisionError("no length")

    def __iter__(self) -> Any:
        raise ZeroDivisionError("no rows")

    def __getitem__(self, key: object) -> Any:
        raise ZeroDivisionError("no items")

    def __fspath__(self) -> str:
        raise ZeroDivisionError("no path")


def measured(check: str, inputs: MemoryInputs, folder: Path, **item: Any) -> Evidence:
    checklist = Checklist("c", "C", "1", "2026-01-01", (Item(id="it", section="s", statement="x", check=check, **item),))
    store = EvidenceStore(folder)
    evidence = collect(checklist, inputs, clock=FakeClock(), previous={}, store=store)["it"]
    assert store.read("it") == evidence, store.notes
    return evidence


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_is_named_as_the_catalogue_names_it(name: str) -> None:
    kind = load("checks", name)
    assert issubclass(kind, Check)
    assert kind.name == name


@pytest.mark.parametrize("name", CHECKS)
def test_the_docstring_asks_a_question(name: str) -> None:
    first = inspect.cleandoc(load("checks", name).__doc__ or "").split("\n\n", maxsplit=1)[0]
    assert first.endswith("?")


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_asks_for_known_inputs_by_name(name: str) -> None:
    asked = asked_inputs(load("checks", name))
    assert asked
    assert {one.name for one in asked} <= set(INPUTS)
    assert not all(one.optional for one in asked)


@pytest.mark.parametrize("name", CHECKS)
def test_every_fact_and_option_is_documented(name: str) -> None:
    kind = load("checks", name)
    assert kind.facts
    assert all(fact.isidentifier() and words and words[0] != " " for fact, words in kind.facts.items())
    assert all(option.isidentifier() for option in kind.options)
    json.dumps(dict(kind.options))  # an item's options come from YAML and are digested


@pytest.mark.parametrize("name", CHECKS)
def test_defaults_are_accepted_and_unknown_options_are_refused(name: str) -> None:
    kind = load("checks", name)
    kind({})
    kind(dict(kind.options))
    with pytest.raises(UsageError, match="has no option"):
        kind({"no_such_option": 1})


@pytest.mark.parametrize("name", CHECKS)
def test_an_unknown_option_is_error_evidence(name: str, tmp_path: Path) -> None:
    inputs = MemoryInputs(**{known: object() for known in INPUTS})
    evidence = measured(name, inputs, tmp_path, options={"no_such_option": 1})
    assert evidence.status == "error"
    assert "no_such_option" in evidence.message


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("value", [Impostor(), None, 0, "", []], ids=["impostor", "none", "zero", "text", "list"])
def test_inputs_of_the_wrong_kind_are_error_evidence_never_a_measurement(name: str, value: Any, tmp_path: Path) -> None:
    evidence = measured(name, MemoryInputs(**dict.fromkeys(INPUTS, value)), tmp_path)
    assert evidence.status == "error"
    assert evidence.message
    assert evidence.facts == {}


@pytest.mark.parametrize("name", CHECKS)
def test_each_input_that_cannot_be_had_is_error_evidence_that_names_it(name: str, tmp_path: Path) -> None:
    for asked in asked_inputs(load("checks", name)):
        inputs = MemoryInputs(**{**{known: object() for known in INPUTS}, asked.name: FaultError("the disk is gone.")})
        evidence = measured(name, inputs, tmp_path)
        assert evidence.status == "error"
        assert f"input {asked.name}: the disk is gone." in evidence.message
        assert evidence.inputs[asked.name].startswith("missing:")
