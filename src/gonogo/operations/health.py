"""Is it well? One word with its reasons, from what `gonogo status` saw. Only what is known to be well is well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from gonogo import settings
from gonogo.base.clock import parse_stamp

MISSED_LOOKS = 5  #: after so many, what the watch saw is old


def watched(record: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What the watch saw last. When that is long ago, no alarm is known to be quiet any more; the signals keep their last values."""
    oldest = MISSED_LOOKS * max(settings.number("watch_seconds"), 1.0)
    fresh = record["time"] is not None and abs((now - parse_stamp(record["time"])).total_seconds()) <= oldest
    return {
        "watch": {"time": record["time"], "fresh": fresh, "problem": record["problem"], "untold": record.get("untold", 0)},
        "signals": record["signals"],
        "alarms": record["alarms"] if fresh else [{**alarm, "state": "UNKNOWN"} for alarm in record["alarms"]],
    }


def health(seen: Mapping[str, Any]) -> dict[str, Any]:
    """Is it well? `state` is WELL, UNCERTAIN, NOT WELL or NOTHING LIVE, with the reasons, the worst first. Only what is known to be well
    is well."""
    bad = [] if seen["chain"] == "intact" else ["the audit chain is broken"]
    unsure = []
    service, watch, alarms = seen["service"], seen["watch"], seen["alarms"]
    if ringing := [alarm for alarm in alarms if alarm["ringing"]]:
        bad.append(f"ringing: {_rules(ringing)}")
    if service["alive"]:
        ill = [arm["release"] for arm in service["arms"] if arm["weight_bp"] and not (arm["alive"] and arm["healthy"])]
        bad += [f"{release} has traffic and is not healthy" for release in ill]
        unsure += [f"the {who} has a problem: {problem}" for who in ("service", "watch") if (problem := seen[who]["problem"])]
        if not watch["fresh"]:
            unsure.append(f"nobody watches; the last look was at {watch['time']}" if watch["time"] else "nobody has watched yet")
        elif not alarms:
            unsure.append("no alarm has been judged yet")
        for state, words in (("PENDING", "above its limit, not yet for long enough"), ("UNKNOWN", "cannot be judged now")):
            if found := [alarm for alarm in alarms if alarm["state"] == state and not alarm["ringing"]]:
                unsure.append(f"{words}: {_rules(found)}")
    elif seen["production"]:
        bad.insert(0, "the service does not answer")
    unsure += [f"notices that no channel has taken: {watch['untold']}"] if watch["untold"] else []
    if bad:
        return {"state": "NOT WELL", "reasons": bad + unsure}
    if not seen["production"]:
        return {"state": "NOTHING LIVE", "reasons": ["no release is in production", *unsure]}
    if unsure:
        return {"state": "UNCERTAIN", "reasons": unsure}
    return {"state": "WELL", "reasons": [f"{len(alarms)} alarms are quiet" if len(alarms) != 1 else "the alarm is quiet"]}


def _rules(alarms: Iterable[Mapping[str, Any]]) -> str:
    """Which rules, and of how many things."""
    counted = Counter(alarm["rule"] for alarm in alarms)
    return ", ".join(rule if count == 1 else f"{rule} ({count})" for rule, count in sorted(counted.items()))
