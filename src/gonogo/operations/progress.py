"""How far an operation is, told while it runs."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]  #: what is done, how many are done, of how many


def silent(what: str, done: int, total: int) -> None:
    """No progress shown."""
