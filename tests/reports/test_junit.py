"""The report as JUnit XML, read by the parser that CI tools use."""

from __future__ import annotations

from dataclasses import replace

from junitparser import Error, Failure, JUnitXml, Skipped

from gonogo.reports.junit import render_junit
from gonogo.verdict.outcome import Decision, Outcome

#: The attributes that the schema of Jenkins's JUnit plugin knows, and the order of children that it demands.
SUITE = {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname", "id", "package"}
CASE = {"classname", "name", "time"}


def cases(xml: str) -> dict[str, type | None]:
    read = JUnitXml.fromstring(xml.encode())
    return {case.name: type(case.result[0]) if case.result else None for suite in read for case in suite}


def test_every_item_is_a_case_with_the_result_that_its_outcome_means(report):
    found = cases(render_junit(report))
    assert found == {
        "tests-pass": None,
        "model-quality": Failure,
        "model-outputs": Error,
        "latency": Error,
        "drift-alarm": Error,
        "rate-limit": Skipped,
        "waived-docs": Skipped,
        "approve-technical": Error,
        "approve-product": Error,
        "verdict": Failure,
    }


def test_what_was_not_done_is_never_skipped_because_readers_take_skipped_for_good(make_report):
    for outcome in (Outcome.NOT_RUN, Outcome.STALE, Outcome.ERROR):
        assert cases(render_junit(make_report({"tests-pass": (outcome, "why")})))["tests-pass"] is Error


def test_the_counts_of_the_suites_are_those_of_their_cases(report):
    read = JUnitXml.fromstring(render_junit(report).encode())
    assert (read.tests, read.failures, read.errors, read.skipped) == (10, 2, 5, 2)
    for suite in read:
        counted = [type(case.result[0]) if case.result else None for case in suite]
        assert suite.tests == len(counted)
        assert (suite.failures, suite.errors, suite.skipped) == tuple(counted.count(kind) for kind in (Failure, Error, Skipped))


def test_a_failure_says_required_measured_found_why_and_how_to_repair(report):
    read = JUnitXml.fromstring(render_junit(report).encode())
    (case,) = [case for suite in read for case in suite if case.name == "model-quality"]
    (failure,) = case.result
    for expected in ("required: roc_auc > 0.95", "found: October", "why: Below it", "repair: Train on more months."):
        assert expected in failure.text
    assert failure.message.startswith("FAIL: ")
    assert case.time == 1.0


def test_a_no_go_of_good_items_alone_fails_the_verdict_case(all_good):
    assert cases(render_junit(all_good))["verdict"] is None
    refused = replace(all_good, verdict=replace(all_good.verdict, decision=Decision.NO_GO, notes=("the policy changed",)))
    found = cases(render_junit(refused))
    assert found["verdict"] is Failure
    assert set(found.values()) == {None, Failure}


def test_the_document_has_the_form_that_the_common_schema_asks_for(report):
    root = JUnitXml.fromstring(render_junit(report).encode())._elem
    assert root.tag == "testsuites"
    for suite in root:
        assert set(suite.attrib) <= SUITE
        tags = [child.tag for child in suite]
        assert tags == sorted(tags, key=lambda tag: tag != "properties")
        for case in suite.iter("testcase"):
            assert set(case.attrib) == CASE
            assert {child.tag for child in case} <= {"skipped", "error", "failure"}


def test_control_characters_and_markup_of_a_finding_are_only_text(make_report):
    report = make_report()
    words = "\x00\x1b[2J</failure><testcase name='x'/>]]>&\ufffe"
    quality = replace(report.evidence["model-quality"], findings=(words,))
    made = make_report(evidence={"model-quality": quality}, notes=(words,))
    assert set(cases(render_junit(made))) == set(cases(render_junit(report)))
