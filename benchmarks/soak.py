"""What the service does over time and under blows: `python -m benchmarks.soak --minutes 10`.

Soak: first bursts of ten thousand connections, by which what is kept for them has its size; then load from many connections, opened anew
every twenty seconds; memory and descriptors of all processes after each, and whether they grow: the slope with its interval. Swaps: hot
swaps and rollbacks under load; a request fails that gets no answer or none of status 200, and an answer is wrong whose release was not live
at any moment between its request's first byte and its own last one. Kills: kill -9 of one worker of several under load; how many requests
fail, of what kind, and how long until the service is whole again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.serve import ours
from benchmarks.serve.measure import blocks, load, write_requests
from benchmarks.serve.model import Material, material
from benchmarks.serve.processes import Running
from gonogo.errors import GonogoError, UnreachableError
from gonogo.service.client import ClientConnection, connect_tcp

OLD, NEW = f"{ours.SYSTEM}@1.0.0", f"{ours.SYSTEM}@1.1.0"
CONNECTIONS = 100
SLICE = 20.0  #: seconds of load between two looks at memory and descriptors
BURSTS, BURST = 100, 0.1  #: of all connections, and seconds, before the soak
PAUSE = 0.002  #: seconds between an answer and the client's next request
GROWTH = 0.05  #: flat is what grows by less than this share over the whole soak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.soak")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the soak; 0 leaves it out")
    parser.add_argument("--swaps", type=int, default=100, help="hot swaps, and as many rollbacks")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--processes", type=int, default=2, help="worker processes of the release")
    given = parser.parse_args()
    made = material()
    failed = False
    with tempfile.TemporaryDirectory(prefix="gonogo-bench-") as name:
        sealed = ours.sealed(made, Path(name), ("1.0.0", "1.1.0"))
        if given.minutes:
            with served(sealed, 1) as service:
                failed |= soak(service, made, given.minutes)
        if given.swaps:
            with served(sealed, given.processes) as service:
                failed |= asyncio.run(swaps(service, made, given.swaps))
        if given.kills:
            with served(sealed, given.processes) as service:
                failed |= asyncio.run(kills(service, made, given.kills))
    sys.exit(failed)


@dataclass
class Served:
    """A running service: its processes and its control."""

    sealed: Path
    running: Running
    control: ours.Service
    port: int
    processes: int


@contextmanager
def served(sealed: Path, processes: int) -> Iterator[Served]:
    with tempfile.TemporaryDirectory(prefix="gonogo-bench-") as name:
        store = ours.store(sealed, Path(name) / "store")
        told = {"TEST_PROCESSES": str(processes)}
        with Running(ours.command(store, 0), environment=told, cores=os.sched_getaffinity(0), folder=Path(name)) as running:
            control = ours.control(store)
            deadline = time.monotonic() + 60
            while True:
                try:
                    port = int(control.client.observe()["url"].rpartition(":")[2])
                    break
                except GonogoError:
                    if running.ended or time.monotonic() > deadline:
                        raise SystemExit(f"the service did not start: {running.words()}") from None
                    time.sleep(0.05)
            control.client.start(NEW)
            yield Served(sealed, running, control, port, processes)


# ---- soak


def soak(service: Served, made: Material, minutes: float) -> bool:
    """True when something failed or grew."""
    asked = ours.asked("ours", made, service.sealed)
    file = service.sealed / "soak-requests"
    write_requests(file, asked, blocks(made, 1))
    times, descriptors, answered, errors = [], [], 0, Counter[str]()
    memory: dict[int, list[float]] = {}
    cores = os.sched_getaffinity(0)
    for _ in range(BURSTS):
        load(service.port, CONNECTIONS, file, asked.marker, warm=0, seconds=BURST, pinned=cores)
    began = time.monotonic()
    while (gone := time.monotonic() - began) < minutes * 60:
        seconds = max(1.0, min(SLICE, minutes * 60 - gone))
        found = load(service.port, CONNECTIONS, file, asked.marker, warm=0, seconds=seconds, pinned=cores)
        answered += found["requests"]
        errors.update({kind: count for kind, count in found["kinds"].items() if count})
        time.sleep(1.5)  # what was counted is added up, and the load's connections are gone
        times.append((time.monotonic() - began) / 60)
        for pid, held in service.running.memory("Anonymous").items():  # which no other program's coming and going changes
            memory.setdefault(pid, []).append(held)
        descriptors.append(float(service.running.descriptors()))
        shown = " + ".join(f"{values[-1]:.1f}" for values in memory.values())
        print(f"  {times[-1]:5.1f} min  {shown} MB  {descriptors[-1]:4.0f} descriptors", file=sys.stderr, flush=True)
    print(f"soak: {minutes:g} minutes, {CONNECTIONS} connections, {answered} requests, {errors.total()} failed {dict(errors) or ''}")
    whole = {pid: values for pid, values in memory.items() if len(values) == len(times)}
    grew = [_trend(f"anonymous memory of {_name(pid)}, MB", times, values, minutes) for pid, values in whole.items()]
    grew.append(_trend("descriptors", times, descriptors, minutes))
    return any(grew) or errors.total() > 0 or len(whole) < len(memory)


def _name(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes()
    return (
        "a worker"
        if b"gonogo.service.worker" in words
        else "the supervisor"
        if b"supervised" in words
        else words.decode().replace("\0", " ")
    )


def _trend(title: str, times: Sequence[float], values: Sequence[float], minutes: float) -> bool:
    """Least squares over all but the first fifth, in which caches fill; the slope's 95 % interval from its standard error. True when even
    the interval's lower end grows by more than a twentieth over the soak."""
    skipped = len(times) // 5
    x, y = np.array(times[skipped:]), np.array(values[skipped:])
    if len(x) < 4:
        print(f"  {title}: {values[0]:.1f} … {values[-1]:.1f}; too short for a slope")
        return False
    slope, level = np.polyfit(x, y, 1)
    rest = y - (slope * x + level)
    error = float(np.sqrt((rest**2).sum() / (len(x) - 2) / ((x - x.mean()) ** 2).sum()))
    low, high = slope - 2 * error, slope + 2 * error
    grows = low * minutes > GROWTH * values[0]
    verdict = "grows" if grows else "flat" if high * minutes <= GROWTH * values[0] else "not decided: the interval is wide"
    shown = f"slope {slope:.3f} a minute (95 %: {low:.3f} to {high:.3f})"
    print(f"  {title}: {values[0]:.1f} at first, {values[-1]:.1f} at last, {shown}: {verdict}")
    return bool(grows)


