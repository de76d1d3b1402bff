"""The load test: a closed loop of clients, each sending its next request when it has its answer.

What it measures is latency as observed under that concurrency, from the first byte sent to the last byte received; every answer counts,
bad ones as errors by kind. A closed loop hides how long requests queue before they are sent (coordinated omission), so its percentiles
are those of `concurrency` patient clients, not of an open stream at the same rate.

The same row is sent several times among different neighbours, and the answers of one release to one row are compared: a score may not
depend on who else is asking (row S2-4e, decision U08).

It is aimed at this machine only, unless the caller says otherwise: a load test is an attack on whom it is not meant for.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec
import uvloop

from gonogo.errors import UnreachableError, UsageError
from gonogo.service.client import ClientConnection, Response, connect_tcp, request_bytes
from gonogo.service.wire import to_json
from gonogo.stats.latency import LatencyHistogram

ANSWER_SECONDS = 30.0  #: an answer that takes longer is an error


@dataclass(frozen=True)
class LoadResult:
    """What was measured. Latencies of all answered requests in ms, exact (nearest rank); `throughput` in good answers a second.

    `requests` were sent in all, `errors` of them had no good answer; `error_kinds` counts them by kind ("status 500", "lost", "late",
    "no prediction"). `answers_compared` answers were the second or later one to their row, and `max_answer_difference` is the largest
    distance of a score from the first answer's (infinite, in JSON "inf", where label or classes differ; None when nothing was compared).
    `memory_mb` is the most memory that the serving process ever held, in 10^6 bytes, where the caller knows the process.
    """

    requests: int
    concurrency: int
    errors: int
    error_kinds: Mapping[str, int]
    p50_ms: float
    p95_ms: float
    p99_ms: float
    mean_ms: float
    max_ms: float
    throughput: float
    seconds: float
    answers_compared: int = 0
    max_answer_difference: float | None = None
    memory_mb: float | None = None
    histogram: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        document = asdict(self)
        if self.max_answer_difference == math.inf:
            document["max_answer_difference"] = "inf"  # JSON has no infinity
        return document


def run_load_test(
    base_url: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    requests: int = 1000,
    concurrency: int = 100,
    warmup: int | None = None,
    allow_remote: bool = False,
) -> LoadResult:
    """Send `rows` in rotation, one a request, `requests` times from `concurrency` clients, after `warmup` that are not counted
    (default: one for each client).

    Raises UsageError for a wrong address or wrong numbers, UnreachableError when nothing answers at all.
    """
    url = urlsplit(base_url)
    if url.scheme != "http" or not url.hostname:
        raise UsageError(f"{base_url!r} is not an http:// address.")
    if not rows:
        raise UsageError("there are no rows to send.")
    if requests < 1 or concurrency < 1:
        raise UsageError("a load test needs at least one request and one client.")
    if not allow_remote and not _is_loopback(url.hostname):
        raise UsageError(f"{url.hostname} is not this machine.", hint="Say so if you may load it: --allow-remote.")
    host = url.netloc.rpartition("@")[2]
    payloads = [request_bytes("POST", "/predict", host, to_json({"features": row}), b"content-type: application/json\r\n") for row in rows]
    clients = min(concurrency, requests)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        load = _Load(url.hostname, url.port or 80, payloads)
        return runner.run(load.run(requests, clients, clients if warmup is None else warmup))


class _Prediction(msgspec.Struct):
    label: str
    scores: dict[str, float]


class _Answer(msgspec.Struct):
    predictions: list[_Prediction]
    release: str = ""


_decode = msgspec.json.Decoder(_Answer).decode


def _distance(one: list[tuple[str, dict[str, float]]], other: list[tuple[str, dict[str, float]]]) -> float:
    """The largest distance of two answers' scores; infinite when they differ in rows, labels or classes."""
    if len(one) != len(other):
        return math.inf
    largest = 0.0
    for (label, scores), (other_label, other_scores) in zip(one, other, strict=True):
        if label != other_label or scores.keys() != other_scores.keys():
            return math.inf
        largest = max(largest, *(abs(value - other_scores[name]) for name, value in scores.items()), 0.0)
    return largest


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Load:
    def __init__(self, host: str, port: int, payloads: Sequence[bytes]) -> None:
        self._host = host
        self._port = port
        self._payloads = payloads
        self._left = 0
        self._sent = 0
        self._latencies: list[float] = []
        self._kinds: Counter[str] = Counter()
        self._first: dict[tuple[int, str], list[tuple[str, dict[str, float]]]] = {}
        self._compared = 0
        self._difference = 0.0

    async def run(self, requests: int, clients: int, warmup: int) -> LoadResult:
        # The first connection says whether there is anybody at all.
        (await connect_tcp(self._host, self._port)).close()
        connections: list[ClientConnection | None] = [None] * clients
        if warmup:
            await self._round(connections, warmup)
        self._latencies.clear()
        self._kinds.clear()
        start = time.perf_counter()
        await self._round(connections, requests)
        seconds = time.perf_counter() - start
        for connection in connections:
            if connection is not None:
                connection.close()
        return self._result(requests, clients, seconds)

    async def _round(self, connections: list[ClientConnection | None], requests: int) -> None:
        self._left = requests
        await asyncio.gather(*(self._client(connections, place) for place in range(len(connections))))

    async def _client(self, connections: list[ClientConnection | None], place: int) -> None:
        """One patient client: its next request goes out when the answer to the last one is in."""
        while self._left > 0:
            self._left -= 1
            row = self._sent % len(self._payloads)
            payload = self._payloads[row]
            self._sent += 1
            connection = connections[place]
            start = time.perf_counter()
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    if connection is None or not connection.usable:
                        connection = connections[place] = await connect_tcp(self._host, self._port)
                        start = time.perf_counter()
                    answer = await self._ask(connection, payload)
            except TimeoutError:
                self._kinds["late"] += 1
            except UnreachableError:
                self._kinds["lost"] += 1
                await asyncio.sleep(0.01)  # a dead server must not turn this loop into a busy one
            else:
                self._latencies.append(time.perf_counter() - start)
                if answer.status != 200:
                    self._kinds[f"status {answer.status}"] += 1
                else:
                    self._compare(row, answer.body)

    def _compare(self, row: int, body: bytes) -> None:
        """Hold an answer against the first one of the same release to the same row."""
        try:
            answer = _decode(body)
        except msgspec.DecodeError:
            self._kinds["no prediction"] += 1
            return
        if not answer.predictions:
            self._kinds["no prediction"] += 1
            return
        said = [(one.label, one.scores) for one in answer.predictions]
        first = self._first.setdefault((row, answer.release), said)
        if first is not said:
            self._compared += 1
            self._difference = max(self._difference, _distance(first, said))

    async def _ask(self, connection: ClientConnection, payload: bytes) -> Response:
        return await connection.request(payload)

    def _result(self, requests: int, clients: int, seconds: float) -> LoadResult:
        if not self._latencies:
            raise UnreachableError(f"{self._host}:{self._port} answered none of {requests} requests.")
        histogram = LatencyHistogram()
        for latency in self._latencies:
            histogram.add(latency * 1e6)
        ordered = sorted(latency * 1000 for latency in self._latencies)
        errors = self._kinds.total()
        return LoadResult(
            requests=requests,
            concurrency=clients,
            errors=errors,
            error_kinds=dict(self._kinds),
            p50_ms=_rank(ordered, 0.50),
            p95_ms=_rank(ordered, 0.95),
            p99_ms=_rank(ordered, 0.99),
            mean_ms=round(sum(ordered) / len(ordered), 4),
            max_ms=round(ordered[-1], 4),
            throughput=round((requests - errors) / seconds, 1),
            seconds=round(seconds, 4),
            answers_compared=self._compared,
            max_answer_difference=self._difference if self._compared else None,
            histogram=histogram.to_json(),
        )


def _rank(ordered: Sequence[float], share: float) -> float:
    """Nearest rank: the smallest latency that at least this share of the requests did not exceed."""
    return round(ordered[max(0, -(-int(share * 1_000_000) * len(ordered) // 1_000_000) - 1)], 4)
