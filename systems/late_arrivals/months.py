"""The year goes on: `python months.py [--every 6] [--work DIR] [--page FILE]`.

Release 1.0.0 was trained in spring (January to April, tested on June) and put in service. From September on each month is served: its
flights are sent to the service, the watch sees how they differ, the labels come, and when an alarm of drift or calibration rings, the
service begins a training by itself, on all months whose labels are there, the newest one as the test. What it says of champion and
challenger is believed, whichever way: a challenger that is no better is put away; one that is goes through the gate, is signed for, and
takes over in judged steps.

Everything goes through the command line and HTTP. It works in DIR and writes the page with its table and picture to FILE; both settings
give the same figures again each time, as far as they are of flights and models. `--every 6` keeps every sixth flight: the small setting.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
from sklearn.metrics import log_loss, roc_auc_score

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from walk import StoryError, Walk  # noqa: E402

from features import FEATURES, TARGET, TIME  # noqa: E402
from months_page import Month, page  # noqa: E402

FIRST, LAST, SPRING = 9, 12, 6
ROLES = {"technical-lead": "ana", "product-owner": "ben"}
BATCH = 500
WATCHED = """
prediction_log: {}
monitor:
  channels: [file]
  labels: {mature_after: 1 s, least_coverage: 0.5}
  rules:
    # A month goes by in seconds here, so what must last a minute lasts a second; the calendar is another one every month.
    - {name: drift, for: 1 s, except: {feature: [weekday, season]}}
    - {name: drift-ks, for: 1 s}
    - {name: quality, for: 1 s}
    - {name: calibration, signal: ece, above: 0.05, clear: 0.04, for: 1 s, min_n: 500, level: warning, runbook: calibration}
retrain:
  steps:
    data: {run: DATA, reads: [features.py, prepare.py], writes: [data]}
    train: {run: TRAIN, reads: [features.py, season_correction.py, train.py]}
  at_most_every: 1 s
"""
# A model of winter and spring does not surely rank a June above 0.95, and has not seen its temperatures: the gate says so, rightly. This
# project asks for less, by an override that the policy's signers see; the released one keeps the checklist's demands.
SPRING_ITEMS = """items:
  quality: {require: roc_auc > 0.93, reason: the release of spring is judged on a June}
  data-quality: {require: [rules_per_column >= 1, non_finite == 0, out_of_range_share <= 30%], reason: it has not seen a summer}
"""
BY_ITSELF = "  when: [drift, calibration]\n"


def declare(walk: Walk, newest: int, every: int, *, more: str = "") -> None:
    """The project as it is in that month: the data step takes the months whose labels have come."""
    text = (HERE / "gonogo.yaml").read_text(encoding="utf-8")
    text = text.partition("\nmonitor:")[0].replace("items:\n", SPRING_ITEMS)
    text = text.replace("steps: [5, 25, 100]", "steps: [25, 100]\n  margin: 0.05").replace("min_seconds: 10", "min_seconds: 2")
    keys = (walk.project / "people.yaml").read_text() if (walk.project / "people.yaml").exists() else ""
    data = f"{sys.executable} prepare.py --every {every} --newest {newest}"
    watched_as = WATCHED.replace("DATA", data).replace("TRAIN", f"{sys.executable} train.py")
    (walk.project / "gonogo.yaml").write_text(text + watched_as + more + keys)


def first_release(walk: Walk, every: int) -> None:
    walk.chapter("The release of spring: trained on January to April, tested on June")
    walk.prepare()
    declare(walk, SPRING, every)
    walk.python("prepare.py", "--every", str(every), "--newest", str(SPRING))
    walk.python("train.py")
    walk.keys(ROLES)
    named = (walk.project / "gonogo.yaml").read_text().partition("\npeople:")
    (walk.project / "people.yaml").write_text("".join(named[1:]))
    walk.go()
    walk.gonogo("release")


def flights(walk: Walk, table: str) -> tuple[list[dict[str, Any]], list[int]]:
    """Rows as requests have them, and whether each flight was late."""
    with duckdb.connect(config={"threads": 1}) as connection:
        cursor = connection.execute(f"SELECT * EXCLUDE ({TIME}) FROM '{walk.project / 'data' / table}.parquet'")
        names = [column[0] for column in cursor.description]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [{name: row[name] for name in FEATURES} for row in found], [int(row[TARGET]) for row in found]


def until(seen: Callable[[], Any], what: Callable[[Any], bool], why: str, seconds: float = 90) -> Any:
    deadline = time.monotonic() + seconds
    while not what(last := seen()):
        if time.monotonic() > deadline:
            raise StoryError(f"{why}: {str(last)[:500]}")
        time.sleep(0.3)
    return last


def watched(walk: Walk, *rules: str) -> list[dict[str, Any]]:
    return [one for one in walk.record("watch", "--once")["alarms"] if one["rule"] in rules]


def settled(seen: list[dict[str, Any]]) -> bool:
    """Whether every alarm of both rules rings by now, or does not."""
    return len({one["rule"] for one in seen}) == 2 and all(one["state"] not in ("UNKNOWN", "PENDING") for one in seen)


def serve(walk: Walk, release: str) -> None:
    """The service, once the watch has looked for the first time: what was there before is nobody's."""
    before = walk.record("watch", "--once")["watch"]["time"]
    walk.serve(release)
    until(lambda: walk.record("watch", "--once")["watch"], lambda one: one["fresh"] and one["time"] != before, "nobody watches")


