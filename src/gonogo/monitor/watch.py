"""The watch: looks at the service, computes the signals, steps the alarms, tells people. One look a `tick`.

Rules it keeps:
* States, timers and what has still to be told are one document of the store, written in one transaction with the audit event of every
  alarm that rings or is over. A watch that dies goes on where it was.
* What is told goes through the outbox (`outbox.py`): written down first, sent until it is taken.
* A service that does not answer is not a service that is well: every alarm becomes UNKNOWN, and after a while that is told.
* Alarms of a release without a share of the traffic are retired; one that rang is told to be over for that reason.
* An unreadable reading of one signal does not keep the others from being judged; it is told in `problem`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from gonogo.base.clock import Clock, SystemClock, stamp
from gonogo.errors import FaultError, GonogoError
from gonogo.monitor.alarms.machine import AlarmState, step
from gonogo.monitor.alarms.rule import Rule
from gonogo.monitor.notice import Channel, Notice, NoticeKind
from gonogo.monitor.outbox import MOST_GIVEN_UP, GivenUp, Outbox, Untold
from gonogo.monitor.signal import Reading, Sight, Signal
from gonogo.monitor.windows import Snapshot, Windows, read_snapshot
from gonogo.registry.store import Store

KIND = "watch"
LONGEST_SECONDS = 60.0  #: what lies between two looks that are further apart was not seen


@dataclass(frozen=True)
class Alarm:
    """One rule for one set of labels, as it stands."""

    key: str
    rule: str
    labels: Mapping[str, str]
    state: AlarmState
    since: str = ""  #: when it entered its phase
    times: int = 0  #: how often it has told anything

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "labels": dict(self.labels), "state": self.state.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Alarm:
        return cls(**{**data, "state": AlarmState.from_json(data["state"])})


class Watch:
    """Watches one system.

    `observe` gives the service's own words (the control API's `/observe`); `baseline` the baseline document of a release, or None;
    `signals` are computed and `rules` judged over them; `channels` are told.
    """

    def __init__(
        self,
        observe: Callable[[], Mapping[str, Any]],
        baseline: Callable[[str], Mapping[str, Any] | None],
        rules: Sequence[Rule],
        channels: Mapping[str, Channel],
        store: Store,
        *,
        system: str,
        signals: Sequence[Signal],
        clock: Clock | None = None,
    ) -> None:
        self._observe = observe
        self._baseline = baseline
        windows = {signal.name: signal.window_seconds for signal in signals}
        self._rules = {rule.name: replace(rule, window_seconds=rule.window_seconds or windows.get(rule.signal)) for rule in rules}
        self._store = store
        self._system = system
        self._signals = signals
        self._clock = clock or SystemClock()
        self._outbox = Outbox(channels, self._clock)
        self._windows = Windows()
        self._baselines: dict[str, Mapping[str, Any]] = {}
        self._service: Mapping[str, Any] = {}
        self._looked: tuple[float, float] | None = None

    def tick(self) -> dict[str, Any]:
        """Look once, and give the record of it: `time`, `problem`, `signals`, `alarms`, `channels`, `given_up`, `untold`.

        Raises StorageError when it cannot be written down, ConflictError when another watch of this system is at work.
        """
        revision, known, waiting, given_up = self._stored()
        elapsed = self._elapsed()
        problems: list[str] = []
        snapshot = self._look(problems)
        readings = [] if snapshot is None else self._measure(problems)
        alarms, notices = self._judge(known, readings, None if snapshot is None else snapshot.in_service, elapsed)
        waiting, gone = self._outbox.queued(waiting, notices)
        record: dict[str, Any] = {
            "format": "gonogo-watch/1",
            "time": stamp(self._clock.now()),
            "problem": "; ".join(problems),
            "signals": [self._shown(reading) for reading in readings],
            "alarms": [self._row(alarm, readings) for alarm in alarms],
            "channels": self._outbox.shown(waiting),
            "given_up": _remembered(given_up, gone),
        }
        revision = self._write(revision, record, alarms, waiting, notices)
        left, gone = self._outbox.tell(waiting)
        if left != waiting:
            record = {**record, "channels": self._outbox.shown(left), "given_up": _remembered(record["given_up"], gone)}
            self._write(revision, record, alarms, left, [])
        return {**record, "untold": len(left)}

    # -- seeing -------------------------------------------------------------------------------------------------------------

    def _elapsed(self) -> float:
        now = (self._clock.now().timestamp(), self._clock.monotonic())
        before, self._looked = self._looked or now, now
        return max(0.0, min(now[0] - before[0], now[1] - before[1], LONGEST_SECONDS))

    def _look(self, problems: list[str]) -> Snapshot | None:
        try:
            self._service = self._observe()
            snapshot = read_snapshot(self._service, self._clock.monotonic())
            self._windows.add(snapshot)
        except (FaultError, ValueError) as error:
            problems.append(f"the service cannot be seen: {error}")
            return None
        for release in snapshot.in_service:
            self._learn(release, problems)
        return snapshot

    def _learn(self, release: str, problems: list[str]) -> None:
        """The baseline of a release that is new in service. One that cannot be read now is asked for again at the next look."""
        if release in self._baselines:
            return
        try:
            found = self._baseline(release)
        except GonogoError as error:
            problems.append(f"the baseline of {release} cannot be read: {error}")
            return
        if found is not None:
            self._baselines[release] = found

    def _measure(self, problems: list[str]) -> list[Reading]:
        """Every signal over its own window and over those that rules ask for."""
        readings: list[Reading] = []
        for signal in self._signals:
            asked = [rule.window_seconds for rule in self._rules.values() if rule.signal == signal.name and rule.window_seconds]
            for seconds in dict.fromkeys((signal.window_seconds, *asked)):
                sight = Sight(self._windows.window(seconds), self._baselines, self._service, self._clock.now())
                try:
                    readings += [replace(reading, window_seconds=seconds) for reading in signal.compute(sight)]
                except (ValueError, KeyError, TypeError) as error:
                    problems.append(f"{signal.name} cannot be computed: {error!r}")
        return readings

    # -- judging ------------------------------------------------------------------------------------------------------------

    def _judge(
        self, known: Mapping[str, Alarm], readings: Sequence[Reading], in_service: Sequence[str] | None, elapsed: float
    ) -> tuple[list[Alarm], list[Notice]]:
        """Step every alarm: those with a reading, and those known from before that have none now."""
        seen = {
            _key(rule, reading.labels): (rule, reading) for rule in self._rules.values() for reading in readings if rule.concerns(reading)
        }
        alarms, notices = [], []
        for key in sorted({*known, *seen}):
            alarm = known.get(key) or Alarm(key, seen[key][0].name, dict(seen[key][1].labels), AlarmState())
            rule, reading = self._rules.get(alarm.rule), seen[key][1] if key in seen else None
            gone = in_service is not None and alarm.labels.get("release", "") not in ("", *in_service)
            if rule is None or gone:
                if alarm.state.ringing and rule is not None:
                    notices.append(self._notice("retired", alarm, rule, reading))
                continue
            state, kind = step(rule, alarm.state, rule.judge(reading), elapsed)
            since = alarm.since if state.phase is alarm.state.phase and alarm.since else stamp(self._clock.now())
            alarm = replace(alarm, state=state, since=since, times=alarm.times + (kind is not None))
            if kind is not None:
                notices.append(self._notice(kind, alarm, rule, reading))
            alarms.append(alarm)
        return alarms, notices

    def _notice(self, kind: NoticeKind, alarm: Alarm, rule: Rule, reading: Reading | None) -> Notice:
        now = stamp(self._clock.now())
        value = None if reading is None else reading.to_json()["value"]
        n = 0 if reading is None else reading.n
        where = _of(alarm.labels)
        unit = f" {reading.unit}" if reading else ""
        shown = "unknown" if value is None else f"{value:.4g}{unit}"
        words = {
            "fired": f"{rule.signal} is {shown}, above {rule.above:g}, for {rule.for_seconds:g} s (n = {n})",
            "resolved": f"{rule.signal} is back at {shown}, at or below {rule.clear:g}",
            "blind": f"{rule.signal} cannot be judged for {alarm.state.blind:.0f} s: no data, or fewer than {rule.min_n} samples",
            "seeing": f"{rule.signal} can be judged again: {shown}",
            "retired": "the release has no traffic any more",
        }
        text = f"{rule.name} ({where}): {words[kind]}" + (f"; see {rule.runbook}" if rule.runbook and kind == "fired" else "")
        notice_id = f"{alarm.key}#{now}#{kind}"
        return Notice(notice_id, alarm.key, kind, rule.name, rule.level, rule.signal, alarm.labels, value, rule.above, n, now, text)

    # -- writing -----------------------------------------------------------------------------------------------------------

    def _stored(self) -> tuple[int, dict[str, Alarm], list[Untold], list[dict[str, str]]]:
        found = self._store.get(KIND, self._system)
        if found is None:
            return 0, {}, [], []
        revision, body = found
        states = {key: Alarm.from_json(alarm) for key, alarm in body["states"].items()}
        return revision, states, [Untold.from_json(entry) for entry in body["outbox"]], list(body.get("given_up", ()))

    def _write(
        self,
        revision: int,
        record: Mapping[str, Any],
        alarms: Sequence[Alarm],
        outbox: Sequence[Untold],
        notices: Sequence[Notice],
    ) -> int:
        body = {**record, "states": {alarm.key: alarm.to_json() for alarm in alarms}, "outbox": [entry.to_json() for entry in outbox]}
        with self._store.transaction() as tx:
            for notice in notices:
                tx.append("alarm", notice.to_json(), "watch")
            return tx.put(KIND, self._system, body, expected_version=revision)

    # -- showing ------------------------------------------------------------------------------------------------------------

    def _shown(self, reading: Reading) -> dict[str, Any]:
        rules = [rule for rule in self._rules.values() if rule.concerns(reading)]
        return {
            **reading.to_json(),
            "of": _of(reading.labels),
            "threshold": min((rule.above for rule in rules), default=None),
            "thresholds": [{"rule": rule.name, "above": rule.above, "clear": rule.clear} for rule in rules],
        }

    def _row(self, alarm: Alarm, readings: Sequence[Reading]) -> dict[str, Any]:
        rule = self._rules[alarm.rule]
        reading = next((reading for reading in readings if rule.concerns(reading) and _key(rule, reading.labels) == alarm.key), None)
        condition = rule.judge(reading)
        value = reading.to_json()["value"] if reading else None
        shown = "unknown" if reading is None or value is None else f"{value:.4g} {reading.unit}"
        text = f"{rule.signal} of {_of(alarm.labels)} is {shown}; rings above {rule.above:g} for {rule.for_seconds:g} s"
        return {
            "key": alarm.key, "rule": rule.name, "level": rule.level, "signal": rule.signal, "labels": dict(alarm.labels),
            "state": str(alarm.state.phase), "ringing": alarm.state.ringing, "since": alarm.since, "condition": str(condition),
            "text": text, "value": value, "unit": reading.unit if reading else "",
            "n": reading.n if reading else 0, "above": rule.above, "clear": rule.clear,
            "for_seconds": rule.for_seconds, "held_seconds": round(alarm.state.held, 3), "runbook": rule.runbook,
        }  # fmt: skip


def last_record(store: Store, system: str) -> dict[str, Any] | None:
    """What the watch saw last, or None when nobody has watched yet."""
    found = store.get(KIND, system)
    if found is None:
        return None
    record = {key: value for key, value in found[1].items() if key not in ("states", "outbox")}
    return {**record, "untold": len(found[1]["outbox"])}


def _remembered(given_up: Sequence[Mapping[str, str]], more: Sequence[GivenUp]) -> list[dict[str, str]]:
    return [*map(dict, given_up), *map(asdict, more)][-MOST_GIVEN_UP:]


def _of(labels: Mapping[str, str]) -> str:
    """What labels name, the release first, in the same order wherever they come from."""
    return " ".join(labels[name] for name in sorted(labels, key=lambda name: (name != "release", name)))


def _key(rule: Rule, labels: Mapping[str, str]) -> str:
    return rule.name + "".join(f"|{name}={labels[name]}" for name in sorted(labels))
