"""The check on tests: known failures with owner and last day, and reports that say other than the program did."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gonogo.errors import ChildError, DataError, GonogoError
from gonogo.evidence.inputs import SourceTree
from gonogo.evidence.known_failures import case_name, read_known_failures
from gonogo.evidence.memory import measure
from gonogo.evidence.record import Measurement

PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:hypothesispytest", "-q", ".")
NOW = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)
SUITE = """
import pytest
def test_good(): pass
class TestScale:
    @pytest.mark.parametrize("size", [1, 2])
    def test_wide(self, size): assert size == 1
"""
KNOWN = "tests/test_a.py::TestScale::test_wide[2]"


def known(folder: Path, text: str) -> Any:
    place = folder / "known_failures.yaml"
    place.write_text(text)
    return read_known_failures(place, NOW)


def entry(test: str = KNOWN, expires: str = "2026-03-01") -> str:
    return f"- {{test: '{test}', owner: Ana, reason: too little memory, expires: {expires}}}\n"


@pytest.fixture
def suite(tmp_path: Path, project: Callable[..., Any]) -> Callable[..., Measurement]:
    """`suite(listed, command=…, **files)`: run the check `tests` on the suite above, or on other files."""

    def run(listed: str = "", command: Any = PYTEST, files: dict[str, str] | None = None, **options: Any) -> Measurement:
        root = tmp_path / "project"
        for name, content in (files or {"tests/test_a.py": SUITE}).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content)
        inputs = {"known_failures": known(tmp_path, listed)} if listed else {}
        return measure("tests", options, project=project(root, tests=command), source=SourceTree.read(root, [Path()]), **inputs)

    return run


def counts(measurement: Measurement) -> tuple[Any, ...]:
    names = ("passed", "failed", "known_failures", "unexpected_failures", "expired_known_failures", "unused_known_failures")
    return tuple(measurement.facts[name].value for name in names)


@pytest.mark.parametrize(
    ("listed", "expected"),
    {
        "nothing": ("", (2, 1, 0, 1, 0, 0)),
        "listed": (entry(), (2, 1, 1, 0, 0, 0)),
        "as the report writes it": (entry("tests.test_a.TestScale::test_wide[2]"), (2, 1, 1, 0, 0, 0)),
        "expired": (entry(expires="2026-02-28"), (2, 1, 0, 1, 1, 0)),
        "another test": (entry("tests/test_a.py::test_good"), (2, 1, 0, 1, 0, 1)),
        "without its parameter": (entry("tests/test_a.py::TestScale::test_wide"), (2, 1, 0, 1, 0, 1)),
        "pattern": (entry("tests/*"), (2, 1, 0, 1, 0, 1)),
    }.values(),
)
def test_a_failure_is_excused_when_it_is_listed_and_its_day_has_not_passed(suite: Any, listed: str, expected: tuple[int, ...]) -> None:
    found = suite(listed)
    assert counts(found) == expected
    assert found.facts["exit_code"].value == 1
    assert ("failed: tests.test_a.TestScale::test_wide[2]" in found.findings) == (expected[3] == 1)


def test_tests_that_must_have_passed_are_looked_for_by_file_class_and_name(suite: Any) -> None:
    here = ["tests/test_a.py::test_good", "tests.test_a::test_good", "tests/test_a.py::TestScale::test_wide[1]"]
    assert suite(names=here).facts["absent"].value == 0
    gone = [
        "tests/test_a.py",
        "tests",
        "tests/test_a.py::TestScale",
        "tests/test_a.py::TestScale::test_wide",
        "test_goo",
        "tests/test_a.py::test",
    ]
    found = suite(names=gone)
    assert found.facts["absent"].value == len(gone)
    assert "not run, or did not pass: test_goo" in found.findings
    fine = {"tests/test_a.py": "class TestAll:\n    def test_a(self): pass\n"}
    assert suite(files=fine, names=["tests", "tests/", "tests/test_a.py", "tests/test_a.py::TestAll"]).facts["absent"].value == 0


def test_a_program_that_does_not_name_its_failures_has_no_known_ones(suite: Any) -> None:
    script = f"import subprocess, sys; sys.exit(subprocess.call({list(PYTEST)!r}))"
    found = suite(entry(), (sys.executable, "run.py"), {"tests/test_a.py": SUITE, "run.py": script})
    assert counts(found)[:4] == (2, 1, 0, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    {
        "no owner": (entry().replace("owner: Ana, ", ""), "has no owner"),
        "no reason": (entry().replace("too little memory", "''"), "has no reason"),
        "no day": (entry(expires="''"), "has no expires"),
        "never": (entry(expires="never"), "is no date"),
        "no such day": (entry(expires="'2026-02-30'"), "is no date"),
        "unknown key": (entry().replace("}", ", severity: low}"), "unknown key severity"),
        "twice": (entry() + entry(), "twice"),
        "twice in two spellings": (entry() + entry("tests.test_a.TestScale::test_wide[2]"), "twice"),
        "a word": ("none", "is no list"),
        "no map": ("[tests/test_a.py]", "is no map"),
        "empty": ("\n", "is empty"),
        "no YAML": ("- {", "not YAML"),
    }.values(),
)
def test_a_list_that_excuses_without_owner_reason_or_day_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(GonogoError, match=said):
        known(tmp_path, text)


def test_an_empty_list_excuses_nothing_and_a_date_with_a_time_is_a_day(tmp_path: Path) -> None:
    assert known(tmp_path, "[]") == ()
    (one,) = known(tmp_path, entry(expires="2026-02-28T23:00:00Z"))
    assert one.expired


def test_node_ids_become_the_names_of_the_report() -> None:
    assert case_name("tests/deep/test_a.py::test_b[x/y.py::z]") == "tests.deep.test_a::test_b[x/y.py::z]"
    assert case_name("tests.deep.test_a::test_b") == "tests.deep.test_a::test_b"


# -- forged reports -----------------------------------------------------------------------------------------------------------------

REPORT = '<testsuite tests="{tests}" failures="{failures}" errors="0" skipped="0">{cases}</testsuite>'
GOOD, BAD = '<testcase classname="a" name="b"/>', '<testcase classname="a" name="c"><failure/></testcase>'


def forging(report: str, exit_code: int) -> dict[str, str]:
    """A program called pytest that writes this report."""
    body = "import pathlib, sys\n"
    body += f"pathlib.Path([w for w in sys.argv if w.startswith('--junitxml=')][0][11:]).write_text({report!r})\nsys.exit({exit_code})\n"
    return {"pytest": body}


@pytest.mark.parametrize(
    ("report", "exit_code", "said"),
    {
        "good report, bad end": (REPORT.format(tests=1, failures=0, cases=GOOD), 1, "0 tests failed, but the command ended with 1"),
        "bad report, good end": (REPORT.format(tests=2, failures=1, cases=GOOD + BAD), 0, "1 tests failed, but the command ended with 0"),
        "failures taken out": (REPORT.format(tests=2, failures=1, cases=GOOD), 0, "other failures than it lists"),
        "tests added": (REPORT.format(tests=1, failures=0, cases=GOOD * 9), 0, "counts 1 tests at its head and lists 9"),
        "no counts": (f"<testsuite>{GOOD}</testsuite>", 0, "counts 0 tests"),
        "counts that are none": (f'<testsuite tests="many">{GOOD}</testsuite>', 0, "cannot be read"),
        "no tests": (REPORT.format(tests=0, failures=0, cases=""), 0, "no test was run"),
        "no XML": ("all good", 0, "cannot be read"),
        "entities": ('<!DOCTYPE a [<!ENTITY b "c">]><testsuite/>', 0, "not one that pytest writes"),
    }.values(),
)
def test_a_report_that_contradicts_itself_or_the_exit_code_is_an_error(suite: Any, report: str, exit_code: int, said: str) -> None:
    with pytest.raises(ChildError, match=said):
        suite("", (sys.executable, "pytest"), forging(report, exit_code))


def test_a_report_that_lies_elsewhere_is_never_read(suite: Any) -> None:
    files = {"report.xml": REPORT.format(tests=1, failures=0, cases=GOOD), "pytest": "import sys; sys.exit(0)"}
    with pytest.raises(ChildError, match="left no report"):
        suite("", (sys.executable, "pytest", "--junitxml=report.xml"), files)


def test_a_report_that_is_a_link_to_another_is_none(suite: Any, tmp_path: Path) -> None:
    (tmp_path / "old.xml").write_text(REPORT.format(tests=1, failures=0, cases=GOOD))
    body = f"import os, sys\nos.symlink({str(tmp_path / 'old.xml')!r}, [w for w in sys.argv if w.startswith('--junitxml=')][0][11:])\n"
    with pytest.raises(ChildError, match="left no report"):
        suite("", (sys.executable, "pytest"), {"pytest": body})


def test_a_suite_that_is_killed_or_ends_early_is_an_error(suite: Any) -> None:
    with pytest.raises(ChildError, match="SIGKILL"):
        suite("", PYTEST, {"test_a.py": "def test_a():\n    import os; os.kill(os.getpid(), 9)\n"})
    with pytest.raises(ChildError):
        suite("", (sys.executable, "pytest"), {"pytest": "import sys; sys.exit(0)"})


def test_a_known_failures_file_that_is_not_there_is_no_empty_list(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        read_known_failures(tmp_path / "gone.yaml", NOW)
