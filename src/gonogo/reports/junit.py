"""A report as JUnit XML, so that every CI shows items as tests.

A section is a suite, an item a case. A requirement that is not met is a `failure`; what could not be measured, was not done or is out
of date is an `error`, never `skipped`, because readers take a skipped case for a good one. Waived and not applicable items are `skipped`
with their reason. A last suite holds the verdict itself: it fails with NO-GO also when every item is good.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from gonogo.base.clock import parse_stamp
from gonogo.reports.report import Entry, Report, printable, reason_beyond, requirement_lines
from gonogo.verdict.outcome import Outcome

TAGS = {
    Outcome.PASS: "",
    Outcome.FAIL: "failure",
    Outcome.ERROR: "error",
    Outcome.NOT_RUN: "error",
    Outcome.STALE: "error",
    Outcome.WAIVED: "skipped",
    Outcome.NOT_APPLICABLE: "skipped",
}


def render_junit(report: Report) -> str:
    """The document with its XML declaration. Times are seconds of measuring."""
    suites = [_suite(report, section, (_case(report, section, entry) for entry in entries)) for section, entries in report.sections]
    suites.append(_suite(report, "Verdict", [_verdict(report)], _properties(report)))
    root = ET.Element("testsuites", {"name": printable(report.system), **_sums(suites)})
    root.extend(suites)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(report: Report, name: str, cases: Iterable[ET.Element], properties: ET.Element | None = None) -> ET.Element:
    """Properties stand before the cases: the schemas in use demand this order."""
    listed = list(cases)
    counts = {
        "tests": str(len(listed)),
        **{f"{tag}s": str(sum(case.find(tag) is not None for case in listed)) for tag in ("failure", "error")},
        "skipped": str(sum(case.find("skipped") is not None for case in listed)),
        "time": f"{sum(float(case.get('time', '0')) for case in listed):.3f}",
    }
    when = report.verdict.time.split(".")[0].rstrip("Z")
    suite = ET.Element("testsuite", {"name": printable(name), **counts, "timestamp": when})
    if properties is not None:
        suite.append(properties)
    suite.extend(listed)
    return suite


def _sums(suites: list[ET.Element]) -> dict[str, str]:
    counts = {key: str(sum(int(suite.get(key, "0")) for suite in suites)) for key in ("tests", "failures", "errors", "skipped")}
    return counts | {"time": f"{sum(float(suite.get('time', '0')) for suite in suites):.3f}"}


def _case(report: Report, section: str, entry: Entry) -> ET.Element:
    case = _named(report, section, entry.item.id, _seconds(entry))
    tag = TAGS[entry.result.outcome]
    if tag:
        detail = ET.SubElement(case, tag, message=printable(f"{entry.outcome}: {entry.result.reason}"))
        if tag != "skipped":
            detail.set("type", str(entry.result.outcome))
            detail.text = "\n".join(_told(entry))
    return case


def _verdict(report: Report) -> ET.Element:
    case = _named(report, "Verdict", "verdict", 0.0)
    if not report.go:
        failure = ET.SubElement(case, "failure", message=f"{report.verdict.decision}: {report.headline}", type="NO-GO")
        failure.text = "\n".join(printable(line) for line in (*report.notes, f"Next: {report.next_step}"))
    return case


def _named(report: Report, section: str, name: str, seconds: float) -> ET.Element:
    return ET.Element("testcase", classname=printable(f"{report.system}.{section}"), name=printable(name), time=f"{seconds:.3f}")


def _properties(report: Report) -> ET.Element:
    verdict = report.verdict
    values = {
        "verdict": str(verdict.decision),
        "subject": verdict.subject or "",
        "checklist": verdict.checklist_digest,
        "evidence": verdict.evidence_digest,
        **{score.name: score.line for score in report.scores},
        **{f"phase {phase.title}": phase.status for phase in report.phases},
    }
    properties = ET.Element("properties")
    for name, value in values.items():
        ET.SubElement(properties, "property", name=printable(name), value=printable(value))
    return properties


def _told(entry: Entry) -> Iterable[str]:
    yield printable(entry.item.statement)
    for required, measured, met in requirement_lines(entry):
        yield printable(f"required: {required}; measured: {measured}{'' if met else '  ✗'}")
    if reason := reason_beyond(entry):
        yield printable(f"reason: {reason}")
    yield from (printable(f"found: {finding}") for finding in (entry.evidence.findings if entry.evidence else ()))
    if entry.item.why:
        yield printable(f"why: {entry.item.why}")
    if entry.remedy:
        yield printable(f"repair: {entry.remedy}")


def _seconds(entry: Entry) -> float:
    """How long it was measured; 0 when there is no evidence, or when its times are not readable."""
    if entry.evidence is None:
        return 0.0
    try:
        return max((parse_stamp(entry.evidence.finished) - parse_stamp(entry.evidence.started)).total_seconds(), 0.0)
    except ValueError:
        return 0.0
