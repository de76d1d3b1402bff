"""The checks that run the project's hooks and security scanner, on real programs and on ones that misbehave."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from git_folder import GitFolder
from gonogo.errors import ChildError, UsageError
from gonogo.evidence.inputs import SourceTree
from gonogo.evidence.memory import measure
from gonogo.evidence.record import Measurement
from measured import values

RUFF = (str(Path(sys.executable).with_name("ruff")), "check", "--isolated", "--no-cache", "--select", "S", ".")
SAID = """ruff.....................................................................Passed
ruff format..............................................................Failed
- hook id: ruff-format
- files were modified by this hook
check toml...........................................(no files to check)Skipped
"""


@pytest.fixture
def run(tmp_path: Path, project: Callable[..., Any]) -> Callable[..., Measurement]:
    """`run("hooks", command, {"run.py": "…"}, names=[…])`"""

    def measured(check: str, command: Any, files: dict[str, str], **options: Any) -> Measurement:
        for name, content in files.items():
            (tmp_path / name).write_text(content)
        declared = project(tmp_path, **{"security" if check == "security_scan" else check: command})
        return measure(check, options, project=declared, source=SourceTree.read(tmp_path, [Path()]))

    return measured


def script(output: str, exit_code: int) -> dict[str, str]:
    return {"run.py": f"import sys; sys.stdout.write({output!r}); sys.exit({exit_code})"}


RUN = (sys.executable, "run.py")


def test_hooks_are_counted_from_their_lines(run: Any) -> None:
    found = run("hooks", RUN, script(SAID, 1), names=["Ruff", "check toml", "isort"])
    assert values(found) == {"hooks": 3, "passed": 1, "failed": 1, "skipped": 1, "absent": 2, "exit_code": 1}
    assert found.findings == ("failed: ruff format", "not run: check toml", "not run: isort")


def test_hooks_that_pass_have_nothing_to_find(run: Any) -> None:
    found = run("hooks", RUN, script(SAID.replace("Failed", "Passed"), 0), names=["ruff", "ruff format"])
    assert (values(found)["passed"], values(found)["failed"], values(found)["absent"], found.findings) == (2, 0, 0, ())


@pytest.mark.parametrize(
    ("output", "exit_code", "said"),
    {
        "silence": ("", 0, "no hook was run"),
        "chatter": ("all hooks passed\n", 0, "no hook was run"),
        "an installation that failed": ("An unexpected error has occurred: no network\n", 3, "no hook was run"),
        "failed and ends with 0": (SAID, 0, "1 hooks failed, but the command ended with 0"),
        "passed and ends with 1": (SAID.replace("Failed", "Passed"), 1, "0 hooks failed, but the command ended with 1"),
    }.values(),
)
def test_hooks_that_did_not_run_or_contradict_their_exit_code_are_an_error(run: Any, output: str, exit_code: int, said: str) -> None:
    with pytest.raises(ChildError, match=said):
        run("hooks", RUN, script(output, exit_code))


def test_pre_commit_itself_is_understood(run: Any, tmp_path: Path) -> None:
    pre_commit = Path(sys.executable).with_name("pre-commit")
    if not pre_commit.exists():
        pytest.skip("pre-commit is not installed")
    hook = "{{id: {0}, name: {0}, entry: '{1}', language: system, files: '{2}'}}"
    hooks = ", ".join(hook.format(*one) for one in (("fine", "true", "py$"), ("broken", "false", "py$"), ("idle", "true", "toml$")))
    git = GitFolder.make(tmp_path)
    git.commit({".pre-commit-config.yaml": f"repos: [{{repo: local, hooks: [{hooks}]}}]\n", "a.py": "x = 1\n"})
    found = run(
        "hooks",
        ("env", f"PRE_COMMIT_HOME={tmp_path / 'home'}", str(pre_commit), "run", "--all-files"),
        {},
        names=["fine", "broken", "idle"],
    )
    assert values(found) == {"hooks": 3, "passed": 1, "failed": 1, "skipped": 1, "absent": 1, "exit_code": 1}


# -- security_scan ------------------------------------------------------------------------------------------------------------------


def test_ruff_finds_what_is_dangerous_and_all_of_it_is_grave(run: Any) -> None:
    found = run("security_scan", RUFF, {"a.py": "import os\nos.system(input())\neval(input())\n"})
    assert values(found) == {"findings": 2, "high": 2, "exit_code": 1}
    assert all(finding.startswith("a.py:") for finding in found.findings)
    assert values(run("security_scan", RUFF, {"a.py": "x = 1\n"})) == {"findings": 0, "high": 0, "exit_code": 0}


def bandit(report: Any, exit_code: int = 1) -> dict[str, str]:
    text = report if isinstance(report, str) else json.dumps(report)
    return {"bandit": f"import sys; assert sys.argv[-3:] == ['-q', '-f', 'json']; print({text!r}); sys.exit({exit_code})"}


BANDIT = (sys.executable, "bandit", "-r", "src")
RESULT = {"filename": "src/a.py", "line_number": 3, "test_id": "B602", "issue_text": "shell", "issue_severity": "HIGH"}
TOTALS = {"metrics": {"_totals": {"loc": 10}}, "errors": []}


def test_bandit_tells_grave_findings_from_mild_ones(run: Any) -> None:
    mild, untold = {**RESULT, "issue_severity": "LOW"}, {**RESULT, "issue_severity": "UNDEFINED"}
    found = run("security_scan", BANDIT, bandit({**TOTALS, "results": [RESULT, mild, untold]}))
    assert values(found) == {"findings": 3, "high": 2, "exit_code": 1}
    assert found.findings[0] == "src/a.py:3: B602 high: shell"


@pytest.mark.parametrize(
    ("report", "said"),
    {
        "no code": ({**TOTALS, "results": [], "metrics": {"_totals": {"loc": 0}}}, "a single line"),
        "a file it could not read": ({**TOTALS, "results": [], "errors": [{"filename": "src/b.py"}]}, "src/b.py"),
        "no report": ("usage: bandit", "no report"),
        "another document": ({"results": []}, "no report"),
        "no results, exit 1": ({**TOTALS, "results": []}, "without a finding"),
    }.values(),
)
def test_a_bandit_run_that_looked_at_less_than_all_is_an_error(run: Any, report: Any, said: str) -> None:
    with pytest.raises(ChildError, match=said):
        run("security_scan", BANDIT, bandit(report))


def test_another_scanner_is_counted_by_its_lines_and_a_failure_without_one_is_an_error(run: Any) -> None:
    found = run("security_scan", RUN, script("src/a.py:3:1: shell\nsummary\n", 1))
    assert values(found) == {"findings": 1, "high": 1, "exit_code": 1}
    with pytest.raises(ChildError, match="without a finding"):
        run("security_scan", RUN, script("no such option", 2))


def test_a_scanner_that_found_no_code_to_look_at_is_an_error(run: Any) -> None:
    with pytest.raises(ChildError, match="looked at no file"):
        run("security_scan", RUFF, {"notes.txt": "no code"})


@pytest.mark.parametrize("check", ["hooks", "security_scan"])
def test_a_project_that_declares_no_such_command_is_an_error(run: Any, check: str) -> None:
    with pytest.raises(UsageError, match="declares no"):
        run(check, None, {"a.py": ""})
