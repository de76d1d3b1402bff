"""Real flights, replayed at speed: a healthy week, a real later one, and what rings when something is wrong.

    python replay.py [--only NAME …] [--jobs 2]

Makes a release of its own (`replay_release.py`), lets a week of resampled flights go by with nothing wrong, and then, from the middle of
that week on, one injection at a time (`injections.py`), each in a copy of everything that was counted until then. Beside it stands a week
of December as it was. Ends with 0 when the healthy week is quiet and every injection rings as it should; what does not is marked.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from gonogo.base.clock import stamp
from gonogo.checklist.load import load_pack
from gonogo.checklist.project import load_project
from gonogo.checklist.rules import MonitorPolicy
from gonogo.monitor.alarms.rule import Rule
from gonogo.operations.verify import verify_reference
from gonogo.operations.workspace import Workspace
from gonogo.service.answering.loading import served_bundle
from gonogo.stats.latency import LatencyHistogram

from injections import INJECTIONS, Injection, Means
from replay_drive import ZERO, Drive, Scene, System
from replay_page import judge, page
from replay_release import RELEASE, build
from replay_service import both
from replay_traffic import DAY, WEEK, Pool, Stretch, as_it_was, read_pool, resampled, see

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
HOUR = 3600.0
MULTIPLE = 600.0  #: requests for every flight that there was
SAMPLED = 0.1  #: of the predictions are kept for labels
SEED = 2013
INJECTED = WEEK + 2 * DAY + 10 * HOUR  #: Wednesday of the healthy week, 10:00
LOOKED_ON = 1800.0  #: seconds before an injection is made that are judged already
BEGIN = {"monday": WEEK, "wednesday": INJECTED - LOOKED_ON, "friday": WEEK + 4.5 * DAY}  #: of the healthy week: where a watch begins
CLOSE = 1200.0  #: then there is a look every 20 seconds, as rules of probes need; later every minute
FAR = 300.0  #: seconds between two looks at December
DECEMBER = 8  #: the real week begins on day 8 of December's flights, Monday the 9th


class Replay:
    """The release and the flights of a working folder. `multiple` and `sampled` as above."""

    def __init__(self, work: Path, multiple: float = MULTIPLE, sampled: float = SAMPLED) -> None:
        self.work, self.multiple = work, multiple
        workspace = Workspace.open(work / "project")
        shutil.copy(HERE / "replay.yaml", work / "project")
        project = load_project(work / "project" / "replay.yaml")
        verified = verify_reference(workspace, RELEASE)
        self.served = served_bundle(RELEASE, verified.bundle, {"version": "1.0.0"})
        measured = verified.statements.load_test["histogram"]
        histogram = LatencyHistogram.from_json(measured)
        labels = project.monitor.labels
        self.policy = load_pack(project.pack, project).monitor
        self.system = System(
            RELEASE,
            self.served.schema,
            {**verified.bundle.baseline, "sealed_at": stamp(ZERO), "latency": measured},
            rules_of(self.policy),
            np.array([histogram.quantile((place + 0.5) / 2000) / 1e6 for place in range(2000)]),
            sampled,
            labels.mature_after,
            labels.least_coverage,
        )
        self.held = read_pool(work / "held.parquet", 0.4)
        self.later = read_pool(work / "later.parquet")
        self.ask = partial(see, self.served)

    @property
    def means(self) -> Means:
        return Means(self.held, self.later, self.ask)

    def scene(self, pool: Pool) -> Scene:
        """The pool's flights as they were, answered by the model."""
        return Scene(self.ask(pool.rows), pool.late, pool.arrives)

    def healthy(self, since: float, until: float, volume: float = 1.0) -> Stretch:
        return resampled(self.held, since, until, self.multiple * volume, SEED)


def rules_of(policy: MonitorPolicy) -> list[Rule]:
    return [Rule(**asdict(rule)) for rule in policy.rules]


