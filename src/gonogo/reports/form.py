"""The sign-off form of a pack, filled in from evidence. It is never approved before a person has signed (K13).

A form is a Jinja2 template in Markdown, `form.md` beside the pack's gate.yaml. What it may use (docs/formats/form.md says the same):

    system, title, version, verdict, date, subject, checklist, evidence
                        of the verdict; `date` is the day of judging, the last three are digests
    status              APPROVED for a GO, REJECTED when somebody refused, else NOT APPROVED
    outcome(item)       the outcome in the source's word: `certified`, or `PASS` where the pack has no word
    fact(item, name)    a measured fact with unit and interval, `not measured` when there is none to be had
    phase(id)           passed, open or waits
    section(title)      how many of its items are satisfied
    signed(role)        who approved or refused, and when; dots to sign on while nobody has
    waived, scores      lists of lines

A name that is not there is an error, never an empty place. Templates run in a sandbox: a pack is somebody else's file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gonogo.base.catalogue import load
from gonogo.errors import UsageError
from gonogo.reports.markdown import prose
from gonogo.reports.report import Entry, Report, fact_text
from gonogo.verdict.outcome import Outcome
from gonogo.verdict.sign_off import SignOff

BLANK = "." * 32
UNKNOWN = "not measured"
#: Outcomes for which the evidence was judged: what it says is true of what would ship.
JUDGED = frozenset({Outcome.PASS, Outcome.FAIL, Outcome.WAIVED})
PLAIN = """\
# Sign-off of {{ system }}

| | |
|---|---|
| checklist | {{ title }} {{ version }} |
| judged | {{ date }} |
| verdict | {{ verdict }} |
{% for one in sections %}| {{ one }} | {{ section(one) }} |
{% endfor %}{% for role in roles %}| {{ role }} | {{ signed(role) }} |
{% endfor %}

{% for line in waived %}Waived: {{ line }}

{% endfor %}{% for line in scores %}Score: {{ line }}

{% endfor %}Bundle {{ subject }}, checklist {{ checklist }}, evidence {{ evidence }}.

Status: {{ status }}
"""


def render_form(report: Report, template: str, signatures: Sequence[SignOff]) -> str:
    """The form in Markdown. `template` is the pack's (a plain one when it is empty), `signatures` the sign-offs about this very evidence.

    Raises UsageError when the template is malformed or asks for something that is not there.
    """
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, finalize=lambda value: prose(str(value)), trim_blocks=True, keep_trailing_newline=True
    )
    try:
        return environment.from_string(template or PLAIN).render(_words(report, signatures))
    except (TemplateError, KeyError, TypeError, ValueError) as error:
        what = f"it names {error.args[0]!r}, which is not there" if isinstance(error, KeyError) else str(error)
        line = getattr(error, "lineno", None)
        where = f" (line {line})" if line else ""
        raise UsageError(
            f"the form of {report.checklist.title} cannot be filled in{where}: {what}.", hint="Mend form.md of the pack."
        ) from error


def _words(report: Report, signatures: Sequence[SignOff]) -> dict[str, Any]:
    verdict, entries = report.verdict, {entry.item.id: entry for entry in report.entries}
    sections: Mapping[str, Sequence[Entry]] = dict(report.sections)
    phases = {phase.id: phase.status for phase in report.phases}
    return {
        "system": report.system,
        "title": report.checklist.title,
        "version": report.checklist.version,
        "verdict": str(verdict.decision),
        "date": verdict.time[:10],
        "subject": verdict.subject or "none could be built",
        "checklist": verdict.checklist_digest,
        "evidence": verdict.evidence_digest,
        "status": _status(report),
        "sections": list(sections),
        "roles": list(dict.fromkeys(entry.item.sign_off for entry in report.sign_offs)),
        "waived": [f"{entry.item.id}: {entry.result.reason}" for entry in report.waived],
        "scores": [score.line for score in report.scores],
        "outcome": lambda item: entries[item].item.words.get(str(entries[item].result.outcome), str(entries[item].result.outcome)),
        "fact": lambda item, name: _fact(entries[item], name),
        "phase": phases.__getitem__,
        "section": lambda title: f"{sum(entry.good for entry in sections[title])} of {len(sections[title])}",
        "signed": _signed(report, signatures),
    }


def _status(report: Report) -> str:
    if report.go:
        return "APPROVED"
    refused = any(entry.result.outcome is Outcome.FAIL for entry in report.sign_offs)
    return "REJECTED" if refused else "NOT APPROVED"


def _fact(entry: Entry, name: str) -> str:
    if entry.item.check and name not in load("checks", entry.item.check).facts:
        raise KeyError(name)
    found = entry.evidence.facts.get(name) if entry.evidence and entry.result.outcome in JUDGED else None
    return UNKNOWN if found is None else fact_text(found)


def _signed(report: Report, signatures: Sequence[SignOff]) -> Callable[[str], str]:
    def signed(role: str) -> str:
        entries = [entry for entry in report.sign_offs if entry.item.sign_off == role]
        if not entries:
            raise KeyError(role)
        outcomes = {entry.result.outcome for entry in entries}
        items = {entry.item.id for entry in entries}
        given = sorted((one for one in signatures if one.role == role and items & set(one.items)), key=lambda one: one.time)
        if Outcome.FAIL in outcomes:
            refused = [f"REFUSED by {one.person}, {one.time[:10]}: {one.reason}" for one in given if one.decision == "reject"]
            return "; ".join(refused) or "REFUSED"
        if outcomes <= {Outcome.PASS, Outcome.NOT_APPLICABLE} and Outcome.PASS in outcomes:
            return "; ".join(f"{one.person}, {one.time[:10]}" for one in given if one.decision == "approve") or BLANK
        return BLANK

    return signed
