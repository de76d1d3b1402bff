"""`gonogo check --prove`: the negative control. Spoiled copies of the candidate are judged by the same checklist; each must be refused.

Rules:
1. A spoiling counts as caught by an item only when that item passes for the candidate and fails for the copy, by measurement. What
   could not be measured has caught nothing; a copy whose model or tables no bundle can be built from is refused by every item.
2. Items that compare with the run record, or that boot the service, take no part: a changed byte alone would make them fail, and the
   question is whether what is *measured* can fail. What remains are the items that read tables or scores.
3. The result is kept, sealed, under the bundle and the checklist that it is about. Without a passing item there is nothing to prove with.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gonogo.base import catalogue
from gonogo.base.clock import stamp
from gonogo.base.table import read_table
from gonogo.checklist.items import Checklist
from gonogo.errors import DataError, ModelError, RefusedError
from gonogo.evidence.check import asked_inputs
from gonogo.evidence.collect import collect, current_inputs
from gonogo.model.encode import encode_table
from gonogo.operations.check import Checked, check
from gonogo.operations.inputs import ProjectInputs
from gonogo.operations.negative_control import FORMAT, keep_negative_control
from gonogo.operations.progress import Progress, silent
from gonogo.operations.spoil import SEED, Spoiling, spoilings
from gonogo.operations.workspace import Workspace
from gonogo.verdict.judge import Answer, judge
from gonogo.verdict.outcome import Outcome

MEASURED = frozenset({"scores_test", "scores_validation", "train", "test", "validation", "train_file", "test_file", "validation_file"})
APART = frozenset({"run_record", "ledger", "endpoint", "load_result", "negative_control", "source", "documents"})
SAMPLE = 1_000  #: rows on which the most important feature is looked for


def prove(workspace: Workspace, checked: Checked, *, progress: Progress = silent) -> Mapping[str, Any]:
    """Spoil copies of the candidate of `checked`, judge them, keep and give back the result.

    Raises RefusedError when no measuring item passes for the candidate; DataError and ModelError when it cannot be spoiled.
    """
    passing = {result.item for result in checked.verdict.items if result.outcome is Outcome.PASS}
    checklist = _measuring(checked.checklist, passing)
    if checked.verdict.subject is None or not checklist.items:
        raise RefusedError("no item that measures the model passes, so there is nothing to prove with.", hint="Run `gonogo check` first.")
    feature = _most_important(workspace)
    found = []
    ways = spoilings(workspace.project, feature)
    for number, way in enumerate(ways):
        progress(f"spoiling: {way.what}", number, len(ways))
        with tempfile.TemporaryDirectory(prefix="gonogo-spoiled-") as folder:
            found.append({"name": way.name, "what": way.what, "by": _refused_by(workspace, way, checklist, Path(folder))})
    document = {
        "format": FORMAT,
        "subject": checked.verdict.subject,
        "checklist": checked.checklist.digest,
        "time": stamp(workspace.clock.now()),
        "items": [item.id for item in checklist.items],
        "spoilings": found,
    }
    keep_negative_control(workspace, document)
    return document


def prove_and_check(workspace: Workspace, checked: Checked, *, progress: Progress = silent) -> Checked:
    """Prove, and judge again with what came of it. The result is a note of the verdict whether or not the checklist asks for it."""
    found = prove(workspace, checked, progress=progress)["spoilings"]
    missed = [one["what"] for one in found if not one["by"]]
    said = [f"negative control: {len(found) - len(missed)} of {len(found)} spoiled copies were refused"]
    said += [f"the gate did not notice a spoiled copy: {what}" for what in missed]
    again = check(workspace, progress=progress)
    return replace(again, verdict=replace(again.verdict, notes=(*again.verdict.notes, *said)))


def _measuring(checklist: Checklist, passing: set[str]) -> Checklist:
    """The items that pass and whose check reads tables or scores: rule 2."""
    items = []
    for item in checklist.items:
        if item.check and item.id in passing:
            asked = {one.name for one in asked_inputs(catalogue.load("checks", item.check))}
            if asked & MEASURED and not asked & APART:
                items.append(item)
    return replace(checklist, items=tuple(items))


def _refused_by(workspace: Workspace, way: Spoiling, checklist: Checklist, folder: Path) -> list[str]:
    """The items that fail for the spoiled copy, in the checklist's order: rule 1."""
    spoiled = Workspace(way.make(folder), workspace.clock)
    with ProjectInputs(spoiled, build=True, progress=silent) as inputs:
        try:
            inputs.digest("bundle")
        except (ModelError, DataError):
            return [item.id for item in checklist.items]
        evidence = collect(checklist, inputs, clock=workspace.clock, previous={})
        verdict = judge(
            checklist,
            system=spoiled.project.system,
            subject=inputs.subject,
            evidence=evidence,
            current_inputs=current_inputs(checklist, inputs),
            sign_offs=[],
            answers={item.id: Answer(True, "spoiled copy") for item in checklist.items},
            now=workspace.clock.now(),
        )
    return [result.item for result in verdict.items if result.outcome is Outcome.FAIL]


def _most_important(workspace: Workspace) -> str:
    """The feature whose permutation moves the scores most, on some rows of the test table."""
    with ProjectInputs(workspace, build=False, progress=silent) as inputs:
        bundle = inputs.get("bundle")
    schema = bundle.schema
    table = read_table(workspace.project.data.test)
    random = np.random.default_rng(SEED)
    rows = table.take(np.sort(random.permutation(table.rows)[:SAMPLE]))
    order = random.permutation(rows.rows)
    mixed = [replace(rows, columns={**rows.columns, name: rows.columns[name][order]}) for name in schema.feature_names]
    batches = [encode_table(schema, one) for one in (rows, *mixed)]
    together = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    scores, _ = workspace.sandbox().scores(schema, bundle.model, together)
    before, *after = np.split(scores, len(batches))
    moved = [float(np.abs(one - before).mean()) for one in after]
    return str(schema.feature_names[int(np.argmax(moved))])
