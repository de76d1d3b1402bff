"""What each rule judged over the last day: its signal's readings at moments gone by, with interval and samples, by what they are of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from gonogo.base import catalogue
from gonogo.base.clock import stamp
from gonogo.operations.feedback import label_reader
from gonogo.operations.workspace import Workspace

if TYPE_CHECKING:
    from gonogo.checklist.rules import RuleDeclaration
    from gonogo.monitor.history import History

LENGTH, STEP = timedelta(hours=24), timedelta(minutes=30)
MOST = 3  #: series of one rule, those that came nearest to its limit


def rules_over(
    workspace: Workspace,
    history: History,
    release: str,
    baseline: Mapping[str, Any],
    rules: tuple[RuleDeclaration, ...],
    now: datetime,
) -> dict[str, dict[str, Any]]:
    """By the name of a rule `{unit, series: {of: [{time, value, low, high, n}]}, left_out}`: of the service and of that release.

    Signals that no counter tells of (memory, processor) have no series. Raises GonogoError when the history cannot be read."""
    from gonogo.monitor.alarms.alarm import words_of
    from gonogo.monitor.alarms.rule import Rule
    from gonogo.monitor.past import readings_over

    judging = [Rule(**asdict(rule)) for rule in rules]
    wanted = {rule.signal for rule in judging}
    signals = [catalogue.load("signals", name)() for name in catalogue.names("signals") if name in wanted]
    windows = {signal.name: signal.window_seconds for signal in signals}
    found: dict[str, dict[str, Any]] = {rule.name: {"unit": "", "series": {}} for rule in judging}
    reader = label_reader(workspace).look()
    try:
        looks = readings_over(history, signals, {release: baseline}, now - LENGTH, now, STEP, judging, reader)
        for moment, readings in looks:
            for rule in judging:
                window = rule.window_seconds or windows.get(rule.signal)
                for reading in readings:
                    mine = reading.labels.get("release", release) == release
                    if mine and rule.concerns(reading) and reading.window_seconds == window:
                        of = words_of({name: label for name, label in reading.labels.items() if name != "release"}) or "the release"
                        found[rule.name]["unit"] = reading.unit
                        found[rule.name]["series"].setdefault(of, []).append(_point(moment, reading.to_json()))
    finally:
        reader.close()
    return {name: _nearest(record) for name, record in found.items()}


def _point(moment: datetime, reading: Mapping[str, Any]) -> dict[str, Any]:
    return {"time": stamp(moment), **{name: reading[name] for name in ("value", "low", "high", "n")}}


def _nearest(record: dict[str, Any]) -> dict[str, Any]:
    """The series with the highest values; the others are counted."""
    ranked = sorted(record["series"].items(), key=lambda one: -max((point["value"] or 0.0 for point in one[1]), default=0.0))
    return {**record, "series": dict(ranked[:MOST]), "left_out": max(len(ranked) - MOST, 0)}
