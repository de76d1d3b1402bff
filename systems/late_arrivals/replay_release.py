"""The release that the replay watches, and the rows that it has never seen.

Its own release, because a healthy week must come from the months of the baseline and from rows that were kept apart: the flights of
January to August are dealt out by their number, ten at a time: three to training, one to validation, two to the test, four to the replay.
The months are then the same everywhere, and nothing drifts. (The released model of this system is tested on later months instead, which
is right for a gate; it has no rows of its own months left over.)

    replay/project/          the project with its tables, its model and its store, released with the pack `starter`
    replay/held.parquet      the rows kept apart: features, label, when the flight left the gate, and how long it took
    replay/later.parquet     the same of December
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb

import prepare
from features import FEATURES, TARGET, TIME

HERE = Path(__file__).resolve().parent
SHARES = {"train": (0, 3), "validation": (3, 4), "test": (4, 6), "held": (6, 10)}  # of ten flights
MONTHS, LATER = (1, 8), (12, 12)
RELEASE = "late-arrivals@1.0.0"
PROJECT = """system: late-arrivals
pack: starter

model:
  path: models/forest.onnx
  task: binary-classification
  positive: "1"
data:
  train: data/train.parquet
  test: data/test.parquet
  target: late
environment: requirements.lock
prediction_log: {}
monitor:
  channels: [file]
  rules:
    - {name: drift, for: 5 s}
"""


def build(work: Path, every: int = 1) -> Path:
    """The folder of the released project in `work`, made unless it is there already."""
    project = work / "project"
    if not (work / "ready").exists():
        shutil.rmtree(work, ignore_errors=True)
        (project / "data").mkdir(parents=True)
        write_tables(work, every)
        release(project, work / "keys")
        (work / "ready").touch()
    return project


def write_tables(work: Path, every: int) -> None:
    with duckdb.connect(config={"threads": 1}) as connection:
        prepare.load(connection, prepare.package_data())
        columns = ", ".join((TIME, *FEATURES, TARGET))
        replayed = ", ".join((*prepare.ON_THE_WAY, *FEATURES, TARGET))
        for months, part in ((MONTHS, "months"), (LATER, "later")):
            asked = {"late": 45, "first": months[0], "last": months[1], "every": every}
            connection.execute(f"CREATE TABLE {part} AS SELECT *, row_number() OVER () AS number FROM ({prepare.QUERY})", asked)
        for part, (first, end) in SHARES.items():
            path = work / "held.parquet" if part == "held" else work / "project" / "data" / f"{part}.parquet"
            chosen = replayed if part == "held" else columns
            where = f"WHERE number % 10 BETWEEN {first} AND {end - 1}"
            connection.execute(f"COPY (SELECT {chosen} FROM months {where} ORDER BY number) TO '{path}' (FORMAT parquet)")
        connection.execute(f"COPY (SELECT {replayed} FROM later ORDER BY number) TO '{work / 'later.parquet'}' (FORMAT parquet)")
    (work / "project" / "data" / "tables.json").write_text(json.dumps({"late_minutes": 45}))


def release(project: Path, keys: Path) -> None:
    """Train, measure, sign and seal, with the verbs that a user types."""
    shutil.copy(HERE / "requirements.lock", project)
    (project / "gonogo.yaml").write_text(PROJECT)
    environment = {**os.environ, "GONOGO_KEYS": str(keys), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}

    def run(*words: str, expect: int = 0) -> None:
        done = subprocess.run([sys.executable, *words], cwd=project, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != expect:
            raise SystemExit(f"`{' '.join(words)}` ended with {done.returncode}, not {expect}:\n{done.stdout}{done.stderr}")

    run(str(HERE / "train.py"))
    run("-m", "gonogo", "key", "new", "ana", "--role", "technical-lead")
    run("-m", "gonogo", "check", expect=1)
    run("-m", "gonogo", "sign", "technical-lead")
    run("-m", "gonogo", "check")
    run("-m", "gonogo", "release")
