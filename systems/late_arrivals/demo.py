"""The story on real flights: refused, signed for, released, served, rolled out in judged steps, broken, taken back, watched, trained again.

`make demo`, or `python systems/walk.py late_arrivals`. Nothing is faked: the model is trained here, the traffic are the flights of
December, the fault of 1.2.0 is in its graph.
"""

from __future__ import annotations

import json
from typing import Any

PEOPLE = {"technical-lead": "ana", "product-owner": "ben"}


def tell(walk: Any) -> None:
    walk.chapter("Real flights become tables; a forest is trained on January to August")
    walk.python("prepare.py")
    walk.python("train.py")
    walk.keys(PEOPLE)

    walk.chapter("NO-GO: the same model for 30 minutes does not reach 0.95, and nobody has signed")
    walk.python("prepare.py", "--late", "30", "--out", "late_30/data", quiet=True)
    walk.python("train.py", "--late", "30", "--data", "late_30/data", "--out", "late_30/models", quiet=True)
    walk.gonogo("check", "--project", "gonogo-30.yaml", expect=1)

    walk.chapter("The 45-minute model: NO-GO until two people have signed for what was measured")
    walk.refused()
    walk.go()
    walk.gonogo("release")

    walk.chapter("1.0.0 in service; the flights of December arrive")
    walk.serve("late-arrivals@1.0.0")
    walk.start_traffic("data/live.parquet", target="late", leave_out="scheduled", rate=400)

    walk.chapter("1.1.0, a larger forest: checked, signed, shipped through 5, 25 and 100 per cent")
    walk.python("train.py", "--trees", "60", "--depth", "12")
    walk.sign()
    walk.gonogo("ship")
    walk.insist(walk.record("status")["production"]["version"] == "1.1.0", "1.1.0 is not in production")

    walk.chapter("1.2.0 corrects its score by season. Every check passes; Christmas, which no training row knew, breaks it in service")
    walk.python("train.py", "--trees", "60", "--depth", "12", "--season-correction")
    walk.sign()
    walk.gonogo("ship", expect=1)
    after = walk.record("status")
    walk.insist(after["production"]["version"] == "1.1.0", "production is not back on 1.1.0")
    walk.insist(after["rollout"]["state"] == "ROLLED_BACK", f"the rollout of 1.2.0 is {after['rollout']['state']}, not rolled back")

    walk.chapter("Watched: the end of December is unlike the months of the training, and the alarms say in what")
    walk.hear("drift")
    walk.gonogo("alarms", expect=1)

    walk.chapter("Trained again by declared steps, and compared with what is in production on the same rows: not better, so put away")
    walk.gonogo("retrain", "--reason", "drift of the weather", expect=1)
    outcome = walk.record("retrain", "--status", expect=None)["trainings"][-1]["outcome"]
    walk.insist(outcome == "rejected", f"the smaller forest is {outcome}, although 1.1.0 is better")

    walk.chapter("Back to 1.0.0 by hand, at once")
    walk.gonogo("rollback", "--reason", "to show that it takes no second")
    walk.insist(walk.record("status")["production"]["version"] == "1.0.0", "1.0.0 is not back in production")

    walk.chapter("What became of the traffic, and the proof")
    counted = walk.stop_traffic()
    walk.say(json.dumps(counted, indent=2))
    walk.insist(counted["failed"] == 0, f"{counted['failed']} requests failed")
    walk.gonogo("log", "--verify", "--last", "12")
    walk.gonogo("releases")
    walk.gonogo("verify", ".gonogo/releases/late-arrivals-1.1.0.tar.gz", "--key", ".gonogo/keys/store.pub")
    walk.gonogo("status")
    walk.say(f"""
{counted["requests"]} requests of real flights, {counted["failed"]} failed. Look at:
  .demo/late_arrivals/report.html            the checklist with the evidence behind every item
  .demo/late_arrivals/.gonogo/releases/      three sealed releases, each with its card
  systems/late_arrivals/README.md            the system, and what was wrong with 1.2.0""")
