"""What every verb shares: the project and JSON options, errors as words and exit codes, progress on the terminal."""

from __future__ import annotations

import functools
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from gonogo.errors import GonogoError

F = TypeVar("F", bound=Callable[..., Any])

PROJECT = click.option(
    "--project",
    "-p",
    "project",
    type=click.Path(path_type=Path),
    default=Path("gonogo.yaml"),
    show_default=True,
    help="the project file, or the folder it is in",
)
JSON = click.option("--json", "as_json", is_flag=True, help="print one JSON document and nothing else")


def verb(function: F) -> F:
    """Turn the product's errors into a message and the exit code of the contract. Works inside the click decorators."""

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except GonogoError as error:
            if kwargs.get("as_json"):
                show_json({"error": {"kind": type(error).__name__, "message": error.message, "hint": error.hint}})
            else:
                click.secho(f"gonogo: {_lines(error.message)}", fg="red", err=True)
                if error.hint:
                    click.echo(f"        {_lines(error.hint)}", err=True)
            sys.exit(error.exit_code)
        except BrokenPipeError:
            # The reader went away (`gonogo log | head`); that is not our failure.
            sys.stderr.close()
            sys.exit(0)

    return called  # type: ignore[return-value]


def words(text: str) -> str:
    """A line with others' words in it, for a terminal: nothing in it moves the cursor, adds a line or turns the direction of reading."""
    from gonogo.reports.report import printable  # only when something is said

    return printable(text)


def _lines(text: str) -> str:
    return "\n".join(words(line) for line in text.split("\n"))


def show_json(document: Any) -> None:
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def progress(as_json: bool) -> Callable[[str, int, int], None]:
    """A reporter `(what, done, total)` that draws one line on a terminal, and nothing when piped or in JSON mode."""
    if as_json or not sys.stderr.isatty():
        return lambda what, done, total: None

    def draw(what: str, done: int, total: int) -> None:
        redraw("" if done >= total else f"{bar(done / max(total, 1), 24)} {done}/{total} {what}", err=True)

    return draw


def bar(share: float, width: int) -> str:
    filled = max(round(width * share), share > 0)  # a little is not nothing
    return "█" * filled + "░" * (width - filled)


def redraw(text: str, *, err: bool = False) -> None:
    """Draw a line of a terminal over, clipped so that it never wraps: a wrapped line could not be drawn over again."""
    room = shutil.get_terminal_size().columns - 1
    click.echo(f"\r{text[:room]:<{room}}" + ("" if text else "\r"), nl=False, err=err)


def paper(most: int) -> int:
    """How wide a text may be: as the terminal, at most `most`; `most` when piped."""
    return max(60, min(most, shutil.get_terminal_size().columns)) if sys.stdout.isatty() else most
