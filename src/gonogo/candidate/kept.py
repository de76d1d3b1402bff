"""Files and folders of a project, kept aside whole, and put back.

A keeping is a folder that is published in one rename, so it is there whole or not at all. Its copies are numbered in the order of their
paths, sorted. What each of them is, the caller has written down elsewhere: the digests that `keep` gives, of the copies, not of the
originals. The ledger of runs is only ever added to: it is never part of a keeping, and putting back leaves it as it is.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from gonogo.base.canonical import digest
from gonogo.base.files import draft_directory, fsync_directory, publish_directory, storage
from gonogo.base.tree import file_digest
from gonogo.candidate.run_record import LEDGER
from gonogo.errors import StorageError

LINK = ".link"  #: ends the name of the copy of a link itself, beside that of what it names
Digests = Mapping[str, str | None]  #: by path, relative to the root; None: nothing was there


def digests_of(root: Path, paths: Sequence[str]) -> dict[str, str | None]:
    """What lies at each path now. Raises StorageError for what cannot be read."""
    return {path: _digest(root / path) for path in paths}


def keep(root: Path, paths: Sequence[str], folder: Path) -> dict[str, str | None]:
    """Copy what lies at the paths into `folder`, which is new, and give the digests of the copies."""
    with storage(folder, "keep files in"), draft_directory(folder) as draft:
        for number, path in enumerate(sorted(paths)):
            source, copy = root / path, draft / str(number)
            if source.is_symlink():
                os.symlink(os.readlink(source), draft / f"{number}{LINK}")
            if source.is_dir():
                copy.mkdir()
                for name in _files(source):
                    _copy(source / name, copy / name)
            elif source.exists():
                _copy(source, copy)
        found = digests_of(draft, [str(number) for number in range(len(paths))])
        publish_directory(draft, folder)
    return dict(zip(sorted(paths), found.values(), strict=True))


def is_whole(folder: Path, kept: Digests) -> bool:
    """Whether the copies are those of these digests."""
    copies = digests_of(folder, [str(number) for number in range(len(kept))])
    return folder.is_dir() and list(copies.values()) == [kept[path] for path in sorted(kept)]


def put_back(root: Path, kept: Digests, folder: Path) -> list[str]:
    """Make every path what it was when it was kept, file by file, and name those that were otherwise. Doing it again changes nothing.

    Raises StorageError, before anything is touched, when a copy is not the one that was made.
    """
    if not is_whole(folder, kept):
        raise StorageError(f"the copies in {folder} are damaged, so nothing was put back.", hint="Restore the files from a backup.")
    changed = [path for path, was in digests_of(root, list(kept)).items() if was != kept[path]]
    for number, path in enumerate(sorted(kept)):
        if path in changed:
            with storage(root / path, "put back"):
                _put_back_link(folder / f"{number}{LINK}", root / path)
                if _digest(root / path) != kept[path]:
                    _replace(folder / str(number), (root / path).resolve(), there=kept[path] is not None)
    return changed


def _put_back_link(was: Path, place: Path) -> None:
    """Make the path a link again, to the same place, or none: what another link names is not ours to write."""
    wanted = os.readlink(was) if was.is_symlink() else None
    if place.is_symlink() and os.readlink(place) != wanted:
        place.unlink()
    if wanted is not None and not place.is_symlink() and not place.is_dir():
        place.unlink(missing_ok=True)
        os.symlink(wanted, place)


def _replace(copy: Path, place: Path, *, there: bool) -> None:
    wanted = _files(copy) if copy.is_dir() else None
    if place.is_dir() and wanted is not None:
        for name in _files(place):
            if name not in wanted:
                (place / name).unlink()
    elif place.is_dir():
        for name in _files(place):
            (place / name).unlink()
        if not any(path.is_file() for path in place.rglob("*")):
            shutil.rmtree(place)
    elif place.exists() and (not there or wanted is not None):
        place.unlink()
    if wanted is not None:
        place.mkdir(parents=True, exist_ok=True)
        for name in wanted:
            _copy(copy / name, place / name)
    elif there:
        _copy(copy, place)


def _copy(source: Path, target: Path) -> None:
    """Whole or not at all: beside, then renamed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.part")  # what a kill leaves of it, the next one writes over: there is one at a time
    shutil.copy2(source, beside)
    os.replace(beside, target)
    fsync_directory(target.parent)


def _digest(path: Path) -> str | None:
    with storage(path, "read"):
        if path.is_dir():
            found = {name: file_digest(path / name) for name in _files(path)}
            return digest(found) if found else None  # a folder without files is nothing
        return file_digest(path) if path.is_file() else None


def _files(folder: Path) -> list[str]:
    """The files below a folder, by their paths in it."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != LEDGER)
    return sorted(path.relative_to(folder).as_posix() for path in found)
