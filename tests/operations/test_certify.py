"""Certification trains again on copies, measures itself, signs only what is green, and believes nothing that a training says of itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from certified_project import Fires, copied, write_fires
from gonogo.base.table import read_table
from gonogo.candidate.certificate import read_certificate
from gonogo.errors import ChildError, DataError, GonogoError, NotFoundError, RefusedError, UsageError, VerificationError
from gonogo.evidence.digests import FileDigests
from gonogo.evidence.inputs import SourceTree
from gonogo.model.formats import shipped_digest
from gonogo.operations.certificates import newest
from gonogo.operations.certify import certify, holding, wants_certificate
from gonogo.operations.check import check
from gonogo.operations.training_copy import seconds_of_rows, training_copy, write_rows
from gonogo.verdict.outcome import Outcome

pytestmark = [pytest.mark.xdist_group("certify"), pytest.mark.timeout(400)]
QUICK = "certify: {seeds: [1, 2], folds: 2, permutations: 4}"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Fires:
    """Trained, never certified; four shuffled trainings instead of twenty, so a p below 20 % must do."""
    fires = write_fires(tmp_path_factory.mktemp("certify") / "fires")
    fires.edit("certify: {seeds: [1, 2, 3], folds: 2, permutations: 20}", QUICK, "gonogo.yaml")
    fires.edit("permutation_p < 0.05", "permutation_p <= 0.2", "pack/gate.yaml")
    fires.edit("consecutive_green >= 3", "consecutive_green >= 2", "pack/gate.yaml")
    fires.edit("stable: [test_accuracy]", "stable: [test_accuracy]\n          series: 2", "pack/gate.yaml")
    return fires


@pytest.fixture(scope="module")
def certified(trained: Fires, tmp_path_factory: pytest.TempPathFactory) -> Fires:
    fires = copied(trained, tmp_path_factory.mktemp("certified") / "fires")
    before = SourceTree.read(fires.folder, [fires.folder]).digest(FileDigests())
    found = certify(fires.workspace())
    assert found.green, found.reasons
    assert SourceTree.read(fires.folder, [fires.folder]).digest(FileDigests()) == before, "nothing of the project was written"
    return fires


@pytest.fixture
def fires(trained: Fires, tmp_path: Path) -> Fires:
    return copied(trained, tmp_path / "fires")


def outcome(fires: Fires) -> tuple[Outcome, str]:
    found = check(fires.workspace(), only=frozenset({"certified"})).verdict.items
    return next((one.outcome, one.reason) for one in found if one.item == "certified")


def test_a_green_series_is_a_signed_certificate_and_the_gate_takes_it(certified: Fires) -> None:
    workspace = certified.workspace()
    envelope = newest(workspace)
    assert envelope is not None
    said = read_certificate(envelope, workspace.public_key()).said
    assert [run["seed"] for run in said["runs"]] == [1, 2]
    assert (said["again"]["difference"], said["again"]["model"]) == (0.0, shipped_digest(workspace.project.model.path))
    assert {"cv_mean", "cv_std", "bootstrap_low", "permutation_p", "test_accuracy", "p95_ms"} <= said["runs"][-1]["metrics"].keys()
    assert {one["item"]: one["outcome"] for one in said["conditions"]} == {"information": "PASS", "synthetic": "NOT_APPLICABLE"}
    assert outcome(certified)[0] is Outcome.PASS
    assert holding(workspace)["voided"] == []
    states = [event.body["state"] for event in workspace.store().events(kinds=["certification"])]
    assert (states[0], states[-1]) == ("started", "certified")


def test_every_fold_learns_from_the_past_behind_the_embargo(certified: Fires) -> None:
    for run in holding(certified.workspace())["runs"]:
        for fold in run["folds"]:
            assert fold["test_start"] - fold["train_end"] >= 86_400
            assert fold["test_start"] < fold["test_end"]


def test_what_was_measured_is_not_measured_again_and_what_was_edited_is_not_believed(certified: Fires, tmp_path: Path) -> None:
    fires = copied(certified, tmp_path / "fires")
    (step,) = (fires.folder / ".gonogo" / "certify").glob("*/run-2.json")
    kept = {path.name: path.stat().st_mtime_ns for path in step.parent.glob("*.json")}
    (step.parent / "run-1-fold-1.json").unlink()
    assert certify(fires.workspace()).green
    again = {path.name for path in step.parent.glob("*.json") if path.stat().st_mtime_ns != kept[path.name]}
    assert again == {"run-1-fold-1.json"}
    document = json.loads(step.read_bytes())
    document["content"]["metrics"]["test_accuracy"] = 1.0
    step.write_text(json.dumps(document, separators=(",", ":"), sort_keys=True))
    with pytest.raises(VerificationError, match="run-2 of an earlier certification is not believed"):
        certify(fires.workspace())


def test_a_step_is_not_believed_in_the_place_of_another_one_or_of_another_model(certified: Fires, tmp_path: Path) -> None:
    fires = copied(certified, tmp_path / "fires")
    (step,) = (fires.folder / ".gonogo" / "certify").glob("*/chance-1.json")
    kept = step.read_bytes()
    step.write_bytes(step.with_name("chance-2.json").read_bytes())
    with pytest.raises(VerificationError, match="chance-1 of an earlier certification is not believed: it is another step"):
        certify(fires.workspace())
    step.write_bytes(kept)
    fires.edit('"GONOGO_SEED", 17', '"GONOGO_SEED", 18')
    fires.train()
    fires.edit("drawn =", "raise SystemExit('another training')\ndrawn =")
    with pytest.raises(ChildError, match="another training"):
        certify(fires.workspace())
    (other,) = (path.parent for path in (fires.folder / ".gonogo" / "certify").glob("*/model.json") if path.parent != step.parent)
    shutil.copytree(step.parent, other, dirs_exist_ok=True)
    with pytest.raises(VerificationError, match="model of an earlier certification is not believed: it is another step"):
        certify(fires.workspace())


def test_a_certificate_is_not_made_young_again_by_what_was_measured_for_the_old_one(certified: Fires, tmp_path: Path) -> None:
    fires = copied(certified, tmp_path / "fires")
    fires.clock.advance(30 * 86_400.0)
    first, again = holding(fires.workspace()), certify(fires.workspace()).said
    assert again["valid_until"] == first["valid_until"], "nothing was measured since"
    steps = {path: path.stat().st_mtime_ns for path in (fires.folder / ".gonogo" / "certify").glob("*/*.json")}
    fires.clock.advance(61 * 86_400.0)
    assert certify(fires.workspace()).green
    assert [path.name for path, written in steps.items() if path.stat().st_mtime_ns == written] == [], "all was measured anew"
    assert holding(fires.workspace())["voided"] == []


def test_a_later_certification_that_is_not_green_voids_an_earlier_one(certified: Fires, tmp_path: Path) -> None:
    fires = copied(certified, tmp_path / "fires")
    fires.edit("test_accuracy >= 0.85", "test_accuracy >= 0.999", "pack/gate.yaml")
    assert not certify(fires.workspace()).green
    fires.edit("test_accuracy >= 0.999", "test_accuracy >= 0.85", "pack/gate.yaml")
    assert "the last certification of this model was not green" in holding(fires.workspace())["voided"]
    assert outcome(fires)[0] is Outcome.FAIL
    assert certify(fires.workspace()).green
    assert holding(fires.workspace())["voided"] == []


def other_parameters(fires: Fires) -> None:
    fires.edit('"features":2', '"features":3', "models/run.json")


def another_model(fires: Fires) -> None:
    fires.edit('"GONOGO_SEED", 17', '"GONOGO_SEED", 18')
    fires.train()


def a_row_less(fires: Fires) -> None:
    path = fires.folder / "data" / "test.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (other_parameters, "the run record names other parameters"),
        (another_model, "the model is another one"),
        (a_row_less, "a table is another"),
        (lambda fires: fires.edit("embargo: 1 d", "embargo: 2 d", "gonogo.yaml"), "declares model or data otherwise"),
        (lambda fires: fires.clock.advance(91 * 86_400.0), "it held until"),
    ],
    ids=["parameters", "model", "table", "declarations", "age"],
)
def test_what_a_certificate_is_bound_to_voids_it_when_it_is_another(
    certified: Fires, tmp_path: Path, spoil: Callable[[Fires], None], why: str
) -> None:
    fires = copied(certified, tmp_path / "fires")
    spoil(fires)
    assert why in "; ".join(holding(fires.workspace())["voided"])
    found, reason = outcome(fires)
    assert found is Outcome.FAIL
    assert "voided" in reason


def test_without_a_certificate_nothing_is_certified(fires: Fires) -> None:
    assert wants_certificate(fires.workspace())
    assert outcome(fires)[0] is Outcome.ERROR
    with pytest.raises(NotFoundError, match="has no certificate"):
        holding(fires.workspace())


def test_a_training_that_learns_from_the_test_is_told_by_shuffled_labels(fires: Fires) -> None:
    fires.edit('x, y = read("train")', 'parts = [read(name) for name in ("train", *["test"] * 4)]\nx, y = map(np.concatenate, zip(*parts))')
    fires.train()
    found = certify(fires.workspace())
    assert not found.green
    assert newest(fires.workspace()) is None
    assert any("permutation_p" in reason for reason in found.reasons)


def test_a_model_that_never_learns_is_refused_before_more_is_trained(fires: Fires) -> None:
    fires.edit("weights = np.linalg", "weights = np.random.default_rng(SEED).normal(size=3)\nunused = np.linalg")
    fires.train()
    found = certify(fires.workspace())
    assert found.reasons[0].startswith("the model: ")
    assert found.said["runs"] == []


@pytest.mark.parametrize(
    ("old", "new", "kind", "why"),
    [
        ("weights = np.linalg", "raise SystemExit('no rows')\nweights = np.linalg", ChildError, "ended with 1: no rows"),
        ("weights = np.linalg", "import time; time.sleep(600)\nweights = np.linalg", ChildError, r"`\S+ train\.py` did not end within"),
        ('print("trained", SEED)', "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", ChildError, "signal|ended with"),
        ('Path("models/model.onnx").write_bytes', "len", ChildError, "no|not at"),
        ("import csv", "raise SystemExit(0)\nimport csv", ChildError, r"wrote no model models/model.onnx; .* \(it said nothing\)"),
        ("gonogo.record_run(", "dict(record=1) or dict(", ChildError, "wrote no run record"),
        ('int(os.environ.get("GONOGO_SEED", 17))', "17", DataError, "was given the seed 5 and recorded 17"),
        ('metrics={"accuracy": accuracy}', 'metrics={"accuracy": float("nan")}', ChildError, "cannot be recorded"),
        ('print("trained", SEED)', 'Path("models/model.onnx").write_bytes(b"later")', DataError, "about another model"),
    ],
)  # fmt: skip
def test_a_training_that_goes_wrong_is_told_in_words(
    fires: Fires, monkeypatch: pytest.MonkeyPatch, old: str, new: str, kind: type[GonogoError], why: str
) -> None:
    monkeypatch.setenv("GONOGO_RETRAIN_SECONDS", "20" if "sleep" not in new else "2")
    fires.edit(old, new)
    workspace = fires.workspace()
    with training_copy(workspace.project, workspace.path / "work") as copy, pytest.raises(kind, match=why):
        copy.train(5, workspace.sandbox())
    assert list((workspace.path / "work").iterdir()) == []


@pytest.mark.parametrize(
    ("old", "new", "kind", "why"),
    [
        ('params={"features": 2}', 'params={"features": SEED}', DataError, "seed 1: it recorded other parameters .* features is 1, not 17"),
        ("np.random.default_rng(SEED)", "np.random.default_rng(17)", RefusedError, "the seed changes nothing"),
        ("np.array([-weights[2], weights[2]]", "np.array([np.nan * SEED, weights[2]]", DataError, "NaN or infinite"),
        ("FLOAT, [None, 2])]\noutputs", "FLOAT, [None, 2 + (SEED != 17)])]\noutputs", GonogoError, "retrain 1, seed 1: "),
    ],
)  # fmt: skip
def test_a_retrain_that_is_none_stops_the_certification_and_signs_nothing(
    fires: Fires, old: str, new: str, kind: type[GonogoError], why: str
) -> None:
    fires.edit(old, new)
    if "SEED != 17" in new:  # with another seed another shape
        fires.edit("for w in weights[:2]]", "for w in [*weights[:2], 0.0][: 2 + (SEED != 17)]]")
    fires.train()
    if "nan" in new:
        fires.edit("np.nan * SEED", "np.nan if SEED != 17 else -weights[2]")
        fires.train()
    with pytest.raises(kind, match=why):
        certify(fires.workspace())
    assert newest(fires.workspace()) is None
    last = list(fires.workspace().store().events(kinds=["certification"]))[-1].body
    assert last["state"] == "failed"
    assert last["problem"]


def test_a_model_that_code_train_did_not_make_is_refused_before_more_is_trained(fires: Fires) -> None:
    fires.edit('"GONOGO_SEED", 17', '"GONOGO_SEED", 99')
    fires.train()  # green, and from another seed than its run record will name
    fires.edit('"seed":99', '"seed":17', "models/run.json")
    fires.edit('"GONOGO_SEED", 99', '"GONOGO_SEED", 17')
    found = certify(fires.workspace())
    assert len(found.reasons) == 1
    assert found.reasons[0].startswith("the model: its own training, with its seed and data, gives another one: a score is 0.")
    assert found.said["runs"] == []
    assert newest(fires.workspace()) is None


def test_a_model_whose_record_names_no_seed_cannot_be_made_again(fires: Fires) -> None:
    fires.edit('"seed":17', '"seed":null', "models/run.json")
    with pytest.raises(UsageError, match="names no seed"):
        certify(fires.workspace())


def test_the_models_own_seed_is_no_retrain(fires: Fires) -> None:
    fires.edit("seeds: [1, 2]", "seeds: [1, 17]", "gonogo.yaml")
    with pytest.raises(UsageError, match="17 is the seed of the model itself"):
        certify(fires.workspace())


def test_a_pack_that_wants_no_certificate_is_told(fires: Fires) -> None:
    fires.edit("check: certification", "check: training", "pack/gate.yaml")
    text = (fires.folder / "pack/gate.yaml").read_text()
    start, end = text.index("        options:"), text.index("      - id: information")
    (fires.folder / "pack/gate.yaml").write_text(text[:start] + "        require: epochs > 0\n" + text[end:])
    assert not wants_certificate(fires.workspace())
    with pytest.raises(UsageError, match="asks for no certificate"):
        certify(fires.workspace())


def test_rows_of_a_table_keep_their_values_and_types(tmp_path: Path) -> None:
    import duckdb

    (tmp_path / "a.csv").write_text('id,name,label\n1,"x, y",0\n2,,1\n3,z,0\n')
    write_rows(tmp_path / "a.csv", tmp_path / "b.csv", np.array([2, 0]), target="label", labels_of=np.array([1, 2]))
    assert (tmp_path / "b.csv").read_text() == 'id,name,label\n3,z,1\n1,"x, y",0\n'
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT i AS id, [i, i + 1]::FLOAT[] AS bars, TIMESTAMP '2026-01-01' + INTERVAL (i) DAY AS at, i % 2 AS label "
            f"FROM range(5) t(i)) TO '{tmp_path / 'a.parquet'}' (FORMAT parquet)"
        )
        write_rows(tmp_path / "a.parquet", tmp_path / "a2.parquet", np.array([4, 1]), target="label")
        rows = connection.execute(f"SELECT id, bars, label FROM '{tmp_path / 'a2.parquet'}'").fetchall()
    assert rows == [(4, [4.0, 5.0], 0), (1, [1.0, 2.0], 1)]
    assert list(np.diff(seconds_of_rows(tmp_path / "a.parquet", "at"))) == [86_400.0] * 4
    assert read_table(tmp_path / "a2.parquet", ["id"]).rows == 2
    with pytest.raises(DataError, match="cannot be cut"):
        write_rows(tmp_path / "a.csv", tmp_path / "c.csv", np.array([0]), target="nothing")


def test_a_table_behind_a_link_to_outside_is_never_written(fires: Fires, tmp_path: Path) -> None:
    (fires.folder / "data").rename(tmp_path / "elsewhere")
    (fires.folder / "data").symlink_to(tmp_path / "elsewhere")
    before = (tmp_path / "elsewhere" / "train.csv").read_bytes()
    workspace = fires.workspace()
    with training_copy(workspace.project, workspace.path / "work") as copy, pytest.raises(UsageError, match="behind a link"):
        copy.replace("train", np.arange(3))
    assert (tmp_path / "elsewhere" / "train.csv").read_bytes() == before
