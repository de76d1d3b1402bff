"""`systems/market_spans` in its small setting: GO as it is, and NO-GO on the right item for each way in which it can be spoiled."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

from git_folder import GitFolder
from gonogo.operations.check import check
from gonogo.operations.sign import sign
from gonogo.operations.workspace import Workspace
from gonogo.reports.text import render_text
from gonogo.verdict.outcome import Decision, Outcome
from spoiled import Spoil, another, document, figure, fresh_copy, judged, put_back, replaced, run

if TYPE_CHECKING:
    from .conftest import Shelf

ROLES = {"reviewer": "ravi", "deployer": "dana", "approver": "ana"}
BUSY = "  batch-latency: {require: batch_mean <= 60 s, reason: the machine of a test is busy}\n"
MISSING = [name for name in ("torch", "arch") if importlib.util.find_spec(name) is None]

pytestmark = [
    pytest.mark.xdist_group("market_spans"),
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(MISSING) and not os.environ.get("CI"), reason=f"not installed: {', '.join(MISSING)}; in CI they must be"),
]


@pytest.fixture(scope="module")
def trained(shelf: Shelf) -> Path:
    """Three networks trained, one chosen, everything committed, three people with keys."""

    def make(folder: Path) -> None:
        project = folder / "project"
        fresh_copy("market_spans", project)
        run(project, "prepare.py")
        run(project, "train.py", "--variant", "compact", "--small")
        run(project, "train.py", "--variant", "crf", "--small")
        run(project, "train.py")
        run(project, "benchmark.py")
        for role, name in ROLES.items():
            run(project, "-m", "gonogo", "key", "new", name, "--role", role)
        reasons = ("--reason", "small, quick, and it meets every floor", "--risk", "LOW", "--fallback", fallback(project))
        run(project, "-m", "gonogo", "select", "position", *reasons)
        file = project / "gonogo.yaml"
        file.write_text(file.read_text().replace("\nitems:\n", "\nitems:\n" + BUSY))
        git = GitFolder.make(project)
        git("add", "-A")
        git("commit", "-q", "-m", "Market spans")

    return shelf.folder("market_spans", make)


def fallback(project: Path) -> str:
    """The better of the two that were trained for a look."""
    records = {name: json.loads((project / f"models/{name}.run.json").read_text()) for name in ("compact", "crf")}
    return max(records, key=lambda name: float(records[name]["metrics"]["f1_macro"]))


@pytest.fixture(scope="module")
def approved(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of it, measured and signed for by everybody."""
    folder = tmp_path_factory.mktemp("market_spans")
    shutil.copytree(trained, folder, dirs_exist_ok=True)
    project = folder / "project"
    check(Workspace.open(project))
    for role, name in ROLES.items():
        sign(Workspace.open(project), role, key=folder / "people" / f"{name}.key")
    return project


def changed(name: str, change: Callable[[Any, Path], Any]) -> Spoil:
    """A table whose columns, a dictionary of lists, were changed."""

    def spoil(folder: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        read = pq.read_table(folder / name)
        pq.write_table(pa.table(change(read.to_pydict(), folder), schema=read.schema), folder / name)

    return spoil


def leaked(columns: Any, folder: Path) -> Any:
    import pyarrow.parquet as pq

    (row,) = pq.read_table(folder / "data/train.parquet").slice(7, 1).to_pylist()
    return {name: [row[name], *values[1:]] if name in ("window", "label") else values for name, values in columns.items()}


def close_by(columns: Any, folder: Path) -> Any:
    import pyarrow.parquet as pq

    last = max(pq.read_table(folder / "data/validation.parquet")["last_bar"].to_pylist())
    return {**columns, "last_bar": [last + timedelta(days=30), *columns["last_bar"][1:]]}


def turned(columns: Any, folder: Path) -> Any:
    return {**columns, "label": [1 - label for label in columns["label"]]}


def other_features(columns: Any, folder: Path) -> Any:
    """The eleven features in another order, as from another version of the code."""
    return {**columns, "window": np.asarray(columns["window"], np.float32)[:, :, ::-1].tolist()}


def beyond(folder: Path) -> None:
    """An export whose pointers leave the window."""
    path = folder / "models/position.onnx"
    model = onnx.load(path)
    for node in model.graph.node:
        node.output[:] = ["start_inside" if name == "start" else name for name in node.output]
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(100, np.float32), "hundred"))
    model.graph.node.append(onnx.helper.make_node("Add", ["start_inside", "hundred"], ["start"]))
    onnx.save(model, path)


def typed_count(metadata: Any) -> Any:
    return {**metadata, "architecture": {**metadata["architecture"], "total_params": 100_000}}


SPOILINGS: dict[str, tuple[str, Spoil]] = {
    "a window of the training in the test": ("no-shared-rows", changed("data/test.parquet", leaked)),
    "a test window that shares bars with the validation": ("no-window-overlap", changed("data/test.parquet", close_by)),
    "labels the other way round": ("accuracy-measured", changed("data/test.parquet", turned)),
    "features in another order": ("metadata-true", changed("data/validation.parquet", other_features)),
    "a stale checkpoint": ("weights-load", another("models/position.pt", "models/compact.pt")),
    "the export of another network": ("metadata-true", another("models/position.onnx", "models/compact.onnx")),
    "a pointer out of the window": ("tests-pass", beyond),
    "a card with an old number": ("model-card", figure("models/position.card.md", "accuracy", "0.9312")),
    "parameters that somebody typed": ("architecture", document("models/position.metadata.json", typed_count)),
    "a decision for another network": ("decision", replaced("decision.json", '"recommended": "position"', '"recommended": "compact"')),
}


def test_it_is_go_once_everybody_has_signed_and_the_report_shows_what_the_pack_asks_beside_what_is_asked_here(approved: Path) -> None:
    checked = check(Workspace.open(approved), judge_only=True)
    outcomes = {result.item: (str(result.outcome), result.reason) for result in checked.verdict.items}
    assert checked.verdict.decision is Decision.GO, {item: said for item, said in outcomes.items() if said[0] != "PASS"}
    text = " ".join(render_text(checked.report, color=False).split())
    assert "data_contract(expected_rows=174): rows_expected_difference == 0; reason: another data set than the source's 174 windows" in text
    assert checked.evidence["architecture"].facts["parameters"].value == 97_092
    assert checked.evidence["batch-latency"].facts["batch"].value == 16


@pytest.mark.parametrize("name", list(SPOILINGS))
def test_each_way_to_spoil_it_is_no_go_on_its_item(approved: Path, name: str) -> None:
    item, spoil = SPOILINGS[name]
    with put_back(approved):
        spoil(approved)
        decision, result = judged(approved, item)
    assert (decision, result.outcome) == (Decision.NO_GO, Outcome.FAIL), result.reason