# ---- clients that watch


@dataclass
class Watch:
    """What clients saw. `live` are the releases that may answer now, `retired` when each was live last, both by time.monotonic()."""

    port: int
    requests: Sequence[bytes]
    live: set[str]
    retired: dict[str, float] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0  #: seconds of the slowest good answer since it was set to zero, a failed try before it included
    stop: bool = False

    async def answered(self, more: int) -> None:
        """Wait until so many more requests were answered."""
        goal, deadline = self.answers.total() + more, time.monotonic() + 60
        while self.answers.total() < goal:
            if time.monotonic() > deadline:
                raise SystemExit(f"no answers: {dict(self.answers)} {dict(self.failures)}")
            await asyncio.sleep(0.005)

    async def client(self, number: int) -> None:
        connection: ClientConnection | None = None
        wanted = 0.0  # since when an answer is waited for; 0 when the last one came
        while not self.stop:
            number += 1
            wanted = wanted or time.monotonic()
            try:
                if connection is None or not connection.usable:
                    connection = await connect_tcp("127.0.0.1", self.port)
                sent = time.monotonic()
                async with asyncio.timeout(30):
                    response = await connection.request(self.requests[number % len(self.requests)])
            except (UnreachableError, TimeoutError) as error:
                self.failures[str(error) or "late"] += 1
                await asyncio.sleep(0.01)
                continue
            if response.status == 200:
                self._heed(json.loads(response.body)["release"], sent)
                self.slowest, wanted = max(self.slowest, time.monotonic() - wanted), 0.0
            else:
                self.failures[f"status {response.status}"] += 1
            await asyncio.sleep(PAUSE)
        if connection is not None:
            connection.close()

    def _heed(self, release: str, sent: float) -> None:
        self.answers[release] += 1
        if release not in self.live and self.retired.get(release, 0.0) < sent:
            self.wrong[release] += 1


