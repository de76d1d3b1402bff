"""From items and inputs to evidence: measure what is missing or changed, keep the rest.

Rules:
1. Evidence is reused only when it was measured by the same check of the same gonogo with the same options on inputs of the same
   digests, not in the future, and not longer ago than the item's `max_age`. An error is never reused.
2. Whatever goes wrong in a check, `sys.exit`, a hang and want of memory included (see `bounds.py`), becomes evidence of status "error"
   that says what. So does a measurement that is malformed, has no facts, gives a fact that the check does not document, or whose inputs
   changed while it ran.
3. A check that somebody else wrote is itself an input, `check`: the digest of its file.
4. An input that cannot be had has the digest "missing:<why>" and the check is not run; an optional one that is not declared "absent".
5. With nothing to measure the cost is hashing the inputs, once per file and run (see `digests.py`). Items that put the same question
   (check, options, inputs) share one measurement in a run.
"""

from __future__ import annotations

import inspect
import io
import platform
import traceback
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gonogo import settings
from gonogo.base.canonical import canonical_bytes, digest
from gonogo.base.catalogue import CATALOGUE, load
from gonogo.base.clock import Clock, parse_stamp, stamp
from gonogo.base.tree import file_digest
from gonogo.checklist.items import Checklist, Item
from gonogo.errors import GonogoError, NotFoundError
from gonogo.evidence.bounds import OutOfTimeError, bounded
from gonogo.evidence.check import Asked, Check, asked_inputs, options_digest
from gonogo.evidence.inputs import Inputs
from gonogo.evidence.record import Evidence, Fact, Measurement
from gonogo.evidence.store import EvidenceStore, check_facts

ABSENT = "absent"
MISSING = "missing:"
FINDINGS = 50  #: most findings that evidence keeps
LINE = 500  #: most characters of one
Step = Literal["reused", "measuring", "measured", "error"]
Progress = Callable[[Item, Step], None]


def current_inputs(checklist: Checklist, inputs: Inputs) -> dict[str, dict[str, str]]:
    """For every item with a check, the digest of every input now. Never raises: what cannot be had is "missing:<why>"."""
    known: dict[str, str] = {}
    return {item.id: _item_inputs(item, inputs, known) for item in checklist.items if item.check}


def collect(
    checklist: Checklist,
    inputs: Inputs,
    *,
    clock: Clock,
    previous: Mapping[str, Evidence],
    only: AbstractSet[str] | None = None,
    judge_only: bool = False,
    store: EvidenceStore | None = None,
    progress: Progress = lambda item, step: None,
) -> dict[str, Evidence]:
    """Evidence by item id: fresh where something was missing or changed, kept elsewhere.

    With `only`, other items keep what they have; with `judge_only` all do, and nothing is measured. Each piece is written to `store`
    as soon as it is there. Raises StorageError when it cannot be written; what a check does wrong does not leave this function.
    """
    found: dict[str, Evidence] = {}
    known: dict[str, str] = {}
    asked: dict[str, Evidence] = {}
    for item in checklist.items:
        if not item.check:
            continue
        kept = previous.get(item.id)
        if judge_only or (only is not None and item.id not in only):
            if kept is not None:
                found[item.id] = kept
            continue
        now = _item_inputs(item, inputs, known)
        if kept is not None and is_fresh(kept, item, now, clock.now()):
            found[item.id] = kept
            progress(item, "reused")
            continue
        progress(item, "measuring")
        question = digest([item.check, _options(item), now])
        evidence = replace(asked[question], item=item.id) if question in asked else measure_item(item, inputs, now, clock)
        asked[question] = evidence
        if store is not None:
            store.write(evidence)
        found[item.id] = evidence
        progress(item, "error" if evidence.status == "error" else "measured")
    return found


def is_fresh(evidence: Evidence, item: Item, now: Mapping[str, str], moment: datetime) -> bool:
    """Whether evidence may stand for a new measurement: rule 1."""
    try:
        age = moment - parse_stamp(evidence.started)
        options = options_digest(item.options)
    except ValueError:
        return False
    return (
        evidence.status == "measured"
        and evidence.item == item.id
        and evidence.check == item.check
        and evidence.options == options
        and dict(evidence.inputs) == dict(now)
        and not any(value.startswith(MISSING) for value in now.values())
        and dict(evidence.tools) == tools()
        and age >= timedelta(0)
        and (item.max_age is None or age.total_seconds() <= item.max_age)
    )


