"""The record of `gonogo watch backtest`, as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gonogo.reports.report import joined, printable

MOST_SHOWN = 8  #: episodes of one rule

Record = Mapping[str, Any]


def render_backtest_text(record: Record) -> str:
    """A line a rule: how often it would have rung, and in 30 days, and how often its law expects that for nothing; then when."""
    if record["since"] is None:
        return f"Nobody looked at {printable(record['system'])} in the last {length(record['asked_seconds'])}."
    lines = [
        f"{printable(record['system'])}, the rules of {printable(record['policy'])}",
        f"over what was counted from {_minute(record['since'])} to {_minute(record['until'])} UTC, at {record['moments']:,} moments",
        "",
        f"{'rule':<24} {'level':<9} {'judged':>9} {'rang':>5} {'told':>5}  {'in 30 days (95 %)':<24} {'for nothing':>11}",
    ]
    lines += [_line(rule) for rule in record["rules"]]
    for rule in record["rules"]:
        lines += ["", *_episodes(rule)] if rule["episodes"] else []
    lines += ["", *(f"problem: {printable(problem)}" for problem in record["problems"])] if record["problems"] else []
    lines += [
        "",
        "judged: for how long the rule had something to judge. Before the last 25 hours there are only hours, in which rules of shorter",
        "windows say nothing. for nothing: the alarms that the rule's law expects in 30 days when nothing is wrong.",
    ]
    return joined(lines)


def _line(rule: Record) -> str:
    rate, law = rule["per_month"], rule["expected_per_month"]
    often = "not judged" if rate is None else f"{rate['value']:.3g} ({rate['low']:.2g} to {rate['high']:.2g})"
    things = max(rule["things"], 1)
    expected = "no law" if law is None else f"{law * things:.2g}" if law * things >= 1e-4 else "< 0.0001"
    if rate is not None and things > 1:
        often = f"{rate['value'] * things:.3g} ({rate['low'] * things:.2g} to {rate['high'] * things:.2g})"
    told = rule["told"].get("fired", 0)
    return (
        f"{printable(rule['name']):<24} {rule['level']:<9} {length(rule['judged_seconds'] / things):>9} {rule['fired']:>5} {told:>5}  "
        f"{often:<24} {expected:>11}"
    )


def _episodes(rule: Record) -> list[str]:
    lines = [f"{printable(rule['name'])} would have rung {'once' if rule['fired'] == 1 else str(rule['fired']) + ' times'}:"]
    for episode in rule["episodes"][:MOST_SHOWN]:
        of = " ".join(printable(value) for _, value in sorted(episode["labels"].items()))
        lasting = f"for {length(episode['seconds'])}" if episode["ended"] else f"for {length(episode['seconds'])} and still"
        lines.append(f"  {_minute(episode['began'])}  {lasting:<24} {of}".rstrip())
    left = len(rule["episodes"]) - MOST_SHOWN
    return [*lines, f"  and {left} more (--json)"] if left > 0 else lines


def _minute(stamp: str) -> str:
    return stamp[:16].replace("T", " ")


def length(seconds: float) -> str:
    """A length of time for people: "7 d", "25 h", "10 min"."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or (seconds >= size and seconds % size == 0):
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.0f} s"
