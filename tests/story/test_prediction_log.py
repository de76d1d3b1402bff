"""A person asks for a log of predictions in gonogo.yaml, serves, and reads it with DuckDB."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from .conftest import User

REF = "late-arrivals@1.0.0"


def ask_for_a_log(user: User, section: str) -> None:
    path = user.folder / "gonogo.yaml"
    path.write_text(path.read_text() + f"\nprediction_log: {section}\n")


def test_every_prediction_is_in_the_log_with_its_id_and_redacted_features_are_not(released: User) -> None:
    cursor = duckdb.sql(f"SELECT * EXCLUDE (late, scheduled) FROM '{released.folder / 'data' / 'live.parquet'}' LIMIT 40")
    rows = [dict(zip(cursor.columns, row, strict=True)) for row in cursor.fetchall()]
    hidden, hashed = cursor.columns[0], cursor.columns[1]
    ask_for_a_log(released, f"{{redact: {{{hidden}: drop, {hashed}: hash}}}}")
    running = released.serve(REF)
    try:
        answers = [running.predict(row) for row in rows] + [running.predict(rows[:3])]
        with urllib.request.urlopen(running.url + "/metrics", timeout=5) as answer:
            assert b"gonogo_prediction_log_dropped_total 0" in answer.read()
    finally:
        running.stop()
    assert {status for status, _ in answers} == {200}
    log = released.folder / ".gonogo" / "service" / "log" / "predictions" / REF / "*.parquet"
    found = duckdb.sql(f"SELECT prediction_id, row, score_1, feature_{hidden}, feature_{hashed} FROM '{log}'").fetchall()
    logged = {(prediction, row): score for prediction, row, score, _, _ in found}
    sent = {(body["prediction_id"], row): one["scores"]["1"] for _, body in answers for row, one in enumerate(body["predictions"])}
    assert logged == sent
    assert {value for *_, value, _ in found} == {None}
    assert all(len(value) == 32 for *_, value in found)


def test_a_misspelt_redaction_keeps_the_release_from_being_served(released: User) -> None:
    ask_for_a_log(released, "{redact: {no_such_feature: drop}}")
    done = released.gonogo("serve", REF, "--port", "0", expect=1)
    assert "no_such_feature" in done.stderr
