"""What became of predictions, in one record: beside what is sealed, by slice, by day; and the rows themselves, from the log."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from gonogo.errors import DataError, StorageError
from gonogo.operations.labels import label_quality
from gonogo.operations.logged import logged_rows
from gonogo.operations.release import release
from gonogo.operations.verify import verify_reference
from gonogo.operations.workspace import Workspace
from gonogo.service.answering.batching import Computed
from gonogo.service.labels.store import Label, LabelStore
from gonogo.service.prediction_log.frames import prediction_frame, read_frames
from gonogo.service.prediction_log.segments import write_segments
from team import Team, make

REF = "small@1.0.0"
NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
LABELS = """
prediction_log: {}
monitor:
  labels: {mature_after: 24 h, least_coverage: 0.5, slices: {city: [paris, oslo, rome]}}
"""


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release whose slices were declared before its bundle was built."""
    base = tmp_path_factory.mktemp("labels") / "all"
    make(base, LABELS)
    team = Team(base / "project", base / "keys")
    team.sign("lead", "ana")
    team.sign("owner", "ben")
    release(team.workspace())
    return base / "project"


@pytest.fixture
def workspace(shipped: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(shipped, tmp_path / "project")
    return Workspace.open(tmp_path / "project")


def predicted(workspace: Workspace, rows: int, made: datetime, *, labelled: int, seed: int = 3) -> None:
    """Rows that the model might have scored, in a segment and in the label store; the first `labelled` have labels that fit the scores."""
    generator = np.random.default_rng(seed)
    schema = verify_reference(workspace, REF).bundle.schema
    cities = np.array(["paris", "london", "oslo"], dtype=object)[np.arange(rows) % 3]
    amount = generator.normal(size=rows).astype(np.float32)
    amount[0] = np.nan
    score = 1 / (1 + np.exp(-1.5 * np.nan_to_num(amount)))
    ids = [f"p{seed}-{number}" for number in range(rows)]
    batch = {"amount": amount[:, None], "city": cities[:, None]}
    computed = Computed(batch, np.stack((1 - score, score), axis=1), ids, [1] * rows)
    frames = [frame for frame, _ in read_frames(prediction_frame(schema, REF, computed, made.timestamp()))]
    folder = workspace.service / "log"
    write_segments(frames, folder, f"segment-{seed}", {}, b"")
    store = LabelStore(folder / "labels.db", {"city": ["paris", "oslo", "rome"]})
    store.record(f"{seed}", frames)
    late = generator.uniform(size=rows) < score
    store.take([Label(ids[place], schema.classes[int(late[place])]) for place in range(labelled)], made.timestamp())
    store.close()


def test_figures_stand_beside_those_that_are_sealed_for_all_and_by_slice(workspace: Workspace) -> None:
    predicted(workspace, 600, NOW - timedelta(days=2), labelled=450)
    found = label_quality(workspace, now=NOW)
    assert (found["kept"], found["expected"], found["waiting"], list(found["releases"])) == (True, True, 0, [REF])
    quality = found["releases"][REF]
    assert (quality["rows"], quality["labelled"], quality["coverage"], quality["why"]) == (600, 450, 0.75, "")
    assert quality["figures"]["roc_auc"]["n"] == 450
    assert quality["before"]["roc_auc"]["n"] == 120
    assert sum(point["n"] for point in quality["reliability"]) == 450
    assert np.sum(quality["confusion"]) == 450
    assert {name: (part["rows"], part["labelled"]) for name, part in quality["slices"].items()} == {
        "city=oslo": (200, 150), "city=paris": (200, 150),
    }  # fmt: skip
    assert quality["slices"]["city=oslo"]["before"]["accuracy"]["n"] > 0


def test_every_day_has_its_coverage_and_says_whether_it_is_mature(workspace: Workspace) -> None:
    predicted(workspace, 100, NOW - timedelta(days=2), labelled=80)
    predicted(workspace, 50, NOW - timedelta(hours=1), labelled=1, seed=4)
    days = label_quality(workspace, now=NOW)["releases"][REF]["by_day"]
    assert [(day["day"], day["rows"], day["labelled"], day["coverage"], day["mature"]) for day in days[-3:]] == [
        ("2026-03-07", 100, 80, 0.8, True), ("2026-03-08", 0, 0, None, False), ("2026-03-09", 50, 1, 0.02, False),
    ]  # fmt: skip


def test_too_few_labels_say_why_and_no_predictions_are_no_figure(workspace: Workspace) -> None:
    assert label_quality(workspace, [REF], now=NOW)["kept"] is False
    quality = label_quality(workspace, [REF], now=NOW)["releases"][REF]
    assert (quality["rows"], quality["figures"]["ece"], quality["why"] != "") == (0, None, True)
    predicted(workspace, 100, NOW - timedelta(days=2), labelled=30)
    quality = label_quality(workspace, now=NOW)["releases"][REF]
    assert "too few" in quality["why"]


def test_a_label_store_that_cannot_be_read_is_an_error_and_no_empty_record(workspace: Workspace) -> None:
    predicted(workspace, 10, NOW, labelled=1)
    path = workspace.service / "log" / "labels.db"
    path.write_bytes(b"no database " * 1000)
    with pytest.raises(StorageError, match=r"labels\.db"):
        label_quality(workspace, now=NOW)


def test_logged_rows_are_those_with_a_label_as_the_model_saw_them(workspace: Workspace) -> None:
    predicted(workspace, 300, NOW - timedelta(days=2), labelled=200)
    predicted(workspace, 50, NOW - timedelta(hours=1), labelled=50, seed=4)  # not mature
    schema = verify_reference(workspace, REF).bundle.schema
    table = logged_rows(workspace, REF, schema, NOW, 7 * 86_400.0)
    assert (table.rows, set(table.columns)) == (200, {"amount", "city", "late"})
    assert int(np.isnan(table.numeric("amount")).sum()) == 1
    assert set(table.column("city")) == {"paris", "london", "oslo"}
    assert set(table.column("late")) == set(schema.classes)
    amount = np.nan_to_num(table.numeric("amount"))
    late = table.column("late") == schema.classes[1]
    assert amount[late].mean() > amount[~late].mean()


def test_a_redacted_feature_cannot_be_looked_at_again(workspace: Workspace) -> None:
    predicted(workspace, 10, NOW - timedelta(days=2), labelled=10)
    file = workspace.project.file
    file.write_text(file.read_text().replace("prediction_log: {}", "prediction_log: {redact: {amount: drop}}"))
    again = Workspace.open(file.parent)
    with pytest.raises(DataError, match="amount"):
        logged_rows(again, REF, verify_reference(again, REF).bundle.schema, NOW, 7 * 86_400.0)
