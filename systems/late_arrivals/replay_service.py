"""One injection through the real service: `gonogo serve`, real requests over HTTP, real worker processes, its own watch.

What the service says of itself then has to be what the drive in event time says after the same flights: the same counters, bin by bin, the
same readings, and the same alarm.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from gonogo.errors import GonogoError
from gonogo.operations.last_watch import last_watch
from gonogo.operations.workspace import Workspace
from gonogo.service.control import ControlClient

from injections import INJECTIONS
from replay_drive import Drive, Scene
from replay_release import RELEASE
from replay_traffic import Rows, Stretch

FLIGHTS = 2000  #: healthy ones, and as many injected ones
INJECTION = "feature-scaled"
ALARM = "drift|feature=distance|release=" + RELEASE
COMPARED = ("psi", "ks", "out_of_range", "missing_rate", "new_categories", "score_mean_shift", "score_variance_growth", "error_rate")
WAIT = 60.0


def both(replay: Any, rules: Any, folder: Path) -> dict[str, Any]:
    """What the service and the drive said after the same flights: {"flights", "bins", "different", "readings", "service", "drive"}, the
    last two being the phases that the alarm went through. `rules` are those of the project in service."""
    injection = next(one for one in INJECTIONS if one.name == INJECTION)
    healthy = replay.held.rows[:FLIGHTS]
    means = replace(replay.means, pool=replace(replay.held, rows=healthy))
    changed = injection.change(replay.scene(replay.held), means)
    sent: Rows = [*healthy, *({**row, "distance": row["distance"] * 10} for row in healthy)]
    seen, scaled = replay.ask(sent), changed.seen
    if not all(np.array_equal(seen.inputs[name][FLIGHTS:], scaled.inputs[name], equal_nan=name == "numbers") for name in seen.inputs):
        raise SystemExit("what is sent is not what the injection makes of the flights")

    drive = Drive(replace(replay.system, rules=rules, sampled=0.0), folder)
    stretch = Stretch(np.arange(len(sent)) * 0.001 + 0.5, np.arange(len(sent)))
    scene = Scene(seen, np.zeros(len(sent)), np.full(len(sent), 3600.0))
    phases: dict[str, list[str]] = {"drive": [], "service": []}
    record: dict[str, Any] = {}
    for record in drive.run(stretch, scene, 30.0, 0.5):
        _note(phases["drive"], record["alarms"])
    said, readings = drive.observe(), _readings(record["signals"])
    drive.close()

    project = replay.work / "served"
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(replay.work / "project", project)
    with served(project) as url:
        control, workspace = ControlClient.of_store(project / ".gonogo"), Workspace.open(project)
        _await(workspace, phases["service"], lambda record: bool(record.get("alarms")))
        send(url, sent[:FLIGHTS])
        _await(workspace, phases["service"], lambda record: "OK" in phases["service"])
        for start in range(FLIGHTS, len(sent), 100):
            send(url, sent[start : start + 100])
            _note(phases["service"], last_watch(workspace)["alarms"])
        record = _await(workspace, phases["service"], lambda record: "FIRING" in phases["service"] and _rows(record) == len(sent))
        heard = control.observe()
    live = _readings(record["signals"])
    mine, theirs = said["drift"][RELEASE], heard["drift"][RELEASE]
    counts = [(f"{part} {name}", mine[part][name], theirs[part][name]) for part in ("features", "outside", "scores") for name in mine[part]]
    counts += [("score", mine["score"], theirs["score"]), ("rows", mine["rows"], theirs["rows"])]
    counts += [(name, _requests(said)[name], _requests(heard)[name]) for name in _requests(said)]
    return {
        "flights": len(sent),
        "bins": sum(len(one) if isinstance(one, list) else 1 for _, one, _ in counts),
        "different": [name for name, one, other in counts if one != other],
        "readings": [(key, readings[key], live.get(key)) for key in sorted(readings)],
        **phases,
    }


@contextmanager
def served(project: Path) -> Iterator[str]:
    """`gonogo serve` in a process of its own, once it answers."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", "GONOGO_WATCH_SECONDS": "0.5"}
    command = [sys.executable, "-m", "gonogo", "serve", RELEASE, "--port", "0"]
    with open(project.parent / "serve.log", "wb") as log:
        process = subprocess.Popen(command, cwd=project, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        until = time.monotonic() + WAIT
        while not (url := _url(project)):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"the service did not start: {(project.parent / 'serve.log').read_text()}")
            time.sleep(0.1)
        yield url.removeprefix("http://")
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def send(address: str, rows: Rows) -> None:
    """One flight a request, on one connection."""
    connection = http.client.HTTPConnection(address, timeout=10)
    for row in rows:
        connection.request("POST", "/predict", json.dumps({"features": row}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{answer.status}: {body[:300]!r}")
    connection.close()


def _url(project: Path) -> str:
    """Where the service answers; empty while it does not."""
    with suppress(GonogoError):
        return str(ControlClient.of_store(project / ".gonogo").observe()["url"])
    return ""


def _await(workspace: Workspace, phases: list[str], done: Any) -> dict[str, Any]:
    """What the watch of the service said last, as soon as it is what is waited for."""
    until = time.monotonic() + WAIT
    while True:
        record = last_watch(workspace)
        _note(phases, record["alarms"])
        if done(record):
            return record
        if time.monotonic() > until:
            raise SystemExit(f"the service's watch did not come to it; the alarm went through {phases}")
        time.sleep(0.2)


def _note(phases: list[str], alarms: Any) -> None:
    for alarm in alarms:
        if alarm["key"] == ALARM and alarm["state"] not in phases[-1:]:
            phases.append(alarm["state"])


def _rows(record: dict[str, Any]) -> int:
    """How many rows the alarm was judged on."""
    return next((int(one["n"]) for one in record["alarms"] if one["key"] == ALARM), 0)


def _readings(signals: Any) -> dict[str, float | None]:
    chosen = [one for one in signals if one["signal"] in COMPARED]
    return {f"{one['signal']} {one['of']} {one['window_seconds']:g}": one["value"] for one in chosen}


def _requests(said: Any) -> dict[str, int]:
    rows = [arms[RELEASE] for arms in said["counters"].values() if RELEASE in arms]
    return {name: sum(row[name] for row in rows) for name in ("n", "bad", "2xx", "4xx", "5xx")}
