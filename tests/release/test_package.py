"""One release, one sequence of bytes; and whatever is not it is refused before or after unpacking."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from gonogo.base.tree import read_tree
from gonogo.errors import VerificationError
from gonogo.release.package import GZIP_HEAD, LAST_BLOCK, STORED, archive_bytes, package, read_package


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "late-1.0.0"
    files = {
        "bundle/model/model.onnx": os.urandom(70_000),
        "bundle/bundle.json": b"{}",
        "empty": b"",
        ".hidden": b"dot-files count",
        "exactly": b"x" * 512,
        "ä.txt": b"not only ASCII",
    }
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def test_unpacking_gives_the_same_tree(folder: Path, tmp_path: Path) -> None:
    archive = package(folder, tmp_path / "late.tar.gz")
    top = read_package(archive, tmp_path / "into")
    assert top.name == folder.name
    assert read_tree(top) == read_tree(folder)


def test_the_bytes_do_not_depend_on_times_modes_or_the_order_of_writing(folder: Path, tmp_path: Path) -> None:
    first = package(folder, tmp_path / "1.tar.gz").read_bytes()
    twin = tmp_path / "elsewhere" / folder.name
    for file in reversed(read_tree(folder).files):
        (twin / file.path).parent.mkdir(parents=True, exist_ok=True)
        (twin / file.path).write_bytes((folder / file.path).read_bytes())
        os.chmod(twin / file.path, 0o600)
        os.utime(twin / file.path, (1, 1))
    assert package(twin, tmp_path / "2.tar.gz").read_bytes() == first


def test_every_ordinary_tool_can_read_it(folder: Path, tmp_path: Path) -> None:
    archive = package(folder, tmp_path / "late.tar.gz")
    with tarfile.open(archive, "r:gz") as tar:
        assert {member.name for member in tar} == {f"late-1.0.0/{file.path}" for file in read_tree(folder).files}
        assert {(member.mtime, member.uid, member.gid, member.mode, member.uname) for member in tar} == {(0, 0, 0, 0o644, "")}
    assert gzip.decompress(archive.read_bytes())[:11] == b"late-1.0.0/"


def test_a_changed_byte_anywhere_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "bundle/model/model.onnx").write_bytes(os.urandom(900))
    data = b"".join(archive_bytes(folder))
    dense = {*range(700), *range(700, len(data), 7), *range(len(data) - 100, len(data))}
    for offset in sorted(dense):
        harmed = bytearray(data)
        harmed[offset] ^= 1 << offset % 8
        (tmp_path / "harmed.tar.gz").write_bytes(harmed)
        into = tmp_path / f"into-{offset}"
        try:
            top = read_package(tmp_path / "harmed.tar.gz", into)
        except VerificationError:
            continue
        # The gzip frame's checksum covers what is inside, so nothing may get here.
        raise AssertionError(f"a changed byte at {offset} went through to {top}")


@pytest.mark.parametrize("keep", [0, 5, 10, 15, 600, -1, -4, -9, -13, -600])
def test_a_truncated_archive_is_refused(folder: Path, tmp_path: Path, keep: int) -> None:
    data = b"".join(archive_bytes(folder))
    (tmp_path / "short.tar.gz").write_bytes(data[:keep])
    with pytest.raises(VerificationError):
        read_package(tmp_path / "short.tar.gz", tmp_path / "into")


def test_bytes_after_the_end_are_refused(folder: Path, tmp_path: Path) -> None:
    data = b"".join(archive_bytes(folder))
    for name, more in {"a blank": b"\0", "a second archive": data}.items():
        (tmp_path / "long.tar.gz").write_bytes(data + more)
        with pytest.raises(VerificationError, match="checksum or length"):
            read_package(tmp_path / "long.tar.gz", tmp_path / name)


def hostile(tmp_path: Path, make: Callable[[tarfile.TarFile], None]) -> Path:
    """An archive in our own gzip form around a tar that somebody else wrote."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        make(tar)

    raw = buffer.getvalue()
    pieces = [raw[start : start + STORED] for start in range(0, len(raw), STORED)]
    blocks = b"".join(struct.pack("<BHH", 0, len(piece), len(piece) ^ 0xFFFF) + piece for piece in pieces)
    path = tmp_path / "hostile.tar.gz"
    path.write_bytes(GZIP_HEAD + blocks + LAST_BLOCK + struct.pack("<II", zlib.crc32(raw), len(raw)))
    return path


def entry(name: str, kind: bytes = tarfile.REGTYPE, *, data: bytes = b"x", link: str = "") -> Callable[[tarfile.TarFile], None]:
    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = kind, link, len(data) if kind == tarfile.REGTYPE else 0
        tar.addfile(info, io.BytesIO(data) if kind == tarfile.REGTYPE else None)

    return add


def several(*parts: Callable[[tarfile.TarFile], None]) -> Callable[[tarfile.TarFile], None]:
    def add(tar: tarfile.TarFile) -> None:
        for part in parts:
            part(tar)

    return add


@pytest.mark.parametrize(
    "make",
    [
        entry("late/../../escaped"),
        entry("/tmp/escaped"),
        entry("late//file"),
        entry("late/./file"),
        entry("file-without-folder"),
        entry("late/link", tarfile.SYMTYPE, link="/etc/passwd"),
        entry("late/link", tarfile.LNKTYPE, link="late/other"),
        entry("late/pipe", tarfile.FIFOTYPE),
        entry("late/device", tarfile.CHRTYPE),
        entry("late/folder", tarfile.DIRTYPE),
        several(entry("late/a"), entry("other/b")),
        several(entry("late/b"), entry("late/a")),
        several(entry("late/a"), entry("late/a")),
        several(entry("late/A"), entry("late/a")),
        several(entry("late/a"), entry("late/a/b")),
        several(),
    ],
    ids=[
        "..", "absolute", "empty part", "dot", "no folder", "symlink", "hard link", "fifo", "device", "directory entry", "two tops",
        "out of order", "twice", "case collision", "file and folder", "empty",
    ],
)  # fmt: skip
def test_what_we_would_not_have_written_is_refused_and_writes_nothing_outside(
    tmp_path: Path, make: Callable[[tarfile.TarFile], None]
) -> None:
    archive = hostile(tmp_path, make)
    into = tmp_path / "deep" / "into"
    with pytest.raises(VerificationError):
        read_package(archive, into)
    assert not list(tmp_path.rglob("escaped"))
    assert {path.name for path in tmp_path.iterdir()} <= {"hostile.tar.gz", "deep"}


def test_a_compressed_archive_is_refused_so_nothing_can_blow_up(folder: Path, tmp_path: Path) -> None:
    plain = gzip.decompress(b"".join(archive_bytes(folder)))
    (tmp_path / "bomb.tar.gz").write_bytes(gzip.compress(plain, mtime=0))
    with pytest.raises(VerificationError, match=r"not an archive of a release|stored form"):
        read_package(tmp_path / "bomb.tar.gz", tmp_path / "into")


def test_a_link_in_the_folder_is_not_packed(folder: Path, tmp_path: Path) -> None:
    (folder / "link").symlink_to("/etc/passwd")
    with pytest.raises(VerificationError, match="link is a link"):
        package(folder, tmp_path / "late.tar.gz")
    assert not list(tmp_path.glob("*.tar.gz*"))
