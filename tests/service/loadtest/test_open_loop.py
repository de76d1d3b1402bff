"""An open loop keeps to its schedule, and what waits is counted from when it was due."""

import threading
import time

from answering import FAILED, OK, answering
from gonogo.service.loadtest.run import run_load_test
from gonogo.service.loadtest.target import Target


def load(url, **options):
    return run_load_test(Target.of(url), [{"a": 1}], warm_up=False, **options)


def test_every_request_of_the_schedule_is_sent_and_it_says_how_late():
    with answering(lambda number, head: OK) as url:
        result = load(url, requests=200, concurrency=10, rate=2000.0)
    assert (result.requests, result.errors, result.rate, result.concurrency) == (200, 0, 2000.0, 10)
    assert result.seconds >= 0.05
    assert result.behind_ms is not None
    assert result.behind_ms >= 0


def test_a_stall_is_seen_by_every_request_that_was_due_during_it():
    def respond(number, head):
        if number == 50:
            time.sleep(0.6)
        return OK

    with answering(respond) as url:
        opened = load(url, requests=300, concurrency=2, rate=500.0)
    # 300 requests were due within 0.6 s or so of each other: most of them during the stall, though two connections were open
    assert dict(map(tuple, opened.curve))[0.8] > 100.0
    assert opened.max_ms >= 500.0


def test_errors_of_an_open_loop_are_counted_by_kind():
    with answering(lambda number, head: FAILED if number % 4 == 0 else OK) as url:
        result = load(url, requests=100, concurrency=4, rate=5000.0)
    assert result.error_kinds == {"status 500": 25}


def test_progress_is_told_while_it_runs_and_ends_at_the_whole():
    told, enough = [], threading.Event()

    def respond(number, head):
        enough.wait(0.02)
        return OK

    with answering(respond) as url:
        load(url, requests=40, concurrency=2, progress=lambda what, done, total: told.append((what, done, total)))
    assert told[-1][1:] == (40, 40)
    assert all(done < total == 40 for _, done, total in told[:-1])
    assert "P99" in told[0][0]
