"""Is what ought to be looked at regularly looked at?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.errors import UsageError
from gonogo.evidence.check import Check
from gonogo.evidence.record import Fact, Measurement


class ReviewsMade(Check):
    """Were the reviews of a shorter period made, each in its time, since this release is live or in the last `days`?

    A review that was made late leaves the time before it without one. The review that is being made now does not count.
    """

    name = "reviews_made"
    facts: ClassVar = {
        "made": "reviews of that period in the time",
        "missing": "whole periods of the time at whose end, with the grace, there was none",
        "not_well": "reviews among them that said NOT WELL",
        "overdue": "reviews of whatever period that are overdue now, this one excepted",
    }
    options: ClassVar = {"period": "day", "days": 7.0}

    def measure(self, reviews: Mapping[str, Any]) -> Measurement:
        period, known = self.chosen["period"], reviews["seconds"]
        if period not in known:
            raise UsageError(f"the pack has no review of a {period!r}.", hint=f"It has: {', '.join(known)}.")
        every, now = known[period], reviews["now"]
        begin = max(reviews["live_since"], now - self.chosen["days"] * 86400)
        made = [one for one in reviews["made"] if one["period"] == period and one["at"] > begin]
        expected = int((now - begin) / (every * (1 + reviews["grace"])))
        ends = [begin + every * (number + 1) for number in range(expected)]
        without = [end for end in ends if not any(end - every < one["at"] <= end + reviews["grace"] * every for one in made)]
        findings = [f"a {period} without a review: number {ends.index(end) + 1} of {expected}" for end in without]
        findings += [f"{one['id']} was NOT WELL: {', '.join(one['findings'])}" for one in made if not one["well"]]
        findings += [f"the review of the {name} is overdue" for name in reviews["overdue"]]
        return Measurement(
            {
                "made": Fact(len(made)),
                "missing": Fact(len(without)),
                "not_well": Fact(sum(not one["well"] for one in made)),
                "overdue": Fact(len(reviews["overdue"])),
            },
            tuple(findings),
        )
