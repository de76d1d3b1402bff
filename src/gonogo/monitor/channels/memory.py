"""A channel that only remembers: for rehearsals and tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.errors import UnreachableError
from gonogo.monitor.notice import LEVELS, Level, Notice


class MemoryChannel:
    """`told` holds every notice once, in order. While `unreachable` is true nothing gets through."""

    levels: tuple[Level, ...] = LEVELS
    options: ClassVar[Mapping[str, Any]] = {}
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, system: str = "") -> None:
        self.told: list[Notice] = []
        self.unreachable = False

    def send(self, notice: Notice) -> None:
        """Raises UnreachableError while `unreachable`."""
        if self.unreachable:
            raise UnreachableError("the memory channel does not answer.")
        if all(notice.id != known.id for known in self.told):
            self.told.append(notice)
