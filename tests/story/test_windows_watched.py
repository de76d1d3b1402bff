"""A model of windows and three classes is watched: its channels, its classes one by one, and copies of it that are spoiled."""

from __future__ import annotations

import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, recall_score

from gonogo.base.table import read_table
from gonogo.evidence.memory import measure
from gonogo.model.encode import encode_table
from gonogo.operations.drift import drift_record
from gonogo.operations.labels import label_quality
from gonogo.operations.logged import logged_rows
from gonogo.operations.verify import verify_reference
from gonogo.operations.workspace import Workspace
from gonogo.service.answering.batching import Computed
from gonogo.service.labels.store import Label, LabelStore
from gonogo.service.prediction_log.frames import prediction_frame, read_frames
from gonogo.service.prediction_log.segments import write_segments
from window_project import CHANNELS, CLASSES, windows, write_project

from .conftest import User

pytestmark = pytest.mark.xdist_group("windows_watched")
REF = "windows@1.0.0"
NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
LABELS = "monitor:\n  labels: {mature_after: 24 h, least_coverage: 0.5}\n"


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    """A project of windows that was checked with its negative control, signed for and released."""
    folder = tmp_path_factory.mktemp("watched")
    write_project(folder / "project")
    with (folder / "project" / "gonogo.yaml").open("a") as file:
        file.write(LABELS)
    user = User(folder / "project", folder / "people")
    user.gonogo("key", "new", "ana", "--role", "technical-lead")
    proved = user.gonogo("check", "--prove", expect=1).stdout
    assert "negative control: 4 of 4 spoiled copies were refused" in proved
    user.gonogo("sign", "technical-lead")
    user.gonogo("release")
    return user


def test_the_bundle_seals_every_channel_and_what_each_class_was_taken_for(user: User) -> None:
    bundle = verify_reference(Workspace.open(user.folder), REF).bundle
    assert set(bundle.baseline["features"]) == {
        f"window.{channel}.{summary}" for channel in CHANNELS for summary in ("mean", "spread", "missing")
    }
    test = read_table(user.folder / "test.parquet")
    mean = encode_table(bundle.schema, test)["window"].reshape(-1, 20, 3).mean(axis=1)
    truth = [CLASSES.index(kind) for kind in test.column("kind")]
    cells = np.zeros((3, 3), dtype=int)
    for predicted, actual, rows in bundle.baseline["confusions"][""]:
        cells[predicted, actual] = rows
    assert (cells == confusion_matrix(truth, mean.argmax(axis=1)).T).all()


def test_the_card_says_what_a_window_is(user: User) -> None:
    archive = next((user.folder / ".gonogo" / "releases").glob("*.tar.gz"))
    with tarfile.open(archive) as files:
        [name] = [name for name in files.getnames() if name.endswith("card.md")]
        card = files.extractfile(name)
        assert card is not None
        text = card.read().decode()
    assert "float \\[20, 3\\], by channel (open, high, low) mean and spread and missing are watched" in text


def kept(user: User, rows: int, share_wrong: float) -> Workspace:
    """Predictions of windows in the label store, with labels of which a share is wrong for windows that were taken for "rise"."""
    workspace = Workspace.open(user.folder)
    schema = verify_reference(workspace, REF).bundle.schema
    values, kinds = windows(rows, 9)
    raw = np.exp(8 * values.mean(axis=1))
    scores = (raw / raw.sum(axis=1, keepdims=True)).astype(np.float64)
    wrong = (scores.argmax(axis=1) == 2) & (np.random.default_rng(1).uniform(size=rows) < share_wrong)
    actual = np.where(wrong, 0, kinds)
    ids, made = [f"p{number}" for number in range(rows)], NOW - timedelta(days=2)
    computed = Computed({"window": values.reshape(rows, -1)}, scores, ids, [1] * rows)
    frames = [frame for frame, _ in read_frames(prediction_frame(schema, REF, computed, made.timestamp()))]
    write_segments(frames, workspace.service / "log", "segment", {}, b"")
    store = LabelStore(workspace.service / "log" / "labels.db")
    store.record("one", frames)
    store.take([Label(name, CLASSES[one]) for name, one in zip(ids, actual.tolist(), strict=True)], made.timestamp())
    store.close()
    return workspace


def test_every_class_has_its_figures_beside_those_that_are_sealed(user: User) -> None:
    workspace = kept(user, 600, 0.5)
    quality = label_quality(workspace, now=NOW)["releases"][REF]
    matrix = np.array(quality["confusion"])
    told = np.repeat(np.arange(9) // 3, matrix.ravel())
    true = np.repeat(np.arange(9) % 3, matrix.ravel())
    assert quality["figures"]["f1"]["value"] == pytest.approx(f1_score(true, told, average="macro"))
    assert quality["before"]["f1"]["value"] > 0.95
    by_class: dict[str, Any] = {one["class"]: one for one in quality["by_class"]}
    assert list(by_class) == list(CLASSES)
    assert [one["figures"]["recall"]["value"] for one in by_class.values()] == pytest.approx(
        recall_score(true, told, average=None).tolist()
    )
    assert by_class["rise"]["figures"]["precision"]["value"] == pytest.approx(0.5, abs=0.1)
    assert by_class["rise"]["before"]["precision"]["value"] > 0.95


def test_what_the_model_relies_on_in_service_is_measured_channel_by_channel(user: User) -> None:
    workspace = kept(user, 600, 0.0)
    bundle = verify_reference(workspace, REF).bundle
    logged = logged_rows(workspace, REF, bundle.schema, NOW, 7 * 86_400.0)
    found = measure(
        "importance_stability", {"rows": 300}, project=workspace.project, bundle=bundle, test=read_table(user.folder / "test.parquet"),
        logged=logged, sandbox=workspace.sandbox(),
    )  # fmt: skip
    assert found.facts["top"].value == 3
    assert found.facts["first_now"].value in {"window.open", "window.high", "window.low"}


def test_the_page_of_drift_knows_whose_each_summary_is(user: User, tmp_path: Path) -> None:
    from gonogo.base.clock import FakeClock
    from gonogo.monitor.history import History

    baseline = verify_reference(Workspace.open(user.folder), REF).bundle.baseline
    history = History(tmp_path / "history.db", FakeClock(NOW))
    record = drift_record(history, REF, baseline, [], NOW)
    history.close()
    assert {one["feature"]: one["tensor"] for one in record["features"]} == {
        "(score)": None,
        **dict.fromkeys(baseline["features"], "window"),
    }
