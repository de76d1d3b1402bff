"""Do the project's tests pass?"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

from gonogo import settings
from gonogo.errors import ChildError, UsageError
from gonogo.evidence.check import Check
from gonogo.evidence.commands import Finished, run_command
from gonogo.evidence.inputs import ProjectView, SourceTree
from gonogo.evidence.known_failures import KnownFailure, case_name
from gonogo.evidence.record import Fact, Measurement

LARGEST_REPORT = 64 << 20
PYTEST_LINE = re.compile(r"^=*\s*((?:\d+ [a-z]+(?:, )?)+) in [\d.:]+", re.MULTILINE)
UNITTEST_LINE = re.compile(r"^Ran (\d+) tests? in ", re.MULTILINE)
UNITTEST_END = re.compile(r"^(?:OK|FAILED)(?: \(([^)]*)\))?\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Counted:
    """What a run says of itself. `failures` and `good` hold the names of what failed and passed, where the program names them."""

    passed: int
    failed: int
    skipped: int
    failures: tuple[str, ...] = ()
    good: tuple[str, ...] = ()


class Tests(Check):
    """Do all tests of the project pass but those that are known to fail, and is there at least one?

    Runs `code.tests` in the project's folder. pytest is asked for a JUnit report at a fresh path, which is counted; from other programs
    the closing line of pytest or unittest is read. A run that does not say how many tests it ran, that ran none, or whose exit code says
    other than its counts is an error. `files.known_failures` lists what may fail, with owner, reason and last day.
    The option `names` lists tests, classes or files of which at least one test must have been run and none may have failed.
    Model, tables and declared files are asked for because tests read them: with another model, nothing says that they still pass.
    """

    name = "tests"
    facts: ClassVar = {
        "passed": "tests that passed",
        "failed": "tests that failed or could not be run, known or not",
        "skipped": "tests that were skipped",
        "known_failures": "tests that failed and are listed with a day that has not passed",
        "unexpected_failures": "tests that failed and are not",
        "expired_known_failures": "listed tests whose day has passed",
        "unused_known_failures": "listed tests that did not fail",
        "absent": "tests of the option `names` that were not run or did not pass",
        "exit_code": "how the command ended; 0 is good",
        "seconds": "how long it took",
    }
    options: ClassVar = {"names": []}

    def measure(
        self,
        project: ProjectView,
        source: SourceTree,
        known_failures: Sequence[KnownFailure] = (),
        model_file: Path | None = None,
        train_file: Path | None = None,
        validation_file: Path | None = None,
        test_file: Path | None = None,
        files: Mapping[str, Path] | None = None,
    ) -> Measurement:
        command = project.code.tests
        if not command:
            raise UsageError("the project declares no tests.", hint="Add `code: {tests: pytest}` to gonogo.yaml.")
        with tempfile.TemporaryDirectory() as scratch:
            report = Path(scratch) / "report.xml"
            is_pytest = any(Path(word).name in ("pytest", "py.test") for word in command)
            asked = [*command, f"--junitxml={report}"] if is_pytest else list(command)
            finished = run_command(asked, folder=project.root, seconds=settings.number("check_seconds"))
            counted = _from_report(report, finished) if is_pytest else _from_text(finished, command)
        _agree(counted, finished)
        return _measurement(counted, finished, known_failures, self.chosen["names"])


def _agree(counted: Counted, finished: Finished) -> None:
    """Raises ChildError unless a test was run, and the exit code says of failures what the counts say."""
    if counted.passed + counted.failed == 0:
        raise ChildError(f"no test was run (exit code {finished.exit_code}, {counted.skipped} skipped): {finished.last_words}")
    if (finished.exit_code == 0) != (counted.failed == 0):
        raise ChildError(
            f"{counted.failed} tests failed, but the command ended with {finished.exit_code}: {finished.last_words}",
            hint="Let `code.tests` call the test program itself; what else it demands (coverage, say) must hold, too.",
        )


def _measurement(counted: Counted, finished: Finished, known: Sequence[KnownFailure], wanted: Sequence[str]) -> Measurement:
    """With the known failures taken off. Where nobody names what failed, every failure is unexpected."""
    failed = [case_name(name) for name in counted.failures]
    live = {one.case for one in known if not one.expired}
    excused = sum(name in live for name in failed)
    listed = set(failed)
    absent = [name for name in wanted if not _holds(name, counted.good) or _holds(name, failed)]
    findings = [f"failed: {name}" for name in failed if name not in live]
    findings += [f"the known failure of {one.test} ({one.owner}) expired on {one.expires}" for one in known if one.expired]
    findings += [f"{one.test} is listed as a known failure and did not fail" for one in known if one.case not in listed]
    findings += [f"not run, or did not pass: {name}" for name in absent]
    return Measurement(
        {
            "passed": Fact(counted.passed),
            "failed": Fact(counted.failed),
            "skipped": Fact(counted.skipped),
            "known_failures": Fact(excused),
            "unexpected_failures": Fact(counted.failed - excused),
            "expired_known_failures": Fact(sum(one.expired for one in known)),
            "unused_known_failures": Fact(sum(one.case not in listed for one in known)),
            "absent": Fact(len(absent)),
            "exit_code": Fact(finished.exit_code),
            "seconds": Fact(round(finished.seconds, 3), "s"),
        },
        tuple(findings),
    )


def _holds(wanted: str, names: Sequence[str]) -> bool:
    """Whether one of the names is the wanted test, a case of it, or lies in the wanted class, file or folder."""
    dotted = case_name(wanted).removeprefix("::") if "::" in wanted else re.sub(r"\.py$", "", wanted.rstrip("/")).replace("/", ".")
    plain = dotted.replace("::", ".")
    return any(name.replace("::", ".") == plain or name.replace("::", ".").startswith((f"{plain}.", f"{plain}[")) for name in names)


def _from_report(report: Path, finished: Finished) -> Counted:
    """Counts from a JUnit report, and the names of what failed."""
    if report.is_symlink() or not report.is_file():
        raise ChildError(
            f"the tests left no report (exit code {finished.exit_code}), so nobody knows what ran.", hint=f"It said: {finished.last_words}"
        )
    # The report is written by the project's own process. Entities could make a few bytes grow without end.
    data = report.read_bytes() if report.stat().st_size <= LARGEST_REPORT else b"<!DOCTYPE"
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise ChildError("the test report is not one that pytest writes.")
    try:
        tree = ElementTree.fromstring(data)  # noqa: S314 - see above
        suites = [] if tree.tag == "testcase" else [suite for suite in tree.iter("testsuite") if suite.get("tests")]
        told = [sum(int(suite.get(key, "0")) for suite in suites) for key in ("tests", "failures", "errors", "skipped")]
    except (ElementTree.ParseError, ValueError) as error:
        raise ChildError(f"the test report cannot be read: {error}.") from error
    cases = list(tree.iter("testcase"))
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = [case for case in cases if case.find("skipped") is not None and case not in failed]
    ends = sum(case.find(kind) is not None for case in cases for kind in ("failure", "error"))
    if told[0] < len(cases) or told[1] + told[2] != ends or told[3] < len(skipped):
        raise ChildError(f"the test report counts {told[0]} tests at its head and lists {len(cases)}, or other failures than it lists.")
    names = tuple(f"{case.get('classname', '')}::{case.get('name', '')}" for case in failed)
    good = tuple(f"{case.get('classname', '')}::{case.get('name', '')}" for case in cases if case not in failed and case not in skipped)
    return Counted(len(good), len(failed), len(skipped), names, tuple(name for name in good if name not in names))


def _from_text(finished: Finished, command: Sequence[str]) -> Counted:
    """Counts from the last closing line of pytest or unittest in the output."""
    text = finished.output + "\n" + finished.errors
    closing = PYTEST_LINE.findall(text)
    if closing:
        counts = {word: int(number) for number, word in (part.split(" ") for part in closing[-1].strip(", ").split(", "))}
        failed = sum(counts.get(word, 0) for word in ("failed", "error", "errors"))
        return Counted(counts.get("passed", 0), failed, counts.get("skipped", 0))
    ran, ended = UNITTEST_LINE.findall(text), UNITTEST_END.findall(text)
    if not ran or not ended:
        raise ChildError(
            f"`{' '.join(command)[:200]}` does not say how many tests ran (exit code {finished.exit_code}).",
            hint="Let `code.tests` call pytest or unittest.",
        )
    counts = {key: int(number) for key, number in re.findall(r"(\w+)=(\d+)", ended[-1])}
    failed = sum(counts.get(word, 0) for word in ("failures", "errors", "successes"))  # "unexpected successes" are failures
    skipped = counts.get("skipped", 0)
    # Python 3.12.0 and 3.12.1 leave skipped tests out of "Ran": there too few are counted as passed, never too many.
    return Counted(max(int(ran[-1]) - failed - skipped, 0), failed, skipped)
