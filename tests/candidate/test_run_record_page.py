"""The page on the run record is true: its example runs, and its table names every key."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gonogo.base.canonical import digest
from gonogo.candidate.run_record import FORMAT, KEYS, LATER, LEDGER, read_run
from page import read_page, run_python

PAGE = read_page("formats/run-record.md")


def test_the_table_names_every_key_and_no_other() -> None:
    cells = re.findall(r"^\| (`[^|]+) \|", PAGE, re.MULTILINE)
    assert {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} == KEYS | LATER
    assert f"`{FORMAT}`" in PAGE


def test_the_example_writes_a_record_and_a_line_of_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("data/train.csv", "models/forest.onnx"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    run_python(PAGE, "run-record.md")
    record = read_run(tmp_path / "models" / "run.json")
    assert record["data"]["train"]["path"] == "../data/train.csv"
    (line,) = (tmp_path / "models" / LEDGER).read_text().splitlines()
    assert json.loads(line) == {"digest": digest(record), "run": record}
