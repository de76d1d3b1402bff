"""`gonogo select`: which candidate is taken, for a written reason. Writes the decision record, and an event of the signed log.

The record lies where `files: {decision: …}` says (default decision.json beside gonogo.yaml); the check `selection` judges it at the gate.
Choosing moves no file: gonogo.yaml names the model that would ship, and the gate refuses one that is not the chosen one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gonogo import settings
from gonogo.base.canonical import digest
from gonogo.base.clock import stamp
from gonogo.base.files import write_atomic
from gonogo.candidate import decision
from gonogo.candidate.comparison import Comparison
from gonogo.candidate.decision import Recommendation
from gonogo.checklist.evaluate import evaluate
from gonogo.checklist.expression import parse
from gonogo.errors import RefusedError
from gonogo.evidence.accepted_risk import with_acceptance
from gonogo.evidence.declared import read_structured
from gonogo.model.formats import shipped_digest
from gonogo.operations.candidates import compare, criteria, criteria_problems, decision_file, facts_of, find_model
from gonogo.operations.policy import policy_state
from gonogo.operations.progress import Progress, silent
from gonogo.operations.runs import read_runs
from gonogo.operations.selected import KIND
from gonogo.operations.sign import find_signer
from gonogo.operations.workspace import Workspace


@dataclass(frozen=True)
class Decided:
    """What was written, and where. `next` says what else gonogo.yaml must name for it to be the one that ships."""

    record: Mapping[str, Any]
    file: Path
    next: tuple[str, ...]


def recommend(workspace: Workspace) -> tuple[Comparison, Recommendation]:
    """Who leads and why; nothing is written. Raises as `compare`."""
    comparison = compare(workspace)
    return comparison, decision.recommend(comparison, shortfalls(workspace, comparison))


def survey(workspace: Workspace, *, progress: Progress = silent) -> dict[str, Any]:
    """The comparison as a document, with what is recommended, what each candidate lacks, and what is wrong with the criteria themselves."""
    comparison = compare(workspace, progress=progress)
    found = decision.recommend(comparison, shortfalls(workspace, comparison))
    return {
        **comparison.to_json(),
        "recommendation": {"name": found.name, "why": found.why, "ties": list(found.ties)},
        "shortfalls": {name: list(short) for name, short in (found.shortfalls or {}).items() if short},
        "problems": criteria_problems(workspace),
    }


def select(
    workspace: Workspace,
    name: str | None,
    *,
    reason: str,
    risk: str,
    fallback: str,
    rejected: Mapping[str, str] | None = None,
) -> Decided:
    """Choose a candidate (None: the recommended one) and write it down. Raises RefusedError when it may not be chosen, and as `decide`."""
    comparison, recommended = recommend(workspace)
    if name is None and recommended.name is None:
        raise RefusedError(f"{recommended.why}.", hint="`gonogo candidates` shows what is missing.")
    problems = criteria_problems(workspace)
    if problems:
        raise RefusedError(f"nobody can meet the pack's criteria: {problems[0]}.", hint="`gonogo packs lint` says more.")
    record = decision.decide(
        comparison,
        name or str(recommended.name),
        reason=reason,
        risk=risk,
        fallback=fallback,
        rejected=rejected or {},
        shortfalls=recommended.shortfalls or {},
        criteria={item.id: text for item, text in criteria(workspace)},
        by=settings.actor(),
        time=stamp(workspace.clock.now()),
    )
    file = decision_file(workspace)
    _write(workspace, file, record, {})
    return Decided(record, file, _next(workspace, comparison, record))


def accept_risk(workspace: Workspace, role: str, *, key: Path | None = None) -> Decided:
    """A second person accepts the high risk of the decision as it stands. Raises as `find_signer`; RefusedError when there is no high risk,
    or the person is the one who decided or who made the model."""
    name, signer = find_signer(policy_state(workspace), role, key)
    file, author = decision_file(workspace), workspace.project.author
    record = read_structured(file)
    if not isinstance(record, dict) or record.get("format") != decision.FORMAT or record.get("risk") != "HIGH":
        raise RefusedError(f"{file.name} is no decision of a high risk.", hint="`gonogo select` writes one.")
    if name in (record.get("by"), author.name if author else None):
        raise RefusedError(f"{name} decided it, or made the model.", hint="A high risk is accepted by a second person.")
    signed = with_acceptance(record, role=role, person=name, signer=signer)
    _write(workspace, file, signed, {"accepted": name, "role": role})
    return Decided(signed, file, ())


def _write(workspace: Workspace, file: Path, record: Mapping[str, Any], more: Mapping[str, Any]) -> None:
    """The file, and the event of the log that tells of it."""
    write_atomic(file, (json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())
    body = {key: record[key] for key in ("recommended", "reason", "risk", "fallback")}
    with workspace.store().transaction() as tx:
        tx.append(KIND, {"system": workspace.project.system, "decision": digest(record), **body, **more}, settings.actor())


def shortfalls(workspace: Workspace, comparison: Comparison) -> dict[str, tuple[str, ...]]:
    """By candidate, the pack's mandatory criteria that it does not meet, in words. A figure that is missing meets none."""
    asked = [(item, parse(text)) for item, text in criteria(workspace) if item.kind != "optional"]
    found = {}
    for one in comparison.candidates:
        judged = [(item.id, evaluate(requirement, facts_of(one), item.confidence)) for item, requirement in asked]
        found[one.name] = tuple(f"{item}: {result.reason}" for item, result in judged if not result.met)
    return found


def _next(workspace: Workspace, comparison: Comparison, record: Mapping[str, Any]) -> tuple[str, ...]:
    """What gonogo.yaml does not say yet."""
    project, said = workspace.project, []
    if "decision" not in project.files:
        said.append(f"files: {{decision: {project.shown(decision_file(workspace))}}}")
    chosen = next(one["run"] for one in record["candidates"] if one["name"] == record["recommended"])
    run = next(line for line in comparison.candidates if line.run == chosen)
    place, _ = find_model(workspace, _run_of(workspace, run.run))
    here = project.model.path
    if place is not None and not (here.exists() and shipped_digest(here) == shipped_digest(place)):
        said.append(f"model: {{path: {project.shown(place)}}}")
    return tuple(said)


def _run_of(workspace: Workspace, run: str) -> Mapping[str, Any]:
    return next(line.run for line in read_runs(workspace) if line.digest == run)
