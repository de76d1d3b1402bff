"""Does the inference code run?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from gonogo.errors import UsageError
from gonogo.evidence.check import Check
from gonogo.evidence.declared import declared_file
from gonogo.evidence.inputs import ProjectView, SandboxPort, SourceTree
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.scratch import run_shielded, scratch_copy


class Smoke(Check):
    """Does a declared program, such as a sample of the inference code, run to its end on a fresh copy of the project and say something?

    `file` is its name below `files` in gonogo.yaml: a Python file, run with the words of `arguments`, without a network.
    The model is asked for because such a program reads it.
    """

    name = "smoke"
    facts: ClassVar = {
        "exit_code": "how the program ended; 0 is good",
        "lines": "lines that it printed",
        "seconds": "how long it took",
    }
    options: ClassVar = {"file": "inference", "arguments": []}

    def measure(
        self, project: ProjectView, files: Mapping[str, Path], source: SourceTree, sandbox: SandboxPort, model_file: Path | None = None
    ) -> Measurement:
        program = declared_file(files, self.chosen["file"])
        if not program.is_relative_to(project.root):
            raise UsageError(f"files.{self.chosen['file']} lies outside the project.", hint="Move it below gonogo.yaml.")
        command = ["python", program.relative_to(project.root).as_posix(), *self.chosen["arguments"]]
        with scratch_copy(project.root) as copy:
            finished, isolation = run_shielded(command, copy, sandbox)
        lines = sum(bool(line.strip()) for line in finished.output.splitlines())
        return Measurement(
            {
                "exit_code": Fact(finished.exit_code),
                "lines": Fact(lines),
                "seconds": Fact(round(finished.seconds, 3), "s"),
            },
            (f"`{' '.join(command)}` ended with {finished.exit_code}: {finished.last_words}",) if finished.exit_code else (),
            isolation=isolation,
        )
