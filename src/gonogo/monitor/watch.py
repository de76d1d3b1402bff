"""The watch: looks at the service, computes the signals, steps the alarms, tells people. One look a `tick`.

Rules it keeps:
* States, timers and what has still to be told are one document of the store, written in one transaction with the audit event of every
  alarm that rings or is over, and of everything that is told. A watch that dies goes on where it was.
* What is told goes through the outbox (`outbox.py`): written down first, sent until it is taken.
* A service that does not answer is not a service that is well: every alarm becomes UNKNOWN. That the watch cannot see, or not all of it,
  is an alarm of its own (`BLIND`), which needs no rule in a pack.
* Time is what both clocks agree on: a wall clock that is set, or a machine that slept, ends no duration and begins none.
* Alarms of a release without a share of the traffic, or of a rule that is gone, are retired; one that was told is told to be over.
* What follows when a rule rings that says `then: rollback` is decided and written here, and done by who runs the watch (`going_back.py`).
* An unreadable reading of one signal does not keep the others from being judged; it is told in `problem`. Nor does a history that cannot
  be read or written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from gonogo.base.clock import Clock, SystemClock, stamp
from gonogo.errors import FaultError, GonogoError
from gonogo.monitor.alarms.alarm import Alarm
from gonogo.monitor.alarms.answers import read_answers
from gonogo.monitor.alarms.rule import Rule
from gonogo.monitor.alarms.telling import Rung
from gonogo.monitor.alarms.wording import event_of, notice_of
from gonogo.monitor.going_back import ACTOR, GoingBack, Ways, follow, no_way
from gonogo.monitor.history import History
from gonogo.monitor.judging import UNREADABLE, Judged, asked, judge, measure, seen_by
from gonogo.monitor.notice import Channel, Notice
from gonogo.monitor.outbox import MOST_GIVEN_UP, GivenUp, Outbox, Untold
from gonogo.monitor.record import KIND, record_of
from gonogo.monitor.signal import Labels, NoLabels, NoPast, Reading, Sight, Signal
from gonogo.monitor.windows import Snapshot, Windows, read_snapshot
from gonogo.registry.store import Store

LONGEST_SECONDS = 60.0  #: what lies between two looks that are further apart was not seen, unless looks are meant to be so rare
REPEAT_SECONDS = 3600.0
BLIND = Rule("monitoring-blind", "blind", above=0, clear=0, for_seconds=300.0, min_n=1, runbook="monitoring-blind")


class Watch:
    """Watches one system.

    `observe` gives the service's own words (the control API's `/observe`); `baseline` the baseline document of a release, or None;
    `signals` are computed and `rules` judged over them; `channels` are told, along the `ladder` and again after `repeat_seconds`.
    What lies between looks that are further apart than `longest_seconds` was not seen. `history` opens what was counted before, in which
    what is counted now is remembered. `labels` gives what became of predictions, anew at every look. `ways` knows the way
    back from a release that a rule leaves.
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
        ladder: Sequence[Rung] = (),
        repeat_seconds: float = REPEAT_SECONDS,
        longest_seconds: float = LONGEST_SECONDS,
        history: Callable[[], History] | None = None,
        labels: Callable[[], Labels] = NoLabels,
        ways: Ways = no_way,
    ) -> None:
        self._observe = observe
        self._baseline = baseline
        self._rules = asked((BLIND, *rules), signals)
        self._store = store
        self._system = system
        self._signals = signals
        self._clock = clock or SystemClock()
        self._outbox = Outbox(channels, self._clock)
        self._ladder = ladder
        self._repeat_seconds = repeat_seconds
        self._longest_seconds = longest_seconds
        self._windows = Windows()
        self._open_history = history
        self._labels = labels
        self.ways = ways
        self._history: History | None = None
        self._forgets = ""  #: why nothing is remembered, although it ought to be
        self._baselines: dict[str, Mapping[str, Any]] = {}
        self._service: Mapping[str, Any] = {}
        self._looked: tuple[float, float] | None = None

    @property
    def rules(self) -> Mapping[str, Rule]:
        """Those in force, by name, each with its window."""
        return self._rules

    def tick(self) -> dict[str, Any]:
        """Look once, and give the record of it: `time`, `problem`, `signals`, `alarms`, `going_back`, `channels`, `given_up`, `untold`.

        Raises StorageError when it cannot be written down, ConflictError when another watch of this system is at work.
        """
        revision, known, waiting, given_up, standing = self._stored()
        answers = read_answers(self._store, self._system)[1]
        elapsed = self._elapsed()
        problems: list[str] = []
        self._recall(problems)
        snapshot = self._look(problems)
        self._remember(problems)
        readings = self._measure(problems)
        readings.append(Reading(BLIND.signal, {}, float(len(problems)), 1, "problems"))
        seen = seen_by(self._rules, readings)
        judged = judge(
            self._rules, known, seen, None if snapshot is None else snapshot.in_service, elapsed=elapsed, answers=answers,
            ladder=self._ladder, repeat_seconds=self._repeat_seconds, now=self._clock.now(),
        )  # fmt: skip
        now = stamp(self._clock.now())
        then = follow(judged.alarms, known, self._rules, seen, judged.held_back, answers, standing, self.ways, now)
        notices = [
            notice_of(telling, self._rules.get(telling.about[0].rule), seen, now, then.words, _left(then.decision, telling.about[0]))
            for telling in judged.tellings
        ]
        waiting, gone = self._outbox.queued(waiting, notices)
        record = record_of(now, problems, readings, judged.alarms, self._rules, seen, judged.held_back, answers, then.words)
        record["going_back"] = then.decision and then.decision.to_json()
        record |= {"channels": self._outbox.shown(waiting), "given_up": _remembered(given_up, gone)}
        decided = then.decision if then.fresh else None
        revision = self._write(revision, record, judged.alarms, waiting, self._events(known, judged, seen, then.words), notices, decided)
        left, gone = self._outbox.tell(waiting)
        if left != waiting:
            record |= {"channels": self._outbox.shown(left), "given_up": _remembered(record["given_up"], gone)}
            self._write(revision, record, judged.alarms, left)
        return {**record, "untold": len(left)}

    # -- seeing -------------------------------------------------------------------------------------------------------------

    def _elapsed(self) -> float:
        now = (self._clock.now().timestamp(), self._clock.monotonic())
        before, self._looked = self._looked or now, now
        return max(0.0, min(now[0] - before[0], now[1] - before[1], self._longest_seconds))

    def _recall(self, problems: list[str]) -> None:
        """At the first look: the windows go on from what an earlier watch has remembered."""
        opening, self._open_history = self._open_history, None
        if opening is not None:
            try:
                history, windows = opening(), Windows()
                history.restore(windows)
                self._history, self._windows = history, windows
            except (GonogoError, *UNREADABLE) as error:
                self._forgets = f"the history cannot be read: {error}"
        if self._forgets:
            problems.append(self._forgets)

    def _remember(self, problems: list[str]) -> None:
        try:
            if self._history is not None:
                self._history.add(self._windows)
                problems += [self._history.lost] if self._history.lost else []
        except (GonogoError, *UNREADABLE) as error:
            problems.append(f"the history cannot be written: {error}")

    def _look_at_labels(self, problems: list[str]) -> Labels:
        try:
            return self._labels()
        except (GonogoError, *UNREADABLE) as error:
            problems.append(f"the labels cannot be read: {error}")
            return NoLabels()

    def _look(self, problems: list[str]) -> Snapshot | None:
        try:
            self._service = self._observe()
            snapshot = read_snapshot(self._service, self._clock.monotonic())
            self._windows.add(snapshot)
        except (FaultError, ValueError) as error:
            problems.append(f"the service cannot be seen: {error}")
            self._windows.missed(self._clock.monotonic())
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
        now, past, labels = self._clock.now(), self._history or NoPast(), self._look_at_labels(problems)

        def sight(seconds: float) -> Sight:
            return Sight(self._windows.window(seconds), self._baselines, self._service, now, past, labels, seconds)

        return measure(self._signals, self._rules, sight, problems)

    # -- judging ------------------------------------------------------------------------------------------------------------

    def _events(
        self, known: Mapping[str, Alarm], judged: Judged, seen: Mapping[str, Reading], words: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        """What the audit log says of alarms that began to ring or are over, told or not, and of what follows."""
        after = {alarm.key: alarm for alarm in judged.alarms}
        events = []
        for key in sorted({*known, *after}):
            rang, alarm = key in known and known[key].ringing, after.get(key)
            if rang == (alarm is not None and alarm.ringing):
                continue
            kind = "retired" if alarm is None else "resolved" if rang else "fired"
            which = alarm or known[key]
            event = event_of(kind, which, self._rules.get(which.rule), seen.get(key), judged.held_back.get(key, ""))
            events.append(event | ({"then": words[key]} if key in words else {}))
        return events

    # -- writing -----------------------------------------------------------------------------------------------------------

    def _stored(self) -> tuple[int, dict[str, Alarm], list[Untold], list[dict[str, str]], GoingBack | None]:
        found = self._store.get(KIND, self._system)
        if found is None:
            return 0, {}, [], [], None
        revision, body = found
        states = {key: Alarm.from_json(alarm) for key, alarm in body["states"].items()}
        untold = [Untold.from_json(entry) for entry in body["outbox"]]
        return revision, states, untold, list(body.get("given_up", ())), GoingBack.from_json(body.get("going_back"))

    def _write(
        self,
        revision: int,
        record: Mapping[str, Any],
        alarms: Sequence[Alarm],
        outbox: Sequence[Untold],
        events: Sequence[Mapping[str, Any]] = (),
        notices: Sequence[Notice] = (),
        decided: GoingBack | None = None,
    ) -> int:
        body = {**record, "states": {alarm.key: alarm.to_json() for alarm in alarms}, "outbox": [entry.to_json() for entry in outbox]}
        with self._store.transaction() as tx:
            for event in events:
                tx.append("alarm", event, ACTOR)
            if decided is not None:
                tx.append("going_back", {"system": self._system, **decided.to_json()}, ACTOR)
            for notice in notices:
                tx.append("notice", notice.to_json(), ACTOR)
            return tx.put(KIND, self._system, body, expected_version=revision)


def _left(decision: GoingBack | None, alarm: Alarm) -> str:
    """What is said of a release that has no traffic any more because of a rule."""
    gone = decision is not None and decision.release == alarm.release
    return f"it went back to {decision.to} by the rule {decision.rule}" if gone and decision is not None else ""


def _remembered(given_up: Sequence[Mapping[str, str]], more: Sequence[GivenUp]) -> list[dict[str, str]]:
    return [*map(dict, given_up), *map(asdict, more)][-MOST_GIVEN_UP:]
