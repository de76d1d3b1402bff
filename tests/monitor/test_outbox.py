"""What is told reaches every channel that is for it: in order, without anybody waiting, and when not, that is known."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.base.clock import FakeClock
from gonogo.errors import BusyError, FaultError, RefusedError
from gonogo.monitor.channels.memory import MemoryChannel
from gonogo.monitor.notice import LEVELS, Channel, Level, Notice
from gonogo.monitor.outbox import FIRST_PAUSE, LONGEST_PAUSE, MOST_NOTICES, Outbox, Untold

NOTICE = Notice("n0", "k", "fired", "errors", "critical", "error_rate", {}, 0.2, 0.05, 900, "2026-01-01T00:00:00.000Z", "text")


def notices(many: int, level: Level = "critical", start: int = 0) -> list[Notice]:
    return [replace(NOTICE, id=f"n{start + number}", level=level) for number in range(many)]


def told(channel: MemoryChannel) -> list[str]:
    return [notice.id for notice in channel.told]


class Hanging(MemoryChannel):
    """Holds whoever sends until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def send(self, notice: Notice) -> None:
        self.let_go.wait(60)
        super().send(notice)


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    channel = Hanging()
    yield channel
    channel.let_go.set()


class Refusing(MemoryChannel):
    """Takes everything but the notices named, which it never takes."""

    def __init__(self, never: set[str]) -> None:
        super().__init__()
        self.never = never

    def send(self, notice: Notice) -> None:
        if notice.id in self.never:
            raise RefusedError("too long.")
        super().send(notice)


def test_a_channel_is_told_of_its_levels_only() -> None:
    pager, chat, board = MemoryChannel(), MemoryChannel(), MemoryChannel()
    pager.levels, chat.levels, board.levels = ("critical",), ("critical", "warning"), LEVELS
    outbox = Outbox({"pager": pager, "chat": chat, "board": board}, FakeClock())
    waiting, _ = outbox.queued([], [replace(NOTICE, id=level, level=level) for level in LEVELS])
    assert outbox.tell(waiting) == ([], [])
    assert [told(channel) for channel in (pager, chat, board)] == [["critical"], ["critical", "warning"], list(LEVELS)]


def test_what_no_channel_is_for_waits_for_nobody() -> None:
    pager = MemoryChannel()
    pager.levels = ("critical",)
    assert Outbox({"pager": pager}, FakeClock()).queued([], notices(1, "info")) == ([], [])


def test_nobody_waits_for_a_channel_that_hangs_and_what_it_takes_later_is_counted(hanging: Hanging) -> None:
    other = MemoryChannel()
    outbox = Outbox({"hanging": hanging, "other": other}, FakeClock())
    waiting, _ = outbox.queued([], notices(2))
    left, _ = outbox.tell(waiting)
    assert not hanging.let_go.is_set()  # it still hangs, and we are here
    assert told(other) == ["n0", "n1"]
    assert [entry.channels for entry in left] == [("hanging",), ("hanging",)]
    left, _ = outbox.tell(left)  # nobody speaks to it twice at once
    hanging.let_go.set()
    deadline = time.monotonic() + 30
    while left and time.monotonic() < deadline:
        left, _ = outbox.tell(left)
    assert (left, told(hanging)) == ([], ["n0", "n1"])


def test_a_channel_that_is_down_for_hours_loses_nothing_and_keeps_the_order() -> None:
    clock, channel = FakeClock(), MemoryChannel()
    channel.unreachable = True
    outbox = Outbox({"memory": channel}, clock)
    waiting: list[Untold] = []
    for hour in range(6):
        waiting, gone = outbox.queued(waiting, notices(20, start=20 * hour))
        waiting, refused = outbox.tell(waiting)
        assert (gone, refused) == ([], [])
        clock.advance(3600)
    assert len(waiting) == 120
    assert outbox.shown(waiting)[0]["waiting"] == 120
    channel.unreachable = False
    assert outbox.tell([Untold.from_json(entry.to_json()) for entry in waiting]) == ([], [])
    assert told(channel) == [f"n{number}" for number in range(120)]


def test_a_channel_that_fails_is_left_alone_for_longer_each_time_and_no_longer_than_it_must() -> None:
    clock, channel = FakeClock(), MemoryChannel()
    channel.unreachable = True
    outbox = Outbox({"memory": channel}, clock)
    waiting, _ = outbox.queued([], notices(1))
    pauses = []
    for _ in range(12):
        outbox.tell(waiting)
        [shown] = outbox.shown(waiting)
        pauses.append(shown["pause_seconds"])
        outbox.tell(waiting)
        assert outbox.shown(waiting)[0]["failures"] == shown["failures"]  # it was not asked before its time
        clock.advance(shown["pause_seconds"])
    assert pauses[0] == FIRST_PAUSE
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE
    assert "does not answer" in outbox.shown(waiting)[0]["problem"]
    channel.unreachable = False
    assert outbox.tell(waiting) == ([], [])
    assert outbox.shown([])[0] | {"problem": "", "failures": 0, "pause_seconds": 0} == outbox.shown([])[0]


