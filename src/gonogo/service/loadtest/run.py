"""One load test: look who answers, warm up, load, add up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import uvloop

from gonogo.errors import UnreachableError, UsageError
from gonogo.service.client import request_bytes
from gonogo.service.loadtest.answers import Answers
from gonogo.service.loadtest.drive import Driver, Tally, watched
from gonogo.service.loadtest.requests import Golden, Payload, Row, payloads
from gonogo.service.loadtest.result import LoadResult, latency_numbers
from gonogo.service.loadtest.target import Target, named_release, recognise

Progress = Callable[[str, int, int], None]
LEAST_BLOCK = 100  #: requests of a block of the warm-up, or one a client when those are more
STABLE_BLOCKS = 3  #: warm when the medians of so many blocks in a row …
STABLE_RATIO = 1.1  #: … are within this ratio of each other
MOST_BLOCKS = 10  #: the warm-up ends after so many blocks, stable or not
FIRST_SECONDS = 30.0
MOST_SECONDS = 10.0  #: or after a block that ends later than this


def run_load_test(
    target: Target,
    rows: Sequence[Row],
    *,
    golden: Golden | None = None,
    requests: int = 1000,
    concurrency: int = 100,
    rate: float | None = None,
    warm_up: bool = True,
    progress: Progress = lambda what, done, total: None,
) -> LoadResult:
    """Send `rows` in rotation, golden requests among them, `requests` in all.

    A closed loop of `concurrency` clients; with a `rate` an open loop of so many requests a second over at most `concurrency` connections.
    Before it, unless told otherwise, a warm-up that is not counted: blocks of requests in a closed loop until the median is stable.

    Raises UsageError for wrong numbers or a target that is no gonogo service, DataError when its release takes other rows, RefusedError
    when it wants another key, UnreachableError when nothing answers.
    """
    if not rows:
        raise UsageError("there are no rows to send.")
    if requests < 1 or concurrency < 1 or (rate is not None and not 0 < rate < float("inf")):
        raise UsageError("a load test needs at least one request and one client, and a rate above 0.")
    sent = payloads(rows, golden, target.root + "/predict", target.authority, target.headers)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(target, sent, requests, min(concurrency, requests), rate, warm_up, progress))


async def _run(
    target: Target, sent: Sequence[Payload], requests: int, clients: int, rate: float | None, warm_up: bool, progress: Progress
) -> LoadResult:
    release = await _first(target, sent[-1])
    driver = Driver(target, sent, clients)
    try:
        before = Answers(release)
        warmed = await _warm_up(driver, max(LEAST_BLOCK, clients), before) if warm_up else {}
        tally = Tally(Answers(release, before))
        start = time.perf_counter()
        load = driver.closed(requests, tally) if rate is None else driver.open(requests, rate, tally)
        await watched(tally, requests, progress, asyncio.create_task(load))
        seconds = time.perf_counter() - start
    finally:
        await driver.close()
    if not tally.latencies:
        raise UnreachableError(f"{target.url} answered none of {requests} requests.")
    answers = tally.answers
    errors = answers.kinds.total()
    return LoadResult(
        requests=requests,
        concurrency=clients,
        errors=errors,
        error_kinds=dict(answers.kinds),
        throughput=round((requests - errors) / seconds, 1),
        seconds=round(seconds, 4),
        answers_compared=answers.compared,
        max_answer_difference=answers.difference if answers.compared else None,
        golden_checked=answers.golden_checked,
        golden_wrong=answers.golden_wrong,
        rate=rate,
        behind_ms=None if rate is None else round(sorted(tally.behind)[-(-99 * len(tally.behind) // 100) - 1] * 1000, 4),
        warm_up=warmed,
        releases=dict(answers.releases),
        **latency_numbers(tally.latencies),
    )


def who_answers(target: Target) -> str:
    """The release that a service names in its answers. Raises UsageError when it is no gonogo service, UnreachableError."""

    async def ask() -> str:
        connection = await target.connect()
        try:
            async with asyncio.timeout(FIRST_SECONDS):
                return named_release(target, await connection.request(request_bytes("GET", target.root + "/health", target.authority)))
        except TimeoutError:
            raise UnreachableError(f"{target.url} does not answer within {FIRST_SECONDS:g} s.") from None
        finally:
            connection.abort()
            await asyncio.sleep(0)

    return asyncio.run(ask())


async def _first(target: Target, payload: Payload) -> str:
    """Ask once, and see whose answer it is."""
    connection = await target.connect()
    try:
        async with asyncio.timeout(FIRST_SECONDS):
            return recognise(target, await connection.request(payload.sent))
    except TimeoutError:
        raise UnreachableError(f"{target.url} took the first request and did not answer within {FIRST_SECONDS:g} s.") from None
    finally:
        connection.abort()
        await asyncio.sleep(0)


async def _warm_up(driver: Driver, block: int, answers: Answers) -> dict[str, Any]:
    """Send blocks until the medians of the last three are within a tenth of each other: caches are filled then, and code paths known."""
    medians: list[float] = []
    began = time.perf_counter()
    while len(medians) < MOST_BLOCKS and time.perf_counter() - began < MOST_SECONDS:
        tally = Tally(answers)
        await driver.closed(block, tally)
        if tally.latencies:
            medians.append(median(tally.latencies))
        if _stable(medians) or not tally.latencies:
            break
    return {"requests": block * len(medians), "stable": _stable(medians), "medians_ms": [round(1000 * value, 4) for value in medians]}


def _stable(medians: Sequence[float]) -> bool:
    last = medians[-STABLE_BLOCKS:]
    return len(last) == STABLE_BLOCKS and max(last) <= STABLE_RATIO * min(last)
