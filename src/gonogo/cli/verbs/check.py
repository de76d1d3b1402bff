"""`gonogo check`"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gonogo.cli.door import JSON, PROJECT, paper, progress, show_json, verb

if TYPE_CHECKING:
    from gonogo.operations.check import Checked
    from gonogo.operations.workspace import Workspace

FORMATS = ("html", "json", "text", "markdown", "junit", "sarif", "form")


@click.command("check", epilog="Example: gonogo check --report html=.gonogo/report.html")
@PROJECT
@click.option("--only", multiple=True, metavar="ITEM", help="measure only this item (repeatable), again if it failed; all are judged")
@click.option("--judge-only", is_flag=True, help="measure nothing, judge what is there")
@click.option(
    "--facts", type=click.Path(path_type=Path), help="judge the evidence of a saved `check --json` under today's demands; no release"
)
@click.option("--prove", "with_proof", is_flag=True, help="also judge spoiled copies of the candidate: the gate must refuse them")
@click.option("--report", "reports", multiple=True, metavar="FORMAT=FILE", help=f"write a report (repeatable): {', '.join(FORMATS)}")
@JSON
@verb
def command(
    project: Path,
    only: tuple[str, ...],
    judge_only: bool,
    facts: Path | None,
    with_proof: bool,
    reports: tuple[str, ...],
    as_json: bool,
) -> None:
    """Measure what is missing or changed, and judge. Exit code 0 for GO, 1 for NO-GO."""
    from gonogo.errors import UsageError
    from gonogo.operations.check import check, check_facts
    from gonogo.operations.prove import prove_and_check
    from gonogo.operations.workspace import Workspace
    from gonogo.reports.json import render_json
    from gonogo.reports.text import WIDTH, render_text
    from gonogo.verdict.outcome import Decision

    wanted = [_wanted(text) for text in reports]
    workspace = Workspace.open(project)
    if facts and (only or judge_only or with_proof):
        raise UsageError("--facts measures nothing, so --only, --judge-only and --prove do not go with it.")
    if judge_only and with_proof:
        raise UsageError("--judge-only measures nothing, so --prove does not go with it.")
    if facts:
        checked = check_facts(workspace, facts)
    else:
        checked = check(workspace, only=frozenset(only), judge_only=judge_only, progress=progress(as_json))
    if with_proof:
        checked = prove_and_check(workspace, checked, progress=progress(as_json))
    for name, file in wanted:
        _write(workspace, name, file, checked)
    if as_json:
        show_json(render_json(checked.report))
    else:
        click.echo(render_text(checked.report, color=sys.stdout.isatty(), width=paper(WIDTH)))
    sys.exit(0 if checked.verdict.decision is Decision.GO else 1)


def _wanted(text: str) -> tuple[str, Path]:
    name, _, file = text.partition("=")
    if name not in FORMATS or not file:
        from gonogo.errors import UsageError

        raise UsageError(f"--report {text!r} is not FORMAT=FILE.", hint=f"Formats: {', '.join(FORMATS)}.")
    return name, Path(file)


def _write(workspace: Workspace, name: str, file: Path, checked: Checked) -> None:
    from gonogo.operations.reporting import write_report

    if write_report(workspace, name, file, checked):
        instead = workspace.project.shown(workspace.path / file.name)
        click.echo(
            f"note: {file} lies among the project's sources, and what reads them is to be measured again. {instead} would not.", err=True
        )
