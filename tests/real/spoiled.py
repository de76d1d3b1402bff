"""Systems of `systems/` in a test's folder, and the ways to spoil what is in one.

A way to spoil takes the project's folder. What people have as keys lies beside it, in `people`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from gonogo.operations.check import check
from gonogo.operations.workspace import Workspace
from gonogo.verdict.outcome import Decision, ItemResult

SYSTEMS = Path(__file__).resolve().parents[2] / "systems"
Spoil = Callable[[Path], None]


def fresh_copy(name: str, folder: Path) -> None:
    """A system as it is before anybody has made something of it: without the folders that its .gitignore names."""
    made = [line.rstrip("/") for line in (SYSTEMS / name / ".gitignore").read_text().splitlines() if line.endswith("/")]
    shutil.copytree(SYSTEMS / name, folder, ignore=shutil.ignore_patterns("__pycache__", "demo.py", *made))


def run(folder: Path, *words: str) -> None:
    """Python in the project's folder, as a user types it."""
    environment = {**os.environ, "GONOGO_KEYS": str(folder.parent / "people"), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def judged(folder: Path, item: str) -> tuple[Decision, ItemResult]:
    """The verdict when this item is measured, and what it says of it."""
    verdict = check(Workspace.open(folder), only=frozenset({item})).verdict
    [result] = [result for result in verdict.items if result.item == item]
    return verdict.decision, result


@contextmanager
def put_back(folder: Path) -> Iterator[None]:
    """Whatever happens to the project's files: afterwards they are what they were. What gonogo keeps stays."""

    def files() -> set[Path]:
        return {path for path in folder.rglob("*") if path.is_file() and ".gonogo" not in path.parts}

    kept = {path: path.read_bytes() for path in files()}
    try:
        yield
    finally:
        for path in files() - kept.keys():
            path.unlink()
        for path, content in kept.items():
            if path.read_bytes() != content:
                path.write_bytes(content)


# -- ways to spoil


def replaced(name: str, old: str, new: str) -> Spoil:
    """Another text at the first place where the old one stands."""

    def spoil(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return spoil


def figure(name: str, row: str, value: str) -> Spoil:
    """Another number in a table of a page: the first one of the row."""

    def spoil(folder: Path) -> None:
        text, found = re.subn(rf"^\| {re.escape(row)} \| [^|]+", f"| {row} | {value} ", (folder / name).read_text(), flags=re.MULTILINE)
        assert found == 1
        (folder / name).write_text(text)

    return spoil


def document(name: str, change: Callable[[Any], Any]) -> Spoil:
    """A JSON file, changed."""

    def spoil(folder: Path) -> None:
        (folder / name).write_text(json.dumps(change(json.loads((folder / name).read_text()))))

    return spoil


def table(name: str, query: str) -> Spoil:
    """A table made anew by SQL over {itself}, and over {train}, {validation} and {test} of `data`."""

    def spoil(folder: Path) -> None:
        path, made = folder / name, folder / f"{name}.new"
        files = {"itself": path, **{one: folder / "data" / f"{one}.parquet" for one in ("train", "validation", "test")}}
        with duckdb.connect(config={"threads": 1}) as connection:
            words = query.format(**{one: f"'{file}'" for one, file in files.items()})
            connection.execute(f"COPY ({words}) TO '{made}' (FORMAT parquet)")
        made.replace(path)

    return spoil


def another(name: str, other: str) -> Spoil:
    """One file in the place of another."""

    def spoil(folder: Path) -> None:
        shutil.copy(folder / other, folder / name)

    return spoil
