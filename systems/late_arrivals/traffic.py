"""The flights of December as live requests: `python traffic.py --url http://127.0.0.1:8400 --seconds 30 --rate 200`.

Replays `data/live.parquet` against `POST /predict`, one flight a request, in a seeded random order so that every stretch of the traffic
is a fair sample of the month; starts over when the month is through. `--rate` is requests per second over all connections (0: as fast
as the answers come), `--concurrency` the number of connections kept open.

Stops after `--seconds` or `--requests`, whichever is first, or at Ctrl-C (SIGINT, SIGTERM), and prints one line of JSON:

    requests, ok, failed         a request failed when it had no answer, or one other than 200 with a finite score
    failures                     how many by kind: a status ("500"), "connection", "timeout", "no score"
    first_failures               the first few in words
    releases                     answers by the release that gave them
    p50_ms, p95_ms, p99_ms       latencies of the answers
    seconds, rate                how long it took, and requests per second reached
    late_share, mean_score       of the answered flights: what became of them later, and what was said
"""

from __future__ import annotations

import argparse
import http.client
import json
import math
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from features import FEATURES, TARGET

TIMEOUT = 10.0
SEED = 12


def read_flights(path: Path) -> list[tuple[bytes, int]]:
    """Request bodies with their later label, in seeded random order."""
    import duckdb

    columns = ", ".join((*FEATURES, TARGET))
    with duckdb.connect(config={"threads": 1}) as connection:
        rows = connection.execute(f"SELECT {columns} FROM read_parquet(?)", [str(path)]).fetchall()
    random.Random(SEED).shuffle(rows)
    return [(json.dumps({"features": dict(zip(FEATURES, row[:-1], strict=True))}).encode(), row[-1]) for row in rows]


class Tally:
    """What became of the requests; shared by the connections."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.releases: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.first_failures: list[str] = []
        self.milliseconds: list[float] = []
        self.late = 0
        self.scores = 0.0

    def answered(self, release: str, score: float, late: int, milliseconds: float) -> None:
        with self.lock:
            self.releases[release] += 1
            self.milliseconds.append(milliseconds)
            self.late += late
            self.scores += score

    def failed(self, kind: str, words: str) -> None:
        with self.lock:
            self.failures[kind] += 1
            if len(self.first_failures) < 5:
                self.first_failures.append(words[:300])

    def report(self, seconds: float) -> dict[str, object]:
        ok, failed = len(self.milliseconds), self.failures.total()
        times = sorted(self.milliseconds)
        quantiles = {f"p{p}_ms": round(times[min(ok - 1, math.ceil(ok * p / 100) - 1)], 3) if ok else None for p in (50, 95, 99)}
        return {
            "requests": ok + failed,
            "ok": ok,
            "failed": failed,
            "failures": dict(self.failures),
            "first_failures": self.first_failures,
            "releases": dict(sorted(self.releases.items())),
            **quantiles,
            "seconds": round(seconds, 2),
            "rate": round((ok + failed) / seconds, 1) if seconds else 0.0,
            "late_share": round(self.late / ok, 4) if ok else None,
            "mean_score": round(self.scores / ok, 4) if ok else None,
        }


class Schedule:
    """Which flight is next, and when it is due: at an even pace, whatever the connections do."""

    def __init__(self, flights: int, rate: float, requests: int, seconds: float) -> None:
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.flights, self.rate, self.requests = flights, rate, requests
        self.begin = time.monotonic()
        self.end = self.begin + seconds
        self.taken = 0

    def next(self) -> int | None:
        """The position of the next flight, after waiting until it is due; None when the traffic is over."""
        with self.lock:
            number = self.taken
            due = self.begin + number / self.rate if self.rate else time.monotonic()
            if self.stopped.is_set() or (self.requests and number >= self.requests) or max(due, time.monotonic()) >= self.end:
                return None
            self.taken += 1
        if self.stopped.wait(max(0.0, due - time.monotonic())):
            return None
        return number % self.flights


class Connection:
    """One kept-alive connection that sends flight after flight."""

    def __init__(self, url: str, tally: Tally) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self.path = parts.path.rstrip("/") + "/predict"
        self.tally = tally
        self.http: http.client.HTTPConnection | None = None

    def drive(self, schedule: Schedule, flights: list[tuple[bytes, int]]) -> None:
        while (position := schedule.next()) is not None:
            self.send(*flights[position])
        self.close()

    def send(self, body: bytes, late: int) -> None:
        started = time.monotonic()
        try:
            status, answer = self.exchange(body)
        except TimeoutError:
            self.close()
            self.tally.failed("timeout", f"no answer within {TIMEOUT:g} s")
            return
        except (OSError, http.client.HTTPException) as error:
            self.close()
            self.tally.failed("connection", f"{type(error).__name__}: {error}")
            return
        milliseconds = (time.monotonic() - started) * 1000
        if status != 200:
            self.tally.failed(str(status), answer.decode(errors="replace"))
            return
        try:
            document = json.loads(answer)
            release, score = document["release"], document["predictions"][0]["score"]
            sound = isinstance(score, float | int) and 0 <= score <= 1
        except (ValueError, KeyError, IndexError, TypeError):
            sound = False
        if sound:
            self.tally.answered(release, score, late, milliseconds)
        else:
            self.tally.failed("no score", answer.decode(errors="replace"))

    def exchange(self, body: bytes) -> tuple[int, bytes]:
        if self.http is None:
            self.http = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT)
        self.http.request("POST", self.path, body, {"Content-Type": "application/json"})
        response = self.http.getresponse()
        answer = response.read()
        if response.will_close:
            self.close()
        return response.status, answer

    def close(self) -> None:
        if self.http is not None:
            self.http.close()
            self.http = None


def replay(url: str, flights: list[tuple[bytes, int]], schedule: Schedule, concurrency: int) -> dict[str, object]:
    """Drive `concurrency` connections until the schedule is over. Returns the report."""
    tally = Tally()
    threads = [threading.Thread(target=Connection(url, tally).drive, args=(schedule, flights), daemon=True) for _ in range(concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally.report(time.monotonic() - schedule.begin)


def main() -> None:
    parser = argparse.ArgumentParser(description="Replay the flights of December as live requests.")
    parser.add_argument("--url", default="http://127.0.0.1:8400")
    parser.add_argument("--flights", type=Path, default=Path("data/live.parquet"))
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--requests", type=int, default=0, help="stop after so many (0: only the time counts)")
    parser.add_argument("--rate", type=float, default=0.0, help="requests per second (0: as fast as the answers come)")
    parser.add_argument("--concurrency", type=int, default=8)
    arguments = parser.parse_args()
    flights = read_flights(arguments.flights)
    schedule = Schedule(len(flights), arguments.rate, arguments.requests, arguments.seconds)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: schedule.stopped.set())
    print(json.dumps(replay(arguments.url, flights, schedule, arguments.concurrency)), flush=True)


if __name__ == "__main__":
    main()
