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


GOOD = {"amount": 0.5, "city": "paris"}


@pytest.fixture(params=["service", "release"])
def target(request: pytest.FixtureRequest) -> list[str]:
    """What is asked, with the words that say where it is."""
    if request.param == "service":
        return [request.getfixturevalue("running").url]
    return ["small@production", "--project", str(request.getfixturevalue("put_live") / "project")]


def errors(target: list[str], file: Path) -> list[list[tuple[str, str]]]:
    """Of each row the features that are wrong, with the problems."""
    found = [json.loads(line) for line in predicted(*target[:1], str(file), *target[1:], expect=1).splitlines()]
    assert [one["row"] for one in found] == list(range(len(found)))
    return [[(error["feature"], error["problem"]) for error in one.get("errors", ())] for one in found]


def test_a_text_among_the_numbers_of_a_csv_file_costs_its_row_only(target: list[str], tmp_path: Path) -> None:
    (tmp_path / "text.csv").write_text("amount,city\n0.5,paris\nabc,paris\n,rome\nnan,rome\n-1.5e2 ,rome\n1_0,rome\n1e500,rome\n")
    rows = [0.5, "abc", None, None, -150.0, "1_0", float("inf")]
    cities = ["paris", "paris", *["rome"] * 5]
    lines = [json.dumps({"amount": amount, "city": city}) + "\n" for amount, city in zip(rows, cities, strict=True)]
    (tmp_path / "text.jsonl").write_text("".join(lines))
    found = errors(target, tmp_path / "text.csv")
    assert [place for place, bad in enumerate(found) if bad] == [1, 5, 6]
    assert found[1] == [("amount", "type")]
    assert found == errors(target, tmp_path / "text.jsonl")
    first, second = (
        [json.loads(line).get("score") for line in predicted(*target[:1], str(tmp_path / name), *target[1:], expect=1).splitlines()]
        for name in ("text.csv", "text.jsonl")
    )
    assert first == second


def test_dates_where_the_model_takes_numbers_are_errors_of_their_rows(target: list[str], tmp_path: Path) -> None:
    (tmp_path / "dates.csv").write_text("amount,city\n2026-01-02,paris\n2026-01-03,rome\n")
    assert errors(target, tmp_path / "dates.csv") == [[("amount", "type")]] * 2


def test_what_json_cannot_say_costs_its_row_only(target: list[str], tmp_path: Path) -> None:
    good = json.dumps(GOOD).encode()
    lines = [
        good, b'{"amount": NaN, "city": "paris"}', b'{"amount": 1e500, "city": "paris"}', b'{"amount": 1, "city": "\\ud800"}',
        b'{"amount": 1, "city": "\xe9"}', b'{"amount": 1, "city": "rome", "\\ud800": 1}',
        b'{"amount": ' + b"[" * 300 + b"]" * 300 + b', "city": "rome"}', good,
    ]  # fmt: skip
    (tmp_path / "rows.jsonl").write_bytes(b"\n".join(lines))
    infinite, text = [("amount", "not finite")], [("city", "text")]
    unknown, deep = [("\\ud800", "unknown")], [("amount", "type")]
    assert errors(target, tmp_path / "rows.jsonl") == [[], infinite, infinite, text, text, unknown, deep, []]


def test_a_bad_element_of_a_list_is_named_by_its_place(running: Service, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"amount": [[1, 2], [3, NaN]], "city": "paris"}\n')
    [line] = predicted(running.url, str(tmp_path / "rows.jsonl"), expect=1).splitlines()
    assert json.loads(line)["errors"][0]["message"] == "'amount'[1][1] must be a finite number"


def test_more_errors_than_a_refusal_lists_are_those_of_their_rows_all_the_same(target: list[str], tmp_path: Path) -> None:
    bad = json.dumps({"amount": "much", **{f"unknown {number}": number for number in range(4)}})
    (tmp_path / "rows.jsonl").write_text((bad + "\n") * 600 + json.dumps(GOOD))
    found = errors(target, tmp_path / "rows.jsonl")
    assert len(found) == 601
    assert all(found[:600])
    assert not found[600]


@pytest.mark.parametrize("name", ["rows.xlsx", "rows.csv.gz", "rows.tsv"])
def test_a_file_of_another_form_is_refused_by_its_name(target: list[str], name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(json.dumps(GOOD))
    said = predicted(*target[:1], str(tmp_path / name), *target[1:], expect=2)
    assert all(word in said for word in (name, ".jsonl", ".csv", ".parquet"))


@pytest.mark.parametrize("name", ["rows", "rows.jsonl", "rows.ndjson", "rows.json", "ROWS.JSONL"])
def test_json_lines_are_read_under_each_of_their_names(running: Service, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("\ufeff" + json.dumps(GOOD))
    assert json.loads(predicted(running.url, str(tmp_path / name)))["label"] == "1"


def test_standard_input_that_is_no_utf8_costs_its_row_only(running: Service) -> None:
    given = json.dumps(GOOD).encode() + b'\n{"amount": 1, "city": "\xe9"}\n'
    done = CliRunner().invoke(main, ["predict", running.url], input=given)
    assert done.exit_code == 1, done.output
    assert ["errors" in json.loads(line) for line in done.stdout.splitlines()] == [False, True]


def test_a_file_that_lacks_columns_is_named_with_what_it_has(target: list[str], tmp_path: Path) -> None:
    (tmp_path / "renamed.csv").write_text("Amount,town\n1.0,paris\n")
    said = predicted(*target[:1], str(tmp_path / "renamed.csv"), *target[1:], expect=2)
    assert "renamed.csv has no column 'amount', 'city'" in said
    assert "Closest to 'amount': 'Amount'" in said
    assert "It has: Amount, town." in said


def test_a_file_that_is_no_parquet_file_is_called_so(target: list[str], tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_text("amount,city\n1.0,paris\n")
    assert "rows.parquet cannot be read: it is no Parquet file" in predicted(
        *target[:1], str(tmp_path / "rows.parquet"), *target[1:], expect=2
    )


def test_numbers_where_the_model_takes_text_are_refused_and_not_written_as_text(target: list[str], tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text("amount,city\n1.0,75\n2.0,20\n")
    said = predicted(*target[:1], str(tmp_path / "codes.csv"), *target[1:], expect=2)
    assert "the column 'city' holds numbers, but the model takes text" in said
