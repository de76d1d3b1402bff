"""What every channel promises (see gonogo.monitor.notice.Channel), held against each of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from gonogo.base import catalogue
from gonogo.errors import FaultError
from gonogo.monitor.channels.file import FileChannel
from gonogo.monitor.channels.memory import MemoryChannel
from gonogo.monitor.notice import Channel, Notice

NOTICE = Notice(
    "a#1", "a", "fired", "errors", "critical", "error_rate", {"release": "r@1.0.0"}, 0.2, 0.05, 900, "2026-01-01T00:00:00.000Z", "ü!"
)


@dataclass
class Stand:
    channel: Channel
    told: Callable[[], list[str]]  #: ids in order
    break_it: Callable[[], None]
    mend_it: Callable[[], None]
    again: Callable[[], Channel]  #: the same place, from another process


def file_stand(folder: Path) -> Stand:
    path = folder / "alarms" / "alarms.jsonl"

    def told() -> list[str]:
        return [json.loads(line)["id"] for line in path.read_text().splitlines()] if path.exists() else []

    def break_it() -> None:
        path.mkdir(parents=True)

    return Stand(FileChannel(path), told, break_it, path.rmdir, lambda: FileChannel(path))


def memory_stand(folder: Path) -> Stand:
    channel = MemoryChannel()

    def reach(unreachable: bool) -> None:
        channel.unreachable = unreachable

    return Stand(channel, lambda: [notice.id for notice in channel.told], lambda: reach(True), lambda: reach(False), lambda: channel)


STANDS = {"file": file_stand, "memory": memory_stand}


@pytest.fixture(params=catalogue.names("channels"))
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Stand:
    return STANDS[request.param](tmp_path)


def test_what_was_sent_is_told_in_order(stand: Stand) -> None:
    for number in range(3):
        stand.channel.send(replace(NOTICE, id=f"a#{number}"))
    assert stand.told() == ["a#0", "a#1", "a#2"]


def test_the_same_notice_again_is_told_once_also_by_another_process(stand: Stand) -> None:
    stand.channel.send(NOTICE)
    stand.channel.send(NOTICE)
    stand.again().send(NOTICE)
    assert stand.told() == ["a#1"]


def test_what_could_not_be_handed_over_raises_and_can_be_sent_again(stand: Stand) -> None:
    stand.break_it()
    with pytest.raises(FaultError):
        stand.channel.send(NOTICE)
    stand.mend_it()
    stand.channel.send(NOTICE)
    assert stand.told() == ["a#1"]


def test_a_line_that_a_crash_left_half_written_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "alarms.jsonl"
    path.write_bytes(b'{"id": "a#0", "ki')
    FileChannel(path).send(NOTICE)
    assert Notice.from_json(json.loads(path.read_text().splitlines()[1])) == NOTICE


def test_every_channel_of_the_catalogue_is_held_to_this_contract() -> None:
    assert set(catalogue.names("channels")) == set(STANDS)
