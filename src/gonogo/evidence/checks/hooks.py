"""Do the repository's hooks pass over all files?"""

from __future__ import annotations

import re
from typing import ClassVar

from gonogo import settings
from gonogo.errors import ChildError, UsageError
from gonogo.evidence.check import Check
from gonogo.evidence.commands import run_command
from gonogo.evidence.inputs import ProjectView, SourceTree
from gonogo.evidence.record import Fact, Measurement

#: "ruff.......................................Failed", "mypy...........(no files to check)Skipped" of pre-commit.
LINE = re.compile(r"^(?P<hook>\S.*?)\.{3,}(?:\([^)]*\))?(?P<end>Passed|Failed|Skipped)\s*$", re.MULTILINE)


class Hooks(Check):
    """Does every hook pass over all files?

    Runs `code.hooks` (`pre-commit run --all-files`, or a program that prints such lines) and reads one line for each hook. A run that
    names no hook, or whose exit code says other than its lines, is an error. Hooks that looked at no file have not passed.
    """

    name = "hooks"
    facts: ClassVar = {
        "hooks": "hooks that were run or skipped",
        "passed": "hooks that passed",
        "failed": "hooks that failed",
        "skipped": "hooks that found no file to look at",
        "absent": "hooks of the option `names` that were not run",
        "exit_code": "how the command ended; 0 is good",
    }
    options: ClassVar = {"names": []}

    def measure(self, project: ProjectView, source: SourceTree) -> Measurement:
        command = project.code.hooks
        if not command:
            raise UsageError("the project declares no hooks.", hint="Add `code: {hooks: pre-commit run --all-files}` to gonogo.yaml.")
        finished = run_command(
            command, folder=project.root, seconds=settings.number("check_seconds"), environment={"PRE_COMMIT_COLOR": "never"}
        )
        ended = [(found["hook"], found["end"]) for found in LINE.finditer(finished.output + "\n" + finished.errors)]
        failed = [hook for hook, end in ended if end == "Failed"]
        if not ended:
            raise ChildError(f"no hook was run (exit code {finished.exit_code}): {finished.last_words}")
        if (finished.exit_code == 0) != (not failed):
            raise ChildError(f"{len(failed)} hooks failed, but the command ended with {finished.exit_code}: {finished.last_words}")
        run = {hook.strip().lower() for hook, end in ended if end != "Skipped"}
        absent = [name for name in self.chosen["names"] if name.strip().lower() not in run]
        return Measurement(
            {
                "hooks": Fact(len(ended)),
                "passed": Fact(sum(end == "Passed" for _, end in ended)),
                "failed": Fact(len(failed)),
                "skipped": Fact(sum(end == "Skipped" for _, end in ended)),
                "absent": Fact(len(absent)),
                "exit_code": Fact(finished.exit_code),
            },
            (*(f"failed: {hook}" for hook in failed), *(f"not run: {name}" for name in absent)),
        )
