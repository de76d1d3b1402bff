"""`systems/departure_delays` in its small setting: GO as it is, and NO-GO on the right item for each way in which it can be spoiled."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from git_folder import GitFolder
from gonogo.operations.check import check
from gonogo.operations.sign import sign, sign_changed_policy
from gonogo.operations.workspace import Workspace
from gonogo.reports.text import render_text
from gonogo.verdict.outcome import Decision, Outcome
from spoiled import Spoil, document, figure, fresh_copy, judged, put_back, replaced, run, table

if TYPE_CHECKING:
    from .conftest import Shelf

ROLES = {"reviewer": "rob", "ml-team-lead": "lea", "infrastructure": "ina"}  # in the order of the checklist's phases
BUSY = "  response-time: {require: [requests >= 1000, errors == 0, p99 < 60 s], reason: the machine of a test is busy}\n"
MISSING = importlib.util.find_spec("tensorflow") is None

pytestmark = [
    pytest.mark.xdist_group("departure_delays"),
    pytest.mark.timeout(1800),
    pytest.mark.skipif(MISSING and not os.environ.get("CI"), reason="tensorflow is not installed (gonogo[tensorflow]); in CI it must be"),
]


@pytest.fixture(scope="module")
def trained(shelf: Shelf) -> Path:
    """The system trained, its people with keys, at a reviewed and tagged commit of a main that has an upstream."""

    def make(folder: Path) -> None:
        project = folder / "project"
        fresh_copy("departure_delays", project)
        run(project, "prepare.py", "--small")
        run(project, "train.py")
        for role, name in ROLES.items():
            run(project, "-m", "gonogo", "key", "new", name, "--role", role)
        text = (project / "gonogo.yaml").read_text()
        git = GitFolder.make(project)
        git.commit(
            {"gonogo.yaml": text.replace("\nitems:\n", "\nitems:\n" + BUSY)}, "Departure delays\n\nReviewed-by: Ben <ben@example.org>"
        )
        git("tag", "v1.0.0")
        git("clone", "-q", "--bare", str(project), str(folder / "upstream.git"))
        git("remote", "add", "origin", str(folder / "upstream.git"))
        git("fetch", "-q", "origin")
        git("branch", "-q", "--set-upstream-to=origin/main")

    return shelf.folder("departure_delays", make)


@pytest.fixture(scope="module")
def approved(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of it, measured and signed for by everybody."""
    folder = tmp_path_factory.mktemp("departure_delays")
    shutil.copytree(trained, folder, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GONOGO_START_SECONDS", "300")  # TensorFlow takes its time on a busy machine
        sign_changed_policy(Workspace.open(folder / "project"), "ml-team-lead", key=folder / "people" / "lea.key")
        check(Workspace.open(folder / "project"))
        for role, name in ROLES.items():
            sign(Workspace.open(folder / "project"), role, key=folder / "people" / f"{name}.key")
    return folder / "project"


def without_calibrator(pipeline: Any) -> Any:
    return {**pipeline, "after": [{"step": "sigmoid"}]}


def other_scaler(pipeline: Any) -> Any:
    before = [{**step, "scale": [one * 1.5 for one in step["scale"]]} if "scale" in step else step for step in pipeline["before"]]
    return {**pipeline, "before": before}


def other_order(pipeline: Any) -> Any:
    *before, destinations = pipeline["before"]
    return {**pipeline, "before": [*before, {**destinations, "categories": [destinations["categories"][0][::-1]]}]}


def older_figure(metadata: Any) -> Any:
    return {**metadata, "metrics": {**metadata["metrics"], "test_roc_auc": metadata["metrics"]["test_roc_auc"] + 0.02}}


def left_beside(folder: Path) -> None:
    (folder / "tests/test_more.py").write_text("def test_nothing():\n    pass\n")


LEAK = "SELECT * REPLACE ((late * 60 + departures / 100)::FLOAT AS departures) FROM {train}"
LOWER = "SELECT * REPLACE (score * 0.9 AS score) FROM {itself}"
LATER = "SELECT * REPLACE (scheduled + INTERVAL 90 DAY AS scheduled) FROM {train}"
NUMBERED = "SELECT row_number() OVER () AS place, * FROM {test}"
SHUFFLED = f"SELECT * EXCLUDE (place) REPLACE (((place * 7919) % 6 = 0)::TINYINT AS late) FROM ({NUMBERED}) ORDER BY place"
SPOILINGS: dict[str, tuple[str, Spoil]] = {
    "uncalibrated scores": ("calibration", document("models/pipeline.json", without_calibrator)),
    "a feature that is known only at the gate": ("no-leakage", table("data/train.parquet", LEAK)),
    "another scaler than in training": ("same-features", document("models/pipeline.json", other_scaler)),
    "categories in another order": ("same-features", document("models/pipeline.json", other_order)),
    "shuffled labels": ("discrimination", table("data/test.parquet", SHUFFLED)),
    "scores of another export": ("calibrator-inside", table("models/reference.parquet", LOWER)),
    "a feature list that lies": ("feature-list", replaced("configs/feature_list.csv", "distance,float", "length,float")),
    "metadata of the model before": ("metadata", document("models/metadata.json", older_figure)),
    "a comparison with an old number": ("comparison-figures", figure("models/comparison.md", "ROC-AUC", "0.8712")),
    "a training table that reaches into the test": ("temporal-split", table("data/train.parquet", LATER)),
    "a source that nobody committed": ("sources-committed", left_beside),
}  # fmt: skip


def test_it_is_go_once_everybody_has_signed_and_the_report_shows_what_the_pack_asks_beside_what_is_asked_here(approved: Path) -> None:
    checked = check(Workspace.open(approved), judge_only=True)
    outcomes = {result.item: (str(result.outcome), result.reason) for result in checked.verdict.items}
    assert checked.verdict.decision is Decision.GO, {item: said for item, said in outcomes.items() if said[0] != "PASS"}
    assert {item for item, said in outcomes.items() if said[0] == "NOT_APPLICABLE"} == {"gate-can-fail"}
    text = " ".join(render_text(checked.report, color=False).split())
    assert (
        "discrimination: require; the pack asks mandatory quality(): roc_auc >= 0.75 at 0.95; reason: 0.75 is the pack's own floor" in text
    )
    load = checked.evidence["response-time"]
    assert load.facts["requests"].value == 1000
    assert all(load.facts[name].value <= load.facts[name].high for name in ("p50", "p95", "p99"))


@pytest.mark.parametrize("name", list(SPOILINGS))
def test_each_way_to_spoil_it_is_no_go_on_its_item(approved: Path, name: str) -> None:
    item, spoil = SPOILINGS[name]
    with put_back(approved):
        spoil(approved)
        decision, result = judged(approved, item)
    assert (decision, result.outcome) == (Decision.NO_GO, Outcome.FAIL), result.reason
