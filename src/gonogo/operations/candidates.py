"""`gonogo candidates`: the runs of the ledger as they can be compared today.

Figures come with intervals where a run kept what it said of each example (`data: {predictions: …}` of its record: columns `label` and
`predicted`, and `row` when two runs are to be compared on the same examples). Parameters and bytes are counted in the model's file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gonogo.base.canonical import parse_json
from gonogo.base.numbers import is_finite_number
from gonogo.base.table import read_table
from gonogo.base.tree import file_digest
from gonogo.candidate.comparison import SPELLINGS, Candidate, Comparison, Figure, better_is_less, named_apart
from gonogo.candidate.ledger import LedgerLine
from gonogo.checklist.expression import parse
from gonogo.checklist.items import Checklist, Item
from gonogo.checklist.lint import lint
from gonogo.checklist.load import load_pack
from gonogo.errors import DataError, GonogoError, RefusedError
from gonogo.evidence.checks.selection import METRICS, STATUSES
from gonogo.evidence.declared import read_structured
from gonogo.evidence.record import Fact
from gonogo.model.formats import shipped_digest
from gonogo.model.rows import class_text
from gonogo.model.weights import width
from gonogo.operations.progress import Progress, silent
from gonogo.operations.runs import ledger_file, read_runs
from gonogo.operations.trainings import put_away_models
from gonogo.operations.workspace import Workspace
from gonogo.stats.feasibility import contradictions
from gonogo.stats.intervals import wilson
from gonogo.stats.paired import Answers

DECISION = "decision.json"  #: where the decision lies when gonogo.yaml does not say
LEVEL = 0.95
NO_RESULTS = "NO_RESULTS: no run is on record"


def compare(workspace: Workspace, *, progress: Progress = silent, weigh: bool = True) -> Comparison:
    """Every run, the newest first; without `weigh` nobody counts their parameters, which takes a sandbox each. Raises RefusedError
    (NO_RESULTS) when there is none, DataError naming a line that is damaged or stands twice."""
    lines = read_runs(workspace)
    if not lines:
        raise RefusedError(f"{NO_RESULTS}.", hint="Call gonogo.record_run at the end of the training script, or name `candidates.ledger`.")
    lines = sorted(lines, key=lambda line: str(line.run.get("finished", "")), reverse=True)
    given = [str(line.run.get("name") or "") for line in lines]
    names = named_apart([name or f"run-{line.digest.removeprefix('sha256:')[:8]}" for name, line in zip(given, lines, strict=True)],
                        [line.digest for line in lines])  # fmt: skip
    chosen, found, put_away = _chosen(workspace), [], put_away_models(workspace)
    for number, (line, name, own) in enumerate(zip(lines, names, given, strict=True)):
        progress(name, number, len(lines))
        candidate = _candidate(workspace, line, name, own, weigh)
        why = put_away.get(str(line.run.get("data", {}).get("model", {}).get("digest")))
        if why is not None and candidate.status == "CANDIDATE":
            candidate = replace(candidate, status="REJECTED", reason=why)
        found.append(replace(candidate, status="CHOSEN") if line.digest == chosen and candidate.status == "CANDIDATE" else candidate)
    progress("", len(lines), len(lines))
    return Comparison(workspace.project.system, _metric(workspace, found), tuple(found), workspace.project.model.positive)


def decision_file(workspace: Workspace) -> Path:
    return workspace.project.files.get("decision", workspace.project.root / DECISION)


def criteria(workspace: Workspace) -> list[tuple[Item, str]]:
    """What the pack asks of a candidate's metrics: its items on selection with each requirement that is about metrics. Items that the
    project leaves out, and conditional ones that it does not say apply, are not asked."""
    project = workspace.project
    found = []
    for item in _selection(load_pack(project.pack, project).gate).items:
        answer = project.items.get(item.id)
        said = None if answer is None else answer.applies
        if said is not False and (item.kind != "conditional" or said):
            found += [(item, text) for text in item.require if set(parse(text).names) <= set(METRICS)]
    return found


def criteria_problems(workspace: Workspace) -> list[str]:
    """Criteria that exclude each other: nobody could be chosen under them."""
    asked = {item.id for item, _ in criteria(workspace)}
    checklist = _selection(load_pack(workspace.project.pack, workspace.project).gate)
    findings = lint(replace(checklist, items=tuple(item for item in checklist.items if item.id in asked)), {})
    return [str(finding) for finding in findings if finding.rule in ("bounds", "feasibility")]


def facts_of(candidate: Candidate) -> dict[str, Fact]:
    """A candidate's figures as a requirement sees them."""
    return {
        name: Fact(one.value, n=one.n, low=one.low, high=one.high, level=None if one.low is None else LEVEL)
        for name, one in candidate.figures.items()
    }


