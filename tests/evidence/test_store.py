"""The evidence store: nothing that was cut, changed, renamed or brought in is believed."""

from __future__ import annotations

import json
import shutil
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gonogo.base.canonical import canonical_bytes
from gonogo.errors import StorageError, UsageError
from gonogo.evidence.record import Evidence, Fact
from gonogo.evidence.store import EvidenceStore, check_facts


def evidence(item: str = "auc", **more: Any) -> Evidence:
    fields: dict[str, Any] = {
        "item": item, "check": "quality", "options": "sha256:0", "inputs": {"test": "sha256:1"}, "status": "measured",
        "facts": {"roc_auc": Fact(0.97, n=100, low=0.9, high=0.99, level=0.95), "bad": Fact(float("nan"))}, "findings": ("é",),
        "message": "", "tools": {"gonogo": "1"}, "isolation": "process", "started": "2026-01-01T00:00:00.000Z",
        "finished": "2026-01-01T00:00:01.000Z", "pictures": {"p": {"kind": "bars"}},
    }  # fmt: skip
    return Evidence(**{**fields, **more})


def test_evidence_comes_back_as_it_was_written(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    written = evidence()
    store.write(written)
    read = EvidenceStore(tmp_path).read("auc")
    assert read is not None
    assert read.to_json() == written.to_json()
    assert read.digest == written.digest
    assert read.facts["bad"].value == "nan"


def test_an_item_without_a_file_has_no_evidence_and_no_note(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    assert store.read("auc") is None
    assert store.notes == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_with_any_byte_changed_is_not_evidence(tmp_path: Path, data: st.DataObject) -> None:
    store = EvidenceStore(tmp_path)
    store.write(evidence())
    path = tmp_path / "auc.json"
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    assert store.read("auc") is None
    assert "auc is not used" in store.notes[-1]


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b'{"content": {}, "seal": 1}', b'{"a":1,"a":2}', b"[" * 100_000]
)
def test_a_file_of_something_else_is_not_evidence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "auc.json").write_bytes(content)
    store = EvidenceStore(tmp_path)
    assert store.read("auc") is None
    assert len(store.notes) == 1


def test_a_cut_off_file_is_not_evidence(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    store.write(evidence())
    path = tmp_path / "auc.json"
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        assert store.read("auc") is None


def test_a_renamed_file_is_not_the_evidence_of_another_item(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    store.write(evidence())
    (tmp_path / "auc.json").rename(tmp_path / "latency.json")
    assert store.read("latency") is None
    assert "speaks of the item auc" in store.notes[0]


def test_a_number_improved_by_hand_is_not_evidence(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    store.write(evidence())
    path = tmp_path / "auc.json"
    document = json.loads(path.read_bytes())
    document["content"]["facts"]["roc_auc"]["value"] = 0.999
    path.write_bytes(canonical_bytes(document))
    assert store.read("auc") is None
    assert "seal does not match" in store.notes[0]


def test_a_file_copied_in_from_another_store_is_not_evidence(tmp_path: Path) -> None:
    there, here = EvidenceStore(tmp_path / "there"), EvidenceStore(tmp_path / "here")
    there.write(evidence())
    here.write(evidence("other"))
    shutil.copy(tmp_path / "there" / "auc.json", tmp_path / "here" / "auc.json")
    assert here.read("auc") is None
    assert "another store" in here.notes[0]


def test_a_folder_in_the_place_of_a_file_is_not_evidence(tmp_path: Path) -> None:
    (tmp_path / "auc.json").mkdir()
    store = EvidenceStore(tmp_path)
    assert store.read("auc") is None
    assert store.notes


def test_a_damaged_key_is_named_and_nothing_is_written_under_it(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    store.write(evidence())
    (tmp_path / "seal.key").write_bytes(b"short")
    assert store.read("auc") is None
    assert "seal.key is damaged" in store.notes[0]
    with pytest.raises(StorageError, match="damaged"):
        store.write(evidence())


def test_the_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    EvidenceStore(tmp_path).write(evidence())
    assert stat.S_IMODE((tmp_path / "seal.key").stat().st_mode) == 0o600
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("item", ["", "../auc", "a/b", ".hidden", "a\x00", "x" * 101, "ä"])
def test_a_name_that_could_leave_the_folder_is_refused(tmp_path: Path, item: str) -> None:
    store = EvidenceStore(tmp_path)
    with pytest.raises(UsageError, match="cannot name an item"):
        store.read(item)
    with pytest.raises(UsageError):
        store.write(replace(evidence(), item=item))


@pytest.mark.parametrize(
    "fact",
    [
        {"value": [1]}, {"value": None}, {"value": {}}, {}, {"value": 1, "unit": 3}, {"value": 1, "n": -1}, {"value": 1, "n": True},
        {"value": 1, "n": 1.5}, {"value": 1, "low": "zero"}, {"value": 1, "high": True}, {"value": 1, "level": None}, 3, None,
    ],
)  # fmt: skip
def test_a_fact_of_the_wrong_type_is_refused(fact: Any) -> None:
    with pytest.raises(ValueError, match="fact"):
        check_facts({"facts": {"x": fact}})
