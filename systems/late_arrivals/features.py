"""What the model may know at the moment a flight has departed: the columns, their order, and the calendar.

`NUMBERS` and `WORDS` are the two inputs of the model's graph, in this order. Everything in them is known when the aircraft leaves the
gate: the delay so far, the timetable, the weather of that hour at the airport, and the date. Nothing that happens later (air time,
arrival time, the flight's own arrival delay) is here.

The weather may be missing for an hour; then its numbers are null, and the model's imputer fills them. `precip` is in inches,
`temp` in °F, `wind_speed` in mph, `pressure` in hPa, `visib` in miles, as the data set has them.
"""

from __future__ import annotations

from datetime import date, timedelta

NUMBERS = (
    "dep_delay",  # minutes late at the gate (negative: early)
    "sched_dep_minute",  # minute of the day of the scheduled departure, local time
    "sched_minutes",  # scheduled minutes from departure to arrival, by the local clocks of both airports
    "distance",  # miles
    "weekday",  # 1 Monday … 7 Sunday
    "departures",  # flights that the timetable lets leave this airport in the same hour
    "temp",
    "humid",
    "wind_speed",
    "precip",
    "pressure",
    "visib",
)
WORDS = ("carrier", "origin", "season")
FEATURES = NUMBERS + WORDS
TARGET = "late"
TIME = "scheduled"

SEASONS = ("ordinary", "summer", "holiday", "christmas")

FEDERAL_HOLIDAYS = (
    date(2013, 1, 1),
    date(2013, 1, 21),
    date(2013, 2, 18),
    date(2013, 5, 27),
    date(2013, 7, 4),
    date(2013, 9, 2),
    date(2013, 10, 14),
    date(2013, 11, 11),
    date(2013, 11, 28),
    date(2013, 12, 25),
    date(2014, 1, 1),
)


def season(day: date) -> str:
    """The travel season of a day: Christmas week, the day of a public holiday and its neighbours, school summer, or ordinary."""
    if (day.month, day.day) >= (12, 20) and (day.month, day.day) <= (12, 27):
        return "christmas"
    if any(abs(day - holiday) <= timedelta(days=1) for holiday in FEDERAL_HOLIDAYS):
        return "holiday"
    if (6, 25) <= (day.month, day.day) <= (9, 2):
        return "summer"
    return "ordinary"


def calendar(year: int) -> list[tuple[date, str]]:
    """Every day of a year with its season."""
    first = date(year, 1, 1)
    days = (date(year + 1, 1, 1) - first).days
    return [(day := first + timedelta(days=n), season(day)) for n in range(days)]
