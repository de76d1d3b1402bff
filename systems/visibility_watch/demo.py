"""The story of a certified model: refused, certified, signed for, released, under load, watched, trained again, rolled out, rolled back.

`make demo SYSTEM=visibility_watch`. Nothing is faked: every retrain is a training, the traffic are the hours of December.
"""

from __future__ import annotations

import json
from typing import Any

PEOPLE = {"model-owner": "mia", "operations-lead": "olaf"}
NO_FEATURES = "hour,wind_gust,clock,origin"


def tell(walk: Any) -> None:
    walk.chapter("Hours of weather become tables that look back, with a label that looks ahead; trees are trained")
    walk.python("prepare.py")
    walk.python("train.py")
    walk.python("figures.py")
    walk.keys(PEOPLE)

    walk.chapter("NO-GO: a model that was good once has no certificate, and nobody has signed")
    items = walk.refused()
    walk.insist({"certification-metrics", "certification-series"} <= set(items), "a model without a certificate was not refused")

    walk.chapter("The certificate: three retrains, twenty trainings on shuffled labels, folds that go forward in time")
    walk.gonogo("certify")
    go(walk)
    walk.gonogo("release")

    walk.chapter("1.0.0 in service; the hours of December arrive, with the label that comes later")
    walk.serve("visibility-watch@1.0.0")
    walk.start_traffic("data/live.parquet", target="low", leave_out=NO_FEATURES, rate=200)

    walk.chapter(
        "September's labels are in: trained again, no worse than 1.0.0, and not certified: a month without fog unsettles the folds"
    )
    said = walk.gonogo("retrain", "--reason", "a month of new data", expect=1)
    walk.insist("not certified" in said and "cv_std" in said, "the training with September was not refused for its folds")
    walk.gonogo("retrain", "--put-back")

    walk.chapter("Another draw of the seed on the old months: certified, signed, shipped through 5, 25 and 100 per cent")
    walk.python("train.py", "--seed", "7")
    walk.python("figures.py")
    walk.gonogo("certify")
    go(walk)
    walk.gonogo("ship")
    walk.insist(walk.record("status")["production"]["version"] == "1.1.0", "1.1.0 is not in production")

    walk.chapter("And back, because that may always be asked for")
    walk.gonogo("rollback", "--reason", "a drill")
    walk.insist(walk.record("status")["production"]["version"] == "1.0.0", "production is not back on 1.0.0")

    walk.chapter("What became of the traffic, what the labels say, and the proof")
    counted = walk.stop_traffic()
    walk.say(json.dumps(counted, indent=2))
    walk.insist(counted["failed"] == 0, f"{counted['failed']} requests failed")
    walk.gonogo("feedback", "answers.jsonl")
    walk.gonogo("status")
    walk.gonogo("log", "--verify", "--last", "12")
    walk.gonogo("verify", ".gonogo/releases/visibility-watch-1.1.0.tar.gz", "--key", ".gonogo/keys/store.pub")
    walk.say(f"""
{counted["requests"]} requests of real hours, {counted["failed"]} failed. Look at:
  .demo/visibility_watch/report.html            the checklist with the evidence behind every item
  systems/visibility_watch/README.md            the system, its certificate, and where it stays below the source""")


def go(walk: Any) -> None:
    """The load test of the source, 1,000 requests, 100 at a time; spoiled copies that must be refused; the signatures; GO."""
    walk.gonogo("loadtest")
    walk.gonogo("check", "--prove", "--json", expect=1, quiet=True)
    walk.go()
