"""A model of many files as one: a folder, packed so that the same files give the same bytes, and read without writing anything.

A TensorFlow SavedModel becomes a tar, the sources of a callable become a zip: plain files alone, in the order of their paths, without
times, owners or modes. Dot-files and what Python compiles are left out. Whoever reads such an archive packs what was found again and
compares: only the bytes that packing gives are accepted, so there is no room in it for links, `..`, compressed bombs, hidden entries or
a second meaning.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal

from gonogo.errors import ModelError

Packing = Literal["tar", "zip"]
MOST_FILES = 10_000
LONGEST_PATH = 200
_EPOCH = (1980, 1, 1, 0, 0, 0)  #: the earliest time that a zip can say


def pack(folder: Path, packing: Packing, into: BinaryIO) -> None:
    """Write the archive of a folder (or of a single file) to `into`. Raises ModelError for links and names that cannot be packed."""
    files = list(_files(folder))
    if not files:
        raise ModelError(f"{folder} holds no files that could be shipped.", hint="Dot-files and __pycache__ are left out.")
    if packing == "zip":
        _write_zip({name: path.read_bytes() for name, path in files}, into)
        return
    with tarfile.open(fileobj=into, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for name, path in files:
            with path.open("rb") as file:
                archive.addfile(_entry(name, path.stat().st_size), file)


def unpack(data: bytes) -> dict[str, bytes]:
    """Path → bytes of an archive that `pack` wrote. Raises ModelError for every other archive."""
    packing: Packing = "zip" if data[:4] == b"PK\x03\x04" else "tar"
    try:
        files = _read_zip(data) if packing == "zip" else _read_tar(data)
        for name in files:
            _check_name(name)
        again = io.BytesIO()
        if packing == "zip":
            _write_zip(files, again)
        else:
            with tarfile.open(fileobj=again, mode="w|", format=tarfile.PAX_FORMAT) as archive:
                for name, content in files.items():
                    archive.addfile(_entry(name, len(content)), io.BytesIO(content))
    except (tarfile.TarError, zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError, RuntimeError) as error:
        raise ModelError(f"the packed model cannot be read: {error}.") from error
    if not files or list(files) != sorted(files, key=str.encode) or again.getvalue() != data:
        raise ModelError("the packed model is not as gonogo packs it.", hint="Build the bundle again from the folder.")
    return files


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """(path in the archive, file), in the byte order of the paths."""
    if folder.is_file() and not folder.is_symlink():
        yield _check_name(folder.name), folder
        return
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if any(part.startswith(".") or part == "__pycache__" for part in relative.parts) or path.suffix == ".pyc":
            continue
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ModelError(f"{path} is a link or special file; only plain files can be shipped.", hint="Put a copy in its place.")
        if path.is_file():
            found[_check_name(relative.as_posix())] = path
            if len(found) > MOST_FILES:
                raise ModelError(f"{folder} holds more than {MOST_FILES:,} files.", hint="Name the model's own folder as `model.path`.")
    twins = {name.casefold(): name for name in found}
    if len(twins) != len(found):
        name = next(name for name in found if twins[name.casefold()] != name)
        raise ModelError(f"{folder}: {name} and {twins[name.casefold()]} differ only in case.", hint="Rename one of them.")
    yield from sorted(found.items(), key=lambda item: item[0].encode())


def _check_name(name: str) -> str:
    parts = PurePosixPath(name).parts
    wrong = (
        not name.isprintable() or "\\" in name or ":" in name or len(name.encode()) > LONGEST_PATH or not parts or parts[0] == "/"
        or any(part in ("..", ".") or part.startswith(".") for part in parts) or "/".join(parts) != name
    )  # fmt: skip
    if wrong:
        raise ModelError(f"the path {name[:LONGEST_PATH]!r} cannot be packed.", hint="Use short, printable names without : and \\.")
    return name


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    return entry


def _write_zip(files: dict[str, bytes], into: BinaryIO) -> None:
    whole = io.BytesIO()  # what cannot seek would get other bytes
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, content)
    into.write(whole.getvalue())


def _read_zip(data: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > len(data):
            raise ValueError("its entries are too many or too large")
        for entry in entries:
            if entry.compress_type != zipfile.ZIP_STORED or entry.filename in files:
                raise ValueError(f"the entry {entry.filename!r} is compressed or there twice")
            files[entry.filename] = archive.read(entry)
    return files


def _read_tar(data: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for entry in archive:
            content = archive.extractfile(entry) if entry.type == tarfile.REGTYPE and not entry.issparse() else None
            if content is None or entry.name in files or len(files) == MOST_FILES or entry.size > len(data):
                raise ValueError(f"the entry {entry.name!r} is no plain file, there twice, or one too many")
            files[entry.name] = content.read()
    return files
