"""Run by `test_watch_kill.py` in a process of its own: a watch over an incident, killed by SIGKILL at another point each time.

    watching_child.py FOLDER STEP    every STEP-th point; prints one JSON line

After each death another watch takes over where the store and the history say, until the incident is over.
"""

from __future__ import annotations

import json
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sealing_child import killed_at

from gonogo.base.clock import FakeClock, parse_stamp
from gonogo.monitor.alarms.rule import Rule
from gonogo.monitor.channels.file import FileChannel
from gonogo.monitor.history import History
from gonogo.monitor.signals.error_rate import ErrorRate
from gonogo.monitor.watch import Watch
from gonogo.registry.stores.sqlite import SqliteStore

START = datetime(2026, 1, 1, tzinfo=UTC)
EVERY, TROUBLE, END = 15, range(60, 240), 480  #: seconds: between looks, of the incident, of all
RULE = Rule("errors", "error_rate", above=0.05, clear=0.03, for_seconds=60.0, min_n=50)
RELEASE = "shop@1.0.0"


def watched(folder: Path) -> None:
    """Look on from the second that is written down, until the end. The service's counters begin again with every process."""
    place = folder / "now"
    now, n, bad = (int(place.read_text()) if place.exists() else 0), 0, 0
    clock = FakeClock(START + timedelta(seconds=now))
    boot = f"life {now}"

    def observe() -> dict[str, Any]:
        return {
            "boot_id": boot, "releases": {RELEASE: {}}, "table": {"arms": [{"release": RELEASE, "weight_bp": 10_000}]},
            "counters": {"1": {RELEASE: {"n": n, "bad": bad}}},
        }  # fmt: skip

    store = SqliteStore(folder / "gonogo.db")
    watch = Watch(
        observe, lambda release: None, [RULE], {"file": FileChannel(folder / "alarms.jsonl")}, store, system="shop",
        signals=[ErrorRate()], clock=clock, history=lambda: History(folder / "history.db", clock),
    )  # fmt: skip
    while now < END:
        n, bad = n + 100, bad + (20 if now in TROUBLE else 0)
        clock.advance(EVERY)
        watch.tick()
        now += EVERY
        following = folder / "now.next"
        following.write_text(str(now))
        following.replace(place)
    store.close()


def outcome(folder: Path) -> dict[str, Any]:
    """What people were told, what the log says, and where the alarm stands."""
    store = SqliteStore(folder / "gonogo.db")
    told = [json.loads(line) for line in (folder / "alarms.jsonl").read_text().splitlines()]
    found = store.get("watch", "shop")
    assert found is not None
    (alarm,) = [alarm for alarm in found[1]["alarms"] if alarm["rule"] == RULE.name]
    said = {
        "told": [notice["kind"] for notice in told],
        "events": [event.body["kind"] for event in store.events(kinds=["alarm"])],
        "state": alarm["state"], "episode": alarm["episode"], "intact": store.verify_chain(None).intact, "left": found[1]["outbox"],
        "seconds": [(parse_stamp(notice["time"]) - START).total_seconds() for notice in told],
    }  # fmt: skip
    store.close()
    return said


def main(folder: Path, step: int) -> None:
    watched(fresh(folder))
    undisturbed = outcome(folder)
    seconds = undisturbed.pop("seconds")
    points, late = 0, 0.0
    while killed_at(1 + points * step, lambda: watched(fresh(folder))):
        watched(folder)
        after = outcome(folder)
        late = max(late, *(one - other for one, other in zip(after.pop("seconds"), seconds, strict=True)))
        assert after == undisturbed, (1 + points * step, after)
        points += 1
    print(json.dumps({**undisturbed, "points": points, "late": late}))


def fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
