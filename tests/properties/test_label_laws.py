"""Laws of labels: whatever comes first, and however it is cut into batches, the counts are those of the last label of each row."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.monitor.labels import newest_mature
from gonogo.service.labels.store import Label, LabelStore
from gonogo.stats.score_table import ScoreTable

CLASSES = ("no", "yes")
HOUR = 3600
NAMES = [f"p{number}" for number in range(6)]
SCORES = [0.05, 0.2, 0.5, 0.51, 0.9, 1.0]

#: steps: the prediction of a row is recorded, or it gets a label
steps = st.lists(st.one_of(st.sampled_from(range(6)), st.tuples(st.sampled_from(range(6)), st.sampled_from((0, 1)))), max_size=25)


def frame(place: int, release: str = "m@1.0.0") -> dict[str, Any]:
    score = SCORES[place]
    return {
        "kind": "predictions", "time": float(place % 3 * HOUR), "release": release, "classes": list(CLASSES), "inputs": {},
        "features": [], "ids": [NAMES[place]], "rows": [1], "scores": np.array([1 - score, score]).tobytes(),
    }  # fmt: skip


def play(store: LabelStore, order: list[Any]) -> None:
    for number, step in enumerate(order):
        if isinstance(step, int):
            store.record(f"{number}", [frame(step)])
        else:
            store.take([Label(NAMES[step[0]], CLASSES[step[1]])], 0.0)


@settings(max_examples=60)
@given(steps)
def test_counts_are_those_of_the_last_labels_of_what_was_predicted(order: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = LabelStore(Path(folder) / "labels.db")
        play(store, order)
        found, waiting = store.counts("m@1.0.0", 0, 3 * HOUR), store.waiting()
        parts = [store.counts("m@1.0.0", hour * HOUR, (hour + 1) * HOUR) for hour in range(3)]
        store.close()
    predicted = {step for step in order if isinstance(step, int)}
    last = {step[0]: step[1] for step in order if not isinstance(step, int)}
    expected = ScoreTable()
    for place in predicted & set(last):
        expected.add(SCORES[place], last[place])
    assert waiting == len(set(last) - predicted)
    if found is None:
        assert not predicted
        return
    assert (found.rows, found.labelled) == (len(predicted), expected.rows)
    assert (found.table.counts == expected.counts).all()
    assert (found.table.sums == expected.sums).all()
    merged = ScoreTable()  # hours added up are the whole
    for part in parts:
        assert part is not None
        merged = merged.plus(part.table)
    assert (merged.counts == found.table.counts).all()


@settings(max_examples=40)
@given(steps)
def test_labels_in_one_batch_come_to_the_same_as_one_by_one(order: list[Any]) -> None:
    labels = [Label(NAMES[step[0]], CLASSES[step[1]]) for step in order if not isinstance(step, int)]
    tables = []
    with tempfile.TemporaryDirectory() as folder:
        for name, batches in (("one", [labels]), ("many", [[label] for label in labels])):
            store = LabelStore(Path(folder) / name)
            store.record("a", [frame(place) for place in range(6)])
            for batch in batches:
                store.take(batch, 0.0)
            tables.append(store.counts("m@1.0.0", 0, 3 * HOUR))
            store.close()
    one, many = tables
    assert one is not None
    assert many is not None
    assert one.confusion.tolist() == many.confusion.tolist()
    assert (one.table.sums == many.table.sums).all()


class Waits:
    """Labels that say no more than when a cohort is mature."""

    least_coverage, expected = 0.0, False

    def __init__(self, seconds: float) -> None:
        self.mature_after_seconds = seconds

    def slices(self, release: str) -> tuple[str, ...]:
        return ()

    def counts(self, release: str, since: float, until: float, part: str = "") -> None:
        return None


@given(st.integers(0, 10**6), st.datetimes(min_value=datetime(2020, 1, 1)))
def test_a_cohort_is_mature_so_long_after_its_hour_began(seconds: int, moment: Any) -> None:
    now = moment.replace(tzinfo=UTC)
    end = newest_mature(Waits(float(seconds)), now)
    assert end % HOUR == 0
    assert end - HOUR + seconds <= now.timestamp() < end + seconds
