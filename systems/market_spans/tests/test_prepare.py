"""Parts do not touch, windows have their shape, and the same input gives the same tables."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pyarrow.parquet as pq
import pytest

import prepare
from bars import real
from evaluate import read
from features import BOUNDS, FEATURES, WINDOW


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    out = tmp_path_factory.mktemp("data")
    prepare.main(["--generated", "1", "--out", str(out)])
    return out


def test_no_bar_of_any_series_is_in_windows_of_two_parts(tables):
    days = real("sp500").days
    ends = {part: pq.read_table(tables / f"{part}.parquet")["last_bar"].to_numpy().astype("datetime64[D]") for part in prepare.PARTS}
    for before, after in pairwise(prepare.PARTS):
        first_bar = days[np.searchsorted(days, ends[after].min()) - WINDOW + 1]
        assert ends[before].max() < first_bar
        assert (first_bar - ends[before].max()) >= np.timedelta64(prepare.EMBARGO, "D")


def test_every_window_is_105_bars_of_eleven_features_within_their_bounds(tables):
    windows = read(tables / "train.parquet")
    assert windows.window.shape[1:] == (WINDOW, len(FEATURES))
    low, high = zip(*(BOUNDS[name] for name in FEATURES), strict=True)
    values = windows.window.numpy()
    assert (values >= np.array(low) - 1e-6).all()
    assert (values <= np.array(high) + 1e-6).all()


def test_spans_are_positions_of_the_window_and_labels_are_of_two_classes(tables):
    for part in prepare.PARTS:
        windows = read(tables / f"{part}.parquet")
        start, end = windows.span.unbind(dim=1)
        assert ((start >= 0) & (start <= end) & (end <= WINDOW - 1)).all()
        assert set(windows.label.tolist()) == {0, 1}


def test_generated_bars_are_in_the_training_alone(tables):
    of = json.loads((tables / "tables.json").read_text())
    assert of["train"]["generated"] > 0
    assert [of[part]["generated"] for part in ("validation", "test", "live")] == [0, 0, 0]


def test_no_class_is_rarer_than_a_quarter(tables):
    of = json.loads((tables / "tables.json").read_text())
    assert all(0.25 <= of[part]["retracements"] <= 0.75 for part in ("train", "validation", "test"))


def test_no_unlabelled_bar_is_later_than_the_training(tables):
    days = pq.read_table(tables / "unlabelled.parquet")["day"].to_numpy()
    assert days.max() <= np.datetime64(prepare.PARTS["train"][1])


def test_the_same_input_gives_the_same_tables(tables, tmp_path):
    prepare.main(["--generated", "1", "--out", str(tmp_path)])
    for part in prepare.PARTS:
        assert pq.read_table(tmp_path / f"{part}.parquet").equals(pq.read_table(tables / f"{part}.parquet"))
