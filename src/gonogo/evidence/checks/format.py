"""Is the code formatted?"""

from __future__ import annotations

import re
from typing import ClassVar

from gonogo import settings
from gonogo.errors import ChildError, UsageError
from gonogo.evidence.check import Check
from gonogo.evidence.commands import run_command
from gonogo.evidence.inputs import ProjectView, SourceTree
from gonogo.evidence.record import Fact, Measurement

#: "would reformat a.py" (black), "Would reformat: a.py" (ruff before 0.15), "unformatted: …" and "--> a.py:1:2" on the next line (ruff).
WOULD = re.compile(r"^(?:would reformat:? (?!\d+ file)|unformatted: .*\n\s*--> )(\S.*)$", re.MULTILINE | re.IGNORECASE)
NOTHING = ("No Python files found", "No Python files are present", "No Path provided")


class Format(Check):
    """Is the formatter content with the sources?

    Runs `code.format`, which must only look (`ruff format --check src`, `black --check src`). Exit code 1 means that something is not
    formatted; a higher one that the formatter itself failed, which is an error, as is a formatter that looked at no file.
    """

    name = "format"
    facts: ClassVar = {
        "exit_code": "how the command ended; 0 is good",
        "unformatted": "files that it names as not formatted",
        "files": "Python files among the declared sources",
    }

    def measure(self, project: ProjectView, source: SourceTree) -> Measurement:
        command = project.code.format
        if not command:
            raise UsageError("the project declares no formatter.", hint="Add `code: {format: ruff format --check src}` to gonogo.yaml.")
        finished = run_command(command, folder=project.root, seconds=settings.number("check_seconds"))
        text = finished.output + "\n" + finished.errors
        if any(words in text for words in NOTHING):
            raise ChildError("the formatter looked at no file.", hint="Mend the paths in `code.format`.")
        if finished.exit_code > 1:
            raise ChildError(f"the formatter failed (exit code {finished.exit_code}): {finished.last_words}")
        found = [line.strip() for line in WOULD.findall(text)]
        return Measurement(
            {
                "exit_code": Fact(finished.exit_code),
                "unformatted": Fact(len(found)),
                "files": Fact(sum(path.suffix == ".py" for path in source.files)),
            },
            tuple(found),
        )
