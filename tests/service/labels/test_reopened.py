"""A label store that is damaged, removed or replaced: nobody believes a label to be kept that is not, and the next one is begun."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gonogo.errors import StorageError
from gonogo.monitor.labels import LabelReader
from gonogo.service.labels.desk import LABELS, LabelDesk

GIVEN = [("id-1", "1", None)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[LabelDesk]:
    made = LabelDesk(tmp_path)
    yield made
    made.close()


def take(desk: LabelDesk) -> int:
    return int(asyncio.run(desk.take(GIVEN))["waiting"])


def test_a_damaged_file_keeps_the_desk_from_nothing_but_taking_until_it_is_moved_away(tmp_path: Path) -> None:
    (tmp_path / LABELS).write_bytes(os.urandom(100_000))
    desk = LabelDesk(tmp_path)
    with pytest.raises(StorageError, match=r"cannot be kept now.*not a database") as refused:
        take(desk)
    assert "move the file away" in refused.value.hint
    assert "starts with an empty one" in refused.value.hint
    (tmp_path / LABELS).rename(tmp_path / "damaged")
    assert take(desk) == 1
    desk.close()


@pytest.mark.parametrize("gone", [LABELS, LABELS + "*"])
def test_a_label_is_not_taken_into_a_file_that_was_removed_and_the_next_is_in_a_new_one(desk: LabelDesk, tmp_path: Path, gone: str) -> None:
    assert take(desk) == 1
    for path in tmp_path.glob(gone):
        path.unlink()
    with pytest.raises(StorageError, match="removed or replaced"):
        take(desk)
    assert take(desk) == 1
    desk.close()
    again = LabelDesk(tmp_path)
    assert (take(again), (tmp_path / LABELS).is_file()) == (1, True)
    again.close()


def test_the_watch_is_told_that_the_labels_are_gone_until_there_is_a_file_again(desk: LabelDesk, tmp_path: Path) -> None:
    reader = LabelReader(tmp_path / LABELS, 3600.0, 0.5, expected=False)
    reader.look()  # not there yet: nothing was lost
    take(desk)
    assert reader.look().state()["waiting"] == 1
    for path in tmp_path.glob(LABELS + "*"):
        path.unlink()
    for _ in range(2):
        with pytest.raises(StorageError, match="is gone"):
            reader.look()
    with pytest.raises(StorageError):
        take(desk)
    take(desk)
    assert reader.look().state()["waiting"] == 1
    reader.close()
