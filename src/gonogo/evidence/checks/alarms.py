"""Does somebody watch, and is it quiet?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.record import Fact, Measurement


class Alarms(Check):
    """Is the service watched at this moment, which alarms ring or cannot be judged, and do the channels take what they are told?

    When nobody has looked for a while (`fresh` is false), every alarm counts as unknown.
    """

    name = "alarms"
    facts: ClassVar = {
        "fresh": "whether somebody looked a moment ago",
        "rules": "rules of which there is an alarm, without those that speak of what there is none of",
        "ringing": "alarms that ring",
        "ringing_critical": "critical ones among them",
        "unacknowledged": "ringing alarms that nobody has said to look after",
        "unknown": "alarms that cannot be judged now",
        "fired": "alarms that began to ring in the period",
        "problems": "what keeps the watch from seeing everything",
        "untold": "notices that no channel has taken yet",
        "given_up": "notices that a channel will never take",
    }

    def measure(self, watched: Mapping[str, Any]) -> Measurement:
        alarms = list(watched["alarms"])
        if watched["time"] is None:
            raise DataError("nobody has watched yet.", hint="The service watches itself: gonogo serve.")
        ringing = [alarm for alarm in alarms if alarm["ringing"]]
        unknown = [alarm for alarm in alarms if alarm["state"] == "UNKNOWN"]
        findings = [f"{alarm['level']} alarm {alarm['rule']} rings since {alarm['since']}: {alarm['text']}" for alarm in ringing]
        findings += [] if watched["fresh"] else [f"the last look was at {watched['time']}"]
        findings += [f"the watch has a problem: {watched['problem']}"] if watched["problem"] else []
        findings += [f"{alarm['rule']} cannot be judged: {alarm['text']}" for alarm in unknown]
        findings += [f"rang in the period: {one}" for one in watched["fired"]]
        return Measurement(
            {
                "fresh": Fact(watched["fresh"] is True),
                "rules": Fact(len({alarm["rule"] for alarm in alarms if not alarm.get("not_seen")})),
                "ringing": Fact(len(ringing)),
                "ringing_critical": Fact(sum(alarm["level"] == "critical" for alarm in ringing)),
                "unacknowledged": Fact(sum(not alarm.get("acknowledged") for alarm in ringing)),
                "unknown": Fact(len(unknown)),
                "fired": Fact(len(watched["fired"])),
                "problems": Fact(int(bool(watched["problem"]))),
                "untold": Fact(int(watched["untold"])),
                "given_up": Fact(len(watched["given_up"])),
            },
            tuple(findings),
        )
