"""The bundle: what would ship, built from the project's files, the same every time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

import sample
from gonogo.base.table import read_table
from gonogo.checklist.project import load_project
from gonogo.errors import DataError, GonogoError, ModelError, NotFoundError, VerificationError
from gonogo.model.encode import encode_rows
from gonogo.model.predict import scores
from gonogo.model.runtimes.onnx import OnnxRuntime
from gonogo.release.bundle import Bundle, build_bundle, find_bundle, sources_digest
from gonogo.release.golden import golden_cases
from gonogo.stats.bins import BinEdges


@pytest.fixture
def bundle(sealed: Path) -> Bundle:
    return Bundle.open(sealed / "releases/small-1.0.0/bundle")


def test_the_same_files_elsewhere_give_the_same_bundle(sealed: Path, tmp_path: Path, bundle: Bundle) -> None:
    again = sample.build(sample.write_project(tmp_path / "moved"), tmp_path / "bundles")
    assert again.digest == bundle.digest
    assert again.root.name == bundle.digest.removeprefix("sha256:")


def test_the_bundle_holds_the_very_bytes_of_the_model(sealed: Path, bundle: Bundle) -> None:
    assert bundle.model_bytes() == (sealed / "project/model.onnx").read_bytes()


def test_no_time_and_no_place_is_in_the_bundle(sealed: Path, bundle: Bundle) -> None:
    for file in bundle.tree.files:
        data = (bundle.root / file.path).read_bytes()
        assert str(sealed).encode() not in data
        assert b"/home/" not in data


def test_what_was_built_is_found_without_building(sealed: Path, bundle: Bundle) -> None:
    found = find_bundle(load_project(sealed / "project/gonogo.yaml"), sealed / "bundles")
    assert found is not None
    assert found.digest == bundle.digest


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "model.onnx").write_bytes((root / "model.onnx").read_bytes() + b"\0"),
        lambda root: (root / "train.csv").write_text((root / "train.csv").read_text() + "0.5,paris,1\n"),
        lambda root: (root / "test.csv").write_text((root / "test.csv").read_text() + "0.5,paris,1\n"),
        lambda root: (root / "gonogo.yaml").write_text(
            (root / "gonogo.yaml").read_text().replace("classification}", "classification, threshold: 0.4}")
        ),
    ],
    ids=["model", "train", "test", "threshold"],
)
def test_after_any_change_of_an_input_nothing_is_found(sealed: Path, tmp_path: Path, change: Callable[[Path], object]) -> None:
    shutil.copytree(sealed / "project", tmp_path / "project")
    assert find_bundle(load_project(tmp_path / "project/gonogo.yaml"), sealed / "bundles") is not None
    change(tmp_path / "project")
    assert find_bundle(load_project(tmp_path / "project/gonogo.yaml"), sealed / "bundles") is None


def test_a_bundle_that_was_changed_on_disk_is_not_found_and_is_built_again(sealed: Path, tmp_path: Path) -> None:
    shutil.copytree(sealed, tmp_path / "all")
    project = load_project(tmp_path / "all/project/gonogo.yaml")
    bundles = tmp_path / "all/bundles"
    first = find_bundle(project, bundles)
    assert first is not None
    (first.root / "golden.json").write_bytes((first.root / "golden.json").read_bytes() + b" ")
    assert find_bundle(project, bundles) is None
    assert sample.build(project, bundles).digest == first.digest


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"format":"other"}', b"\xff\xfe", b'{"bundles":'], ids=["empty", "list", "other", "binary", "cut"]
)
def test_a_damaged_index_only_costs_time(sealed: Path, tmp_path: Path, data: bytes) -> None:
    shutil.copytree(sealed / "bundles", tmp_path / "bundles")
    (tmp_path / "bundles/index.json").write_bytes(data)
    assert find_bundle(load_project(sealed / "project/gonogo.yaml"), tmp_path / "bundles") is None


def test_the_golden_scores_are_what_the_model_says(bundle: Bundle) -> None:
    loaded = OnnxRuntime().load(bundle.model_bytes())
    assert len(bundle.golden["requests"]) >= 8
    for request in bundle.golden["requests"]:
        said = scores(bundle.schema, loaded, encode_rows(bundle.schema, request["rows"]))
        np.testing.assert_allclose(said, request["scores"], atol=bundle.golden["tolerance"])


def test_golden_requests_cover_one_row_many_rows_and_missing_values(bundle: Bundle) -> None:
    sizes = {request["name"]: len(request["rows"]) for request in bundle.golden["requests"]}
    assert sizes["typical"] == 1
    assert sizes["several rows"] > 1
    assert bundle.golden["requests"][-1]["rows"][0]["amount"] is None


def test_neither_a_row_nor_a_rare_category_is_in_baseline_or_golden_requests(sealed: Path, bundle: Bundle) -> None:
    text = json.dumps([bundle.golden, bundle.baseline])
    assert "only-once-ville" not in text
    table = read_table(sealed / "project/train.csv")
    rows = {(round(a, 4), c) for a, c in zip(table.columns["amount"].tolist(), table.columns["city"].tolist(), strict=True)}
    for _, cases in golden_cases(bundle.schema, table):
        assert not {(round(row["amount"], 6), row["city"]) for row in cases if row["amount"] is not None} & rows


def test_the_baseline_counts_every_row_once(sealed: Path, bundle: Bundle) -> None:
    table = read_table(sealed / "project/train.csv")
    for name, feature in bundle.baseline["features"].items():
        bins = BinEdges.from_json(feature["bins"])
        assert sum(feature["counts"]) == table.rows == bundle.baseline["rows"]
        assert feature["counts"] == bins.count(table.columns[name]).tolist()
    assert bundle.baseline["features"]["amount"]["counts"][-1] == 12  # every tenth of 120 rows is missing
    assert sum(bundle.baseline["score"]["counts"]) == bundle.baseline["score"]["rows"] == 120
    assert sum(bundle.baseline["classes"].values()) == pytest.approx(1.0)


def test_the_run_record_ships_with_the_bundle(tmp_path: Path) -> None:
    import gonogo

    project = sample.write_project(tmp_path / "p")
    record = gonogo.record_run(project.root / "run.json", params={"a": 1}, metrics={}, data={"train": project.data.train}, seed=1)
    bundle = sample.build(load_project(project.file), tmp_path / "bundles")
    assert bundle.run_record == record


def replaced(file: str, old: str, new: str) -> Callable[[Path], object]:
    return lambda root: (root / file).write_text((root / file).read_text().replace(old, new))


BAD: dict[str, tuple[Callable[[Path, Any], object], type[GonogoError], str]] = {
    "no model": (lambda root: (root / "model.onnx").unlink(), ModelError, "there is no model"),
    "truncated model": (
        lambda root: (root / "model.onnx").write_bytes((root / "model.onnx").read_bytes()[:-40]),
        ModelError,
        "whole ONNX",
    ),
    "pickle": (lambda root: (root / "model.onnx").write_bytes(b"\x80\x04\x95" + bytes(8) + b"."), ModelError, "runs code when"),
    "no table": (lambda root: (root / "train.csv").unlink(), DataError, "'train' is not at"),
    "no target": (replaced("train.csv", "city,late", "city,early"), DataError, "no column 'late'"),
    "no rows": (lambda root: (root / "test.csv").write_text("amount,city,late\n"), DataError, "no rows"),
    "one class": (
        lambda root: (root / "test.csv").write_text("amount,city,late\n1,paris,1\n2,paris,1\n"),
        DataError,
        "every row has the target '1'",
    ),
    "target missing": (
        lambda root: (root / "test.csv").write_text("amount,city,late\n1,paris,1\n2,paris,\n3,oslo,0\n"),
        DataError,
        r"missing in 1 of 3 rows \(row 2\)",
    ),
    "no feature": (replaced("test.csv", "amount,", "sum,"), DataError, r"test\.csv: .*columns missing: amount"),
    "NaN predictions": (lambda root: (root / "model.onnx").write_bytes(sample.model_bytes(broken=True)), ModelError, "gives NaN"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_and_leaves_nothing(tmp_path: Path, case: str) -> None:
    harm, kind, said = BAD[case]
    project = sample.write_project(tmp_path / "p")
    harm(project.root)
    with pytest.raises(kind, match=said) as raised:
        sample.build(project, tmp_path / "bundles")
    assert raised.value.exit_code == 2
    assert not (tmp_path / "bundles").exists() or not list((tmp_path / "bundles").iterdir())


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("time: nope", r"train\.csv: .*'nope', which `data.time`"),
        ("group: nope", "`data.group`"),
        ("ignore: [nope]", "no table has the column 'nope'"),
    ],
)
def test_a_column_that_is_declared_and_nowhere_protects_nothing_and_is_refused(tmp_path: Path, entry: str, said: str) -> None:
    project = sample.write_project(tmp_path / "p")
    text = project.file.read_text()
    assert "target: late}" in text
    project.file.write_text(text.replace("target: late}", f"target: late, {entry}}}"))
    with pytest.raises(DataError, match=said):
        sample.build(load_project(project.file), tmp_path / "bundles")


def test_a_positive_class_that_is_not_the_last_score_column_is_refused(tmp_path: Path) -> None:
    project = sample.write_project(tmp_path / "p")
    text = project.file.read_text().replace("classification}", 'classification, positive: "0"}')
    project.file.write_text(text)
    with pytest.raises(ModelError, match="last score column is that of '1'"):
        sample.build(load_project(project.file), tmp_path / "bundles")


def test_sources_are_digested_without_their_place(sealed: Path, tmp_path: Path) -> None:
    shutil.copytree(sealed / "project", tmp_path / "elsewhere")
    here, there = (load_project(root / "gonogo.yaml") for root in (sealed / "project", tmp_path / "elsewhere"))
    assert sources_digest(here) == sources_digest(there)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda root: (root / ".hidden").write_text("x"), r"not declared: \.hidden"),
        (lambda root: (root / "golden.json").unlink(), r"missing: golden\.json"),
        (lambda root: (root / "model/model.onnx").write_bytes(b"other"), r"bundle\.json does not say what the bundle holds"),
        (lambda root: (root / "schema.json").write_text("{}"), "schema"),
        (lambda root: (root / "schema.json").write_text('{"a": 1}'), r"schema\.json is not one object in canonical form"),
        (lambda root: (root / "link").symlink_to("/etc/passwd"), "link"),
    ],
    ids=["dot-file", "missing", "other model", "no schema", "not canonical", "link"],
)
def test_a_folder_that_is_not_a_whole_bundle_is_refused(bundle: Bundle, tmp_path: Path, harm: Callable[[Path], object], said: str) -> None:
    shutil.copytree(bundle.root, tmp_path / "b")
    harm(tmp_path / "b")
    with pytest.raises(VerificationError, match=said):
        Bundle.open(tmp_path / "b")


def test_another_digest_than_expected_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="not sha256:00"):
        Bundle.open(bundle.root, expected="sha256:" + "0" * 64)
    with pytest.raises(NotFoundError):
        Bundle.open(tmp_path / "nowhere")


def test_a_model_that_changes_after_verification_is_never_loaded(bundle: Bundle, tmp_path: Path) -> None:
    shutil.copytree(bundle.root, tmp_path / "b")
    copy = Bundle.open(tmp_path / "b")
    copy.model.path.write_bytes(copy.model.path.read_bytes() + b"\0")
    with pytest.raises(VerificationError, match="changed after it was verified"):
        copy.model_bytes()


def test_building_reports_where_it_is(tmp_path: Path) -> None:
    from gonogo.model.sandbox import Sandbox

    said: list[str] = []
    project = sample.write_project(tmp_path / "p")
    build_bundle(project, Sandbox(60, 4096, accept_weaker=True), into=tmp_path / "b", progress=lambda what, done, total: said.append(what))
    assert said[0] == "inspecting the model"
    assert len(said) == 4


def test_an_output_beside_the_scores_is_looked_at_in_every_row_of_the_test_table(tmp_path: Path) -> None:
    nodes = [helper.make_node("Sigmoid", ["a"], ["probabilities"]), helper.make_node("Log", ["a"], ["size"])]
    shapes = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in ("a", "probabilities", "size")}
    graph = helper.make_graph(nodes, "g", [shapes["a"]], [shapes["probabilities"], shapes["size"]])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (tmp_path / "model.onnx").write_bytes(made.SerializeToString())
    rows = [f"{1 + n},{n % 2}\n" for n in range(1000)]
    (tmp_path / "train.csv").write_text("a,y\n" + "".join(rows))
    (tmp_path / "gonogo.yaml").write_text(
        "system: sizes\nmodel: {path: model.onnx, task: binary-classification, also: [size]}\n"
        "data: {train: train.csv, test: test.csv, target: y}\n"
    )
    (tmp_path / "test.csv").write_text("a,y\n" + "".join(rows))
    assert sample.build(load_project(tmp_path / "gonogo.yaml"), tmp_path / "bundles").schema.also == ("size",)
    (tmp_path / "test.csv").write_text("a,y\n" + "".join([*rows[:777], "0,1\n", *rows[778:]]))  # the log of 0
    with pytest.raises(ModelError, match=r"NaN or infinity in its output 'size' for 1 of 1000 rows"):
        sample.build(load_project(tmp_path / "gonogo.yaml"), tmp_path / "bundles")