def _selection(checklist: Checklist) -> Checklist:
    return replace(checklist, items=tuple(item for item in checklist.items if item.check == "selection"))


def _metric(workspace: Workspace, candidates: Sequence[Candidate]) -> str:
    """What ranks: as declared, else the first that the pack's criteria ask to be high, else the first of those known that any run has, else
    what the newest run recorded of validation, or of anything."""
    if workspace.project.candidates.metric:
        return workspace.project.candidates.metric
    asked = [parse(text) for _, text in criteria(workspace)]
    named = [one.names[0] for one in asked if one.operator in (">", ">=") and len(one.names) == 1]
    known = [name for names in SPELLINGS.values() for name in names]
    others = [name for one in candidates[:1] for name in one.figures if not better_is_less(name)]
    others.sort(key=lambda name: "val" not in name)
    return next((name for name in (*named, *known, *others) if any(one.figure(name) for one in candidates)), named[0] if named else "")


def _candidate(workspace: Workspace, line: LedgerLine, name: str, given: str, weigh: bool) -> Candidate:
    run, declared = line.run, workspace.project.candidates
    status: Any = run.get("status") or "CANDIDATE"
    if status not in STATUSES:
        raise DataError(f"{name}: its status {status!r} is none of {', '.join(STATUSES)}.", hint="Record the run again.")
    model, gone = find_model(workspace, run)
    notes = []
    label: Sequence[str] = ()
    said: Sequence[str] = ()
    examples = ""
    try:
        label, said, examples = _predictions(workspace, run)
    except GonogoError as error:
        notes.append(f"no intervals: {error.message}")
    figures = _figures(run, label, said, workspace.project.model.positive)
    notes += [f"{key} was recorded as {one.recorded:.4g}, its own predictions say {one.value:.4g}" for key, one in figures.items()
              if one.contradicted]  # fmt: skip
    notes += contradictions({key: one.value for key, one in figures.items()}, classes=len(set(label)) or 2)
    family = str(run.get("family") or given or "unnamed")
    expected = declared.expected.get(given or name, declared.expected.get(family, {}))
    return Candidate(
        name=name,
        run=line.digest,
        family=family,
        status=status,
        reason=str(run.get("reason") or ""),
        time=str(run.get("finished") or ""),
        seed=run.get("seed"),
        settings=run.get("params", {}),
        figures=figures,
        gone=gone if status != "IN_PROGRESS" else "",
        parameters=None if model is None or not weigh else _parameters(workspace, model),
        size=None if model is None else _size(model),
        epochs=run.get("epochs"),
        seconds=run.get("seconds"),
        expected=expected,
        examples=examples,
        label=label,
        said=said,
        notes=tuple(notes),
    )


