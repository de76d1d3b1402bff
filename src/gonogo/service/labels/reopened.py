"""A label store that is opened at its first use, and anew after a fault: a damaged or missing file keeps nobody from starting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gonogo.errors import StorageError
from gonogo.model.slices import Slices
from gonogo.service.labels.store import LabelStore

T = TypeVar("T")


class ReopenedLabels:
    """The store at `path`. `slices` are told apart in what is recorded."""

    def __init__(self, path: Path, slices: Slices | None = None) -> None:
        self._path = path
        self._slices = slices
        self._store: LabelStore | None = None

    def use(self, action: Callable[[LabelStore], T]) -> T:
        """What the action gives. Raises StorageError, also when the file was removed or replaced meanwhile: the next use has the file
        that lies there then, or begins a new one."""
        try:
            if self._store is None:
                self._store = LabelStore(self._path, self._slices)
            elif not self._store.still_there():
                raise StorageError(
                    f"{self._path} was removed or replaced while it was in use.",
                    hint="Ask again: a new one is begun. The labels in the old one are lost, unless you put a backup there.",
                )
            return action(self._store)
        except StorageError:
            self.close()
            raise

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
