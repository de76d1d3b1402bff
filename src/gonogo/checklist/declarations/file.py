"""gonogo.yaml as its sections read it: plain data of the schema's shape, and what every section asks of it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gonogo.base.yaml_source import Path_, YamlSource
from gonogo.errors import ProjectFileError

Command = tuple[str, ...]


@dataclass(frozen=True)
class ProjectFile:
    """The file and what stands in it. Paths in it start at its folder, `root`."""

    source: YamlSource
    file: Path

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = self.source.data
        return found

    @cached_property
    def root(self) -> Path:
        return self.file.resolve().parent

    @property
    def store(self) -> Path:
        return self.path(self.data, "store") or self.root / ".gonogo"

    def section(self, name: str) -> dict[str, Any]:
        """A copy of a section; of one that is not there, nothing."""
        return dict(self.data.get(name, {}))

    def path(self, section: Mapping[str, Any], key: str) -> Path | None:
        return self.root / section[key] if key in section else None

    def command(self, at: Path_, text: str) -> Command:
        """The words of a command, which no shell will see. Raises ProjectFileError for none, or open quotes."""
        name = ".".join(str(part) for part in at)
        try:
            found = tuple(shlex.split(text))
        except ValueError as error:
            raise self.error(at, f"{name} is no command: {error}.", "Close the quotes.") from None
        if not found:
            raise self.error(at, f"{name} is empty.", "Remove it, or write a command.")
        return found

    def error(self, at: Path_, message: str, hint: str) -> ProjectFileError:
        return self.source.error(at, message, hint=hint)
