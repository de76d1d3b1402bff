"""Walk through a system's story: `python systems/walk.py NAME [--full] [--keep]`, which `make demo SYSTEM=NAME` calls.

The story is `tell(walk)` in `systems/NAME/demo.py`: from nothing to trained, refused, signed for, released, served, watched, rolled back
and retrained. It works on a copy of the system in `.demo/NAME` and types the same verbs as a user, each of which is printed. Nothing of
gonogo is imported: the command line and HTTP are all that a story has.

    walk.chapter("Real bars become windows")          a numbered headline
    walk.python("prepare.py", "--small")              a script of the system
    walk.gonogo("check", expect=1)                    a verb, shown with its output; another exit code ends the story
    walk.record("status")                             the JSON document of a verb, not shown
    walk.keys({"technical-lead": "ana", …})           who may sign
    walk.sign()                                       the check that lacks only signatures, and the signatures
    walk.go()                                         the same, and the check that is a GO, with report.html
    walk.serve("NAME@1.0.0")                          a running service: walk.url
    walk.start_traffic("data/live.parquet", target="late", leave_out="scheduled", rate=200)
    walk.stop_traffic()                               its report (see traffic.py); every answer with its target lies in answers.jsonl
    walk.hear("drift")                                once this rule of the watch rings
    walk.get("/health"), walk.post("/predict", {…})   JSON of the service
    walk.insist(claim, "what is wrong when it is not so")
    walk.full                                         whether the full setting is wanted
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SYSTEMS = Path(__file__).resolve().parent
PORT = int(os.environ.get("DEMO_PORT", "8400"))
PACE = os.environ.get("DEMO_PACE", "6")  #: seconds that a step of a rollout lasts at least
BOLD, DIM, GREEN, RED, PLAIN = ("\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m") if sys.stdout.isatty() else ("",) * 5


class StoryError(Exception):
    """A step did not end as the story says."""


class Walk:
    """One walk through one system. What it started is stopped by `close`, however the story ended."""

    def __init__(self, name: str, *, full: bool = False, work: Path | None = None) -> None:
        self.name, self.full = name, full
        self.work = work or SYSTEMS.parent / ".demo"
        self.project, self.log = self.work / name, self._left("log")
        self.url = f"http://127.0.0.1:{PORT}"
        self.roles: Mapping[str, str] = {}
        self._chapters: list[dict[str, Any]] = []
        self._started = time.monotonic()
        self._service: subprocess.Popen[bytes] | None = None
        self._traffic: subprocess.Popen[str] | None = None
        self._environment = {
            "GONOGO_START_SECONDS": "180",  # a worker that imports TensorFlow takes its time on a busy machine
            "GONOGO_DUTY_SECONDS": "3600",  # what is to be done, people begin in a story
            **os.environ,
            "GONOGO_KEYS": str(self.work / f"{name}.keys"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONWARNINGS": "ignore",
            "OMP_NUM_THREADS": "1",
        }

    def prepare(self) -> None:
        """A fresh copy of the system, without the folders that it makes (its .gitignore names them), with the rollout's pace of a demo."""
        for port in (PORT, PORT + 1):
            with socket.socket() as asking:
                free = asking.connect_ex(("127.0.0.1", port)) != 0
            self.insist(free, f"something listens on port {port} already: stop it, or name another port and the next by DEMO_PORT=PORT")
        for left in (self.project, Path(self._environment["GONOGO_KEYS"])):
            shutil.rmtree(left, ignore_errors=True)
        for what in ("log", "check.json", "report.html", "story.json"):
            self._left(what).unlink(missing_ok=True)
        ignored = (SYSTEMS / self.name / ".gitignore").read_text(encoding="utf-8").splitlines()
        made = [line.rstrip("/") for line in ignored if line.endswith("/")]
        shutil.copytree(SYSTEMS / self.name, self.project, ignore=shutil.ignore_patterns("__pycache__", "demo.py", *made))
        for file in self.project.glob("gonogo*.yaml"):
            lines = file.read_text(encoding="utf-8").splitlines()
            paced = [line.split("min_seconds:")[0] + f"min_seconds: {PACE}" if "min_seconds:" in line else line for line in lines]
            file.write_text("\n".join(paced) + "\n", encoding="utf-8")

    # ---- what is said

    def chapter(self, text: str) -> None:
        self._chapters.append({"text": text, "began": time.monotonic()})
        print(f"\n{BOLD}── {len(self._chapters)}. {text}{PLAIN}", flush=True)

    def say(self, text: str) -> None:
        print(text, flush=True)

    def insist(self, claim: bool, what: str) -> None:
        if not claim:
            raise StoryError(what)

    # ---- what is typed

    def python(self, *words: str, expect: int = 0, quiet: bool = False) -> str:
        return self._run(("python", *words), [sys.executable, *words], expect, quiet)

    def gonogo(self, *words: str, expect: int = 0, quiet: bool = False) -> str:
        return self._run(("gonogo", *words), [sys.executable, "-m", "gonogo", *words], expect, quiet)

    def record(self, *words: str, expect: int | None = 0) -> Any:
        done = self._done([sys.executable, "-m", "gonogo", *words, "--json"])
        if expect is not None and done.returncode != expect:
            raise StoryError(f"`gonogo {' '.join(words)} --json` ended with exit code {done.returncode}: {done.stderr}{done.stdout}")
        return json.loads(done.stdout)

    def keys(self, roles: Mapping[str, str]) -> None:
        self.roles = roles
        for role, person in roles.items():
            self.gonogo("key", "new", person, "--role", role)

    def sign(self) -> None:
        """The check that lacks only the signatures of the roles, and the signatures."""
        self.gonogo("check", "--json", expect=1, quiet=True)
        for role in self.roles:
            self.gonogo("sign", role)

    def go(self) -> None:
        self.sign()
        self.gonogo("check", "--report", "html=report.html", quiet=True)
        print(f"{GREEN}GO{PLAIN}  (report.html)")
        shutil.copyfile(self.project / "report.html", self._left("report.html"))
        self._left("check.json").write_text(json.dumps(self.record("check", "--judge-only")), encoding="utf-8")

    def finish(self) -> None:
        """Leave beside the project what the book tells of this walk."""
        ends = [one["began"] for one in self._chapters[1:]] + [time.monotonic()]
        chapters = [{"text": one["text"], "seconds": end - one["began"]} for one, end in zip(self._chapters, ends, strict=True)]
        machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
        whole = {"seconds": time.monotonic() - self._started, "setting": "full" if self.full else "small", "machine": machine}
        self._left("story.json").write_text(json.dumps({**whole, "chapters": chapters}, indent=1), encoding="utf-8")

    def _left(self, what: str) -> Path:
        return self.work / f"{self.name}.{what}"

    def refused(self, *words: str) -> list[str]:
        """The items that a check does not pass, in words of its own; the check must be a NO-GO."""
        verdict = self.record("check", *words, expect=1)
        items = [item["item"] for item in verdict["items"] if item["outcome"] not in ("PASS", "WAIVED", "NOT_APPLICABLE")]
        print(f"{RED}{verdict['verdict']}{PLAIN}: {', '.join(items)}")
        return items

    # ---- what runs beside

    def serve(self, reference: str, *words: str) -> None:
        command = ["gonogo", "serve", reference, "--port", str(PORT), "--dashboard", str(PORT + 1), *words]
        print(f"{DIM}$ {' '.join(command)} &{PLAIN}", flush=True)
        with open(self.log, "ab") as log:
            self._service = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=self.project, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self._service.poll() is None:
            try:
                print(json.dumps(self.get("/health")))
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise StoryError(f"the service did not start; see {self.log}")

    def stop_service(self) -> None:
        if self._service is None:
            return
        self._service.send_signal(signal.SIGTERM)
        try:
            self._service.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(self._service.pid, signal.SIGKILL)
        self._service = None

    def start_traffic(self, rows: str, *, target: str, leave_out: str = "", rate: float = 200, concurrency: int = 16) -> None:
        """The rows of a table as live requests, from a process of their own."""
        command = [str(SYSTEMS / "traffic.py"), "--url", self.url, "--rows", rows, "--target", target, "--leave-out", leave_out]
        command += ["--seconds", "3600", "--concurrency", str(concurrency), "--rate", str(rate), "--answers", "answers.jsonl"]
        print(f"{DIM}$ python ../{' '.join(['traffic.py', *command[1:]])} &{PLAIN}", flush=True)
        self._traffic = subprocess.Popen(
            [sys.executable, *command], cwd=self.project, env=self._environment, stdout=subprocess.PIPE, text=True
        )

    def stop_traffic(self) -> dict[str, Any]:
        self.insist(self._traffic is not None, "no traffic runs")
        traffic, self._traffic = self._traffic, None
        assert traffic is not None
        traffic.send_signal(signal.SIGINT)
        output, _ = traffic.communicate(timeout=60)
        self.insist(bool(output.strip()), "the traffic ended without a report")
        found: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
        return found

    def hear(self, rule: str) -> None:
        """Wait until a rule of the watch rings, three minutes at most: an alarm that must last is not there at once."""
        deadline = time.monotonic() + 180
        while rule not in (rung := {one["rule"] for one in self.record("alarms", expect=None)["alarms"] if one["state"] == "FIRING"}):
            self.insist(time.monotonic() < deadline, f"{rule} does not ring; what does: {', '.join(sorted(rung)) or 'nothing'}")
            time.sleep(1)

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.loads(answer.read())

    def post(self, path: str, body: Any) -> Any:
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def close(self, *, keep: bool = False) -> None:
        if self._traffic is not None:
            self._traffic.kill()
        if not keep:
            self.stop_service()
        elif self._service is not None:
            print(f"\nThe service is up: {self.url}/predict, dashboard http://127.0.0.1:{PORT + 1}/ (stop it: kill {self._service.pid})")

    def _run(self, shown: tuple[str, ...], command: list[str], expect: int, quiet: bool) -> str:
        print(f"{DIM}$ {' '.join(shown)}{PLAIN}", flush=True)
        done = self._done(command)
        if not quiet or done.returncode != expect:
            print(done.stdout, end="")
            print(done.stderr, end="", flush=True)
        if done.returncode != expect:
            raise StoryError(f"`{' '.join(shown)}` ended with exit code {done.returncode}, the story says {expect}")
        return done.stdout

    def _done(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=self.project, env=self._environment, capture_output=True, text=True, check=False)


def story(name: str) -> Any:
    """The module that tells the system's story."""
    spec = importlib.util.spec_from_file_location(f"{name}_demo", SYSTEMS / name / "demo.py")
    if spec is None or spec.loader is None:
        raise StoryError(f"there is no systems/{name}/demo.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def systems() -> list[str]:
    return sorted(path.parent.name for path in SYSTEMS.glob("*/demo.py"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=systems())
    parser.add_argument("--full", action="store_true", help="the full setting of the training")
    parser.add_argument("--keep", action="store_true", help="leave the service up")
    arguments = parser.parse_args()
    started = time.monotonic()
    walk = Walk(arguments.name, full=arguments.full)
    done = False
    try:
        walk.prepare()
        story(arguments.name).tell(walk)
        walk.finish()
        done = True
    except StoryError as error:
        print(f"\n{RED}The story went wrong:{PLAIN} {error}", file=sys.stderr)
        return 1
    finally:
        walk.close(keep=done and arguments.keep)
    print(f"\nThe demo of {arguments.name} took {time.monotonic() - started:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
