"""Do the project's tests pass?"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

from gonogo import settings
from gonogo.errors import ChildError, UsageError
from gonogo.evidence.check import Check
from gonogo.evidence.commands import Finished, run_command
from gonogo.evidence.inputs import ProjectView, SourceTree
from gonogo.evidence.record import Fact, Measurement

LARGEST_REPORT = 64 << 20
PYTEST_LINE = re.compile(r"^=*\s*((?:\d+ [a-z]+(?:, )?)+) in [\d.:]+", re.MULTILINE)
UNITTEST_LINE = re.compile(r"^Ran (\d+) tests? in ", re.MULTILINE)
UNITTEST_END = re.compile(r"^(?:OK|FAILED)(?: \(([^)]*)\))?\s*$", re.MULTILINE)


class Tests(Check):
    """Do all tests of the project pass, and is there at least one?

    Runs `code.tests` in the project's folder. pytest is asked for a JUnit report, which is counted; from other programs the closing
    line of pytest or unittest is read. A run that does not say how many tests it ran is an error, whatever its exit code.
    """

    name = "tests"
    facts: ClassVar = {
        "passed": "tests that passed",
        "failed": "tests that failed or could not be run",
        "skipped": "tests that were skipped",
        "exit_code": "how the command ended; 0 is good",
        "seconds": "how long it took",
    }

    def measure(self, project: ProjectView, source: SourceTree) -> Measurement:
        command = project.code.tests
        if not command:
            raise UsageError("the project declares no tests.", hint="Add `code: {tests: pytest}` to gonogo.yaml.")
        with tempfile.TemporaryDirectory() as scratch:
            report = Path(scratch) / "report.xml"
            is_pytest = any(Path(word).name in ("pytest", "py.test") for word in command)
            asked = [*command, f"--junitxml={report}"] if is_pytest else list(command)
            finished = run_command(asked, folder=project.root, seconds=settings.number("check_seconds"))
            passed, failed, skipped, named = _from_report(report, finished) if is_pytest else _from_text(finished, command)
        findings = [f"failed: {name}" for name in named]
        if finished.exit_code and not failed:
            findings.append(f"the command ended with {finished.exit_code}: {finished.last_words}")
        return Measurement(
            {
                "passed": Fact(passed),
                "failed": Fact(failed),
                "skipped": Fact(skipped),
                "exit_code": Fact(finished.exit_code),
                "seconds": Fact(round(finished.seconds, 3), "s"),
            },
            tuple(findings),
        )


def _from_report(report: Path, finished: Finished) -> tuple[int, int, int, list[str]]:
    """Counts from a JUnit report, and the names of what failed."""
    if not report.is_file():
        raise ChildError(
            f"the tests left no report (exit code {finished.exit_code}), so nobody knows what ran.", hint=f"It said: {finished.last_words}"
        )
    data = report.read_bytes()
    # The report is written by the project's own process. Entities could make a few bytes grow without end.
    if len(data) > LARGEST_REPORT or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise ChildError("the test report is not one that pytest writes.")
    try:
        cases = list(ElementTree.fromstring(data).iter("testcase"))  # noqa: S314 - see above
    except ElementTree.ParseError as error:
        raise ChildError(f"the test report cannot be read: {error}.") from error
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = [case for case in cases if case.find("skipped") is not None and case not in failed]
    names = [f"{case.get('classname', '')}::{case.get('name', '')}" for case in failed]
    return len(cases) - len(failed) - len(skipped), len(failed), len(skipped), names


def _from_text(finished: Finished, command: Sequence[str]) -> tuple[int, int, int, list[str]]:
    """Counts from the last closing line of pytest or unittest in the output."""
    text = finished.output + "\n" + finished.errors
    closing = PYTEST_LINE.findall(text)
    if closing:
        counts = {word: int(number) for number, word in (part.split(" ") for part in closing[-1].strip(", ").split(", "))}
        failed = sum(counts.get(word, 0) for word in ("failed", "error", "errors"))
        return counts.get("passed", 0), failed, counts.get("skipped", 0), []
    ran, ended = UNITTEST_LINE.findall(text), UNITTEST_END.findall(text)
    if not ran or not ended:
        raise ChildError(
            f"`{' '.join(command)[:200]}` does not say how many tests ran (exit code {finished.exit_code}).",
            hint="Let `code.tests` call pytest or unittest.",
        )
    counts = {key: int(number) for key, number in re.findall(r"(\w+)=(\d+)", ended[-1])}
    failed, skipped = counts.get("failures", 0) + counts.get("errors", 0), counts.get("skipped", 0)
    # Python 3.12.0 and 3.12.1 leave skipped tests out of "Ran": there too few are counted as passed, never too many.
    return max(int(ran[-1]) - failed - skipped, 0), failed, skipped, []
