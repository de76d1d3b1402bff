"""A folder is packed the same way everywhere, and only what packing gives is read."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gonogo.errors import ModelError
from gonogo.model.archives import Packing, pack, unpack

FILES = {"saved_model.pb": b"\x08\x01", "variables/variables.data-00000-of-00001": b"weights" * 999, "assets/words.txt": b"a\nb\n"}


def folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def packed(path: Path, packing: Packing) -> bytes:
    into = io.BytesIO()
    pack(path, packing, into)
    return into.getvalue()


@pytest.mark.parametrize("packing", ["tar", "zip"])
def test_the_same_files_give_the_same_bytes_whenever_and_by_whomever(tmp_path: Path, packing: Packing) -> None:
    one, two = folder(tmp_path / "one", FILES), folder(tmp_path / "two", dict(reversed(FILES.items())))
    os.utime(two / "saved_model.pb", (1, 1))
    (two / "saved_model.pb").chmod(0o600)
    folder(two, {".DS_Store": b"x", "__pycache__/a.pyc": b"x", "assets/.hidden/y": b"y", "old.pyc": b"z"})
    assert packed(one, packing) == packed(two, packing)
    assert unpack(packed(one, packing)) == dict(sorted(FILES.items()))


def test_one_source_is_packed_as_well_as_a_folder(tmp_path: Path) -> None:
    (tmp_path / "scoring.py").write_bytes(b"def predict(x): ...")
    assert unpack(packed(tmp_path / "scoring.py", "zip")) == {"scoring.py": b"def predict(x): ..."}


def _link(root: Path) -> None:
    (root / "a.py").symlink_to("/etc/passwd")


def _folder_link(root: Path) -> None:
    (root / "sub").symlink_to("/etc")


def _pipe(root: Path) -> None:
    os.mkfifo(root / "pipe")


def _twins(root: Path) -> None:
    folder(root, {"A.py": b"", "a.py": b""})


def _unprintable(root: Path) -> None:
    folder(root, {"a\nb.py": b""})


def _backslash(root: Path) -> None:
    folder(root, {"a\\b.py": b""})


@pytest.mark.parametrize("harm", [_link, _folder_link, _pipe, _twins, _unprintable, _backslash, lambda root: None])
def test_what_cannot_be_packed_is_refused(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    harm(tmp_path)
    with pytest.raises(ModelError):
        packed(tmp_path, "zip")


def tarred(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    into = io.BytesIO()
    with tarfile.open(fileobj=into, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for entry, content in entries:
            archive.addfile(entry, io.BytesIO(content))
    return into.getvalue()


def entry(name: str, content: bytes = b"", **attributes: object) -> tuple[tarfile.TarInfo, bytes]:
    made = tarfile.TarInfo(name)
    made.size, made.mode = len(content), 0o644
    for key, value in attributes.items():
        setattr(made, key, value)
    return made, content


def zipped(files: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", compression) as archive:
        for name, content in files:
            made = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            made.create_system, made.external_attr, made.compress_type = 3, 0o644 << 16, compression
            archive.writestr(made, content)
    return into.getvalue()


HOSTILE: dict[str, bytes] = {
    "a tar with ..": tarred(entry("../evil.py", b"x")),
    "a tar with an absolute path": tarred(entry("/etc/evil", b"x")),
    "a link in a tar": tarred(entry("a", type=tarfile.SYMTYPE, linkname="/etc/passwd")),
    "a hard link in a tar": tarred(entry("a", b"x"), entry("b", type=tarfile.LNKTYPE, linkname="a")),
    "a device in a tar": tarred(entry("a", type=tarfile.CHRTYPE)),
    "a file twice in a tar": tarred(entry("a", b"x"), entry("a", b"y")),
    "an owner in a tar": tarred(entry("a", b"x", uid=1000)),
    "a time in a tar": tarred(entry("a", b"x", mtime=7)),
    "a program in a tar": tarred(entry("a", b"x", mode=0o755)),
    "a tar out of order": tarred(entry("b", b"x"), entry("a", b"y")),
    "a dot-file in a tar": tarred(entry(".a", b"x")),
    "an empty tar": tarred(),
    "a tar with something after it": tarred(entry("a", b"x")) + b"more",
    "half a tar": tarred(entry("a", b"x" * 5000))[:2000],
    "a zip with ..": zipped([("../evil.py", b"x")]),
    "a zip with a drive": zipped([("C:/evil.py", b"x")]),
    "a file twice in a zip": zipped([("a.py", b"x"), ("b.py", b"y")]).replace(b"b.py", b"a.py"),
    "a bomb": zipped([("a.py", b"\0" * (64 << 20))], zipfile.ZIP_DEFLATED),
    "a zip that says it is larger than it is": zipped([("a.py", b"x" * 100)]).replace(
        (100).to_bytes(4, "little"), (1 << 30).to_bytes(4, "little")
    ),
    "a zip behind something": b"PK\x03\x04junk" + zipped([("a.py", b"x")]),
    "a zip with a comment": zipped([("a.py", b"x")])[:-2] + b"\x04\x00more",
    "half a zip": zipped([("a.py", b"x" * 100)])[:60],
    "an empty zip": zipped([]),
    "no archive": b"hello",
    "nothing": b"",
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("case", HOSTILE)
def test_an_archive_that_packing_does_not_give_is_refused(case: str) -> None:
    with pytest.raises(ModelError, match="packed"):
        unpack(HOSTILE[case])
