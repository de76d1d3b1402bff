"""Rows of a table as live requests: `python traffic.py --url http://127.0.0.1:8400 --rows data/live.parquet --target late --rate 200`.

Sends every row as one `POST /predict`, in a seeded random order so that every stretch of the traffic is a fair sample of the table; starts
over when the table is through. All columns are features but the target and those of `--leave-out`. `--rate` is requests per second over
all connections (0: as fast as the answers come), `--concurrency` the number of connections kept open.

Stops after `--seconds` or `--requests`, whichever is first, or at Ctrl-C (SIGINT, SIGTERM), and prints one line of JSON:

    requests, ok, failed         a request failed when it had no answer, or one other than 200 with a finite score
    failures                     how many by kind: a status ("500"), "connection", "timeout", "no score"
    first_failures               the first few in words
    releases                     answers by the release that gave them
    p50_ms, p95_ms, p99_ms       latencies of the answers
    seconds, rate                how long it took, and requests per second reached
    mean_score                   of the answers
    right_share                  answers whose label was the row's target

With `--answers FILE`, every answer's prediction id and its row's target are written there, one JSON object a line: what becomes known
later, for `gonogo feedback FILE`.
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
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 10.0
SEED = 12


Row = tuple[bytes, str]  #: the body of a request, and what its label will turn out to be


def read_rows(path: Path, target: str, leave_out: Sequence[str]) -> list[Row]:
    """Request bodies with their later label, in seeded random order."""
    import duckdb

    with duckdb.connect(config={"threads": 1}) as connection:
        found = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
        names = [column[0] for column in found.description]
        rows = found.fetchall()
    random.Random(SEED).shuffle(rows)
    place = names.index(target)
    features = [(at, name) for at, name in enumerate(names) if name not in (target, *leave_out)]
    return [(json.dumps({"features": {name: row[at] for at, name in features}}).encode(), label_text(row[place])) for row in rows]


def label_text(value: object) -> str:
    """A target as the service writes labels: whole numbers without a point."""
    return str(int(value)) if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()) else str(value)


class Tally:
    """What became of the requests; shared by the connections."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.releases: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.first_failures: list[str] = []
        self.milliseconds: list[float] = []
        self.right = 0
        self.scores = 0.0
        self.known_later: list[str] = []

    def answered(self, answer: dict[str, Any], score: float, target: str, milliseconds: float) -> None:
        with self.lock:
            self.releases[answer["release"]] += 1
            self.milliseconds.append(milliseconds)
            self.right += str(answer["predictions"][0]["label"]) == target
            self.scores += score
            if answer.get("prediction_id"):
                self.known_later.append(json.dumps({"prediction_id": answer["prediction_id"], "label": target}))

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
            "mean_score": round(self.scores / ok, 4) if ok else None,
            "right_share": round(self.right / ok, 4) if ok else None,
        }


class Schedule:
    """Which row is next, and when it is due: at an even pace, whatever the connections do."""

    def __init__(self, rows: int, rate: float, requests: int, seconds: float) -> None:
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.rows, self.rate, self.requests = rows, rate, requests
        self.begin = time.monotonic()
        self.end = self.begin + seconds
        self.taken = 0

    def next(self) -> int | None:
        """The position of the next row, after waiting until it is due; None when the traffic is over."""
        with self.lock:
            number = self.taken
            due = self.begin + number / self.rate if self.rate else time.monotonic()
            if self.stopped.is_set() or (self.requests and number >= self.requests) or max(due, time.monotonic()) >= self.end:
                return None
            self.taken += 1
        if self.stopped.wait(max(0.0, due - time.monotonic())):
            return None
        return number % self.rows


class Connection:
    """One kept-alive connection that sends row after row."""

    def __init__(self, url: str, tally: Tally) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self.path = parts.path.rstrip("/") + "/predict"
        self.tally = tally
        self.http: http.client.HTTPConnection | None = None

    def drive(self, schedule: Schedule, rows: list[Row]) -> None:
        while (position := schedule.next()) is not None:
            self.send(*rows[position])
        self.close()

    def send(self, body: bytes, target: str) -> None:
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
            score = document["predictions"][0]["score"]
            sound = bool(document["release"]) and isinstance(score, float | int) and 0 <= score <= 1
        except (ValueError, KeyError, IndexError, TypeError):
            sound = False
        if sound:
            self.tally.answered(document, score, target, milliseconds)
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


def replay(url: str, rows: list[Row], schedule: Schedule, concurrency: int) -> tuple[dict[str, object], list[str]]:
    """Drive `concurrency` connections until the schedule is over: the report, and the lines of `--answers`."""
    tally = Tally()
    threads = [threading.Thread(target=Connection(url, tally).drive, args=(schedule, rows), daemon=True) for _ in range(concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally.report(time.monotonic() - schedule.begin), tally.known_later


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8400")
    parser.add_argument("--rows", type=Path, default=Path("data/live.parquet"))
    parser.add_argument("--target", required=True, help="the column of what becomes known later")
    parser.add_argument("--leave-out", default="", help="columns that are no features, with commas between them")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--requests", type=int, default=0, help="stop after so many (0: only the time counts)")
    parser.add_argument("--rate", type=float, default=0.0, help="requests per second (0: as fast as the answers come)")
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--answers", type=Path, help="write prediction ids and targets here")
    arguments = parser.parse_args()
    rows = read_rows(arguments.rows, arguments.target, arguments.leave_out.split(","))
    schedule = Schedule(len(rows), arguments.rate, arguments.requests, arguments.seconds)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: schedule.stopped.set())
    report, known_later = replay(arguments.url, rows, schedule, arguments.concurrency)
    if arguments.answers is not None:
        arguments.answers.write_text("".join(f"{line}\n" for line in known_later), encoding="utf-8")
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
