"""A person predicts for a file: by a release, and by a running service, and gets the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from .conftest import User

REF = "late-arrivals@1.0.0"


def run(user: User, *words: str, given: str = "", expect: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "gonogo", "predict", *words],
        cwd=user.folder,
        env=user.environ(),
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def live_rows(user: User, count: int) -> list[dict]:
    cursor = duckdb.sql(f"SELECT * EXCLUDE (late, scheduled) FROM '{user.folder / 'data' / 'live.parquet'}' LIMIT {count}")
    return [dict(zip(cursor.columns, row, strict=True)) for row in cursor.fetchall()]


def test_a_release_and_the_service_that_serves_it_predict_the_same(released: User, tmp_path: Path) -> None:
    rows = live_rows(released, 1100)
    given = "".join(json.dumps(row) + "\n" for row in rows)
    by_release = lines(run(released, REF, given=given).stdout)
    assert [one["row"] for one in by_release] == list(range(1100))
    running = released.serve(REF)
    try:
        by_service = lines(run(released, running.url, given=given).stdout)
    finally:
        running.stop()
    assert [one["label"] for one in by_service] == [one["label"] for one in by_release]
    assert max(abs(a["score"] - b["score"]) for a, b in zip(by_service, by_release, strict=True)) < 1e-6
    assert {one["release"] for one in by_service} == {REF}


def test_a_table_is_predicted_row_by_row_into_a_file(released: User, tmp_path: Path) -> None:
    out = tmp_path / "predictions.jsonl"
    summary = json.loads(run(released, REF, "data/live.parquet", "--out", str(out), "--json").stdout)
    found = lines(out.read_text())
    [(count,)] = duckdb.sql(f"SELECT count(*) FROM '{released.folder / 'data' / 'live.parquet'}'").fetchall()
    assert summary["rows"] == len(found) == count
    first = lines(run(released, REF, given=json.dumps(live_rows(released, 1)[0])).stdout)[0]
    assert found[0]["score"] == first["score"]


def test_bad_rows_get_their_errors_in_their_place_and_the_exit_code_says_so(released: User) -> None:
    good = live_rows(released, 1)[0]
    bad = {**good, "hour": "nine"}
    given = f"{json.dumps(good)}\n\nnot json\n[1]\n{json.dumps(bad)}\n{json.dumps(good)}\n"
    found = lines(run(released, REF, given=given, expect=1).stdout)
    assert ["errors" in one for one in found] == [False, True, True, True, False]
    assert "line 3" in found[1]["errors"][0]["message"]
    assert found[3]["errors"][0]["feature"] == "hour"
    assert found[4]["score"] == found[0]["score"]


def test_a_release_that_does_not_verify_predicts_nothing(released: User, tmp_path: Path) -> None:
    done = run(released, "late-arrivals@9.9.9", given="{}", expect=2)
    assert "9.9.9" in done.stderr
    assert not done.stdout
    missing = run(released, REF, str(tmp_path / "none.parquet"), expect=2)
    assert "none.parquet" in missing.stderr
