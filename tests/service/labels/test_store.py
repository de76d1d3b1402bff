"""The label store: labels and predictions meet in any order, are corrected, and are counted exactly."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from gonogo.model.schema import Feature, GraphInput, Schema
from gonogo.service.answering.batching import Computed
from gonogo.service.labels.store import Label, LabelStore
from gonogo.service.prediction_log.frames import prediction_frame, read_frames

RELEASE = "small@1.0.0"
NOON = 1_700_006_400.0  # the beginning of an hour
HOUR = 3600.0


def schema(*classes: str) -> Schema:
    task = "binary-classification" if len(classes) == 2 else "multiclass-classification"
    return Schema(task, (GraphInput("x", "float32", 1),), (Feature("age", "float", False, "x", 0),), classes, "p")


def frame(
    ids: dict[str, int], scores: list[list[float]], at: float = NOON, release: str = RELEASE, classes: tuple[str, ...] = ("no", "yes")
) -> dict:
    """What the writer gets for requests of so many rows each."""
    rows = sum(ids.values())
    computed = Computed({"x": np.zeros((rows, 1), dtype=np.float32)}, np.array(scores), list(ids), list(ids.values()))
    [(document, _)] = read_frames(prediction_frame(schema(*classes), release, computed, at))
    return document


@pytest.fixture
def store(tmp_path: Path):
    with_file = LabelStore(tmp_path / "labels.db")
    yield with_file
    with_file.close()


def counts(store: LabelStore, since: float = NOON, until: float = NOON + HOUR):
    found = store.counts(RELEASE, since, until)
    assert found is not None
    return found


def test_a_label_joins_its_prediction_and_is_counted_in_the_hour_of_the_prediction(store: LabelStore) -> None:
    assert store.record("a", [frame({"p1": 1, "p2": 1}, [[0.25, 0.75], [0.9, 0.1]])]) == 2
    taken = store.take([Label("p1", "yes"), Label("p2", "yes")], NOON + 50 * HOUR)
    assert (taken.joined, taken.waiting, taken.refused) == (2, 0, [])
    found = counts(store)
    assert (found.rows, found.labelled, found.coverage) == (2, 2, 1.0)
    assert found.confusion.tolist() == [[0, 1], [0, 1]]
    assert (found.table.rows, found.table.positives, found.table.mean) == (2, 2, pytest.approx((0.75 + 0.1) / 2))
    assert counts(store, NOON + HOUR, NOON + 99 * HOUR).labelled == 0


def test_a_label_that_comes_before_its_prediction_waits_for_it(store: LabelStore) -> None:
    assert store.take([Label("p1", "no")], NOON).waiting == 1
    assert store.counts(RELEASE, NOON, NOON + HOUR) is None
    store.record("a", [frame({"p1": 1}, [[0.2, 0.8]])])
    assert (counts(store).confusion.tolist(), store.waiting()) == ([[0, 0], [1, 0]], 0)


def test_the_last_label_wins_and_the_corrected_one_is_in_no_count(store: LabelStore) -> None:
    store.record("a", [frame({"p1": 1}, [[0.2, 0.8]])])
    assert store.take([Label("p1", "no")], NOON).joined == 1
    assert store.take([Label("p1", "no")], NOON).same == 1
    taken = store.take([Label("p1", "yes"), Label("p1", "no"), Label("p1", "yes")], NOON)
    assert (taken.joined, taken.changed) == (0, 3)
    found = counts(store)
    assert (found.labelled, found.confusion.tolist()) == (1, [[0, 0], [0, 1]])
    assert (found.table.rows, found.table.positives) == (1, 1)


def test_recording_a_spool_again_changes_nothing(store: LabelStore) -> None:
    frames = [frame({"p1": 1}, [[0.2, 0.8]]), frame({"p2": 2}, [[0.2, 0.8], [0.5, 0.5]])]
    store.record("a", frames[:1])
    assert store.record("a", frames) == 2
    assert store.record("a", frames) == 0
    assert counts(store).rows == 3


def test_what_cannot_be_a_label_is_refused_by_place_and_the_rest_is_taken(store: LabelStore) -> None:
    store.record("a", [frame({"p1": 1, "many": 2}, [[0.2, 0.8], [0.5, 0.5], [0.5, 0.5]])])
    labels = [
        Label("p1", "maybe"), Label("many", "yes"), Label("many", "yes", 2), Label("many", "yes", 1), Label("other", "perhaps"),
        Label("p1", "no", 0),
    ]  # fmt: skip
    taken = store.take(labels, NOON)
    assert [place for place, _ in taken.refused] == [0, 1, 2, 4]
    assert "no, yes" in taken.refused[0][1]
    assert "row 0 to 1" in taken.refused[1][1]
    assert "has no row 2" in taken.refused[2][1]
    assert taken.joined == 2


def test_a_label_that_waited_and_does_not_fit_is_counted_as_refused(store: LabelStore) -> None:
    store.take([Label("p1", "maybe"), Label("many", "yes")], NOON)
    store.record("a", [frame({"p1": 1, "many": 2}, [[0.2, 0.8]] * 3)])
    assert (counts(store).labelled, store.waiting(), store.lost()) == (0, 0, {"refused": 2, "expired": 0})


def test_of_more_classes_the_outcome_is_that_the_highest_was_right(store: LabelStore) -> None:
    store.record("a", [frame({"p1": 1, "p2": 1}, [[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]], classes=("a", "b", "c"))])
    store.take([Label("p1", "b"), Label("p2", "c")], NOON)
    found = counts(store)
    assert found.table.positives == 1
    assert found.table.mean == pytest.approx(0.55)
    assert (found.confusion[1, 1], found.confusion[0, 2], found.confusion.sum()) == (1, 1, 2)


def test_what_is_forgotten_stays_counted_and_its_late_labels_expire(store: LabelStore) -> None:
    store.record("a", [frame({"p1": 1}, [[0.2, 0.8]])])
    store.take([Label("p1", "yes"), Label("never", "yes")], NOON)
    store.forget(NOON + 2 * HOUR)
    assert counts(store).labelled == 1
    assert (store.waiting(), store.lost()["expired"]) == (0, 1)
    assert store.take([Label("p1", "no")], NOON + 3 * HOUR).waiting == 1  # its prediction is gone


def test_counts_outlive_the_process_and_a_second_one_sees_them(store: LabelStore) -> None:
    other = LabelStore(store.path)
    store.record("a", [frame({"p1": 1}, [[0.2, 0.8]])])
    assert other.take([Label("p1", "yes")], NOON).joined == 1
    assert counts(store).labelled == 1
    assert other.releases() == [RELEASE]
    other.close()


def test_many_rows_are_recorded_and_labelled_in_several_transactions(store: LabelStore) -> None:
    names = {f"q{number:06d}": 1 for number in range(25_000)}
    scores = np.random.default_rng(5).random(len(names))
    store.record("big", [frame(dict(part), [[1 - p, p] for p in scores[at : at + 5000]]) for at, part in chunks(names, 5000)])
    outcome = np.random.default_rng(6).random(len(names)) < scores
    taken = store.take([Label(name, "yes" if y else "no") for name, y in zip(names, outcome, strict=True)], NOON)
    assert (taken.joined, taken.refused) == (25_000, [])
    found = counts(store)
    assert (found.rows, found.table.rows, found.table.positives) == (25_000, 25_000, int(outcome.sum()))
    assert found.table.mean == pytest.approx(float(scores.mean()), abs=1e-6)


def chunks(names: dict[str, int], size: int):
    items = list(names.items())
    return [(at, items[at : at + size]) for at in range(0, len(items), size)]


def sliced(ids: dict[str, int], ages: list[float], at: float = NOON) -> dict:
    """Rows of which one feature, age, has these values, all told positive."""
    rows = sum(ids.values())
    computed = Computed({"x": np.array(ages, dtype=np.float32)[:, None]}, np.tile([0.2, 0.8], (rows, 1)), list(ids), list(ids.values()))
    [(document, _)] = read_frames(prediction_frame(schema("no", "yes"), RELEASE, computed, at))
    return document


def test_declared_slices_are_counted_like_releases_and_follow_corrections(tmp_path: Path) -> None:
    store = LabelStore(tmp_path / "labels.db", {"age": ["30", "40"], "gone": ["1"]})
    store.record("a", [sliced({"p1": 1, "p2": 2}, [30.0, 40.0, 50.0])])
    store.record("a", [sliced({"p1": 1, "p2": 2}, [30.0, 40.0, 50.0])])
    assert (store.releases(), store.slices(RELEASE)) == ([RELEASE], ("age=30", "age=40"))
    store.take([Label("p1", "yes"), Label("p2", "no", 0), Label("p2", "no", 1)], NOON)
    store.take([Label("p2", "yes", 0)], NOON)
    found = {part: store.counts(RELEASE, NOON, NOON + HOUR, part) for part in ("", "age=30", "age=40", "age=50")}
    store.close()
    assert {part: None if one is None else (one.rows, one.labelled, one.table.positives) for part, one in found.items()} == {
        "": (3, 3, 2), "age=30": (1, 1, 1), "age=40": (1, 1, 1), "age=50": None,
    }  # fmt: skip


def test_a_store_from_before_there_were_slices_is_read_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "labels.db"
    first = LabelStore(path)
    first.record("a", [frame({"p1": 1}, [[0.2, 0.8]])])
    first.close()
    with sqlite3.connect(path) as raw:
        raw.execute("ALTER TABLE prediction DROP COLUMN slices")
    raw.close()
    second = LabelStore(path, {"age": ["30"]})
    second.record("b", [sliced({"p2": 1}, [30.0])])
    assert second.take([Label("p1", "yes"), Label("p2", "yes")], NOON).joined == 2
    assert (counts(second).labelled, second.slices(RELEASE)) == (2, ("age=30",))
    second.close()


NEXT = "small@1.1.0"


@pytest.mark.parametrize("order", ["shadow first", "label first", "label before all", "answer last"])
def test_what_a_shadow_computed_gets_the_label_of_the_answer_in_whatever_order(store: LabelStore, order: str) -> None:
    answer, copy = frame({"p1": 1}, [[0.2, 0.8]]), frame({"shadow-p1": 1}, [[0.9, 0.1]], release=NEXT)
    steps = {
        "shadow first": [copy, answer, "yes"], "label first": [answer, "yes", copy], "label before all": ["yes", copy, answer],
        "answer last": [copy, "yes", answer],
    }[order]  # fmt: skip
    for number, step in enumerate(steps):
        if isinstance(step, str):
            store.take([Label("p1", step)], NOON)
        else:
            store.record(f"{number}", [step])
    given, shadow = counts(store), store.counts(NEXT, NOON, NOON + HOUR)
    assert shadow is not None
    assert (given.confusion.tolist(), shadow.confusion.tolist()) == ([[0, 0], [0, 1]], [[0, 1], [0, 0]])
    store.take([Label("p1", "no"), Label("p1", "yes"), Label("p1", "no")], NOON)
    shadow = store.counts(NEXT, NOON, NOON + HOUR)
    assert shadow is not None
    assert shadow.confusion.tolist() == [[1, 0], [0, 0]]


def test_a_class_that_the_shadow_does_not_know_is_no_label_of_it(store: LabelStore) -> None:
    store.record("a", [frame({"p1": 1}, [[0.2, 0.8]]), frame({"shadow-p1": 1}, [[0.9, 0.1]], release=NEXT, classes=("no", "perhaps"))])
    assert store.take([Label("p1", "yes")], NOON).joined == 1
    shadow = store.counts(NEXT, NOON, NOON + HOUR)
    assert shadow is not None
    assert (shadow.rows, shadow.labelled, store.lost()["refused"]) == (1, 0, 1)
