"""The record of `gonogo status`, arranged for a reader, and as text for a terminal."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from gonogo.base.clock import parse_stamp
from gonogo.checklist.units import UNITS, shown
from gonogo.reports.report import joined, printable, short

WIDTH = 100
BAR = 20
HEALTH_TONES = {"WELL": "good", "NOT WELL": "bad", "UNCERTAIN": "open", "NOTHING LIVE": "quiet"}
ALARM_TONES = {"FIRING": "bad", "RECOVERING": "bad", "PENDING": "open", "UNKNOWN": "open", "OK": "good"}

Record = Mapping[str, Any]


def render_status_text(status: Record, width: int = WIDTH) -> str:
    """Is it well; what is live, who put it there; the shares, the signals, the alarms, the chain."""
    production, service, rollout, health = status["production"], status["service"], status["rollout"], status["health"]
    lines = [f"{status['system']}  {health['state']}  {status['time']}"]
    lines += [f"            {reason}" for reason in health["reasons"]]
    if production:
        lines.append(f"production  {production['release']} since {production['since']}")
        lines.append(f"            by {production['by']}: {production['reason']}")
        lines.append(f"            bundle {short(production['digest'])}")
    else:
        lines.append("production  nothing yet")
    lines.append(f"service     {service['url'] if service['alive'] else 'does not answer: ' + service['problem']}")
    lines += [_arm(arm) for arm in service["arms"]]
    if rollout:
        lines.append(f"rollout     {rollout['state']}: {rollout['old'] or 'nothing'} → {rollout['new']}")
        lines += [f"            {said}" for said in (rollout["reason"], rollout.get("paused") and f"PAUSED: {rollout['paused']}") if said]
    lines.append(f"releases    {', '.join(release['version'] for release in status['releases']) or 'none'}")
    lines.append(f"audit log   {status['events']} events, chain {status['chain']}")
    return joined([*(part for line in lines for part in _wrapped(line, 12, width)), "", render_signals_text(status, width)])


def render_signals_text(status: Record, width: int = WIDTH) -> str:
    """That nobody watches, where nobody does; signals with n and threshold, then the alarms."""
    lines = [f"WATCH       {unwatched}", ""] if (unwatched := unwatched_text(status)) else []
    lines += [] if status["signals"] else ["no signals yet"]
    for release, signals in by_release(status["signals"]):
        lines += [f"{printable(release):<28} {'value':>14} {'n':>9}  {'rings above':<14}"]
        lines += [
            f"{_first_column(signal):<28} {value_text(signal['value'], signal['unit']):>14} {signal['n']:>9,}  "
            f"{limit_text(signal)}{'  ✗' if breached(signal, status['alarms']) else ''}  {stands_for_text(signal)}".rstrip()
            for signal in signals
        ] + [""]
    return joined([*lines, render_alarms_text(status["alarms"], width)]).rstrip()


def _first_column(signal: Record) -> str:
    over = over_text(signal)
    return signal_name(signal)[: 28 - len(over)] + over


def render_alarms_text(alarms: Sequence[Record], width: int = WIDTH) -> str:
    """The alarms to look at, the ringing ones first, with who looks after each and what holds it back; then how many are quiet or cannot
    be judged."""
    lines = [f"{alarm['state']:<11} {alarm['rule']}: {alarm['text']}{answered_text(alarm)}" for alarm in loud_alarms(alarms)]
    lines += [f"{state:<11} {words}" for state, words in other_alarms(alarms)]
    return joined(part for line in lines for part in _wrapped(line, 12, width))


def answered_text(alarm: Record) -> str:
    """What holds an alarm back, who looks after it, and what follows by rule."""
    who = alarm.get("acknowledged")  # a record of an earlier version has none of them
    return "".join(f"; {said}" for said in (alarm.get("held_back"), who and f"{who} looks after it", alarm.get("then")) if said)


def unwatched_text(status: Record) -> str:
    """Since when nobody watches; "" while somebody does."""
    watch = status["watch"]
    if watch["fresh"]:
        return ""
    if watch["time"] is None:
        return "nobody has watched yet: is the service running?"
    ago = (parse_stamp(status["time"]) - parse_stamp(watch["time"])).total_seconds()
    return f"the last look was {ago:,.0f} s ago: nobody watches" if ago >= 0 else f"the last look was {-ago:,.0f} s ahead: a clock is wrong"


def by_release(signals: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    """The signals of each release; those that are judged by a rule first, the nearest to its limit first of its kind. Of the many summaries
    of a tensor only the worst stands there, with their number (`stands_for`)."""
    groups: dict[str, list[Record]] = {}
    for signal in signals:
        groups.setdefault(str(signal["labels"].get("release", "")), []).append(signal)
    ranked = ((release, sorted(group, key=lambda signal: (signal["signal"], -part_of_limit(signal)))) for release, group in groups.items())
    return [(release, _with_windows(_worst_of_tensors(group))) for release, group in ranked]


def _with_windows(signals: Sequence[Record]) -> list[Record]:
    """With the window in words, `over`, where the same signal is measured over several."""
    times = Counter(signal_name(signal) for signal in signals)
    return [{**one, "over": duration_text(one.get("window_seconds", 0)) if times[signal_name(one)] > 1 else ""} for one in signals]


def duration_text(seconds: float) -> str:
    """In the largest unit that it is a whole number of."""
    whole = ((seconds / size, unit) for size, unit in ((86400, "d"), (3600, "h"), (60, "min")) if seconds and seconds % size == 0)
    number, unit = next(whole, (seconds, "s"))
    return f"{number:g} {unit}"


def _worst_of_tensors(signals: Sequence[Record]) -> list[Record]:
    """Those that are no summaries of a tensor, and the worst of each tensor's: beyond its limit, else one that nobody knows, else the
    highest."""
    groups: dict[Any, list[Record]] = {}
    for place, one in enumerate(signals):
        tensor = (one.get("details") or {}).get("tensor")
        groups.setdefault(place if tensor is None else (one["signal"], one.get("window_seconds"), tensor), []).append(one)
    worst: list[Record] = [max(group, key=_bad) for group in groups.values()]
    return [{**one, "stands_for": len(group)} for one, group in zip(worst, groups.values(), strict=True)]


def _bad(signal: Record) -> tuple[bool, bool, float, float]:
    part, value = part_of_limit(signal), signal["value"]
    return part >= 1, value is None, part, value or 0.0


def signal_name(signal: Record) -> str:
    """The signal and what it is of, less the release."""
    return printable(" ".join([str(signal["signal"]), *(str(label) for name, label in signal["labels"].items() if name != "release")]))


def over_text(signal: Record) -> str:
    """The window, where the same signal is measured over several; else ""."""
    return f" over {signal['over']}" if signal.get("over") else ""


def stands_for_text(signal: Record) -> str:
    """How many summaries of a tensor it stands for; "" for itself alone."""
    return f"the worst of {signal['stands_for']}" if signal.get("stands_for", 1) > 1 else ""


def value_text(value: float | None, unit: str) -> str:
    """A value for people; what is not known is said."""
    if value is None:
        return "unknown"
    if unit == "share":
        return shown(value * 100, "%")
    if unit == "PSI":
        return shown(value, "")  # the signal's name says it
    return shown(value, unit) if unit in UNITS else f"{shown(value, '')} {unit}"


def limit_text(signal: Record) -> str:
    return "–" if signal["threshold"] is None else value_text(signal["threshold"], signal["unit"])


def part_of_limit(signal: Record) -> float:
    """How far the value has come to where an alarm rings: 1 is there. 0 without a limit or a value."""
    value, limit = signal["value"], signal["threshold"]
    return 0.0 if value is None or not limit else max(value / limit, 0.0)


def breached(signal: Record, alarms: Sequence[Record]) -> bool:
    """Judged to be beyond its limit: a value that is high by few samples or by chance is not."""
    return any((alarm["signal"], alarm["labels"], alarm["condition"]) == (signal["signal"], signal["labels"], "BREACH") for alarm in alarms)


def loud_alarms(alarms: Sequence[Record]) -> list[Record]:
    """The alarms to look at one by one, the ringing ones first."""
    order = list(ALARM_TONES)
    loud = (alarm for alarm in alarms if alarm["ringing"] or alarm["state"] not in ("OK", "UNKNOWN"))
    return sorted(loud, key=lambda alarm: order.index(alarm["state"]))


def other_alarms(alarms: Sequence[Record]) -> list[tuple[str, str]]:
    """The others by state, each state in one line: how many, and of which rules."""
    lines = []
    for state, words in (("UNKNOWN", "cannot be judged now"), ("OK", "quiet")):
        rules = Counter(str(alarm["rule"]) for alarm in alarms if alarm["state"] == state and not alarm["ringing"])
        names = ", ".join(rule if count == 1 else f"{rule} ({count})" for rule, count in sorted(rules.items()))
        lines += [(state, f"{rules.total()} {words}: {names}")] if rules else []
    return lines


def arm_text(arm: Record) -> str:
    """What was counted for a release since the service started."""
    times = ", ".join(f"P{p} {arm[f'p{p}_ms']:g}" for p in (50, 95, 99) if arm[f"p{p}_ms"] is not None)
    ill = "" if arm["alive"] and arm["healthy"] else "; NOT HEALTHY" if arm["alive"] else "; NOT RUNNING"
    return f"{arm['n']:,} requests, {arm['bad']:,} bad{'; ' + times + ' ms' if times else ''}{ill}"


def _arm(arm: Record) -> str:
    filled = round(BAR * arm["weight_bp"] / 10000)
    bar = "█" * filled + "░" * (BAR - filled)
    return f"            {bar} {arm['weight_bp'] / 100:>6.2f} %  {arm['release']}\n{'':>14}{arm_text(arm)}"


def _wrapped(text: str, indent: int, width: int) -> list[str]:
    """Lines no wider than the paper; what goes on is indented. A line that fits stays as it is, its spaces too."""
    lines = []
    for line in text.split("\n"):
        said = printable(line)
        lines += [said] if len(said) <= width else textwrap.wrap(said, width, subsequent_indent=" " * indent, break_on_hyphens=False)
    return lines
