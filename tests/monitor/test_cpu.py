"""Processor time: what the processes of a release used between looks, and nothing where nobody can say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from gonogo.monitor.counts import SERVICE, Counts
from gonogo.monitor.signal import Reading, Sight
from gonogo.monitor.signals.cpu import Cpu
from gonogo.monitor.windows import Window

RELEASE = "shop@1.0.0"
BEGIN = datetime(2026, 3, 2, 10, tzinfo=UTC)


def _look(cpu: Cpu, seconds: float, *used: tuple[int, float | None], window: float = 60.0) -> Reading:
    processes = [{"pid": pid, "cpu_seconds": spent} for pid, spent in used]
    service: dict[str, Any] = {"releases": {RELEASE: {"processes": processes}}}
    seen = Window(60.0, {SERVICE: Counts(), RELEASE: Counts()}, (RELEASE,))
    (reading,) = cpu.compute(Sight(seen, {}, service, BEGIN + timedelta(seconds=seconds), asked_seconds=window))
    return reading


def test_it_is_the_processor_time_of_all_processes_over_the_window() -> None:
    cpu = Cpu()
    assert _look(cpu, 0, (1, 100.0), (2, 7.0)).value is None, "one look says nothing"
    assert (_look(cpu, 10, (1, 105.0), (2, 10.0)).value, _look(cpu, 10, (1, 105.0), (2, 10.0)).n) == (0.8, 2)
    assert _look(cpu, 70, (1, 105.0), (2, 10.0)).value == 0.0
    assert _look(cpu, 70, (1, 105.0), (2, 10.0), window=3600.0).value == 8 / 70, "a longer window goes further back"


def test_a_process_that_began_or_ended_in_between_is_left_out() -> None:
    cpu = Cpu()
    _look(cpu, 0, (1, 100.0), (2, 900.0))
    reading = _look(cpu, 10, (1, 101.0), (3, 50.0))
    assert (reading.value, reading.n) == (0.1, 1)
    assert _look(cpu, 20, (4, 1.0), window=10.0).value is None


def test_what_is_not_told_and_a_clock_that_was_set_back_are_unknown() -> None:
    cpu = Cpu()
    _look(cpu, 0, (1, None))
    assert _look(cpu, 10, (1, 5.0)).value is None
    assert _look(cpu, 5, (1, 6.0)).value is None
    assert _look(cpu, 15, (1, 7.0)).value == 0.1