def test_a_channel_that_asks_to_be_left_alone_is() -> None:
    class Busy(MemoryChannel):
        def send(self, notice: Notice) -> None:
            raise BusyError("busy.", 42.0)

    outbox = Outbox({"busy": Busy()}, FakeClock())
    waiting, _ = outbox.queued([], notices(1))
    outbox.tell(waiting)
    assert outbox.shown(waiting)[0]["pause_seconds"] == 42.0


def test_what_is_never_taken_is_given_up_in_the_open_and_holds_nobody_up() -> None:
    channel = Refusing({"n1"})
    outbox = Outbox({"memory": channel}, FakeClock())
    waiting, _ = outbox.queued([], notices(3))
    left, given_up = outbox.tell(waiting)
    assert (left, told(channel)) == ([], ["n0", "n2"])
    assert [(gone.channel, gone.notice, gone.problem) for gone in given_up] == [("memory", "n1", "too long.")]


def test_what_was_taken_is_not_sent_again_when_it_could_not_be_written_down() -> None:
    """A store that is full or locked: the next look reads what was there before."""

    class Counting(MemoryChannel):
        sent = 0

        def send(self, notice: Notice) -> None:
            self.sent += 1
            super().send(notice)

    channel = Counting()
    outbox = Outbox({"memory": channel}, FakeClock())
    waiting, _ = outbox.queued([], notices(2))
    assert outbox.tell(waiting)[0] == []
    assert outbox.tell(waiting)[0] == []
    assert channel.sent == 2


def test_a_mistake_in_a_channel_of_somebody_else_is_a_fault_of_that_channel() -> None:
    class Broken(MemoryChannel):
        def send(self, notice: Notice) -> None:
            raise ZeroDivisionError

    other = MemoryChannel()
    outbox = Outbox({"broken": Broken(), "other": other}, FakeClock())
    waiting, _ = outbox.queued([], notices(1))
    left, _ = outbox.tell(waiting)
    assert [entry.channels for entry in left] == [("broken",)]
    assert "ZeroDivisionError" in outbox.shown(left)[0]["problem"]


def test_there_is_room_for_so_many_and_a_flood_of_warnings_pushes_out_no_page() -> None:
    pager, chat = MemoryChannel(), MemoryChannel()
    pager.levels, chat.levels = ("critical",), ("warning",)
    outbox = Outbox({"pager": pager, "chat": chat}, FakeClock())
    waiting, _ = outbox.queued([], notices(1))
    waiting, gone = outbox.queued(waiting, notices(MOST_NOTICES + 3, "warning", start=1))
    assert len(waiting) == MOST_NOTICES + 1
    assert [entry.notice for entry in gone] == ["n1", "n2", "n3"]
    assert waiting[0].channels == ("pager",)


def test_a_channel_that_is_not_used_any_more_has_nothing_to_take() -> None:
    outbox = Outbox({"memory": MemoryChannel()}, FakeClock())
    assert outbox.tell([Untold(NOTICE, ("gone",))]) == ([], [])


class Sometimes(MemoryChannel):
    """Fails, refuses or takes, as it is told."""

    def __init__(self, fates: list[str]) -> None:
        super().__init__()
        self.fates = fates
        self.refused: list[str] = []

    def send(self, notice: Notice) -> None:
        fate = self.fates.pop(0) if self.fates else "takes"
        if fate == "fails":
            raise FaultError("not now.")
        if fate == "refuses":
            self.refused.append(notice.id)
            raise RefusedError("never.")
        super().send(notice)


@given(st.lists(st.sampled_from(["takes", "fails", "refuses"]), max_size=30), st.integers(1, 12))
def test_whatever_a_channel_does_each_notice_is_told_or_given_up_once_and_in_order(fates: list[str], many: int) -> None:
    clock, channel = FakeClock(), Sometimes(fates)
    channels: dict[str, Channel] = {"sometimes": channel}
    outbox = Outbox(channels, clock)
    waiting, _ = outbox.queued([], notices(many))
    gone = []
    for _ in range(len(fates) + 2):
        waiting, given_up = outbox.tell(waiting)
        gone += [one.notice for one in given_up]
        clock.advance(LONGEST_PAUSE)
    assert waiting == []
    assert gone == channel.refused
    every = [f"n{number}" for number in range(many)]
    assert told(channel) == [one for one in every if one not in gone]
    assert len(set(gone)) == len(gone)
