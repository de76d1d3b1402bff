"""Does what a document tells its readers to run really run?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from gonogo.errors import ChildError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import ProjectView, SandboxPort, SourceTree
from gonogo.evidence.markdown import CodeBlock, MarkdownDocument, declared_document, read_markdown
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.scratch import run_shielded, scratch_copy

PYTHON = ("python", "py", "python3")
SHELL = ("bash", "sh")


class DocumentCommands(Check):
    """Do the code blocks of a document run as they stand, one after the other, on a fresh copy of the project?

    Every ```python block is run, unless it says `no-run` after the language; a ```bash block only when it says `run`. A Python block sees
    what the blocks before it in its section have made, as its reader does. All blocks share one copy of the project, without a network.
    `sections` limits the run to the sections whose heading matches one of these regular expressions. The model is asked for because the
    blocks read it.
    """

    name = "document_commands"
    facts: ClassVar = {
        "exists": "whether the document is declared and there",
        "blocks": "code blocks that are meant to be run",
        "failed": "those that did not run to their end, or ended with another exit code than 0",
        "sections_missing": "demanded sections in which there is no block to run",
    }
    options: ClassVar = {"document": "", "sections": []}

    def measure(
        self, project: ProjectView, documents: Mapping[str, Path], source: SourceTree, sandbox: SandboxPort, model_file: Path | None = None
    ) -> Measurement:
        sections = self.chosen["sections"]
        place = declared_document(documents, self.chosen["document"])
        if isinstance(place, str):
            facts = {"exists": Fact(False), "blocks": Fact(0), "failed": Fact(0), "sections_missing": Fact(len(sections))}
            return Measurement(facts, (place,))
        document = read_markdown(place)
        chosen = [_runnable(section.code) for pattern in sections for section in document.find(pattern)]
        lacking = [pattern for pattern in sections if not any(_runnable(section.code) for section in document.find(pattern))]
        wanted = {block.line for blocks in chosen for block in blocks}
        findings = [f"nothing to run under: {pattern}" for pattern in lacking]
        isolation = ""
        blocks = failed = 0
        with scratch_copy(project.root) as copy:
            for line, command, program in _commands(document):
                if sections and line not in wanted:
                    continue
                blocks += 1
                script = copy / f"gonogo_block_{line}{'.py' if command[0] == 'python' else '.sh'}"
                script.write_text(program, encoding="utf-8")
                try:
                    finished, isolation = run_shielded([*command, script.name], copy, sandbox)
                    why = "" if finished.exit_code == 0 else f"exit code {finished.exit_code}: {finished.last_words}"
                except ChildError as error:
                    why = str(error)
                if why:
                    failed += 1
                    findings.append(f"{place.name}, line {line}: {why}")
        return Measurement(
            {"exists": Fact(True), "blocks": Fact(blocks), "failed": Fact(failed), "sections_missing": Fact(len(lacking))},
            tuple(findings),
            isolation=isolation,
        )


def _runnable(blocks: list[CodeBlock]) -> list[CodeBlock]:
    return [
        block
        for block in blocks
        if (block.language in PYTHON and "no-run" not in block.words) or (block.language in SHELL and "run" in block.words)
    ]


def _commands(document: MarkdownDocument) -> list[tuple[int, list[str], str]]:
    """The line of each block to run, the command for it, and its program."""
    found: list[tuple[int, list[str], str]] = []
    for section in document.own:
        before = ""
        for block in _runnable(section.code):
            if block.language in PYTHON:
                before += block.text + "\n"
                found.append((block.line, ["python"], before))
            else:
                found.append((block.line, ["bash", "-e", "-o", "pipefail"], block.text))
    return found
