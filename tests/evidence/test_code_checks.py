"""The checks on code: tests, lint, format and sources, on small projects that are right and wrong in one thing each."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gonogo.errors import ChildError, DataError, UsageError
from gonogo.evidence.digests import FileDigests
from gonogo.evidence.inputs import SourceTree
from gonogo.evidence.memory import measure
from gonogo.evidence.record import Measurement
from measured import values

PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:hypothesispytest", "-q", ".")
RUFF = (str(Path(sys.executable).with_name("ruff")),)


@pytest.fixture
def code(tmp_path: Path, project: Callable[..., Any]) -> Callable[..., Measurement]:
    """`code("tests", command, {"test_a.py": "…"})`: write files, run one check on them."""

    def run(check: str, command: Any, files: dict[str, str]) -> Measurement:
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        source = SourceTree.read(tmp_path, [Path()])
        return measure(check, project=project(tmp_path, **{check: command}), source=source)

    return run


# -- tests --------------------------------------------------------------------------------------------------------------------------

SUITE = """
import pytest
def test_good(): pass
def test_bad(): assert False
@pytest.mark.skip
def test_skipped(): pass
@pytest.fixture
def broken(): raise OSError
def test_error(broken): pass
"""


def test_a_suite_is_counted_from_its_report(code: Any) -> None:
    found = code("tests", PYTEST, {"test_a.py": SUITE})
    facts = values(found)
    assert (facts["passed"], facts["failed"], facts["skipped"], facts["exit_code"]) == (1, 2, 1, 1)
    assert "failed: test_a::test_bad" in found.findings


@pytest.mark.parametrize("content", ["def helper(): pass\n", "import pytest\n@pytest.mark.skip\ndef test_a(): pass\n"])
def test_a_suite_in_which_no_test_was_run_is_an_error(code: Any, content: str) -> None:
    with pytest.raises(ChildError, match="no test was run"):
        code("tests", PYTEST, {"test_a.py": content})


def test_a_suite_that_cannot_be_imported_has_failed(code: Any) -> None:
    facts = values(code("tests", PYTEST, {"test_a.py": "import nowhere_to_be_found\n", "test_b.py": "def test_b(): pass\n"}))
    assert facts["failed"] >= 1
    assert facts["exit_code"] != 0


@pytest.mark.parametrize("content", ["import os; os._exit(0)\n", "def test_a():\n    import os; os._exit(0)\n"])
def test_a_suite_that_ends_the_program_early_is_an_error_though_it_exits_with_0(code: Any, content: str) -> None:
    with pytest.raises(ChildError, match="left no report"):
        code("tests", PYTEST, {"test_a.py": content})


def test_a_suite_that_prints_a_closing_line_of_its_own_is_not_believed(code: Any) -> None:
    content = "print('99 passed in 0.01s')\ndef test_bad():\n    print('99 passed in 0.01s')\n    assert False\n"
    assert values(code("tests", PYTEST, {"test_a.py": content}))["passed"] == 0


UNITTEST = """
import unittest
class T(unittest.TestCase):
    def test_good(self): pass
    def test_bad(self): self.fail()
    @unittest.skip("x")
    def test_skipped(self): pass
