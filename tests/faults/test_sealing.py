"""Full disks, deaths at every point, changed bytes: nothing half-written is ever a release, and no recorded event is ever lost."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sample
from gonogo.base.tree import read_tree
from gonogo.errors import StorageError, VerificationError
from gonogo.registry.stores.sqlite import SqliteStore
from gonogo.release.contents import Bundle
from gonogo.release.package import package
from gonogo.release.verify import verify
from gonogo.trust.keys import PublicKey
from gonogo.trust.signers.file import FileSigner

CHILD = Path(__file__).with_name("sealing_child.py")


def put(sealed: Path, place: Path) -> Path:
    """A bundle and the keys to seal it with."""
    shutil.copytree(sealed / "releases/small-1.0.0/bundle", place / "bundle")
    shutil.copytree(sealed / "keys", place / "keys")
    return place


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, sealed: Path) -> Path:
    return put(sealed, tmp_path_factory.mktemp("sealing") / "built")


@pytest.fixture
def place(sealed: Path) -> Iterator[Path]:
    """A folder to die in: in memory where the machine allows it, because what a kill leaves behind does not depend on the disk."""
    memory = Path("/dev/shm")
    where = str(memory) if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="gonogo-faults-", dir=where) as folder:
        yield put(sealed, Path(folder) / "place")


def ready_in(folder: Path) -> Any:
    return sample.sealable(Bundle.open(folder / "bundle"), folder / "keys")


def child(*arguments: str) -> str:
    done = subprocess.run([sys.executable, str(CHILD), *arguments], capture_output=True, text=True, check=False, timeout=150)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_sealing_that_is_killed_at_any_point_leaves_no_half_release(place: Path) -> None:
    seen = json.loads(child("seal", str(place)))
    assert seen["nothing"] > 30, seen  # it died in the middle of writing, many times
    assert seen["release"] > 0, seen  # and after the rename, when the release was whole
    assert seen["points"] == seen["nothing"] + seen["release"]


def test_a_store_whose_beginning_was_killed_at_any_point_is_begun_again_or_goes_on(tmp_path: Path) -> None:
    sample.write_project(tmp_path / "project")
    seen = json.loads(child("begin", str(tmp_path)))
    assert min(seen["new"], seen["begun"]) > 3, seen


def test_a_commit_that_is_killed_at_any_point_is_there_or_not_there(place: Path) -> None:
    seen = json.loads(child("commit", str(place)))
    assert seen["before"] > 5, seen
    assert seen["after"] > 5, seen


def test_a_store_whose_writer_is_killed_at_any_moment_keeps_its_chain(place: Path) -> None:
    signer = FileSigner(place / "keys/store.key")
    moments = random.Random(17)
    count = 0
    for _ in range(6):
        writer = subprocess.Popen([sys.executable, str(CHILD), "busy", str(place)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(moments.uniform(0.005, 0.06))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        store = SqliteStore(place / "registry/gonogo.db", signer)
        report = store.verify_chain(signer.public)
        found = store.get("counter", "c")
        assert report.intact, report.problems
        assert report.count == (found[1]["number"] if found else 0) >= count
        count = report.count
        store.close()
    assert count > 0


@pytest.mark.parametrize("most", [64, 300, 900, 2500])
def test_a_file_that_cannot_be_written_whole_stops_the_sealing(place: Path, most: int) -> None:
    assert child("limited", str(place), str(most)).startswith("StorageError: cannot ")
    assert [path.name for path in (place / "releases").iterdir()] == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, to be filled. Needs the right to mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(disk)], capture_output=True, check=False).returncode
    if os.geteuid() != 0 or mounted != 0:
        pytest.skip("no right to mount a file system; the limit on file sizes above stands in for it")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path, leave: int) -> None:
    """Take all of the disk but about `leave` bytes."""
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    (disk / "ballast").write_bytes(b"\0" * max(free - leave, 0))


def test_a_disk_that_fills_up_while_sealing_leaves_nothing_and_says_so(built: Path, small_disk: Path) -> None:
    ready = ready_in(built)
    releases = small_disk / "releases"
    said: list[str] = []
    left: list[Path] = []
    for leave in range(4096, 200_000, 8192):
        fill(small_disk, leave)
        try:
            sealed = ready.seal(releases)
        except StorageError as error:
            said.append(str(error))
            left += list(releases.iterdir()) if releases.exists() else []
        else:
            assert verify(sealed.path, ready.signer.public)
            shutil.rmtree(releases)
        (small_disk / "ballast").unlink()
    assert len(said) >= 3
    assert all("No space left on device" in text and "Free space" in text for text in said)
    assert left == []
    assert ready.seal(releases).path.is_dir()


def test_a_disk_that_fills_up_while_packing_leaves_no_archive(built: Path, small_disk: Path, tmp_path: Path) -> None:
    sealed = ready_in(built).seal(tmp_path / "releases")
    fill(small_disk, 8192)
    with pytest.raises(StorageError, match="No space left"):
        package(sealed.path, small_disk / "small.tar.gz")
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]


def test_a_full_disk_refuses_an_event_and_loses_none(built: Path, small_disk: Path) -> None:
    signer = FileSigner(built / "keys/store.key")
    store = SqliteStore(small_disk / "gonogo.db", signer)
    fill(small_disk, 60_000)

    def grow() -> None:
        for _ in range(10_000):
            with store.transaction() as tx:
                tx.append("grew", {"text": "x" * 500}, "ana")
            nonlocal written
            written += 1

    written = 0
    with pytest.raises(StorageError):
        grow()
    report = store.verify_chain(signer.public)
    assert (report.count, report.problems) == (written, ())
    assert written > 0
    (small_disk / "ballast").unlink()
    with store.transaction() as tx:
        tx.append("went on", {}, "ana")
    assert store.verify_chain(signer.public).count == written + 1
    store.close()


def test_a_changed_byte_in_any_file_of_a_release_is_refused_and_named(built: Path, tmp_path: Path) -> None:
    sealed = ready_in(built).seal(tmp_path / "releases").path
    key = PublicKey.load(built / "keys/store.pub")
    tried = 0
    for file in read_tree(sealed).files:
        path = sealed / file.path
        data = path.read_bytes()
        for offset in range(0, len(data), max(1, len(data) // 40)):
            path.write_bytes(data[:offset] + bytes([data[offset] ^ (1 << offset % 8)]) + data[offset + 1 :])
            with pytest.raises(VerificationError) as raised:
                verify(sealed, key)
            assert file.path in raised.value.message
            tried += 1
        path.write_bytes(data)
    assert tried > 300
    assert verify(sealed, key)


def test_a_changed_byte_in_the_archive_is_refused(built: Path, tmp_path: Path) -> None:
    sealed = ready_in(built).seal(tmp_path / "releases").path
    key = PublicKey.load(built / "keys/store.pub")
    archive = package(sealed, tmp_path / "small.tar.gz")
    data = archive.read_bytes()
    for offset in sorted({*range(24), *range(24, len(data), len(data) // 250), *range(len(data) - 20, len(data))}):
        archive.write_bytes(data[:offset] + bytes([data[offset] ^ (1 << offset % 8)]) + data[offset + 1 :])
        with pytest.raises(VerificationError):
            verify(archive, key)
    archive.write_bytes(data)
    assert verify(archive, key)
