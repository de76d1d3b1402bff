"""Does a security scanner find a hole in the sources?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from gonogo import settings
from gonogo.errors import ChildError, UsageError
from gonogo.evidence.check import Check
from gonogo.evidence.checks.lint import FINDING, ruff_findings
from gonogo.evidence.commands import Finished, run_command
from gonogo.evidence.inputs import ProjectView, SourceTree
from gonogo.evidence.record import Fact, Measurement

MILD = ("LOW", "MEDIUM")


class SecurityScan(Check):
    """Does the static security scanner find anything, and how much of it is grave?

    Runs `code.security`. Bandit and ruff (`ruff check --select S src`) are asked for JSON; from other programs lines such as
    `file.py:3:1: what` are counted. A finding whose severity nobody tells is grave. A scanner that looked at nothing, could not read a
    file or failed without a finding is an error.
    """

    name = "security_scan"
    facts: ClassVar = {
        "findings": "what the scanner found",
        "high": "findings of high or untold severity",
        "exit_code": "how the command ended",
    }

    def measure(self, project: ProjectView, source: SourceTree) -> Measurement:
        command = project.code.security
        if not command:
            raise UsageError(
                "the project declares no security scanner.", hint="Add `code: {security: ruff check --select S src}` to gonogo.yaml."
            )
        programs = {Path(word).name for word in command}
        more = (
            ["--output-format=json"] if "ruff" in programs and "check" in command else ["-q", "-f", "json"] if "bandit" in programs else []
        )
        finished = run_command([*command, *more], folder=project.root, seconds=settings.number("check_seconds"))
        text = finished.output + "\n" + finished.errors
        if "No Python files found" in text:
            raise ChildError("the scanner looked at no file.", hint="Mend the paths in `code.security`.")
        if "bandit" in programs:
            found, high = _bandit(finished)
        else:
            found = ruff_findings(finished) if more else FINDING.findall(text)
            high = len(found)
        if finished.exit_code and not found:
            raise ChildError(f"the scanner failed without a finding (exit code {finished.exit_code}): {finished.last_words}")
        return Measurement(
            {"findings": Fact(len(found)), "high": Fact(high), "exit_code": Fact(finished.exit_code)},
            tuple(found),
        )


def _bandit(finished: Finished) -> tuple[list[str], int]:
    """The findings of bandit's JSON report, and how many are grave. Raises ChildError when files were not read."""
    try:
        report: dict[str, Any] = json.loads(finished.output)
        unread = [str(entry.get("filename", "")) for entry in report["errors"]]
        lines = int(report["metrics"]["_totals"]["loc"])
        results = [(str(one.get("issue_severity", "")).upper(), one) for one in report["results"]]
        said = [f"{one['filename']}:{one['line_number']}: {one['test_id']} {level.lower()}: {one['issue_text']}" for level, one in results]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ChildError(f"bandit gave no report (exit code {finished.exit_code}): {finished.last_words}") from error
    if unread or not lines:
        raise ChildError(
            f"bandit could not read {', '.join(unread) or 'a single line of code'}.", hint="Mend the paths in `code.security`."
        )
    return said, sum(level not in MILD for level, _ in results)
