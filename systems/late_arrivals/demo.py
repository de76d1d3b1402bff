"""The whole story on real flights: refused, signed for, released, served, rolled out in judged steps, broken, taken back.

`python demo.py [--keep]`. It works in `.demo/` beside the repository's Makefile and types the same verbs as a user, each of which it
prints. Nothing is faked: the model is trained here, the traffic are the flights of December, the fault of 1.2.0 is in its graph.
`--keep` leaves the service up; `DEMO_PACE` (seconds a step lasts at least, 6 by default) is the rollout's pace.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORK = HERE.parent.parent / ".demo"
PROJECT = WORK / "late_arrivals"
PORT = int(os.environ.get("DEMO_PORT", "8400"))
URL = f"http://127.0.0.1:{PORT}"
PACE = os.environ.get("DEMO_PACE", "6")
ROLES = {"technical-lead": "ana", "product-owner": "ben"}
BOLD, DIM, GREEN, RED, PLAIN = ("\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m") if sys.stdout.isatty() else ("",) * 5


class StoryError(Exception):
    """A step did not end as the story says."""


def chapter(number: int, text: str) -> None:
    print(f"\n{BOLD}── {number}. {text}{PLAIN}", flush=True)


def run(*words: str, expect: int = 0, quiet: bool = False) -> str:
    """Run a command in the project, show it and its output, and insist on its exit code."""
    print(f"{DIM}$ {' '.join(words)}{PLAIN}", flush=True)
    program = [sys.executable, "-m", "gonogo"] if words[0] == "gonogo" else [sys.executable]
    done = subprocess.run([*program, *words[1:]], cwd=PROJECT, capture_output=True, text=True, check=False)
    if not quiet or done.returncode != expect:
        print(done.stdout, end="")
        print(done.stderr, end="", flush=True)
    if done.returncode != expect:
        raise StoryError(f"`{' '.join(words)}` ended with exit code {done.returncode}, the story says {expect}")
    return done.stdout


def record(*words: str, expect: int = 0) -> dict:
    """The JSON document of a verb, without showing it."""
    done = subprocess.run([sys.executable, "-m", "gonogo", *words, "--json"], cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode != expect:
        raise StoryError(f"`gonogo {' '.join(words)} --json` ended with exit code {done.returncode}: {done.stderr}{done.stdout}")
    return json.loads(done.stdout)


def refused_items(verdict: dict) -> list[str]:
    return [item["item"] for item in verdict["items"] if item["outcome"] not in ("PASS", "WAIVED", "NOT_APPLICABLE")]


def insist(claim: bool, what: str) -> None:
    if not claim:
        raise StoryError(what)


def sign_and_check(final: bool = True) -> None:
    """The check that lacks only signatures, the two signatures, and the check that is a GO."""
    run("gonogo", "check", "--json", expect=1, quiet=True)
    for role in ROLES:
        run("gonogo", "sign", role)
    if final:
        run("gonogo", "check", "--report", "html=report.html", quiet=True)
        print(f"{GREEN}GO{PLAIN}  (report.html)")


class Traffic:
    """The flights of December as live requests, from a process of their own."""

    def __init__(self) -> None:
        command = [sys.executable, "traffic.py", "--url", URL, "--seconds", "600", "--concurrency", "16", "--rate", "400"]
        print(f"{DIM}$ python {' '.join(command[1:])} &{PLAIN}", flush=True)
        self.process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)

    def stop(self) -> dict:
        self.process.send_signal(signal.SIGINT)
        output, _ = self.process.communicate(timeout=30)
        return json.loads(output.strip().splitlines()[-1])


def serve() -> subprocess.Popen:
    command = ["gonogo", "serve", "late-arrivals@1.0.0", "--port", str(PORT), "--dashboard", str(PORT + 1)]
    print(f"{DIM}$ {' '.join(command)} &{PLAIN}", flush=True)
    log = open(WORK / "serve.log", "wb")  # noqa: SIM115 - lives as long as the service
    service = subprocess.Popen([sys.executable, "-m", *command], cwd=PROJECT, stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and service.poll() is None:
        try:
            with urllib.request.urlopen(f"{URL}/health", timeout=1) as answer:
                print(answer.read().decode())
                return service
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise StoryError(f"the service did not start; see {WORK / 'serve.log'}")


def prepare() -> None:
    shutil.rmtree(WORK, ignore_errors=True)
    shutil.copytree(HERE, PROJECT, ignore=shutil.ignore_patterns("data", "models", ".gonogo", "__pycache__", "keys", "demo.py"))
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    os.environ["GONOGO_KEYS"] = str(WORK / "keys")
    os.environ["PYTHONWARNINGS"] = "ignore"
    os.environ["OMP_NUM_THREADS"] = "1"
    file = PROJECT / "gonogo.yaml"
    text = file.read_text(encoding="utf-8")
    insist("min_seconds: " in text, "gonogo.yaml of the system does not say rollout.min_seconds")
    lines = [line.split("min_seconds:")[0] + f"min_seconds: {PACE}" if "min_seconds:" in line else line for line in text.splitlines()]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def story() -> None:
    chapter(1, "Real flights become tables; a forest is trained on January to August")
    run("python", "prepare.py")
    run("python", "train.py")
    for role, name in ROLES.items():
        run("gonogo", "key", "new", name, "--role", role)

    chapter(2, "NO-GO: the same model for 30 minutes does not reach 0.95, and nobody has signed")
    run("python", "prepare.py", "--late", "30", "--out", "late_30/data", quiet=True)
    run("python", "train.py", "--late", "30", "--data", "late_30/data", "--out", "late_30/models", quiet=True)
    run("gonogo", "check", "--project", "gonogo-30.yaml", expect=1)

    chapter(3, "The 45-minute model: NO-GO until two people have signed for what was measured")
    first = record("check", expect=1)
    print(f"{RED}{first['verdict']}{PLAIN}: {', '.join(refused_items(first))}")
    sign_and_check()
    run("gonogo", "release")

    chapter(4, "1.0.0 in service; the flights of December arrive")
    service = serve()
    traffic = Traffic()
    try:
        tell(service, traffic)
    except BaseException:
        traffic.process.kill()
        stop(service)
        raise
    if "--keep" in sys.argv:
        print(f"\nThe service is up: {URL}/predict, dashboard http://127.0.0.1:{PORT + 1}/ (stop it: kill {service.pid})")
    else:
        stop(service)


def tell(service: subprocess.Popen, traffic: Traffic) -> None:
    chapter(5, "1.1.0, a larger forest: checked, signed, shipped through 5, 25 and 100 per cent")
    run("python", "train.py", "--trees", "60", "--depth", "12")
    sign_and_check(final=False)
    run("gonogo", "ship")
    insist(record("status")["production"]["version"] == "1.1.0", "1.1.0 is not in production")

    chapter(6, "1.2.0 corrects its score by season. Every check passes; Christmas, which no training row knew, breaks it in service")
    run("python", "train.py", "--trees", "60", "--depth", "12", "--season-correction")
    sign_and_check(final=False)
    run("gonogo", "ship", expect=1)
    after = record("status")
    insist(after["production"]["version"] == "1.1.0", "production is not back on 1.1.0")
    insist(after["rollout"]["state"] == "ROLLED_BACK", f"the rollout of 1.2.0 is {after['rollout']['state']}, not rolled back")

    chapter(7, "What became of the traffic, and the proof")
    counted = traffic.stop()
    print(json.dumps(counted, indent=2))
    insist(counted["failed"] == 0, f"{counted['failed']} requests failed")
    run("gonogo", "log", "--verify", "--last", "12")
    run("gonogo", "releases")
    run("gonogo", "verify", ".gonogo/releases/late-arrivals-1.1.0.tar.gz", "--key", ".gonogo/keys/store.pub")
    run("gonogo", "status")
    print(f"""
{GREEN}{counted["requests"]} requests of real flights, {counted["failed"]} failed.{PLAIN} Look at:
  {PROJECT.relative_to(WORK.parent)}/report.html            the checklist with the evidence behind every item
  {PROJECT.relative_to(WORK.parent)}/.gonogo/releases/      three sealed releases, each with its card
  systems/late_arrivals/README.md                 the system, and what was wrong with 1.2.0""")


def stop(service: subprocess.Popen) -> None:
    service.send_signal(signal.SIGTERM)
    try:
        service.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(service.pid, signal.SIGKILL)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave the service up")
    parser.parse_args()
    started = time.monotonic()
    try:
        prepare()
        story()
    except StoryError as error:
        print(f"\n{RED}The story went wrong:{PLAIN} {error}", file=sys.stderr)
        return 1
    print(f"\nThe demo took {time.monotonic() - started:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
