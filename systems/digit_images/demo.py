"""The story of the digits: three forms are too few; six are enough for a first release; two more come in, and it is trained again.

`make demo SYSTEM=digit_images`, or `python systems/walk.py digit_images`. Nothing is faked: the images are those of real forms, the traffic
are the images of a form that neither training nor test has seen, and what is spoiled is spoiled in the files that people would get wrong.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PEOPLE = {"technical-lead": "ana", "product-owner": "ben"}
RESULTS = "results/production/test_results.md"


def tell(walk: Any) -> None:
    setting = ["--setting", "full"] if walk.full else []
    if walk.full:
        file = walk.project / "gonogo.yaml"
        words = file.read_text(encoding="utf-8")
        words = words.replace("run: python train.py", "run: python train.py --setting full")
        # trained to the end, six forms and eight give networks that 380 images cannot tell apart: the newer one may come, if it is no worse
        file.write_text(words.replace("retrain:\n", "retrain:\n  accept: no worse\n"), encoding="utf-8")

    walk.chapter("Forms become tables, whole: NO-GO, for three forms are too few to learn ten digits from")
    walk.python("prepare.py", "--forms", "3")
    walk.python("train.py", *setting, quiet=True)
    walk.keys(PEOPLE)
    walk.insist("test-accuracy" in walk.refused(), "three forms are enough, which the story denies")
    shutil.copy(walk.project / RESULTS, walk.project / "last_month.md")

    walk.chapter("Six forms; the training is killed in the middle, and resumed")
    walk.python("prepare.py", "--forms", "6")
    kill_in_the_middle(walk, setting)
    walk.python("train.py", *setting, "--resume")

    walk.chapter("NO-GO on the very item: last month's report lies there, and after that the TorchScript of another training")
    spoiled(walk, "test-report-numbers", RESULTS, walk.project / "last_month.md")
    (walk.project / "last_month.md").unlink()
    spoiled(walk, "reproducibility", "models/production_model.pt", walk.project / "checkpoints/production/final_model_last.pt")

    walk.chapter("Two people sign for what was measured: GO; 1.0.0 is sealed and served")
    walk.go()
    walk.gonogo("release")
    walk.serve("digit-images@1.0.0")

    walk.chapter("Two more forms are typed in: trained again, compared with what is in production, judged, signed, at staging")
    walk.gonogo("retrain", "--reason", "two more forms", expect=1)
    walk.go()
    walk.gonogo("retrain", "--resume")

    walk.chapter("In staging: smoke, and a load of 1,000 requests")
    walk.gonogo("predict", "digit-images@staging", "data/live.parquet", "--out", "smoke.jsonl")
    walk.gonogo("loadtest", "digit-images@staging", "--requests", "1000", "--concurrency", "50")

    walk.chapter("A form that nobody has seen comes in; the canary answers 5, 25 and 100 per cent of it, judged at every step")
    walk.start_traffic("data/live.parquet", target="digit", leave_out="form,place", rate=150)
    walk.gonogo("rollout", "start", "digit-images@staging")
    walk.insist(walk.record("status")["production"]["version"] == "1.1.0", "1.1.0 is not in production")

    walk.chapter("Watched: latencies, drift of ink and scores, and what was written once it is known; then back to 1.0.0, at once")
    counted = walk.stop_traffic()
    walk.say(json.dumps(counted, indent=2))
    walk.insist(counted["failed"] == 0, f"{counted['failed']} requests failed")
    walk.gonogo("feedback", "answers.jsonl")
    walk.gonogo("status")
    walk.gonogo("rollback", "--reason", "to show that it takes no second")
    walk.insist(walk.record("status")["production"]["version"] == "1.0.0", "1.0.0 is not back in production")
    walk.gonogo("log", "--verify", "--last", "12")
    walk.gonogo("verify", ".gonogo/releases/digit-images-1.1.0.tar.gz", "--key", ".gonogo/keys/store.pub")
    walk.say(f"""
{counted["requests"]} images of a form that nobody had seen, {counted["failed"]} failed, {counted["right_share"]:.1%} right. Look at:
  .demo/digit_images/report.html                         the checklist with the evidence behind every item
  .demo/digit_images/results/production/                 the documents of the training, the confusion matrix, the gallery of failures
  systems/digit_images/README.md                         the system, its data and its figures""")


def kill_in_the_middle(walk: Any, setting: list[str]) -> None:
    """Start the training and kill it, as a power cut would, once it has finished two epochs."""
    log = walk.project / "training" / "training.log"
    log.unlink(missing_ok=True)
    training = subprocess.Popen([sys.executable, "train.py", *setting], cwd=walk.project, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and training.poll() is None:
        if log.is_file() and "epoch 3:" in log.read_text(encoding="utf-8"):
            training.send_signal(signal.SIGKILL)
        time.sleep(0.02)
    walk.insist(training.wait(timeout=10) == -signal.SIGKILL, "the training was not killed in the middle")
    walk.say("python train.py: killed after two whole epochs")


def spoiled(walk: Any, item: str, name: str, other: Path) -> None:
    """Put another file in the place of one, see the NO-GO on the item, and put the right one back."""
    path = walk.project / name
    kept = path.read_bytes()
    shutil.copy(other, path)
    found = walk.record("check", "--only", item, expect=1)
    outcome = next(one["outcome"] for one in found["items"] if one["item"] == item)
    walk.say(f"NO-GO: {item} {outcome}")
    walk.insist(outcome == "FAIL", f"{item} is {outcome} although {name} is another file")
    path.write_bytes(kept)
