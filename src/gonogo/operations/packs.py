"""`gonogo packs lint`: every contradiction of the named packs, or of a project's pack as the project changes it; what cannot be loaded is
one itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gonogo.checklist.false_alarms import lint_rules
from gonogo.checklist.items import Pack
from gonogo.checklist.lint import lint
from gonogo.checklist.load import bundled_packs, load_pack
from gonogo.checklist.project import load_project
from gonogo.errors import ProjectFileError


def lint_packs(names: Sequence[str] = ()) -> dict[str, tuple[str, ...]]:
    """Findings by name, in words; those of all ready-made packs when none is named. A folder with a gonogo.yaml is a project. Raises
    NotFoundError for what is neither."""
    found: dict[str, tuple[str, ...]] = {}
    for name in names or [pack.name for pack in bundled_packs()]:
        try:
            pack = _pack(name)
        except ProjectFileError as error:
            found[name] = (str(error),)
            continue
        found[name] = tuple(str(finding) for finding in (*lint(pack.gate, pack.claims), *lint_rules(pack.monitor)))
    return found


def _pack(name: str) -> Pack:
    if not (Path(name) / "gonogo.yaml").is_file():
        return load_pack(name)
    project = load_project(Path(name) / "gonogo.yaml")
    return load_pack(project.pack, project)
