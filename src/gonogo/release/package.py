"""A release as one file: a .tar.gz whose bytes follow from the release alone.

The same release gives the same bytes with every version of Python and zlib, because nothing is left to a library's choice: files in the
byte order of their paths under one top folder, plain USTAR headers with time 0, owner 0 and mode 0644, no entries for folders, and a
gzip frame of *stored* deflate blocks (what is inside does not compress well: model weights; and a compressor's output differs from
version to version). `docs/decisions/0004-archive.md` weighs it, `docs/formats/release.md` specifies it.

Reading is the other way round and strict: whatever this module would not have written is refused before a file is made of it. Links,
devices, absolute paths, `..`, two names that differ only in case, and archives that grow when unpacked cannot be said in this form.
"""

from __future__ import annotations

import os
import struct
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import IO

from gonogo.base.files import fsync_directory, storage
from gonogo.base.tree import read_tree
from gonogo.errors import VerificationError

GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # deflate, no name, time 0, no hint, operating system unknown
LAST_BLOCK = b"\x01\x00\x00\xff\xff"  # an empty stored block that ends the stream
STORED = 65535  #: most bytes of a stored block
BLOCK = 512  #: tar counts in these
PIECE = 1 << 20
MOST_FILES = 100_000
MOST_BYTES = 1 << 36


def package(release_dir: Path, out: Path) -> Path:
    """Write the archive of a release's folder to `out` (whole or not at all) and give `out` back.

    Raises VerificationError for what a release may not hold, StorageError when it cannot be written.
    """
    beside = out.with_name(f".{out.name}.{os.getpid()}.part")
    with storage(out, "write"):
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(beside, "wb") as file:
                for piece in archive_bytes(release_dir):
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, out)
            fsync_directory(out.parent)
        finally:
            beside.unlink(missing_ok=True)
    return out


def archive_bytes(release_dir: Path) -> Iterator[bytes]:
    """The archive's bytes, in pieces."""
    yield GZIP_HEAD
    crc = size = 0
    for block in _regrouped(_tar_bytes(release_dir), STORED):
        crc, size = zlib.crc32(block, crc), size + len(block)
        yield struct.pack("<BHH", 0, len(block), len(block) ^ 0xFFFF)
        yield block
    yield LAST_BLOCK
    yield struct.pack("<II", crc, size & 0xFFFFFFFF)


def read_package(path: Path, into: Path) -> Path:
    """Unpack an archive below the empty folder `into` and give its top folder. What is unpacked is not verified yet.

    Raises VerificationError for everything that `package` would not have written, StorageError when the disk refuses.
    """
    with storage(path, "read"), open(path, "rb") as file:
        top = _unpack(_Reader(_stored_blocks(file, path.name), path.name), into)
    differs = f"{path.name} is not byte for byte the archive of what it holds: it was changed after it was written."
    with storage(path, "read"), open(path, "rb") as file:
        ours = _regrouped(archive_bytes(into / top), PIECE)
        theirs = iter(lambda: file.read(PIECE), b"")
        if any(mine != given for mine, given in zip_longest(ours, theirs)):
            raise VerificationError(differs)
    return into / top


def _tar_bytes(release_dir: Path) -> Iterator[bytes]:
    for entry in read_tree(release_dir).files:
        yield _header(f"{release_dir.name}/{entry.path}", entry.size)
        with open(release_dir / entry.path, "rb") as file:
            seen = 0
            while piece := file.read(PIECE):
                seen += len(piece)
                yield piece
        if seen != entry.size:
            raise VerificationError(f"{entry.path} changed while it was read.")
        yield b"\0" * (-entry.size % BLOCK)
    yield b"\0" * (2 * BLOCK)


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o644, 0
    try:
        return info.tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict")
    except ValueError as error:
        raise VerificationError(f"{name} cannot be put in an archive: {error}.", hint="Use a shorter name.") from error


def _regrouped(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of `size`; the last may be shorter."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)


def _stored_blocks(file: IO[bytes], name: str) -> Iterator[bytes]:
    """The content of a gzip frame of stored blocks. As no block is compressed, nothing is ever larger than the file."""
    if file.read(len(GZIP_HEAD)) != GZIP_HEAD:
        raise VerificationError(f"{name} is not an archive of a release: its head is another.")
    crc = size = 0
    while (head := file.read(5)) != LAST_BLOCK:
        if len(head) != 5:
            raise VerificationError(f"{name} is truncated.")
        kind, length, inverse = struct.unpack("<BHH", head)
        if kind != 0 or length ^ 0xFFFF != inverse:
            raise VerificationError(f"{name} is damaged: a block is not in stored form.")
        block = file.read(length)
        if len(block) != length:
            raise VerificationError(f"{name} is truncated.")
        crc, size = zlib.crc32(block, crc), size + length
        yield block
    if file.read(9) != struct.pack("<II", crc, size & 0xFFFFFFFF):
        raise VerificationError(f"{name} is damaged: its checksum or length is wrong.")


class _Reader:
    """Exactly so many bytes at a time out of pieces of any size."""

    def __init__(self, pieces: Iterator[bytes], name: str) -> None:
        self._pieces, self._name, self._held = pieces, name, bytearray()

    def exactly(self, count: int) -> bytes:
        while len(self._held) < count:
            piece = next(self._pieces, None)
            if piece is None:
                raise VerificationError(f"{self._name} is truncated.")
            self._held += piece
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken

    def rest(self) -> bool:
        """True when anything is left."""
        return bool(self._held) or any(self._pieces)


def _unpack(reader: _Reader, into: Path) -> str:
    top, folded, total, last = "", set[str](), 0, b""
    while any(head := reader.exactly(BLOCK)):
        try:
            info = tarfile.TarInfo.frombuf(head, "utf-8", "strict")
        except (tarfile.TarError, ValueError) as error:
            raise VerificationError(f"the archive is damaged: {error}.") from error
        parts = _parts(info.name)
        if head != _header(info.name, info.size):
            raise VerificationError(f"the archive's entry {info.name!r} is not a plain file in the one form a release has.")
        if top not in ("", parts[0]) or info.name.encode() <= last or info.name.casefold() in folded:
            raise VerificationError(f"the archive's entry {info.name!r} is out of order, twice there, or outside the one top folder.")
        top, last, total = parts[0], info.name.encode(), total + info.size
        folded.add(info.name.casefold())
        if total > MOST_BYTES or len(folded) > MOST_FILES:
            raise VerificationError("the archive holds more than a release may.")
        _write(into.joinpath(*parts), reader, info.size)
        if any(reader.exactly(-info.size % BLOCK)):
            raise VerificationError(f"the archive is damaged after {info.name!r}.")
    if any(reader.exactly(BLOCK)) or reader.rest():
        raise VerificationError("the archive goes on after its end.")
    if not top:
        raise VerificationError("the archive is empty.")
    return top


def _parts(name: str) -> tuple[str, ...]:
    parts = tuple(name.split("/"))  # an absolute name begins with an empty part
    if len(parts) < 2 or any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts):
        raise VerificationError(f"the archive's entry {name!r} may lead out of its folder.")
    return parts


def _write(path: Path, reader: _Reader, size: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "xb")  # noqa: SIM115 - closed below; what opens badly is the archive's fault, what writes badly the disk's
    except (FileExistsError, NotADirectoryError) as error:
        raise VerificationError(f"the archive uses {path.name!r} as a file and as a folder.") from error
    with file:
        while size > 0:
            piece = reader.exactly(min(size, PIECE))
            file.write(piece)
            size -= len(piece)
