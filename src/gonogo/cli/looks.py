"""A rollout as it goes, on the terminal: one line a change, one for what a judged step needs, and one that is drawn over while it waits."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from gonogo.cli.door import bar, redraw, show_json


@contextmanager
def show_looks(as_json: bool) -> Iterator[Callable[[Any], None]]:
    """A callback for every look of the controller; silent in JSON mode."""
    last = needs = ""
    live = sys.stdout.isatty()

    def look(seen: Any) -> None:
        nonlocal last, needs
        head = f"{seen.phase:<12} {bar(seen.weight_bp / 10000, 10)} {seen.weight_bp / 100:>3.0f} %"
        text = head
        if seen.n_new or seen.n_old:
            counts = f"bad {seen.bad_new}/{seen.n_new}, old {seen.bad_old}/{seen.n_old}"
            text += f"  {counts}  log e safe {seen.log_e_safe:+.1f} harm {seen.log_e_harm:+.1f}"
        if live and last and head != last:
            click.echo()
        if seen.needs and seen.needs != needs:
            if live and head == last:
                click.echo()
            click.echo(f"  {seen.needs}")
        if live:
            redraw(text)
        elif head != last:
            click.echo(text)
        last, needs = head, seen.needs

    yield look if not as_json else (lambda seen: None)
    if live and last and not as_json:
        click.echo()


def show_end(rolled: Any, as_json: bool) -> int:
    """Say how it ended; returns the exit code."""
    if as_json:
        show_json(rolled.to_json())
    else:
        color = "green" if rolled.completed else "red"
        click.echo(f"{click.style(rolled.state, fg=color)}  {rolled.old or 'nothing'} → {rolled.new}: {rolled.reason}")
        for line in rolled.figures:
            click.echo(f"  {line}")
    return 0 if rolled.completed else 1
