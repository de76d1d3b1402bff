"""What changes while nobody looks, or lies where nobody can look, is not taken for what was verified."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import sample
from gonogo.base.tree import read_tree
from gonogo.errors import DataError, VerificationError
from gonogo.model.sandbox import Sandbox
from gonogo.release.bundle import build_bundle, find_bundle
from gonogo.release.contents import ENVIRONMENT, Bundle
from gonogo.release.statements import read_folder
from gonogo.release.verify import verify
from gonogo.trust.keys import PublicKey


@pytest.mark.parametrize("name", ["train.csv", "test.csv"])
def test_a_table_that_changes_while_the_bundle_is_built_makes_no_bundle(tmp_path: Path, name: str) -> None:
    project = sample.write_project(tmp_path / "p")

    def change(what: str, done: int, total: int) -> None:
        if done == 1:
            sample.write_table(tmp_path / "p" / name, seed=9)

    with pytest.raises(DataError, match="changed while the bundle was built"):
        build_bundle(project, Sandbox(60, 4096, accept_weaker=True), into=tmp_path / "b", progress=change)
    assert find_bundle(project, tmp_path / "b") is None


READ: dict[str, tuple[str, Callable[[Bundle], object]]] = {
    "model": ("model/model.onnx", lambda bundle: bundle.model_bytes()),
    "environment": (ENVIRONMENT, lambda bundle: bundle.environment),
}


@pytest.mark.parametrize(("path", "read"), READ.values(), ids=READ)
def test_a_file_changed_after_it_was_verified_is_not_read(release: Path, path: str, read: Callable[[Bundle], object]) -> None:
    bundle = Bundle.open(release / "bundle")
    (release / "bundle" / path).write_bytes(b"other")
    with pytest.raises(VerificationError, match=f"{path} was changed after it was verified"):
        read(bundle)


def test_a_statement_changed_after_it_was_hashed_is_not_read(release: Path) -> None:
    tree = read_tree(release)
    (release / "statements" / "verdict.json").write_bytes(b"{}")
    with pytest.raises(VerificationError, match=r"verdict\.json was changed after it was verified"):
        read_folder(release, tree)


@pytest.mark.parametrize("name", ["\x1b[2Jverified", "two\nlines", "\u202etxt.exe", "zero\u200bwidth"])
def test_a_name_that_a_terminal_would_act_upon_is_refused_and_never_shown_raw(release: Path, sealed: Path, name: str) -> None:
    (release / name).write_text("x")
    with pytest.raises(VerificationError, match="cannot be printed") as error:
        verify(release, PublicKey.load(sealed / "keys" / "store.pub"))
    assert name not in str(error.value)


LOOK = """
import os, sys
from pathlib import Path
from gonogo.release.verify import verify
from gonogo.trust.keys import PublicKey
key = PublicKey.from_pem(sys.argv[1])
if os.geteuid() == 0:
    os.setuid(65534)  # root reads everything
verify(Path("."), key)
"""


def test_a_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one(release: Path, sealed: Path) -> None:
    hidden = release / "bundle" / ".hidden"
    hidden.mkdir()
    (hidden / "evil.pkl").write_bytes(b"x")
    for folder, _, files in os.walk(release):
        Path(folder).chmod(0o755)
        for file in files:
            (Path(folder) / file).chmod(0o644)
    hidden.chmod(0)
    pem = (sealed / "keys" / "store.pub").read_text()
    try:
        done = subprocess.run([sys.executable, "-c", LOOK, pem], cwd=release, capture_output=True, text=True, check=False, timeout=60)
    finally:
        hidden.chmod(0o700)
    assert done.returncode != 0
    assert "StorageError" in done.stderr, done.stderr
    assert "Permission denied" in done.stderr, done.stderr