"""


def test_unittest_is_counted_from_its_closing_lines(code: Any) -> None:
    facts = values(code("tests", (sys.executable, "-m", "unittest", "-q"), {"test_a.py": UNITTEST}))
    passed = 0 if (3, 12, 0) <= sys.version_info[:3] <= (3, 12, 1) else 1  # those leave the skipped test out of what they ran
    assert (facts["passed"], facts["failed"], facts["skipped"], facts["exit_code"]) == (passed, 1, 1, 1)


def test_a_unittest_run_in_which_nothing_passed_has_passed_nothing(code: Any) -> None:
    facts = values(code("tests", (sys.executable, "-m", "unittest", "-q"), {"test_a.py": UNITTEST.replace("test_good", "no_test", 1)}))
    assert facts["passed"] == 0


def test_a_unittest_that_should_fail_and_does_not_has_failed(code: Any) -> None:
    content = "import unittest\nclass T(unittest.TestCase):\n    @unittest.expectedFailure\n    def test_good(self): pass\n"
    facts = values(code("tests", (sys.executable, "-m", "unittest", "-q"), {"test_a.py": content}))
    assert (facts["passed"], facts["unexpected_failures"]) == (0, 1)


def test_pytest_behind_another_program_is_counted_from_its_closing_line(code: Any) -> None:
    script = f"import subprocess, sys; sys.exit(subprocess.call({list(PYTEST)!r}))"
    facts = values(code("tests", (sys.executable, "run.py"), {"test_a.py": SUITE, "run.py": script}))
    assert (facts["passed"], facts["failed"], facts["skipped"]) == (1, 2, 1)


@pytest.mark.parametrize("script", ["", "print('all good')", "raise SystemExit(1)"])
def test_a_program_that_does_not_say_what_it_tested_is_an_error(code: Any, script: str) -> None:
    with pytest.raises(ChildError, match="does not say how many tests"):
        code("tests", (sys.executable, "run.py"), {"run.py": script})


# -- lint and format ----------------------------------------------------------------------------------------------------------------


def test_ruff_findings_are_counted_and_named(code: Any) -> None:
    found = code("lint", (*RUFF, "check", "--isolated", "--no-cache", "."), {"a.py": "import os\nimport sys\n", "b.py": "x = 1\n"})
    assert values(found) == {"findings": 2, "exit_code": 1, "files": 2}
    assert found.findings[0].startswith("a.py:1: F401")


def test_clean_sources_have_no_findings_and_are_formatted(code: Any) -> None:
    clean = {"a.py": "x = 1\n"}
    assert values(code("lint", (*RUFF, "check", "--isolated", "--no-cache", "."), clean)) == {"findings": 0, "exit_code": 0, "files": 1}
    formatted = code("format", (*RUFF, "format", "--isolated", "--no-cache", "--check", "."), clean)
    assert values(formatted) == {"exit_code": 0, "unformatted": 0, "files": 1}


def test_unformatted_files_are_counted(code: Any) -> None:
    found = code("format", (*RUFF, "format", "--isolated", "--no-cache", "--check", "."), {"a.py": "x=1\n", "b.py": "y = 1\n"})
    assert values(found)["unformatted"] == 1
    assert values(found)["exit_code"] == 1


@pytest.mark.parametrize(
    ("check", "arguments"),
    {
        "lint nothing": ("lint", ("check", "--isolated", "--no-cache", "empty")),
        "lint wrong option": ("lint", ("check", "--isolated", "--no-such-option")),
        "format nothing": ("format", ("format", "--isolated", "--no-cache", "--check", "empty")),
        "format wrong option": ("format", ("format", "--isolated", "--no-such-option")),
    }.values(),
)
def test_a_tool_that_looked_at_nothing_or_failed_is_an_error(code: Any, check: str, arguments: tuple[str, ...]) -> None:
    with pytest.raises(ChildError):
        code(check, (*RUFF, *arguments), {"a.py": "x = 1\n", "empty/readme.txt": "nothing here"})


def test_a_file_that_is_no_python_is_never_a_clean_lint_or_format(code: Any) -> None:
    assert values(code("lint", (*RUFF, "check", "--isolated", "--no-cache", "."), {"a.py": "def (\n"}))["findings"] > 0
    with pytest.raises(ChildError, match="failed"):
        code("format", (*RUFF, "format", "--isolated", "--no-cache", "--check", "."), {"a.py": "def (\n"})


def test_other_linters_are_counted_by_their_lines(code: Any) -> None:
    script = "print('a.py:3:1: E999 broken'); print('summary'); raise SystemExit(1)"
    assert values(code("lint", (sys.executable, "lint.py"), {"lint.py": script}))["findings"] == 1
    with pytest.raises(ChildError, match="without a finding"):
        code("lint", (sys.executable, "lint.py"), {"lint.py": "raise SystemExit(1)"})


@pytest.mark.parametrize("check", ["tests", "lint", "format"])
def test_a_project_that_declares_no_command_is_an_error(code: Any, check: str) -> None:
    with pytest.raises(UsageError, match="declares no"):
        code(check, None, {"a.py": ""})


# -- sources ------------------------------------------------------------------------------------------------------------------------


def test_sources_have_a_digest_that_every_file_changes_and_caches_do_not(tmp_path: Path) -> None:
    def digest() -> str:
        return SourceTree.read(tmp_path, [Path("src")]).digest(FileDigests())

    (tmp_path / "src" / "deep").mkdir(parents=True)
    (tmp_path / "src" / "a.py").write_text("1")
    seen = {digest()}
    (tmp_path / "src" / "__pycache__").mkdir()
    (tmp_path / "src" / "__pycache__" / "a.pyc").write_text("1")
    (tmp_path / "elsewhere.py").write_text("1")
    assert digest() in seen
    for name, content in (("a.py", "2"), (".env", "1"), ("deep/b.py", "1")):
        (tmp_path / "src" / name).write_text(content)
        assert digest() not in seen
        seen.add(digest())
    (tmp_path / "src" / "link").symlink_to("/etc/passwd")
    tree = SourceTree.read(tmp_path, [Path("src")])
    assert digest() not in seen
    assert [path.name for path in tree.links] == ["link"]
    assert all(path.name != "link" for path in tree.files)


@pytest.mark.parametrize("paths", [["gone"], ["empty"], []])
def test_sources_that_are_not_there_are_an_error(tmp_path: Path, paths: list[str]) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError):
        SourceTree.read(tmp_path, [Path(path) for path in paths])
