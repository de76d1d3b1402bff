"""`systems/digit_images` in its small setting: GO as it is, and NO-GO on the right item for each way in which it can be spoiled."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from gonogo.operations.check import check
from gonogo.operations.workspace import Workspace
from gonogo.reports.text import render_text
from gonogo.verdict.outcome import Decision, Outcome
from spoiled import Spoil, another, fresh_copy, judged, replaced, run, table

if TYPE_CHECKING:
    from .conftest import Shelf, User

BUSY = """
items:
  inference-latency: {require: p95 < 5 s}
  latency-target: {applies: true, require: p95 < 5 s, reason: the machine of a test is busy}
"""
MISSING = importlib.util.find_spec("torch") is None

pytestmark = [
    pytest.mark.xdist_group("digit_images"),
    pytest.mark.timeout(600),
    pytest.mark.skipif(MISSING and not os.environ.get("CI"), reason="PyTorch is not installed (gonogo[torch]); in CI it must be"),
]


@pytest.fixture(scope="module")
def trained(shelf: Shelf) -> Path:
    """The system trained, and what a short training of it with another seed left, in `other`."""

    def make(folder: Path) -> None:
        from .conftest import User

        fresh_copy("digit_images", folder / "project")
        user = User(folder / "project", folder / "people")
        user.python("prepare.py")
        small = (user.folder / "configs/small.yaml").read_text()
        (user.folder / "configs/short.yaml").write_text(small.replace("epochs: 40", "epochs: 1"))
        user.python("train.py", "--setting", "short", "--seed", "7")
        (user.folder / "configs/short.yaml").unlink()
        other = folder / "other"
        for name in ("models", "checkpoints", "results"):
            shutil.copytree(user.folder / name, other / name)
        user.python("train.py")
        user.gonogo("key", "new", "ana", "--role", "technical-lead")
        user.gonogo("key", "new", "ben", "--role", "product-owner")
        file = user.folder / "gonogo.yaml"
        lines = [line for line in file.read_text().splitlines() if not line.startswith("  latency-target:")]
        file.write_text("\n".join(lines).replace("\nitems:\n", BUSY) + "\n")

    return shelf.folder("digit_images", make)


@pytest.fixture
def project(trained: Path, tmp_path: Path) -> User:
    from .conftest import copied

    return copied(trained, tmp_path)


def test_it_is_go_once_two_people_have_signed_and_is_tried_in_staging(project: User) -> None:
    first = check(Workspace.open(project.folder))
    open_items = {result.item: str(result.reason) for result in first.verdict.items if result.outcome is not Outcome.PASS}
    signed = {"failure-modes-read", "technical-approval", "product-approval"}
    answered = {"code-review", "code-review-scope", "compliance-approval"}
    assert open_items.keys() == signed | answered, open_items
    project.gonogo("sign", "technical-lead")
    project.gonogo("sign", "product-owner")
    checked = check(Workspace.open(project.folder), judge_only=True)
    assert checked.verdict.decision is Decision.GO, render_text(checked.report)
    matrix = checked.evidence["confusion-matrix"].pictures["confusion_matrix"]
    assert len(matrix["counts"]) == 10
    assert sum(map(sum, matrix["counts"])) == 380

    project.gonogo("release")
    project.gonogo("rollout", "stage", "digit-images@1.0.0")
    project.gonogo("predict", "digit-images@staging", "data/live.parquet", "--out", "smoke.jsonl")
    said = [json.loads(line)["label"] for line in (project.folder / "smoke.jsonl").read_text().splitlines()]
    written = [str(digit) for (digit,) in duckdb.sql(f"SELECT digit FROM '{project.folder / 'data/live.parquet'}'").fetchall()]
    assert sum(one == other for one, other in zip(said, written, strict=True)) > 0.9 * len(written)
    load = project.json("loadtest", "digit-images@staging", "--requests", "1000", "--concurrency", "20")
    assert (load["requests"], load["errors"]) == (1000, 0)


def test_its_own_tests_pass(project: User) -> None:
    assert "passed" in project.python("-m", "pytest", "-q", "tests").stdout


def test_both_exports_say_what_the_network_says(trained: Path) -> None:
    compared = json.loads((trained / "project/models/export.json").read_text())
    assert compared["rows"] == 385
    for name in ("onnx", "torchscript"):
        assert compared[name]["max_abs_diff"] < 1e-5
        assert compared[name]["accuracy_delta"] == 0.0


SHUFFLED = "SELECT image, lead(digit, 3, 0) OVER (ORDER BY place) AS digit, form, place FROM {test} ORDER BY place"
UNIT = "list_transform(image, lambda c: list_transform(c, lambda r: list_transform(r, lambda p: p / 16)))"
TEN_LEAKED = "SELECT * FROM {test} UNION ALL (SELECT * FROM {train} LIMIT 10)"
TRAINED = "import checkpoints, export, images, torch; from pathlib import Path; torch.set_num_threads(1); "
EXPORTED = "; export.export(network, images.read(Path('data/test.parquet')), Path('models'))"


def split_by_image(folder: Path) -> None:
    """One image in four of the test comes from the forms of the training, none of them twice: a split that knows no forms."""
    mixed = "SELECT * FROM {test} WHERE place % 4 > 0 UNION ALL (SELECT * FROM {train} WHERE place % 4 = 0)"
    table("data/test.parquet", mixed)(folder)
    table("data/train.parquet", "SELECT * FROM {train} WHERE place % 4 > 0")(folder)


def from_the_other_training(name: str) -> Spoil:
    return another(name, f"../other/{name}")


def worse_retrain(folder: Path) -> None:
    """All that a training of one epoch left, in the place of all that the real one left."""
    for name in ("models", "checkpoints", "results"):
        shutil.rmtree(folder / name)
        shutil.copytree(folder / ".." / "other" / name, folder / name)


def exported(network: str) -> Spoil:
    """What is exported is what these words make, of the checkpoints."""
    return lambda folder: run(folder, "-c", TRAINED + network + EXPORTED)


LAST = "network = checkpoints.network_of(checkpoints.load(Path('checkpoints/production/final_model_last.pt')))"
UNSCALED = LAST.replace("_last", "_best") + "; network.mean.zero_(); network.spread.fill_(1.0)"


def last_months_report(folder: Path) -> None:
    from_the_other_training("results/production/test_results.md")(folder)
    replaced("results/production/test_results.md", "| Test Accuracy | 0.", "| Test Accuracy | 0.0")(folder)


SPOILINGS: dict[str, tuple[str, Spoil]] = {
    "shuffled labels": ("test-accuracy", table("data/test.parquet", SHUFFLED)),
    "images of the training in the test": ("test-unseen", table("data/test.parquet", TEN_LEAKED)),
    "a split by image instead of by form": ("no-shared-groups", split_by_image),
    "pixels from 0 to 1": ("test-accuracy", table("data/test.parquet", f"SELECT * REPLACE ({UNIT} AS image) FROM {{test}}")),
    "an export without scaling": ("export-accuracy", exported(UNSCALED)),
    "the last checkpoint exported": ("reproducibility", exported(LAST)),
    "a stale checkpoint": ("reproducibility", from_the_other_training("checkpoints/production/final_model_best.pt")),
    "a retrain that got worse": ("test-accuracy", worse_retrain),
    "the TorchScript of another training": ("export-torchscript", from_the_other_training("models/production_model.pt")),
    "a document with an old number": ("test-report-numbers", last_months_report),
    "another configuration than the one that ran": (
        "final-config",
        replaced("results/production/final_config.yaml", "patience: 8", "patience: 9"),
    ),
    "a log that ends before the training": ("final-training", replaced("results/production/training.log", "Training complete", "Train")),
    "an issue that blocks": ("no-critical-issues", replaced("issues.yaml", "severity: P2", "severity: P1")),
}


@pytest.mark.parametrize("name", SPOILINGS)
def test_a_spoiling_is_no_go_on_its_item(name: str, project: User) -> None:
    item, spoil = SPOILINGS[name]
    spoil(project.folder)
    decision, result = judged(project.folder, item)
    assert (decision, result.outcome) == (Decision.NO_GO, Outcome.FAIL), result.reason
