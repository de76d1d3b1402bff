"""The checks on named files: there, readable, and saying what the model takes."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from gonogo.checklist.evaluate import evaluate
from gonogo.checklist.expression import parse
from gonogo.errors import DataError, UsageError
from gonogo.evidence.memory import measure
from gonogo.evidence.record import Measurement
from measured import values


def parquet(rows: int = 50_000) -> bytes:
    path = Path("table.parquet")
    duckdb.sql(f"SELECT random() AS x, 'v' || range AS t FROM range({rows})").write_parquet(str(path))
    return path.read_bytes()


def found(path: Path, content: bytes | str, form: str = "") -> Measurement:
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return measure("file", {"file": "it", "format": form}, files={"it": path})


# -- file ---------------------------------------------------------------------------------------------------------------------------


def test_a_file_that_is_there_is_weighed_dated_and_digested(tmp_path: Path) -> None:
    facts = values(found(tmp_path / "bars.bin", b"abc"))
    assert facts.pop("age_days") < 0.1
    assert facts == {
        "exists": True, "bytes": 3, "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    }  # fmt: skip


def test_a_file_that_is_not_there_has_no_age_and_does_not_parse(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.json", tmp_path):
        gone = measure("file", {"file": "it", "format": "json"}, files={"it": path})
        assert values(gone) == {"exists": False, "bytes": 0, "parses": False}
        assert gone.findings


def test_age_is_counted_in_days_and_a_file_of_the_future_has_none(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("x", encoding="utf-8")
    os.utime(path, (0, time.time() - 3 * 86400))
    assert values(measure("file", {"file": "it"}, files={"it": path}))["age_days"] == pytest.approx(3, abs=0.01)
    os.utime(path, (0, time.time() + 86400))
    with pytest.raises(DataError, match="future"):
        measure("file", {"file": "it"}, files={"it": path})


GOOD = {"json": '{"a": [1, 2]}', "yaml": "a: [1, 2]\n", "csv": 'a,b\n1,"x, y"\n', "gzip": gzip.compress(b"text" * 1000, mtime=0)}
BAD = {
    "json": ["", "{", '{"a": NaN}', '{"a": 1, "a": 2}', b"\xff\xfe", "[" * 100_000],
    "yaml": ["a: [", "a: 1\na: 2\n", b"a: \xff"],
    "csv": ["", "a,b\n1\n", 'a,b\n1,"x\n', b"a,b\n1,caf\xe9\n"],
    "gzip": [b"", b"text", gzip.compress(b"text" * 1000, mtime=0)[:-9], gzip.compress(b"text" * 1000, mtime=0)[:20] + b"\x00" * 20],
}


@pytest.mark.parametrize("form", GOOD)
def test_a_whole_file_parses(tmp_path: Path, form: str) -> None:
    assert values(found(tmp_path / "x", GOOD[form], form))["parses"] is True


@pytest.mark.parametrize(("form", "content"), [(form, content) for form, contents in BAD.items() for content in contents])
def test_a_broken_file_does_not_parse_and_the_finding_says_why(tmp_path: Path, form: str, content: Any) -> None:
    broken = found(tmp_path / "x", content, form)
    assert values(broken)["parses"] is False
    assert broken.findings[0].startswith(f"it: no {form}: ")


def test_parquet_is_read_to_its_last_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    whole = parquet()
    assert values(found(tmp_path / "x.parquet", whole, "parquet"))["parses"] is True
    middle = len(whole) // 2
    hole = whole[:middle] + b"\x00" * 20_000 + whole[middle + 20_000 :]
    for broken in (whole[:-20], whole[:middle], b"", hole):
        assert values(found(tmp_path / "x.parquet", broken, "parquet"))["parses"] is False


def test_an_undeclared_name_and_an_unknown_format_are_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="declares no file 'history'"):
        measure("file", {"file": "history"}, files={})
    with pytest.raises(UsageError, match="no file format"):
        measure("file", {"file": "it", "format": "xml"}, files={"it": tmp_path})


@pytest.mark.parametrize("words", ["abs(bytes - 3 B) <= 1 B", "bytes < 1 KB", "bytes > 0", "age_days <= 90", "parses == true"])
def test_size_is_demanded_in_bytes_and_age_in_days(tmp_path: Path, words: str) -> None:
    assert evaluate(parse(words), found(tmp_path / "x", "[1]", "json").facts).met


# -- feature_list -------------------------------------------------------------------------------------------------------------------


def listed(tmp_path: Path, bundle: Any, name: str, content: str, **options: str) -> Measurement:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return measure("feature_list", options, bundle=bundle(age="float", town="string", income="float"), files={"feature_list": path})


@pytest.mark.parametrize(
    ("name", "content"),
    {
        "plain.csv": "feature\nage\ntown\nincome\n",
        "actions.csv": "type,name,action\nint,age,scale\nid,customer,drop\ntext,town,onehot\nfloat,income,scale\n",
        "first.csv": "what\nage\ntown\nincome\n",
        "names.json": '{"version": "1.0", "features": ["age", "town", "income"]}',
        "objects.json": '{"features": [{"name": "age"}, {"name": "town"}, {"feature": "income"}]}',
        "map.yaml": "features:\n  age: {type: float}\n  customer: {action: drop}\n  town: {type: string}\n  income: {type: float}\n",
    }.items(),
)
def test_a_list_of_the_models_features_matches_in_every_format(tmp_path: Path, bundle: Any, name: str, content: str) -> None:
    facts = values(listed(tmp_path, bundle, name, content))
    assert (facts["features"], facts["names_match"], facts["order_match"]) == (3, True, True)


def test_the_version_is_what_the_file_states(tmp_path: Path, bundle: Any) -> None:
    facts = values(listed(tmp_path, bundle, "f.json", '{"version": "1.0", "columns": ["age"]}', key="columns"))
    assert facts == {"features": 1, "names_match": False, "order_match": False, "version": "1.0"}


def test_another_order_is_found_and_named(tmp_path: Path, bundle: Any) -> None:
    other = listed(tmp_path, bundle, "f.csv", "name\nage\nincome\ntown\n")
    assert values(other) == {"features": 3, "names_match": True, "order_match": False}
    assert other.findings == ("place 2 is 'income' in the list and 'town' in the model",)


def test_features_too_few_too_many_and_twice_are_named(tmp_path: Path, bundle: Any) -> None:
    other = listed(tmp_path, bundle, "f.csv", "name\nage\nage\nincome\nshoe\n")
    assert values(other)["names_match"] is False
    assert other.findings == (
        "'town' is a feature of the model and not listed", "'shoe' is listed and no feature of the model", "'age' is listed more than once",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content"),
    {
        "f.json": "{", "g.json": "[]", "h.json": '{"features": []}', "i.json": '{"features": [1]}', "j.json": '{"features": "age"}',
        "f.csv": "", "g.csv": "name\n", "f.yaml": "features: [", "f.txt": "age\n",
    }.items(),
)  # fmt: skip
def test_a_file_that_lists_nothing_is_an_error(tmp_path: Path, bundle: Any, name: str, content: str) -> None:
    with pytest.raises(UsageError):
        listed(tmp_path, bundle, name, content)


def test_a_list_that_is_not_declared_or_not_there_is_an_error(tmp_path: Path, bundle: Any) -> None:
    with pytest.raises(UsageError, match="declares no file"):
        measure("feature_list", bundle=bundle(x="float"), files={})
    with pytest.raises(DataError, match="is not at"):
        measure("feature_list", bundle=bundle(x="float"), files={"feature_list": tmp_path / "none.json"})
