"""A folder as one value: every file with its size and SHA-256, and one root digest over the list.

Refused, because a verifier must never be able to overlook something: links, sockets and other special files, names that differ only
in case, names that are not UTF-8 or cannot be printed, empty trees. Dot-files count like any other file.

The root digest is the digest of the canonical JSON `{"files": [{"path", "sha256", "size"}, …], "format": "gonogo-tree/1"}` with the
files in the byte order of their paths. See `docs/formats/bundle.md`.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gonogo.base.canonical import digest
from gonogo.errors import VerificationError

FORMAT = "gonogo-tree/1"
BLOCK = 1 << 20


@dataclass(frozen=True)
class TreeFile:
    """One file: path with forward slashes, size in bytes, SHA-256 as hex."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Tree:
    files: tuple[TreeFile, ...]

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, "files": [{"path": f.path, "sha256": f.sha256, "size": f.size} for f in self.files]}

    @property
    def root_digest(self) -> str:
        return digest(self.to_json())

    def read(self, root: Path, path: str) -> bytes:
        """The bytes of one of its files below `root`. Raises VerificationError when they are not the ones that were hashed."""
        data = (root / path).read_bytes()
        if hashlib.sha256(data).hexdigest() != next((file.sha256 for file in self.files if file.path == path), None):
            raise VerificationError(f"{path} was changed after it was verified.")
        return data

    def differences(self, other: Tree) -> list[str]:
        """What `other` has otherwise, one sentence a file: "changed: x", "added: y", "missing: z"."""
        mine, theirs = {f.path: f for f in self.files}, {f.path: f for f in other.files}
        said = [f"missing: {path}" for path in mine if path not in theirs]
        said += [f"added: {path}" for path in theirs if path not in mine]
        said += [f"changed: {path}" for path in mine if path in theirs and mine[path] != theirs[path]]
        return sorted(said)


def file_digest(path: Path) -> str:
    """`sha256:<hex>` of a file's bytes, read in blocks."""
    return "sha256:" + _sha256(path)


def _sha256(path: Path) -> str:
    state = hashlib.sha256()
    with path.open("rb") as file:  # open() would take a number for one of our own files, and close it
        while block := file.read(BLOCK):
            state.update(block)
    return state.hexdigest()


def _refuse(error: OSError) -> None:
    """A folder that cannot be listed may hold anything: left to itself, `os.walk` would pass over it in silence."""
    raise error


def read_tree(root: Path, *, skip: frozenset[str] = frozenset()) -> Tree:
    """Hash every file below `root`, except the paths in `skip`. Raises VerificationError for what a tree may not hold.

    A folder that cannot be listed is an OSError, never an empty folder.
    """
    files: list[TreeFile] = []
    folded: dict[str, str] = {}
    for directory, names, file_names in os.walk(root, onerror=_refuse):
        for name in sorted(names) + sorted(file_names):
            path = Path(directory) / name
            relative = path.relative_to(root).as_posix()
            if not relative.isprintable():  # not UTF-8 (a lone surrogate here), or letters that a terminal would act upon
                raise VerificationError(f"{root}: the name {relative!r} cannot be printed.")
            kind = os.lstat(path).st_mode
            if stat.S_ISDIR(kind):
                continue
            if not stat.S_ISREG(kind):
                raise VerificationError(f"{root}: {relative} is a link or special file; only plain files may be there.")
            if relative in skip:
                continue
            twin = folded.setdefault(relative.casefold(), relative)
            if twin != relative:
                raise VerificationError(f"{root}: {twin} and {relative} differ only in case.")
            files.append(TreeFile(relative, path.stat().st_size, _sha256(path)))
    if not files:
        raise VerificationError(f"{root}: the tree is empty.")
    return Tree(tuple(sorted(files, key=lambda file: file.path.encode())))
