"""Does the linter find anything?"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, ClassVar

from gonogo import settings
from gonogo.errors import ChildError, UsageError
from gonogo.evidence.check import Check
from gonogo.evidence.commands import Finished, run_command
from gonogo.evidence.inputs import ProjectView, SourceTree
from gonogo.evidence.record import Fact, Measurement

FINDING = re.compile(r"^\S[^:\n]*:\d+(?::\d+)?:? .+$", re.MULTILINE)


class Lint(Check):
    """Is the linter content with the sources?

    Runs `code.lint`. Ruff is asked for JSON, which is counted; from other programs lines such as `file.py:3:1: what` are. A linter that
    fails without a finding, or that looked at no file, is an error.
    """

    name = "lint"
    facts: ClassVar = {
        "findings": "what the linter found",
        "exit_code": "how the command ended; 0 is good",
        "files": "Python files among the declared sources",
    }

    def measure(self, project: ProjectView, source: SourceTree) -> Measurement:
        command = project.code.lint
        if not command:
            raise UsageError("the project declares no linter.", hint="Add `code: {lint: ruff check src}` to gonogo.yaml.")
        is_ruff = any(Path(word).name == "ruff" for word in command) and "check" in command
        asked = [*command, "--output-format=json"] if is_ruff else list(command)
        finished = run_command(asked, folder=project.root, seconds=settings.number("check_seconds"))
        found = ruff_findings(finished) if is_ruff else FINDING.findall(finished.output + "\n" + finished.errors)
        if "No Python files found" in finished.errors + finished.output:
            raise ChildError("the linter looked at no file.", hint="Mend the paths in `code.lint`.")
        if finished.exit_code and not found:
            raise ChildError(f"the linter failed without a finding (exit code {finished.exit_code}): {finished.last_words}")
        return Measurement(
            {
                "findings": Fact(len(found)),
                "exit_code": Fact(finished.exit_code),
                "files": Fact(sum(path.suffix == ".py" for path in source.files)),
            },
            tuple(found),
        )


def ruff_findings(finished: Finished) -> list[str]:
    """One line for each finding of ruff's JSON. Raises ChildError when it is none."""
    try:
        entries: list[dict[str, Any]] = json.loads(finished.output)
        return [f"{Path(e['filename']).name}:{e['location']['row']}: {e['code']} {e['message']}" for e in entries]
    except (ValueError, TypeError, KeyError) as error:
        raise ChildError(f"ruff gave no report (exit code {finished.exit_code}): {finished.last_words}") from error