def rung(records: Iterator[Mapping[str, Any]], drive: Drive, events: list[dict[str, Any]]) -> None:
    """Append every alarm that begins to ring, and every one that is over, with the second of event time."""
    last = {event["key"]: event["kind"] for event in events}
    ringing = {key for key, kind in last.items() if kind == "fired"}
    for record in records:
        now = {alarm["key"]: alarm for alarm in record["alarms"] if alarm["ringing"]}
        for key in sorted(now.keys() - ringing):
            alarm = now[key]
            told = {name: alarm[name] for name in ("key", "rule", "level", "signal", "labels", "text", "held_back")}
            events.append({"kind": "fired", "at": drive.now, **told})
        events += [{"kind": "over", "at": drive.now, "key": key} for key in sorted(ringing - now.keys())]
        ringing = set(now)
        if record["problem"] and not drive.dead:
            raise SystemExit(f"the watch had a problem: {record['problem']}")


# -- the parts, each in a process of its own ------------------------------------------------------------------------------------------


def told(name: str, drive: Drive, events: Sequence[Mapping[str, Any]], began: float, since: float = 0.0) -> dict[str, Any]:
    """What is kept of a part; events are told by the seconds since it, or the injection, began."""
    cpu = time.process_time() - began
    print(f"{name}: {drive.requests:,} requests, {drive.looks:,} looks, {cpu:.0f} s of CPU", flush=True)
    kept = [{**event, "at": event["at"] - since} for event in events]
    return {"name": name, "events": kept, "requests": drive.requests, "looks": drive.looks, "cpu": cpu}


def before(work: Path) -> dict[str, Any]:
    """What went before, counted and remembered, not judged: a week, and from there on to the moments at which a watch begins."""
    began = time.process_time()
    replay = Replay(work)
    scene, last = replay.scene(replay.held), None
    for folder, until in BEGIN.items():
        if last is not None:
            shutil.copytree(work / last, work / folder)
        drive, last = Drive(replay.system, work / folder, judged=False), folder
        for _ in drive.run(replay.healthy(drive.now, until), scene, until, 60.0):
            pass
        drive.close()
    return told("before", drive, [], began)


def healthy(work: Path, begin: str) -> dict[str, Any]:
    """The healthy week from one of its moments to the next: three watches in the place of one, so that three cores share it."""
    began = time.process_time()
    replay = Replay(work)
    scene = replay.scene(replay.held)
    folder = work / "healthy" / begin
    shutil.copytree(work / begin, folder)
    drive = Drive(replay.system, folder)
    end = next((moment for moment in BEGIN.values() if moment > drive.now), 2 * WEEK)
    events: list[dict[str, Any]] = []
    for until, step in ((drive.now + CLOSE, 20.0), (end, 60.0)):
        rung(drive.run(replay.healthy(drive.now, until), scene, until, step), drive, events)
    drive.close()
    return told(f"the healthy week from {begin} on", drive, events, began, WEEK)


def december(work: Path) -> dict[str, Any]:
    """A real later week, every flight once and every label, after a week that is only counted."""
    began = time.process_time()
    replay = Replay(work, sampled=1.0)
    scene = replay.scene(replay.later)
    shutil.rmtree(work / "december", ignore_errors=True)
    flights = as_it_was(replay.later, DECEMBER - 7, 14)
    drive = Drive(replay.system, work / "december", judged=False)
    for _ in drive.run(flights, scene, WEEK, 60.0):
        pass
    drive.close()
    drive = Drive(replay.system, work / "december")
    events: list[dict[str, Any]] = []
    rung(drive.run(flights, scene, 2 * WEEK, FAR), drive, events)
    drive.close()
    return told("a week of December", drive, events, began, WEEK)


def inject(work: Path, name: str) -> dict[str, Any]:
    """One injection, in a copy of what there was on Wednesday."""
    began = time.process_time()
    injection = next(one for one in INJECTIONS if one.name == name)
    replay = Replay(work)
    folder = work / "injected" / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(work / "wednesday", folder)
    drive = Drive(replay.system, folder, seed=2)
    events = injected(replay, drive, injection)
    drive.close()
    shutil.rmtree(folder)
    return told(name, drive, events, began, INJECTED)


