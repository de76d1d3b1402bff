"""Arrays that cross between a process and its isolated child, as plain .npy files in a scratch folder. Nothing is ever pickled.

Text columns are objects in memory; they travel as one block of UTF-8 with the end of each value. What comes back from a child is
hostile until checked: only plain files are opened, never through a link, and only numbers of the declared kind are accepted.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gonogo.base.files import storage
from gonogo.errors import ChildError
from gonogo.model.runtime import Array


class TextColumns:
    """Text [rows, width] as it lies in the scratch folder; slices of rows become object arrays."""

    def __init__(self, block: Array, ends: Array, shape: tuple[int, int]) -> None:
        self._block, self._ends, self.shape = block, ends, shape

    def __getitem__(self, rows: slice) -> Array:
        start, stop, _ = rows.indices(self.shape[0])
        width = self.shape[1]
        array = np.empty((max(0, stop - start), width), dtype=object)
        at = int(self._ends[start * width - 1]) if start else 0
        for row in range(start, stop):
            for column in range(width):
                end = int(self._ends[row * width + column])
                array[row - start, column] = self._block[at:end].tobytes().decode("utf-8")
                at = end
        return array


def write_arrays(folder: Path, arrays: Mapping[str, Array]) -> list[dict[str, Any]]:
    """Write arrays below `folder`; returns their table of contents, as JSON. Raises StorageError when the disk is full."""
    contents: list[dict[str, Any]] = []
    for number, (name, array) in enumerate(arrays.items()):
        entry: dict[str, Any] = {"name": name, "file": f"array-{number}.npy", "text": array.dtype.kind in "OU", "shape": list(array.shape)}
        with storage(folder, "write arrays to"):
            if entry["text"]:
                if array.ndim != 2:
                    raise ValueError(f"text must be a matrix, {name!r} has the shape {array.shape}")
                values = [str(value).encode("utf-8") for value in array.ravel()]
                ends = np.cumsum([len(value) for value in values], dtype=np.int64)
                np.save(folder / f"ends-{number}.npy", ends, allow_pickle=False)
                entry["ends"] = f"ends-{number}.npy"
                np.save(folder / entry["file"], np.frombuffer(b"".join(values), dtype=np.uint8), allow_pickle=False)
            else:
                np.save(folder / entry["file"], array, allow_pickle=False)
        contents.append(entry)
    return contents


def open_arrays(folder: Path, contents: list[dict[str, Any]]) -> dict[str, Any]:
    """In the child: the arrays that `write_arrays` wrote, mapped into memory and not read until they are used."""
    arrays: dict[str, Any] = {}
    for entry in contents:
        array = _mapped(folder / entry["file"])
        if entry["text"]:
            array = TextColumns(array, _mapped(folder / entry["ends"]), (entry["shape"][0], entry["shape"][1]))
        arrays[entry["name"]] = array
    return arrays


def _mapped(path: Path) -> Any:
    # An empty array cannot be mapped.
    mode = "r" if path.stat().st_size > 1 << 16 else None
    return np.load(path, mmap_mode=mode, allow_pickle=False)  # type: ignore[arg-type]  # NumPy's stub lacks None


def read_returned(folder: Path, contents: Any, *, most_bytes: int) -> dict[str, Array]:
    """In the parent: the float arrays that the child left. Raises ChildError for anything else than plain files with such arrays."""
    arrays: dict[str, Array] = {}
    left = most_bytes
    try:
        for number, name in enumerate(contents):
            if not isinstance(name, str) or name in arrays:
                raise ValueError("the names of its arrays are malformed")
            with open_plain(folder / f"array-{number}.npy") as file:
                left -= os.fstat(file.fileno()).st_size
                if left < 0:
                    raise ValueError("it gave more than it may")
                arrays[name] = np.load(file, allow_pickle=False)
            if arrays[name].dtype not in (np.float32, np.float64):
                raise ValueError(f"array {name!r} holds {arrays[name].dtype}")
    except (OSError, ValueError, EOFError, TypeError, MemoryError, SyntaxError) as error:
        raise ChildError(f"the isolated child gave back what cannot be read: {error}.") from error
    return arrays


def open_plain(path: Path) -> BinaryIO:
    """Open a file that a stranger may have made: no link is followed, and only a plain file will do. Raises OSError, ValueError."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ValueError(f"{path.name} is no plain file")
    return os.fdopen(handle, "rb")