def serve_the_month(walk: Walk, rows: list[dict[str, Any]]) -> tuple[list[str], list[float]]:
    """Every flight is asked about; gives the ids of the requests, BATCH rows each, and the scores."""
    ids, scores = [], []
    for start in range(0, len(rows), BATCH):
        answer = walk.post("/predict", {"features": rows[start : start + BATCH]})
        ids.append(answer["prediction_id"])
        scores += [one["score"] for one in answer["predictions"]]
    return ids, scores


def labels_come(walk: Walk, ids: list[str], late: list[int]) -> None:
    lines = [f"{ids[place // BATCH]},{actual},{place % BATCH}" for place, actual in enumerate(late)]
    (walk.project.parent / "labels.csv").write_text("\n".join(["prediction_id,label,row", *lines]) + "\n")
    walk.gonogo("feedback", "../labels.csv")


def offline(walk: Walk, reference: str) -> list[float]:
    """What a release would have said of the month, computed from its sealed bytes."""
    out = walk.project.parent / "said.jsonl"
    walk.gonogo("predict", reference, "data/live.parquet", "--out", str(out), quiet=True)
    return [json.loads(line)["score"] for line in out.read_text().splitlines()]


def takes_over(walk: Walk, rows: list[dict[str, Any]], release: str) -> None:
    """The rollout, judged on the flights that go on being asked about."""
    over = threading.Event()

    def ask() -> None:
        for row in endless(rows):
            if over.is_set():
                return
            walk.post("/predict", {"features": row})

    clients = [threading.Thread(target=ask, daemon=True) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        walk.gonogo("rollout", "start", release)
    finally:
        over.set()
        for client in clients:
            client.join(timeout=30)


def endless(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    while True:
        yield from rows


def month(walk: Walk, number: int, every: int) -> Month:
    """One month: served, watched, labelled, and trained again when something asks for it."""
    release = walk.record("status")["production"]["release"] if number > FIRST else "late-arrivals@1.0.0"
    walk.chapter(f"Month {number}, with {release}")
    declare(walk, number - 1, every)  # until the labels are there nothing begins by itself
    walk.python("prepare.py", "--every", str(every), "--newest", str(number - 1), "--out", "../month")
    (walk.project.parent / "month" / "live.parquet").replace(walk.project / "data" / "live.parquet")
    rows, late = flights(walk, "live")
    for left in walk.project.glob(".gonogo/history.db*"):
        left.unlink()  # a month is looked at for itself; they follow each other within minutes here
    serve(walk, release)
    ids, scores = serve_the_month(walk, rows)
    until(lambda: watched(walk, "drift"), lambda seen: seen and all(one["state"] != "UNKNOWN" for one in seen), "the drift is not judged")
    seen = walk.record("watch", "--once")
    drifted = {one["labels"]["feature"]: one["value"] for one in seen["signals"] if one["signal"] == "psi" and one["value"] is not None}
    walk.stop_service()  # what was predicted is on disk then, and labels are joined to it
    never = offline(walk, "late-arrivals@1.0.0")
    labels_come(walk, ids, late)
    declare(walk, number, every, more=BY_ITSELF)
    made = len(walk.record("retrain", "--status")["trainings"])
    serve(walk, release)
    serve_the_month(walk, rows[:BATCH])
    until(lambda: watched(walk, "quality", "drift"), settled, "quality and drift are not judged")
    rang = sorted({one["rule"] for one in walk.record("watch", "--once")["alarms"] if one["ringing"]})
    asked = sorted({one["cause"] for one in walk.record("retrain", "--status")["reasons"]})
    found = Month(
        number=number, flights=len(rows), late=sum(late) / len(late), release=release, drifted=drifted, rang=rang, asked=asked,
        auc=float(roc_auc_score(late, scores)), loss=float(log_loss(late, scores)),
        never_auc=float(roc_auc_score(late, never)), never_loss=float(log_loss(late, never)),
    )  # fmt: skip
    if asked:
        trained_again(walk, found, rows, made)
    walk.stop_service()
    return found


def trained_again(walk: Walk, found: Month, rows: list[dict[str, Any]], made: int) -> None:
    """Wait for the training that the service begins, and for what becomes of it."""

    def last() -> dict[str, Any]:
        trainings = walk.record("retrain", "--status")["trainings"]
        return trainings[-1] if len(trainings) > made else {}

    ended = until(last, lambda one: one.get("outcome") or one.get("state") == "failed", "the training does not end", 600)
    walk.gonogo("retrain", "--status")
    if ended["state"] == "failed":
        raise StoryError(f"the training failed: {ended['problem']}")
    found.challenge, found.outcome = ended["comparison"], ended["outcome"]
    walk.say("\n".join(ended["words"]))
    if found.outcome == "refused":
        walk.gonogo("retrain", "--put-back")  # what is refused stands in the way of the next training until somebody has decided
    if found.outcome == "waiting":
        for role in ROLES:
            walk.gonogo("sign", role)
        resumed = walk.record("retrain", "--resume")
        found.version = resumed["version"]
        takes_over(walk, rows, f"late-arrivals@{found.version}")
        found.outcome = "production"


def main() -> int:
    parser = argparse.ArgumentParser(description="Serve, watch and train again month by month, from September on.")
    parser.add_argument("--every", type=int, default=1, help="keep every Nth flight (1: all of them; 6: the small setting)")
    parser.add_argument("--last", type=int, choices=range(FIRST, LAST + 1), default=LAST, help="the last month")
    parser.add_argument("--work", type=Path, default=HERE.parent.parent / ".demo" / "months", help="where it works")
    parser.add_argument("--page", type=Path, default=HERE / "docs" / "months.md", help="the page that it writes")
    arguments = parser.parse_args()
    started = time.monotonic()
    os.environ.update(GONOGO_DUTY_SECONDS="2", GONOGO_WATCH_SECONDS="0.5")  # how often the service looks
    walk = Walk("late_arrivals", work=arguments.work.resolve())
    try:
        first_release(walk, arguments.every)
        months = [month(walk, number, arguments.every) for number in range(FIRST, arguments.last + 1)]
    except StoryError as error:
        print(f"\nThe story went wrong: {error}", file=sys.stderr)
        return 1
    finally:
        walk.close()
    page(months, arguments.every, arguments.page)
    print(f"\n{arguments.page} is written. It took {time.monotonic() - started:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
