"""A tracking database as MLflow 2 and 3 write it, made without MLflow: the tables and columns that are read here."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import sample

TABLES = """
CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name VARCHAR(256), artifact_location VARCHAR(256),
  lifecycle_stage VARCHAR(32));
CREATE TABLE runs (run_uuid VARCHAR(32) PRIMARY KEY, name VARCHAR(250), source_type VARCHAR(20), status VARCHAR(9), start_time BIGINT,
  end_time BIGINT, lifecycle_stage VARCHAR(20), artifact_uri VARCHAR(200), experiment_id INTEGER);
CREATE TABLE latest_metrics (key VARCHAR(250), value FLOAT, timestamp BIGINT, step BIGINT, is_nan BOOLEAN, run_uuid VARCHAR(32));
CREATE TABLE params (key VARCHAR(250), value VARCHAR(8000), run_uuid VARCHAR(32));
CREATE TABLE tags (key VARCHAR(250), value VARCHAR(8000), run_uuid VARCHAR(32));
INSERT INTO experiments VALUES (1, 'forest', '', 'active'), (2, 'other', '', 'active');
"""
START = 1_767_225_600_000  # 2026-01-01


def write_tracking(path: Path, artifacts: Path) -> None:
    """Four runs of an experiment: one finished, with its model; one that runs, one that failed, one deleted. And one run elsewhere."""
    (artifacts / "model").mkdir(parents=True)
    (artifacts / "model" / "model.onnx").write_bytes(sample.model_bytes())
    (artifacts / "model" / "MLmodel").write_text("flavors: {}")
    with sqlite3.connect(path) as connection:
        connection.executescript(TABLES)
        rows = [
            ("aaaa", "wide", "FINISHED", START, START + 90_000, "active", f"file://{artifacts}", 1),
            ("bbbb", "crf", "RUNNING", START + 1, None, "active", "s3://bucket/b", 1),
            ("cccc", "odd", "FAILED", START + 2, START + 3, "active", "", 1),
            ("dddd", "gone", "FINISHED", START + 4, START + 5, "deleted", "", 1),
            ("eeee", "elsewhere", "FINISHED", START + 6, START + 7, "active", "", 2),
        ]
        connection.executemany("INSERT INTO runs VALUES (?, ?, 'LOCAL', ?, ?, ?, ?, ?, ?)", rows)
        metrics = [("f1_macro", 0.27, 0, "aaaa"), ("accuracy", 0.8, 0, "aaaa"), ("loss", 0.0, 1, "aaaa"), ("f1_macro", 0.1, 0, "bbbb")]
        connection.executemany("INSERT INTO latest_metrics VALUES (?, ?, 0, 0, ?, ?)", metrics)
        connection.executemany("INSERT INTO params VALUES (?, ?, ?)", [("seed", "17", "aaaa"), ("trees", "40", "aaaa")])
        connection.executemany("INSERT INTO tags VALUES (?, ?, ?)", [("mlflow.runName", "wide-1", "aaaa"), ("family", "forest", "aaaa")])