def find_model(workspace: Workspace, run: Mapping[str, Any]) -> tuple[Path | None, str]:
    """Where the model of a run lies, byte for byte, and why it cannot be had: where the record says, or in a bundle of the store."""
    entry = run.get("data", {}).get("model")
    if not isinstance(entry, Mapping):
        return None, "its record names no model"
    place = ledger_file(workspace).parent / str(entry.get("path"))
    try:
        if os.path.exists(place) and shipped_digest(place) == entry.get("digest"):  # what no file can be called is not there
            return place, ""
    except GonogoError:
        pass  # what lies there is no model: then it is not this one
    for manifest in sorted(workspace.bundles.glob("*/bundle.json")):
        try:
            about = parse_json(manifest.read_bytes())["model"]
            model = manifest.parent / str(about["path"])
            if f"sha256:{about['sha256']}" == entry.get("digest") == file_digest(model):
                return model, ""
        except (OSError, ValueError, KeyError, TypeError):
            continue  # a damaged bundle holds no model
    return None, f"the model {Path(str(entry.get('path'))).name} is another by now" if os.path.exists(place) else "the model is gone"


def _parameters(workspace: Workspace, model: Path) -> int | None:
    """Learnt values counted in the file; None for a kind of file that has none to count."""
    try:
        weights, _ = workspace.sandbox().weights(model)
    except GonogoError:
        return None
    held = sum(tensor.elements * width(tensor.dtype) for tensor in weights.tensors)
    return weights.parameters if 2 * held > _size(model) else None  # a forest has a constant or two, and they are not what it has learnt


def _size(model: Path) -> int:
    return sum(file.stat().st_size for file in model.rglob("*") if file.is_file()) if model.is_dir() else model.stat().st_size


def _predictions(workspace: Workspace, run: Mapping[str, Any]) -> tuple[Sequence[str], Sequence[str], str]:
    """(labels, answers, digest of the examples) by example; nothing when the run kept none. Raises DataError for a file that is another."""
    entry = run.get("data", {}).get("predictions")
    if not isinstance(entry, Mapping):
        return (), (), ""
    path = ledger_file(workspace).parent / str(entry.get("path"))
    if not os.path.isfile(path) or file_digest(path) != entry.get("digest"):
        raise DataError(f"the predictions {path.name[:200]} are gone, or others than the run wrote.")
    table = read_table(path)
    rows = table.numeric("row") if "row" in table.columns else np.arange(table.rows, dtype=np.float64)
    if len(np.unique(rows)) != table.rows:
        raise DataError(f"{path.name} answers one row twice.")
    order = np.argsort(rows, kind="stable")
    label, said = ([class_text(value) for value in table.column(name)[order]] for name in ("label", "predicted"))
    if None in label or None in said:
        raise DataError(f"{path.name} lacks a label or an answer.")
    seen = hashlib.sha256("\n".join(f"{row:g} {one}" for row, one in zip(rows[order], label, strict=True)).encode()).hexdigest()
    return [str(one) for one in label], [str(one) for one in said], seen


def _figures(run: Mapping[str, Any], label: Sequence[str], said: Sequence[str], positive: str | None) -> dict[str, Figure]:
    """Metrics by the names under which they were recorded; from the run's own predictions where it kept them."""
    recorded = {str(name): float(value) for name, value in run.get("metrics", {}).items() if is_finite_number(value)}
    counted = Answers.of(label, said).estimates(positive=positive, level=LEVEL) if label else {}
    found: dict[str, Figure] = {}
    for name, value in recorded.items():
        same = next((spelled for names in SPELLINGS.values() if name in names for spelled in names if spelled in counted), name)
        if same in counted:
            one = counted.pop(same)
            found[name] = Figure(one.value, one.low, one.high, one.n, recorded=value)
        elif name == "accuracy" and run.get("examples") and 0 <= value <= 1:
            low, high = wilson(round(value * run["examples"]), run["examples"], LEVEL)
            found[name] = Figure(value, min(low, value), max(high, value), run["examples"])
        else:
            found[name] = Figure(value)
    return found | {name: Figure(one.value, one.low, one.high, one.n) for name, one in counted.items()}


def _chosen(workspace: Workspace) -> str | None:
    """The run that the decision in force recommends; None without one, or when the file is none."""
    try:
        record = read_structured(decision_file(workspace))
        return next((str(one["run"]) for one in record["candidates"] if one["name"] == record["recommended"]), None)
    except (GonogoError, KeyError, TypeError):
        return None