class Crowd:
    """`CONNECTIONS` watching clients while the `async with` block runs."""

    def __init__(self, service: Served, made: Material) -> None:
        asked = ours.asked("ours", made, service.sealed)
        self.watch = Watch(service.port, [asked.request(block) for block in blocks(made, 1)], {OLD})
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Watch:
        self._tasks = [asyncio.create_task(self.watch.client(7 * number)) for number in range(CONNECTIONS)]
        await self.watch.answered(CONNECTIONS)
        return self.watch

    async def __aexit__(self, *_: object) -> None:
        self.watch.stop = True
        await asyncio.gather(*self._tasks)


# ---- swaps


async def swaps(service: Served, made: Material, times: int) -> bool:
    """True when a request failed or an answer was of a release that was not live."""
    seconds: dict[str, list[float]] = {"swap": [], "rollback": []}
    async with Crowd(service, made) as watch:
        for _ in range(times):
            for what, left, taken in (("swap", OLD, NEW), ("rollback", NEW, OLD)):
                watch.live = {OLD, NEW}  # from the command to its acknowledgement either may answer
                began = time.monotonic()
                await asyncio.to_thread(service.control.route, (taken, 100), (left, 0), stable=taken)
                seconds[what].append(time.monotonic() - began)
                watch.retired[left], watch.live = time.monotonic(), {taken}
                await watch.answered(2 * CONNECTIONS)
    print(f"swaps: {times} hot swaps and {times} rollbacks under {CONNECTIONS} connections, {service.processes} workers a release")
    print(f"  {watch.answers.total()} answers, {watch.failures.total()} failed requests {dict(watch.failures) or ''}")
    print(f"  {watch.wrong.total()} answers of a release that was not live")
    for what, values in seconds.items():
        values.sort()
        print(f"  {what}, command to acknowledgement: P50 {1000 * values[len(values) // 2]:.0f} ms, at most {1000 * values[-1]:.0f} ms")
    return bool(watch.failures.total() or watch.wrong.total())


# ---- kills


async def kills(service: Served, made: Material, times: int) -> bool:
    """True when more failed than can have been under way in the killed worker, or in another way than by the loss of a connection."""
    back, slow, lost, strange = [], [], [], Counter[str]()
    async with Crowd(service, made) as watch:
        for _ in range(times):
            victim = _ready(service)[0]
            watch.failures.clear()
            watch.slowest = 0.0
            began = time.monotonic()
            os.kill(victim, signal.SIGKILL)
            while victim in (there := await asyncio.to_thread(_ready, service)) or len(there) < service.processes:
                if time.monotonic() - began > 30:
                    raise SystemExit("the worker did not come back within 30 s")
                await asyncio.sleep(0.01)
            back.append(time.monotonic() - began)
            await watch.answered(2 * CONNECTIONS)
            slow.append(watch.slowest)
            lost.append(watch.failures.total())
            strange.update({kind: count for kind, count in watch.failures.items() if "connection" not in kind})
            await asyncio.sleep(1.0)
    print(f"kills: {times} × kill -9 of one of {service.processes} workers under {CONNECTIONS} connections")
    print(f"  failed requests a kill: {sum(lost) / times:.1f} on average, {max(lost)} at most")
    print(f"  failed otherwise than by a lost connection: {strange.total()} {dict(strange) or ''}")
    print(f"  all workers ready again after {sorted(back)[times // 2]:.2f} s (median), {max(back):.2f} s at most")
    print(f"  the client that waited longest had its answer after {max(slow):.2f} s, tries that failed included")
    return bool(strange) or max(lost) > CONNECTIONS


def _ready(service: Served) -> list[int]:
    """Process ids of the ready workers of the release that answers."""
    pids: list[int] = service.control.client.observe()["releases"][OLD]["pids"]
    return pids


if __name__ == "__main__":
    main()