def injected(replay: Replay, drive: Drive, injection: Injection) -> list[dict[str, Any]]:
    """What rings from now on, when the injection is made now and taken back after its hours."""
    scene = replay.scene(replay.held)
    events: list[dict[str, Any]] = []
    since = drive.now + LOOKED_ON
    rung(drive.run(replay.healthy(drive.now, since), scene, since, injection.step), drive, events)
    end = since + injection.hours * HOUR
    over = end + injection.until * HOUR
    changed = injection.change(scene, replay.means)
    pool = replay.later if injection.later else replay.held
    stretch = resampled(pool, since, end, replay.multiple * injection.volume, SEED)
    rung(drive.run(stretch, changed, end, injection.step), drive, events)
    rung(drive.run(replay.healthy(end, over), scene, over, injection.step), drive, events)
    return events


def real_service(work: Path) -> dict[str, Any]:
    """One injection through `gonogo serve`, and the same flights through the drive."""
    began = time.process_time()
    replay = Replay(work)
    project = Workspace.open(work / "project").project
    folder = work / "twin"
    shutil.rmtree(folder, ignore_errors=True)
    found = both(replay, rules_of(load_pack(project.pack, project).monitor), folder)
    print(f"the real service: {found['flights']:,} flights, {time.process_time() - began:.0f} s of CPU", flush=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=ROOT / ".replay", help="folder for the release and everything that is counted")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "replay.md", help="where the page goes")
    parser.add_argument("--only", nargs="+", choices=[one.name for one in INJECTIONS], help="these injections again; the rest as it was")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    arguments = parser.parse_args()
    work: Path = arguments.work.resolve()
    build(work)
    measure(work, arguments.only, arguments.jobs)
    parts = read_parts(work)
    arguments.out.write_text(page(parts, INJECTIONS), encoding="utf-8")
    judged = {one.name: judge(one, parts["injections"][one.name]["events"]) for one in INJECTIONS}
    bad = [name for name, found in judged.items() if not found.good]
    quiet = not parts["healthy"]["events"]
    same = not parts["service"]["different"]
    print(f"{arguments.out}: " + (f"not as it should be: {', '.join(bad)}" if bad else "every injection rings as it should"))
    print("the healthy week is quiet" if quiet else "the healthy week rings")
    return 0 if quiet and same and not bad else 1


def measure(work: Path, only: Sequence[str] | None, jobs: int) -> None:
    """Run all parts, or some of the injections again; what each came to is kept in `parts/`."""
    folder = work / "parts"
    if not only:
        for name in ("parts", *BEGIN, "healthy", "december", "injected"):
            shutil.rmtree(work / name, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    with ProcessPoolExecutor(jobs) as pool:
        running = {}
        if not only:
            running["december"] = pool.submit(december, work)
            keep(folder, "before", pool.submit(before, work).result())
            running |= {f"healthy-{begin}": pool.submit(healthy, work, begin) for begin in BEGIN}
            running["service"] = pool.submit(real_service, work)
        running |= {name: pool.submit(inject, work, name) for name in only or [one.name for one in INJECTIONS]}
        for name, part in running.items():
            keep(folder, name, part.result())


def keep(folder: Path, name: str, part: Mapping[str, Any]) -> None:
    (folder / f"{name}.json").write_text(json.dumps(part, indent=1), encoding="utf-8")


def read_parts(work: Path) -> dict[str, Any]:
    parts = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (work / "parts").glob("*.json")}
    overrides = {name: list(said) for name, said in Replay(work).policy.overrides.items()}
    injections = {one.name: parts.pop(one.name) for one in INJECTIONS}
    week = [parts.pop(f"healthy-{begin}") for begin in BEGIN]
    parts["healthy"] = {"events": [event for part in week for event in part["events"]]}
    parts["healthy"] |= {key: sum(part[key] for part in week) for key in ("requests", "looks", "cpu")}
    return {**parts, "injections": injections, "about": {"multiple": MULTIPLE, "sampled": SAMPLED, "overrides": overrides}}


if __name__ == "__main__":
    sys.exit(main())
