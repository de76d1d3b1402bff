"""A bucket as bytes: nothing is lost, what cannot be is refused, and every format that was ever written is read."""

from __future__ import annotations

import json
import sqlite3
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.base.clock import FakeClock
from gonogo.errors import StorageError
from gonogo.monitor.counts import Counts
from gonogo.monitor.history import MINUTE, History
from gonogo.monitor.packing import REAL, WHOLE, layout_of, names_of, pack, unpack
from gonogo.monitor.windows import Snapshot, Windows

#: written once by the first version of format 2
GOLDEN = Counts(
    seconds=60.0, looks=30, n=700, bad=2, latency_us=1.5e6, rows=700, score_sum=3 << 38, latency={"352": 5, "360": 695},
    features={"age": (70, 630), "city": (700, 0, 0)}, outside={"age": 3}, score=(350, 350), fine=(0, 300, 400),
)  # fmt: skip
GOLDEN_NAMES = (
    '{"numbers":["looks","unwell","n","bad","client_errors","server_errors","unread","invalid","rows","score_sum","score_squares","low","high",'
    '"unsure"],"features":{"age":2,"city":3},"outside":["age"]}'
)
GOLDEN_BYTES = (
    "02074378da636000013f071099f0d8cc918f438e610f1388b7870102989048a2c0010692002323332b935b19c83a2626108e8b636464624ae06004b2"
    "59b733300100bfcf083478da636662d099c0c0c80800034d00c4"
)

numbers = st.integers(0, 2**62)
bins = st.lists(st.integers(0, 2**40), max_size=30).map(tuple)
counts = st.builds(
    Counts,
    **dict.fromkeys(WHOLE, numbers),
    **dict.fromkeys(REAL, st.floats(0, 1e15)),
    latency=st.dictionaries(st.integers(0, 1023).map(str), st.integers(1, 2**40), max_size=20),
    features=st.dictionaries(st.text(min_size=1, max_size=8), bins, max_size=5),
    outside=st.dictionaries(st.text(min_size=1, max_size=8), numbers, max_size=5),
    score=bins,
    fine=bins,
)


@given(counts, st.integers(1, 10**6))
def test_what_is_unpacked_is_what_was_packed(one: Counts, layout: int) -> None:
    packed = pack(one, layout)
    assert layout_of(packed) == layout
    assert unpack(packed, json.loads(names_of(one))) == one


@given(counts)
def test_the_format_before_is_read(one: Counts) -> None:
    before = zlib.compress(json.dumps(one.to_json()).encode())
    assert layout_of(before) is None
    assert unpack(before, None).to_json() == one.to_json()


def test_what_was_written_once_is_read_for_ever() -> None:
    assert unpack(bytes.fromhex(GOLDEN_BYTES), json.loads(GOLDEN_NAMES)) == GOLDEN


@pytest.mark.parametrize("impossible", [Counts(n=-1), Counts(fine=(1, -2)), Counts(score_sum=1 << 64)])
def test_a_count_that_cannot_be_is_not_written(impossible: Counts) -> None:
    with pytest.raises(ValueError, match="a count cannot be"):
        pack(impossible, 1)


@pytest.mark.parametrize("keep", [1, 3, 12, 40])
def test_a_damaged_bucket_is_told(keep: int) -> None:
    with pytest.raises(ValueError, match="damaged"):
        unpack(bytes.fromhex(GOLDEN_BYTES)[:keep], json.loads(GOLDEN_NAMES))


def test_a_history_that_was_begun_in_the_format_before_goes_on(tmp_path: Path) -> None:
    clock, path = FakeClock(datetime(2026, 3, 2, 10, tzinfo=UTC)), tmp_path / "history.db"
    History(path, clock).close()
    with sqlite3.connect(path) as old:
        old.execute("DROP TABLE layout")
        body = zlib.compress(json.dumps({"n": 40, "looks": 3, "fine": [1, 2, 3]}).encode())
        old.execute("INSERT INTO bucket VALUES (?, ?, ?, 0, ?)", (MINUTE, int(clock.now().timestamp()), "shop@1.0.0", body))
    old.close()
    history, windows = History(path, clock), Windows()
    for n in (0, 10):
        windows.add(Snapshot(clock.monotonic(), "one", {"shop@1.0.0": Counts(n=n, fine=(n, 0, 0))}, ("shop@1.0.0",)))
        history.add(windows)
    [bucket] = history.buckets("shop@1.0.0", 0.0, clock.now().timestamp() + 60)
    assert (bucket.counts.n, bucket.counts.fine) == (50, (11, 2, 3))
    history.close()


def test_a_bucket_whose_names_are_gone_is_told_not_guessed(tmp_path: Path) -> None:
    clock, path = FakeClock(datetime(2026, 3, 2, 10, tzinfo=UTC)), tmp_path / "history.db"
    history, windows = History(path, clock), Windows()
    for n in (0, 10):
        windows.add(Snapshot(clock.monotonic(), "one", {"shop@1.0.0": Counts(n=n)}, ("shop@1.0.0",)))
        history.add(windows)
    history.close()
    with sqlite3.connect(path) as other:
        other.execute("DELETE FROM layout")
    other.close()
    clock.advance(60)
    again = History(path, clock)
    with pytest.raises((ValueError, StorageError), match="damaged"):
        again.window("shop@1.0.0", 600)
    again.close()
