"""The story of the spans: three networks, one choice, a release in service, a network that is refused, a second release, and the way back.

`make demo SYSTEM=market_spans`, or `python systems/walk.py market_spans`. Nothing is faked: the bars are those of two indices, the traffic
are windows of 2016 to 2018 that no training has seen, and what is spoiled is spoiled in the files that people would get wrong.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

POINTERS = "  also: [start, end]\n"
PEOPLE = {"reviewer": "ravi", "deployer": "dana", "approver": "ana"}  # a reviewer pins the policy, so signs first


def tell(walk: Any) -> None:
    size = ["--full"] if walk.full else []
    quick = size or ["--small"]

    walk.chapter("Real bars become windows, a rule labels them; three networks learn them")
    walk.python("prepare.py")
    for variant, setting in (("compact", quick), ("crf", size), ("position", size)):
        walk.python("train.py", "--variant", variant, *setting)
    walk.python("benchmark.py")
    walk.keys(PEOPLE)
    rewrite(walk, POINTERS, "")  # the first release says the class alone
    if walk.full:
        rewrite(walk, "  train: python train.py\n", "  train: python train.py --full\n")  # what the gate trains again
    commit(walk, "init", "-q", "-b", "main")

    walk.chapter("Which one? A table with intervals, and a choice with its reason, its risk and what to take when it fails")
    walk.gonogo("candidates")
    choose(walk, "position", fallback="crf", reason="small, quick, and it meets every floor")
    commit(walk, "add", "-A")
    commit(walk, "commit", "-q", "-m", "Market spans, with the decision")

    walk.chapter("NO-GO until three people have signed; and on the very item when a checkpoint is another's")
    walk.refused()
    spoiled(walk, "weights-load", "models/position.pt", "models/compact.pt")
    walk.go()
    walk.gonogo("release")

    walk.chapter("1.0.0 in service; windows of the last three years arrive")
    walk.serve("market-spans@1.0.0")
    walk.start_traffic("data/live.parquet", target="label", leave_out="span_start,span_end,series,last_bar", rate=60)

    walk.chapter("The chain marks spans better; what does the gate say of its windows, and who has signed for it?")
    choose(walk, "crf", fallback="position", reason="it marks spans better, and whole")
    rewrite(walk, "models/position.", "models/crf.")
    found = walk.record("check", "--only", "accuracy-measured", expect=1)
    good = next(one["outcome"] for one in found["items"] if one["item"] == "accuracy-measured")
    walk.say(f"NO-GO, not signed; accuracy-measured {good}")
    rewrite(walk, "models/crf.", "models/position.")
    why = "not told apart from the chain, and smaller" if good == "PASS" else "the chain does not keep to the floor of accuracy on the test"
    choose(walk, "position", fallback="crf", reason=why)

    walk.chapter("1.1.0 answers the span beside the class: signed, shipped through 5, 25 and 100 per cent")
    rewrite(walk, '  positive: "1"\n', '  positive: "1"\n' + POINTERS)
    commit(walk, "commit", "-q", "-a", "-m", "Spans beside the class")
    walk.sign()
    walk.gonogo("ship")
    walk.insist(walk.record("status")["production"]["version"] == "1.1.0", "1.1.0 is not in production")

    walk.chapter("Watched, and labelled")
    counted = walk.stop_traffic()
    walk.say(json.dumps(counted, indent=2))
    walk.insist(counted["failed"] == 0, f"{counted['failed']} requests failed")
    walk.gonogo("feedback", "answers.jsonl")
    walk.gonogo("status")
    walk.chapter("Trained again on the record: the same recipe on the same bars gives the same model, byte for byte; nothing is replaced")
    walk.gonogo("retrain", "--reason", "to show that the training can be repeated", expect=1)

    walk.chapter("Back to 1.0.0, at once")
    walk.gonogo("rollback", "--reason", "to show that it takes no second")
    walk.insist(walk.record("status")["production"]["version"] == "1.0.0", "1.0.0 is not back in production")

    walk.gonogo("log", "--verify", "--last", "12")
    walk.gonogo("verify", ".gonogo/releases/market-spans-1.1.0.tar.gz", "--key", ".gonogo/keys/store.pub")
    walk.say(f"""
{counted["requests"]} windows that nobody had seen, {counted["failed"]} failed, {counted["right_share"]:.1%} right. Look at:
  .demo/market_spans/report.html                  the checklist with the evidence behind every item
  .demo/market_spans/decision.json                which network, and why
  systems/market_spans/README.md                  the system, its data and its figures""")


def choose(walk: Any, variant: str, *, fallback: str, reason: str) -> None:
    rejected = "compact=it was trained for a look, and does not know where a bar lies"
    walk.gonogo("select", variant, "--reason", reason, "--risk", "LOW", "--fallback", fallback, "--reject", rejected)


def rewrite(walk: Any, old: str, new: str) -> None:
    """Change the project file, as with an editor."""
    file = walk.project / "gonogo.yaml"
    text = file.read_text(encoding="utf-8")
    walk.insist(old in text, f"gonogo.yaml has no {old!r}")
    file.write_text(text.replace(old, new), encoding="utf-8")


def commit(walk: Any, *words: str) -> None:
    """git in the project, with nothing of this machine's settings."""
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "Mo"), ("EMAIL", "mo@example.org"))}
    walk.say(f"$ git {' '.join(words)}")
    subprocess.run(["git", *words], cwd=walk.project, env={**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull}, check=True)


def spoiled(walk: Any, item: str, name: str, other: str) -> None:
    """Put another file in the place of one, see the NO-GO on the item, and put the right one back."""
    path = walk.project / name
    kept = path.read_bytes()
    path.write_bytes((walk.project / other).read_bytes())
    found = walk.record("check", "--only", item, expect=1)
    outcome = next(one["outcome"] for one in found["items"] if one["item"] == item)
    walk.say(f"NO-GO: {item} {outcome}")
    walk.insist(outcome == "FAIL", f"{item} is {outcome} although {name} is another file")
    path.write_bytes(kept)
