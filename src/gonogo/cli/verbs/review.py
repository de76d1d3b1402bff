"""`gonogo review`"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gonogo.checklist.periods import PERIODS
from gonogo.cli.door import JSON, PROJECT, paper, progress, show_json, verb

if TYPE_CHECKING:
    from gonogo.operations.review import Reviewed
    from gonogo.operations.workspace import Workspace

FILE = click.Path(path_type=Path)


class Periods(click.Group):
    """`gonogo review day` is `gonogo review run day`."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in (*PERIODS, *self.commands):
            from gonogo.checklist.demands import did_you_mean

            raise click.UsageError(f"there is no review {args[0]!r}. {did_you_mean(args[0], [*PERIODS, *self.commands])}", ctx)
        return super().resolve_command(ctx, ["run", *args] if args and args[0] in PERIODS else args)


@click.group("review", cls=Periods, invoke_without_command=True, epilog="Example: gonogo review day")
@PROJECT
@JSON
@click.pass_context
@verb
def command(ctx: click.Context, project: Path, as_json: bool) -> None:
    """Review what is in service: an hour, a day, a week, a month, a quarter. Alone: which were made, and which are due."""
    if ctx.invoked_subcommand is not None:
        return
    from gonogo.operations.review import schedule_document
    from gonogo.operations.workspace import Workspace
    from gonogo.reports.review import render_reviews_text
    from gonogo.reports.text import Paint

    document = schedule_document(Workspace.open(project))
    if as_json:
        show_json(document)
    else:
        click.echo(render_reviews_text(document["reviews"], Paint(sys.stdout.isatty())))
    sys.exit(1 if any(one["state"] == "overdue" for one in document["reviews"]) else 0)


@command.command("run", epilog="Example: gonogo review run day")
@click.argument("period", type=click.Choice(PERIODS), required=False)
@click.option("--due", is_flag=True, help="run all that are due, and none that is not")
@PROJECT
@JSON
@verb
def run(period: str | None, due: bool, project: Path, as_json: bool) -> None:
    """Measure, judge and file one review, or all that are due. Exit code 0 for WELL, 1 for NOT WELL."""
    from gonogo.errors import UsageError
    from gonogo.operations.review import review, review_due
    from gonogo.operations.workspace import Workspace

    if (period is None) != due:
        raise UsageError("name a period, or say --due.", hint="For example: gonogo review day")
    workspace = Workspace.open(project)
    made = [review(workspace, period, progress=progress(as_json))] if period else review_due(workspace, progress=progress(as_json))
    _show(workspace, made, as_json, several=due)


@command.command("sign", epilog='Example: gonogo review sign week technical-lead --note "read; nothing to mend"')
@click.argument("period", type=click.Choice(PERIODS))
@click.argument("role")
@click.option("--note", default="", help="what you saw and decided; it stays in the log")
@click.option("--reject", metavar="REASON", help="say that what the review shows is not acceptable")
@click.option("--key", type=FILE, help="your private key [default: the one that lies on this machine]")
@PROJECT
@JSON
@verb
def sign(period: str, role: str, note: str, reject: str | None, key: Path | None, project: Path, as_json: bool) -> None:
    """Sign, in a ROLE, that you have read the last review of a PERIOD."""
    from gonogo.operations.review import sign_review
    from gonogo.operations.workspace import Workspace

    workspace = Workspace.open(project)
    _show(workspace, [sign_review(workspace, period, role, key=key, note=note, reject=reject)], as_json)


@command.command("show", epilog="Example: gonogo review show day --html day.html")
@click.argument("name")
@click.option("--html", type=FILE, help="write the page to a file")
@PROJECT
@JSON
@verb
def show(name: str, html: Path | None, project: Path, as_json: bool) -> None:
    """Print a filed review as Markdown, by its id or, for the last one, by its period; with --html also as a page."""
    from gonogo.base.files import write_atomic
    from gonogo.errors import UsageError
    from gonogo.operations.review import filed_page
    from gonogo.operations.workspace import Workspace

    workspace = Workspace.open(project)
    if html is not None and not html.resolve().parent.is_dir():
        raise UsageError(f"there is no folder {html.parent}.", hint="Make it first, or write the page elsewhere.")
    if html is not None:
        write_atomic(html.resolve(), filed_page(workspace, name, "html").encode())
    click.echo(filed_page(workspace, name, "json" if as_json else "md"), nl=False)


def _show(workspace: Workspace, made: list[Reviewed], as_json: bool, *, several: bool = False) -> None:
    from gonogo.reports.review import render_review_json
    from gonogo.reports.text import WIDTH, render_text

    documents = [{**render_review_json(one.report), "id": one.filed.id, "report": one.filed.report} for one in made]
    if as_json:
        show_json({"reviews": documents} if several else documents[0])
    elif not made:
        click.echo("no review is due")
    for one in made if not as_json else ():
        click.echo(render_text(one.report, color=sys.stdout.isatty(), width=paper(WIDTH)))
        click.echo(f"filed as {one.filed.id}: {workspace.project.shown(workspace.path / 'reviews')}/{one.filed.name}.html")
    sys.exit(0 if all(one.well for one in made) else 1)