def measure_item(item: Item, inputs: Inputs, now: Mapping[str, str], clock: Clock) -> Evidence:
    """Run one item's check. Never raises for what the check or an input does: rule 2."""
    started = stamp(clock.now())
    printed = io.StringIO()
    measurement = Measurement(facts={})
    message = next((f"input {name}: {value.removeprefix(MISSING)}" for name, value in now.items() if value.startswith(MISSING)), "")
    if not message:
        try:
            # A check that prints must not write into the document that --json promises.
            limits = {"seconds": settings.number("measure_seconds"), "memory_mib": settings.number("check_memory")}
            with bounded(**limits), redirect_stdout(printed), redirect_stderr(printed):
                measurement = _measure(item, inputs, now)
        except (Exception, SystemExit, OutOfTimeError) as error:
            message = _explain(error)
    return Evidence(
        item=item.id,
        check=str(item.check),
        options=_options(item),
        inputs=dict(now),
        status="error" if message else "measured",
        facts=measurement.facts,
        findings=measurement.findings,
        message=message,
        tools=tools(),
        isolation=measurement.isolation,
        started=started,
        finished=stamp(clock.now()),
        pictures=measurement.pictures,
    )


def _measure(item: Item, inputs: Inputs, now: Mapping[str, str]) -> Measurement:
    kind: type[Check] = load("checks", str(item.check))
    check = kind(item.options)
    values = {asked.name: inputs.get(asked.name) for asked in asked_inputs(kind) if now[asked.name] != ABSENT}
    measurement = _plain(kind, check.measure(**values))
    for asked in asked_inputs(kind):
        if _digest(asked, inputs) != now[asked.name]:
            raise ValueError(f"the input {asked.name} changed while it was measured; repeat when nothing writes to it")
    return measurement


def _plain(kind: type[Check], measurement: Any) -> Measurement:
    """The measurement with NumPy scalars as plain values and bounded findings. Raises ValueError when it is malformed."""
    if not isinstance(measurement, Measurement):
        raise ValueError(f"the check gave a {type(measurement).__name__} instead of a Measurement")
    if not measurement.facts:
        raise ValueError("the check measured nothing")
    undocumented = measurement.facts.keys() - kind.facts.keys()
    if undocumented:
        raise ValueError(f"the check gave facts that it does not document: {', '.join(sorted(undocumented))}")
    facts = {name: _plain_fact(name, fact) for name, fact in measurement.facts.items()}
    findings = [_writable(str(finding)[:LINE]) for finding in measurement.findings[:FINDINGS]]
    if len(measurement.findings) > FINDINGS:
        findings.append(f"… and {len(measurement.findings) - FINDINGS} more")
    check_facts({"facts": {name: fact.to_json() for name, fact in facts.items()}})
    canonical_bytes({"pictures": dict(measurement.pictures), "facts": {name: fact.to_json() for name, fact in facts.items()}})
    return replace(measurement, facts=facts, findings=tuple(findings))


def _plain_fact(name: str, fact: Any) -> Fact:
    if not isinstance(fact, Fact):
        raise ValueError(f"the fact {name!r} is a {type(fact).__name__}, not a Fact")
    fields = {key: getattr(fact, key) for key in ("value", "unit", "n", "low", "high", "level")}
    return Fact(**{key: value.item() if isinstance(value, np.generic) else value for key, value in fields.items()})


def _item_inputs(item: Item, inputs: Inputs, known: dict[str, str]) -> dict[str, str]:
    digests = {}
    try:
        kind = load("checks", str(item.check))
        asked = asked_inputs(kind)
        if str(item.check) not in CATALOGUE["checks"]:  # of our own checks `tools` says the version
            digests["check"] = file_digest(Path(inspect.getfile(kind)))
    except Exception as error:  # a third party's check may fail to import in any way; that is this item's error
        return {"check": MISSING + _explain(error)}
    for one in asked:
        key = f"{one.name}?" if one.optional else one.name
        if key not in known:
            known[key] = _digest(one, inputs)
        digests[one.name] = known[key]
    return digests


def _digest(asked: Asked, inputs: Inputs) -> str:
    try:
        return inputs.digest(asked.name)
    except NotFoundError as error:
        return ABSENT if asked.optional else MISSING + str(error)
    except Exception as error:  # a provider may fail in any way; the cause is kept in the digest and blocks
        return MISSING + _explain(error)


def _options(item: Item) -> str:
    try:
        return options_digest(item.options)
    except ValueError as error:
        return MISSING + str(error)


def _explain(error: BaseException) -> str:
    """What went wrong, in words: our own errors speak for themselves, others say where they come from."""
    if isinstance(error, GonogoError):
        return _writable(str(error)[:2000])
    if isinstance(error, OutOfTimeError):
        return str(error)
    if isinstance(error, SystemExit):
        return f"the check ended the program (exit {error.code})"
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].name}, line {frames[-1].lineno})" if frames else ""
    return _writable(f"{type(error).__name__}: {error}{where}"[:2000])


def _writable(text: str) -> str:
    """Text that UTF-8 can hold: file names and program output may carry bytes that it cannot."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


@cache
def _tools() -> tuple[tuple[str, str], ...]:
    found = [("python", platform.python_version()), ("numpy", np.__version__)]
    for package in ("gonogo", "onnxruntime", "duckdb"):
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            found.append((package, "unknown"))
    return tuple(found)


def tools() -> dict[str, str]:
    """The versions of what measures here, by name."""
    return dict(_tools())
