"""All about one item, for `gonogo explain`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from gonogo.evidence.record import Evidence
from gonogo.reports.report import Entry, fact_text, joined, printable
from gonogo.reports.text import INDENT, WIDTH, Paint, explained, labelled, titled
from gonogo.verdict.history import Past

MOST_PAST = 10
MOST_RUNBOOK = 600  #: characters of the runbook's section


@dataclass(frozen=True)
class Runbook:
    """The section of a document that helps: where it is, its heading and words; or why it is not there."""

    place: str
    heading: str = ""
    text: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Explanation:
    """One item with the question that is asked, what each fact means, its history (the oldest first) and the runbook's section."""

    entry: Entry
    question: str = ""
    meanings: Mapping[str, str] = field(default_factory=dict)
    history: tuple[Past, ...] = ()
    runbook: Runbook | None = None

    def to_json(self) -> dict[str, Any]:
        entry = self.entry
        return {
            "item": entry.item.to_json(),
            "result": entry.result.to_json(),
            "word": entry.outcome,
            "question": self.question,
            "evidence": entry.evidence.to_json() if entry.evidence else None,
            "meanings": dict(self.meanings),
            "history": [past.to_json() for past in self.history],
            "runbook": asdict(self.runbook) if self.runbook else None,
        }


def render_explanation(explanation: Explanation, color: bool = False, width: int = WIDTH) -> str:
    """Question, why, required against measured, facts, evidence, history, how to repair, the runbook."""
    return joined(_lines(explanation, Paint(color, width)))


def _lines(explanation: Explanation, paint: Paint) -> Iterator[str]:
    entry = explanation.entry
    item = entry.item
    yield from titled(entry, paint)
    yield ""
    if explanation.question:
        yield from labelled("question", explanation.question, paint)
    yield from explained(entry, paint, findings=None)
    yield from labelled("section", f"{item.section}, {item.kind}" + (f"; covers {', '.join(item.rows)}" if item.rows else ""), paint)
    if item.phase:
        yield from labelled("phase", item.phase, paint)
    if item.sign_off:
        yield from labelled("signed by", item.sign_off, paint)
    for offender in entry.result.offenders:
        yield from labelled("offender", offender, paint)
    if explanation.runbook:
        yield from _runbook(explanation.runbook, paint)
    if entry.evidence:
        yield from _evidence(entry.evidence, explanation.meanings, paint)
    yield from _history(explanation.history, paint)


def _runbook(runbook: Runbook, paint: Paint) -> Iterator[str]:
    if runbook.problem:
        yield from labelled("runbook", f"{runbook.place}: {runbook.problem}", paint)
        return
    yield from labelled("runbook", f"{runbook.place}{': ' + runbook.heading if runbook.heading else ''}", paint)
    if runbook.text:
        yield from labelled("", runbook.text[:MOST_RUNBOOK] + (" …" if len(runbook.text) > MOST_RUNBOOK else ""), paint)


def _evidence(evidence: Evidence, meanings: Mapping[str, str], paint: Paint) -> Iterator[str]:
    yield ""
    for name, fact in evidence.facts.items():
        meaning = f"  ({printable(meanings[name])})" if name in meanings else ""
        yield f"{INDENT}{printable(name):<24} {printable(fact_text(fact))}{meaning}"
    yield ""
    yield from labelled("measured by", f"{evidence.check}, {evidence.started} to {evidence.finished}", paint)
    if evidence.isolation:
        yield from labelled("isolation", evidence.isolation, paint)
    if evidence.tools:
        yield from labelled("tools", ", ".join(f"{name} {version}" for name, version in sorted(evidence.tools.items())), paint)
    for name, digest in sorted(evidence.inputs.items()):
        yield from labelled(f"of {name}", digest, paint)
    yield from labelled("evidence", evidence.digest, paint)


def _history(history: tuple[Past, ...], paint: Paint) -> Iterator[str]:
    """The latest outcomes, the newest first."""
    if not history:
        return
    yield ""
    for number, past in enumerate(reversed(history[-MOST_PAST:])):
        yield from labelled("history" if number == 0 else "", f"{past.time[:19]}Z  {past.outcome}: {past.reason}", paint)
    if len(history) > MOST_PAST:
        yield from labelled("", f"and {len(history) - MOST_PAST} earlier", paint)
