"""What no step of a training may change: gonogo.yaml, a pack of the project's own, the lock of the packages, and the sources.

A copy is kept while the steps run. What a step has changed of it, or taken away, is set aside (`left-N`) and put back, and the step has
failed. Without `code.paths` every file of the folder counts as source, whatever a training notes there; then only its Python files are
held fast.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gonogo.candidate.kept import digests_of, keep, put_back
from gonogo.checklist.project import Project
from gonogo.evidence.inputs import SourceTree


@dataclass(frozen=True)
class Guard:
    """`held` are the digests of what is held fast, by path; the copies lie in `folder`, what is set aside beside it."""

    root: Path
    held: Mapping[str, str | None]
    folder: Path

    def undo(self) -> list[str]:
        """Make everything what it was, and name what was otherwise."""
        changed = [path for path, value in digests_of(self.root, list(self.held)).items() if value != self.held[path]]
        if changed:
            set_aside(self.root, changed, self.folder.parent)
            put_back(self.root, self.held, self.folder)
        return changed


@contextmanager
def guarded(project: Project, written: list[str], folder: Path) -> Iterator[Guard]:
    """Holds fast what is not `written` (paths that a training is declared to write); `folder` is the training's. Raises StorageError."""
    place = folder / "guard"
    shutil.rmtree(place, ignore_errors=True)  # of a training that was cut off
    try:
        yield Guard(project.root, keep(project.root, _held(project, written), place), place)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def set_aside(root: Path, paths: list[str], folder: Path) -> None:
    """Keep what lies at the paths now in the next `left-N` of a training's folder."""
    keep(root, paths, folder / f"left-{1 + sum(1 for _ in folder.glob('left-*'))}")


def _held(project: Project, written: list[str]) -> list[str]:
    tree = SourceTree.read(project.root, project.code.paths)
    everything = project.code.paths == (project.root / ".",)
    sources = [file for file in (*tree.files, *tree.links) if not everything or file.suffix == ".py"]
    pack = project.root / project.pack
    found = [project.file, *sources, *(file for file in pack.rglob("*") if file.is_file())]
    found += [project.environment] if project.environment is not None else []
    apart = [project.root / path for path in written]
    return sorted({project.shown(file) for file in found if not any(file == one or file.is_relative_to(one) for one in apart)})
