"""Reviews for people: a report of what was in service over a period, and the list of those that were made and are due.

A review's report is that of a checklist (`report.py`) with other words: WELL or NOT WELL, and what to do next is of the service.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gonogo.base.clock import parse_stamp, stamp
from gonogo.checklist.items import Review
from gonogo.checklist.periods import Period
from gonogo.evidence.record import Evidence
from gonogo.reports.json import render_json
from gonogo.reports.report import Report, printable
from gonogo.reports.text import BOLD, GREEN, RED, YELLOW, Paint
from gonogo.verdict.outcome import Verdict

WELL, NOT_WELL = "WELL", "NOT WELL"


@dataclass(frozen=True)
class ReviewReport(Report):
    """The review of a period of a release. `since` is when it began, or when the release went live in it; `seconds` is its length."""

    period: Period = "day"
    release: str = ""
    since: str = ""
    until: str = ""
    seconds: float = 0.0

    @classmethod
    def of(
        cls, verdict: Verdict, review: Review, evidence: Mapping[str, Evidence], *, release: str, now: datetime, live_since: datetime
    ) -> ReviewReport:
        return cls(
            system=verdict.system,
            verdict=verdict,
            checklist=review.checklist,
            evidence=evidence,
            generated=verdict.time,
            period=review.period,
            release=release,
            since=stamp(max(live_since, now - timedelta(seconds=review.seconds))),
            until=stamp(now),
            seconds=review.seconds,
        )

    @property
    def word(self) -> str:
        return WELL if self.go else NOT_WELL

    @property
    def reviewed(self) -> str:
        return self.period

    @property
    def headline(self) -> str:
        total, blocking = len(self.verdict.items), self.blocking
        about = f"{self.release} from {_minute(self.since)} to {_minute(self.until)} UTC"
        if self.go:
            return f"All {total} items are well: {about}."
        if blocking and all(entry.lacks_signature for entry in blocking):
            return f"Everything measured is well; somebody has yet to sign that they read it: {about}."
        if blocking:
            return f"{len(blocking)} of {total} items are not well: {about}."
        return f"It does not count: {self.verdict.blocked[0] if self.verdict.blocked else 'no release was found'}"

    @property
    def next_step(self) -> str:
        others = [entry for entry in self.blocking if not entry.wants_signature]
        if others:
            return f"mend what is not well, then gonogo review run {self.period}"
        roles = dict.fromkeys(entry.item.sign_off for entry in self.blocking)
        return ", ".join(f"gonogo review sign {self.period} {role}" for role in roles) or "nothing until the next review"


def _minute(time: str) -> str:
    return f"{parse_stamp(time):%Y-%m-%d %H:%M}"


def render_review_json(report: ReviewReport) -> dict[str, Any]:
    """The report of a checklist (`gonogo-report/1`) and, in `review`, what it is the review of."""
    about = {name: getattr(report, name) for name in ("period", "release", "since", "until", "seconds")}
    return {**render_json(report), "time": report.verdict.time, "status": report.word, "review": about}


def render_reviews_text(listed: Iterable[Mapping[str, Any]], paint: Paint) -> str:
    """One line a review: how the last one was, and when the next one is due."""
    return "\n".join(_lines(listed, paint))


def _lines(listed: Iterable[Mapping[str, Any]], paint: Paint) -> Iterator[str]:
    styles = {"overdue": RED, "due": YELLOW, "later": "", "no more": "", "nothing is live": ""}
    for one in listed:
        last = one["last"]
        word = paint(GREEN if last["well"] else RED, f"{WELL if last['well'] else NOT_WELL:<8}") if last else f"{'-':<8}"
        made = f"{last['time']} {last['release']}" if last else "not made yet"
        state = one["state"]
        due = paint(styles[state], state) if styles[state] else state
        when = f" {one['due']}" if one["due"] and state != "no more" else ""
        yield (
            printable(f"{one['period']:<8}")
            + f"{word}  {printable(made)}; next: {due}{printable(when)}  {paint(BOLD, printable(one['title']))}"
        )
        if last and last["findings"]:
            yield from (f"          {printable(finding)}" for finding in last["findings"])
