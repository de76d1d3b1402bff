"""`gonogo predict` with a table: the columns are the features of the release, or those that the service tells of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import sample
from gonogo.cli import main
from gonogo.errors import UnreachableError
from gonogo.operations.predict import told_features
from supervised import OLD, Service, serving


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, sealed: Path) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("predict"), sealed) as service:
        yield service.start(OLD)


def predicted(*words: str, expect: int = 0) -> str:
    done = CliRunner().invoke(main, ["predict", *words])
    assert done.exit_code == expect, done.output
    return done.stderr if expect == 2 else done.stdout


def test_a_service_predicts_for_a_table_what_it_predicts_for_its_rows(running: Service, tmp_path: Path) -> None:
    sample.write_table(tmp_path / "test.csv", seed=3, rows=700)
    found = [json.loads(line) for line in predicted(running.url, str(tmp_path / "test.csv")).splitlines()]
    assert [one["row"] for one in found] == list(range(700))
    names, *lines = [line.split(",") for line in (tmp_path / "test.csv").read_text().splitlines()]
    rows = [dict(zip(names, line, strict=True)) for line in lines]
    sent = [{"amount": float(row["amount"]) if row["amount"] else None, "city": row["city"]} for row in rows]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in sent))
    by_rows = [json.loads(line) for line in predicted(running.url, str(tmp_path / "rows.jsonl")).splitlines()]
    assert [one["score"] for one in found] == [one["score"] for one in by_rows]
    assert any(row["amount"] is None for row in sent), "a missing value is one in a table as well"


def test_a_table_without_a_feature_that_the_service_names_is_refused(running: Service, tmp_path: Path) -> None:
    (tmp_path / "less.csv").write_text("amount\n1.0\n")
    assert "city" in predicted(running.url, str(tmp_path / "less.csv"), expect=2)


@pytest.mark.parametrize("info", [{}, {"features": None}, {"features": ["amount"]}, {"features": [{"name": "amount"}]}])
def test_a_service_that_names_no_features_is_no_service_of_ours(info: dict) -> None:
    with pytest.raises(UnreachableError, match="which features"):
        told_features(info)


@pytest.mark.parametrize("name", ["nope.csv", "rows.parquet", "./deep/rows.jsonl"])
def test_a_file_in_the_place_of_the_release_is_told_where_the_release_goes(tmp_path: Path, name: str) -> None:
    sample.write_project(tmp_path)
    said = predicted(name, "--project", str(tmp_path), expect=2)
    assert f"gonogo predict SYSTEM@VERSION {name}" in said
