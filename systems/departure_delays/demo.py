"""The story of the departure delays: a network without calibration is refused, with it released, two versions compared on live flights,
one rolled out and taken back, December watched as its flights land, trained again.

`make demo SYSTEM=departure_delays`, or `python systems/walk.py departure_delays`. The traffic are the flights of December, in which twice
as many are late as in the month of the calibrator; the labels are what became of them. Nothing of it is staged.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from typing import Any

PEOPLE = {"reviewer": "rob", "ml-team-lead": "lea", "infrastructure": "ina"}  # in the order of the checklist's phases
WAIT = 120.0


def tell(walk: Any) -> None:
    walk.chapter("Real flights become tables; a network with embeddings is trained, and calibrated on October")
    walk.python("prepare.py", *([] if walk.full else ["--small"]))
    walk.python("train.py")
    walk.keys(PEOPLE)
    hurry(walk)
    commit(walk, "v1.0.0")
    walk.gonogo("sign", "ml-team-lead", "--policy")

    walk.chapter("NO-GO: without its calibrator the network says one in four where one in six comes true")
    walk.python("recalibrate.py", "--calibrator", "none")
    found = item(walk.record("check", "--only", "calibration", expect=1), "calibration")
    walk.say(f"{found['outcome']}  calibration: {found['reason']}")
    walk.insist(found["outcome"] == "FAIL", "scores without calibration pass the gate")
    walk.python("recalibrate.py")

    walk.chapter("GO: measured on November, reviewed, tagged, signed for by three people")
    walk.go()
    walk.gonogo("release")
    times = item(walk.record("check", "--judge-only"), "response-time")["measurement"]["facts"]
    for name, most in (("p50", 50), ("p95", 100), ("p99", 200)):
        fact = times[name]
        walk.say(f"  {name.upper()} {fact['value']:.1f} ms, at most {fact['high']:.1f} with confidence; the target is {most} ms")

    walk.chapter("1.0.0 in service; the flights of December arrive")
    walk.serve("departure-delays@1.0.0")
    december(walk)

    walk.chapter("Two versions at once: a wider network gets half of the callers")
    walk.python("train.py", "--hidden", "96", "48")
    walk.sign()
    walk.gonogo("release")
    walk.gonogo("experiment", "split", "departure-delays@1.1.0", "--share", "50")
    arms = until(walk, lambda: walk.record("experiment", "show")["arms"], lambda arms: all(arm["n"] > 300 for arm in arms))
    walk.insist(len(arms) == 2 and not any(arm["bad"] for arm in arms), f"the experiment went wrong: {arms}")
    walk.gonogo("experiment", "show")
    walk.gonogo("experiment", "end")

    walk.chapter("1.1.0 takes over step by step; the quick way back takes no second")
    walk.gonogo("rollout", "start", "departure-delays@1.1.0")
    walk.insist(walk.record("status")["production"]["version"] == "1.1.0", "1.1.0 is not in production")
    began = time.monotonic()
    walk.gonogo("rollback", "--reason", "the wider network ranks no better")
    walk.say(f"back on {walk.get('/health')['release']} after {time.monotonic() - began:.1f} s")
    walk.insist(walk.get("/health")["release"] == "departure-delays@1.0.0", "1.0.0 is not back in production")

    walk.chapter("The flights land: their labels say that October's calibrator is wrong about December")
    counted = walk.stop_traffic()
    walk.insist(counted["failed"] == 0, f"{counted['failed']} requests failed: {counted['first_failures']}")
    walk.gonogo("feedback", "answers.jsonl")
    walk.hear("calibration-high")
    walk.gonogo("alarms", expect=1)

    walk.chapter("Trained again on the flights that have landed, compared on the same rows, judged, signed for, put at staging")
    walk.gonogo("retrain", "--reason", "the calibration is lost", expect=1)
    walk.sign()
    walk.gonogo("retrain", "--resume")
    newest = walk.record("releases")["pointers"]["staging"]
    december(walk)
    walk.gonogo("rollout", "start", f"departure-delays@{newest}")
    walk.insist(walk.record("status")["production"]["version"] == newest, f"{newest} is not in production")

    again = walk.stop_traffic()
    walk.insist(again["failed"] == 0, f"{again['failed']} requests failed: {again['first_failures']}")

    walk.chapter("The full way back: to the first release with all that it had, and started anew")
    walk.gonogo("rollback", "--to", "departure-delays@1.0.0", "--reason", "to show the full way")
    walk.stop_service()
    walk.insist(not until(walk, lambda: answers(walk), lambda there: not there), "the service that was stopped still answers")
    walk.serve("departure-delays@production")
    walk.insist(walk.get("/health")["release"] == "departure-delays@1.0.0", "1.0.0 does not serve")

    walk.chapter("The proof")
    walk.gonogo("log", "--verify", "--last", "12")
    walk.gonogo("releases")
    walk.gonogo("verify", ".gonogo/releases/departure-delays-1.0.0.tar.gz", "--key", ".gonogo/keys/store.pub")
    walk.gonogo("status")
    walk.say(
        f"\n{counted['requests']} requests of real flights, {counted['failed']} failed. The report lies beside the project: report.html"
    )


def december(walk: Any) -> None:
    """The flights of the live table as requests, dense enough for the judge of a rollout."""
    walk.start_traffic("data/live.parquet", target="late", leave_out="scheduled,landed", rate=300)


def hurry(walk: Any) -> None:
    """In the demo a flight lands within a second, and an alarm of the calibration waits for seconds, not for minutes."""
    file = walk.project / "gonogo.yaml"
    text = file.read_text(encoding="utf-8")
    walk.insist("mature_after: 24 h" in text, "gonogo.yaml does not say when labels are there")
    text = text.replace("mature_after: 24 h", "mature_after: 1 s")
    text = text.replace("monitor:\n", "monitor:\n  rules:\n    - {name: calibration-high, for: 5 s}\n")
    file.write_text(text, encoding="utf-8")


def commit(walk: Any, tag: str) -> None:
    """The project as a repository with an upstream: reviewed by somebody else, tagged, pushed."""
    who = {
        f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "Dan"), ("EMAIL", "dan@example.org"))
    }
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
        **who,
        "GIT_CONFIG_GLOBAL": os.devnull,
    }

    def git(*words: str) -> None:
        walk.say("$ git " + " ".join(words).replace("\n\n", " … "))
        subprocess.run(["git", *words], cwd=walk.project, env=environment, check=True)

    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-q", "-m", "Departure delays\n\nReviewed-by: Rob <rob@example.org>")
    git("tag", tag)
    upstream = f"../{walk.name}.upstream.git"
    shutil.rmtree(walk.project / upstream, ignore_errors=True)
    git("clone", "-q", "--bare", ".", upstream)
    git("remote", "add", "origin", upstream)
    git("fetch", "-q", "origin")
    git("branch", "-q", "--set-upstream-to=origin/main")


def item(report: Any, name: str) -> Any:
    return next(one for one in report["items"] if one["item"] == name)


def answers(walk: Any) -> bool:
    try:
        return bool(walk.get("/health"))
    except OSError:
        return False


def until(walk: Any, seen: Any, done: Any) -> Any:
    """What is seen once it is as it should be, or after two minutes."""
    deadline = time.monotonic() + WAIT
    while not done(found := seen()) and time.monotonic() < deadline:
        time.sleep(1)
    return found
