"""What came of the replay, judged and as a page: which alarm rang, at which level, after how long, and when it was over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from injections import Injection

HOUR = 3600.0
RANK = {"info": 0, "warning": 1, "critical": 2}
Event = Mapping[str, Any]


@dataclass(frozen=True)
class Rang:
    """A rule that rang for some things, at a level: when first, and when it was over for good (None: not by the end)."""

    rule: str
    level: str
    signal: str
    of: tuple[str, ...]
    after: float
    over: float | None
    text: str

    @property
    def words(self) -> str:
        named = f" of {', '.join(self.of[:3])}" + (f" and {len(self.of) - 3} more" if len(self.of) > 3 else "") if self.of else ""
        return f"`{self.rule}`{named} ({self.level})"


@dataclass(frozen=True)
class Judged:
    """What came of an injection. `right` are the alarms that had to ring, `missed` the signals of which none did in time, `follows` the
    consequences, `wrong` everything else, `ringing` what had not ended by the end."""

    right: tuple[Rang, ...]
    missed: tuple[str, ...]
    follows: tuple[Rang, ...]
    wrong: tuple[Rang, ...]
    ringing: tuple[Rang, ...]

    @property
    def good(self) -> bool:
        return not (self.missed or self.wrong or self.ringing)


def rang(events: Sequence[Event]) -> list[Rang]:
    """Rules in the order in which they rang first."""
    rules: dict[str, dict[str, Any]] = {}
    for event in events:
        if event["kind"] == "fired":
            found = rules.setdefault(event["rule"], {"first": event, "of": {}, "open": set(), "over": None, "keys": set()})
            found["of"].update({value: None for name, value in event["labels"].items() if name not in ("release", "level", "quantile")})
            found["open"].add(event["key"])
            found["keys"].add(event["key"])
            continue
        for found in rules.values():
            if event["key"] in found["keys"]:
                found["open"].discard(event["key"])
                found["over"] = event["at"]
    return [
        Rang(
            rule, found["first"]["level"], found["first"]["signal"], tuple(found["of"]), found["first"]["at"],
            None if found["open"] else found["over"], found["first"]["text"],
        )
        for rule, found in rules.items()
    ]  # fmt: skip


def judge(injection: Injection, events: Sequence[Event]) -> Judged:
    found = rang(events)
    right, missed = [], []
    for signal, level in injection.right.items():
        mine = [one for one in found if one.signal == signal and RANK[one.level] >= RANK[level] and one.after >= 0]
        if any(one.after <= injection.within * HOUR for one in mine):
            right += mine
        else:
            missed.append(signal)
    known = {*injection.right, *injection.follows}
    follows = [one for one in found if one not in right and one.signal in known and one.after >= 0]
    wrong = [one for one in found if one.signal not in known or one.after < 0]
    return Judged(tuple(right), tuple(missed), tuple(follows), tuple(wrong), tuple(one for one in found if one.over is None))


def page(parts: Mapping[str, Any], injections: Sequence[Injection]) -> str:
    """`parts` is what `replay.py` has measured: the page as Markdown."""
    rows = [(one, judge(one, parts["injections"][one.name]["events"])) for one in injections]
    return "\n".join(
        [*_head(parts), *_table(rows), *_misses(rows), *_healthy(parts), *_december(parts), *_service(parts), *_limits(parts), ""]
    )


def _head(parts: Mapping[str, Any]) -> list[str]:
    about, weeks = parts["about"], [parts["healthy"], parts["december"], parts["before"]]
    requests = sum(part["requests"] for part in (*weeks, *parts["injections"].values()))
    looks = sum(part["looks"] for part in (*weeks, *parts["injections"].values()))
    cpu = sum(part["cpu"] for part in (*weeks, *parts["injections"].values()))
    return [
        "# Real flights, replayed: what rings, and after how long",
        "",
        "Written by `python systems/late_arrivals/replay.py` (with what `systems/late_arrivals/requirements.lock` lists); not by hand.",
        f"Last time: {requests:,} requests and {looks:,} looks of the watch, {cpu / 60:.0f} minutes of one core.",
        "",
        "A healthy week is drawn from flights of January to August that the release has neither learned from nor been tested on, "
        f"{about['multiple']:g} requests for every flight that there was, each at the minute of the day at which it left its gate. One by "
        "one, something is done to that week on Wednesday at 10:00 and taken back later. Time is the flights' own: a clock that is told "
        "the time, so hours stay hours for every window, duration and label. A label comes when the flight is at its other gate, 31 "
        f"minutes to 12 hours after it left the first; {about['sampled']:.0%} of the predictions are kept for labels.",
        "",
        "## Injected, rung, over",
        "",
    ]


def _table(rows: Sequence[tuple[Injection, Judged]]) -> list[str]:
    lines = ["| injected | for | due within | rings (level) | after | over, after its end | with it | as it should |", f"{'|---' * 8}|"]
    for injection, judged in rows:
        cells = [
            f"**{injection.name}**: {injection.what}",
            _time(injection.hours * HOUR),
            _time(injection.within * HOUR),
            _each(one.words for one in judged.right) or "nothing",
            _each(_time(one.after) for one in judged.right),
            _each(_over(one, injection) for one in judged.right),
            _each(one.words for one in judged.follows),
            "yes" if judged.good else "**no**",
        ]
        lines.append(f"| {' | '.join(cell or '–' for cell in cells)} |")
    lines += ["", "Where each one enters: " + "; ".join(f"{place}: {', '.join(names)}" for place, names in _places(rows).items()) + "."]
    return [
        *lines,
        "Rows are answered by the model, by the product's own path from a caller's row to a score, and counted by the code that a worker "
        "counts with. Answers are changed after the model has given them. Counters are told a latency, a status or nothing at all, as a "
        "worker's clock and its door would tell them; latencies are those of the release's own load test. A level that another alarm says "
        "already is inhibited, and not told twice.",
        "",
    ]


def _misses(rows: Sequence[tuple[Injection, Judged]]) -> list[str]:
    lines = []
    for injection, judged in rows:
        if judged.missed:
            lines.append(f"- {injection.name}: **missed**: no alarm of {', '.join(judged.missed)} within {injection.within:g} hours.")
        lines += [f"- {injection.name}: **false**: {one.words}, after {_time(one.after)}: {one.text}." for one in judged.wrong]
        if judged.ringing:
            until = f"{injection.until:g} hours after the end"
            lines.append(f"- {injection.name}: **still ringing** {until}: {', '.join(one.words for one in judged.ringing)}.")
    return ["What is not as it should be:", "", *lines, ""] if lines else []


def _healthy(parts: Mapping[str, Any]) -> list[str]:
    found = rang(parts["healthy"]["events"])
    said = "No alarm rang." if not found else f"**{len(found)} rules rang with nothing wrong:**"
    return [
        "## The healthy week",
        "",
        f"{parts['healthy']['requests']:,} requests in seven days, {parts['healthy']['looks']:,} looks, by three watches one after the "
        f"other. {said}",
        *(f"- {one.words}, after {_time(one.after)}: {one.text}." for one in found),
        "",
        "The rules are those of the pack `tabular-service`, with what these flights need otherwise (`systems/late_arrivals/replay.yaml`):",
        "",
        *(f"- `{name}`: {'; '.join(said)}" for name, said in parts["about"]["overrides"].items()),
        "",
    ]


def _december(parts: Mapping[str, Any]) -> list[str]:
    events = parts["december"]["events"]
    times = Counter(event["rule"] for event in events if event["kind"] == "fired")
    lines = [
        f"| {one.words} | {times[one.rule]} | {_time(one.after)} | {one.text.split(';')[0]} |" for one in rang(events)
    ]  # fmt: skip
    return [
        "## A real later week",
        "",
        f"9 to 15 December, every flight once ({parts['december']['requests']:,} requests), with every label; the week before is only "
        "counted. It is looked at every five minutes, of each of which one minute counts, so durations take five times as long. Winter is "
        "not in the baseline, and it snowed: these alarms are told, not judged.",
        "",
        "| rang | times | first after | reading then |",
        "|---|---|---|---|",
        *lines,
        "",
    ]


def _service(parts: Mapping[str, Any]) -> list[str]:
    one = parts["service"]
    same = f"all {one['bins']:,} counts are equal" if not one["different"] else f"**these differ: {', '.join(one['different'])}**"
    apart = [f"{key}: {mine} and {theirs}" for key, mine, theirs in one["readings"] if mine != theirs]
    readings = f"all {len(one['readings'])} readings are equal" if not apart else f"**readings differ: {'; '.join(apart)}**"
    return [
        "## The same through the real service",
        "",
        f"`gonogo serve` on the same release, {one['flights']:,} requests over HTTP, one flight each, the second half with the distance "
        f"ten times what it was; and the same flights through the drive in event time. Of what both counted, {same}, and of what their "
        f"watches measured, {readings}. The alarm on the distance went through {' → '.join(one['service'])} in the service and through "
        f"{' → '.join(one['drive'])} in the drive.",
        "",
    ]


def _limits(parts: Mapping[str, Any]) -> list[str]:
    return [
        "## What this does not show",
        "",
        "- The weeks themselves do not go through sockets: a week lasts a week there. The section above ties the two together.",
        "- A slow model, errors and a dead exporter are told to the counters or to the watch; that the service books them so is tested "
        "where the service is (`tests/service`, `tests/story`).",
        "- A resampled week is kinder than a real one: its weather is that of eight months at once. December shows the difference.",
        "- The first week of a service is not judged here. Until there is a same hour of the week to compare with, volume is compared "
        "with the same hour of the day before.",
        "- Scores that are only sharper (three times the log odds) do not reach a calibration error of 0.05 with this model: 0.03, and "
        "0.04 for mere yes and no. They were seen as a drift of the score, and in the gap between what CBPE expects and what came true.",
        "- One seed, one release, one week: how often rules ring for nothing in a month is told by their laws, before they are switched on "
        "(`gonogo alarms explain NAME`).",
        "",
    ]


def _places(rows: Sequence[tuple[Injection, Judged]]) -> dict[str, list[str]]:
    places: dict[str, list[str]] = {}
    for injection, _ in rows:
        places.setdefault(injection.enters, []).append(injection.name)
    return places


def _each(words: Iterable[str]) -> str:
    return "<br>".join(words)


def _over(one: Rang, injection: Injection) -> str:
    if one.over is None:
        return "**not yet**"
    after = one.over - injection.hours * HOUR
    return _time(after) if after >= 0 else f"{_time(-after)} before"


def _time(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours and minutes else f"{hours} h" if hours else f"{minutes} min"
