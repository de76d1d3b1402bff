"""The traffic counts what came back, and nothing else, from a real server on this machine."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "systems"))

from traffic import Schedule, read_rows, replay

ROWS = [(json.dumps({"features": {"number": n}}).encode(), str(n % 2)) for n in range(10)]


def answer(score: object) -> bytes:
    return json.dumps({"release": "late-arrivals@1.0.0", "prediction_id": "abc", "predictions": [{"label": "0", "score": score}]}).encode()


@pytest.fixture
def service():
    """A server that answers row n as `service.answers.get(n)` says, by default with a score."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            number = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["features"]["number"]
            status, body = self.server.answers.get(number, (200, answer(0.5)))
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.answers = {}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def run(server, requests=10, concurrency=3, rate=0.0):
    url = f"http://127.0.0.1:{server.server_address[1]}"
    return replay(url, ROWS, Schedule(len(ROWS), rate, requests, 30.0), concurrency)[0]


def test_every_row_is_sent_once_and_answers_are_counted_by_release(service):
    report = run(service)
    assert (report["requests"], report["ok"], report["failed"]) == (10, 10, 0)
    assert report["releases"] == {"late-arrivals@1.0.0": 10}
    assert report["right_share"] == 0.5
    assert report["mean_score"] == 0.5
    assert 0 < report["p50_ms"] <= report["p95_ms"] <= report["p99_ms"]


def test_a_failure_of_any_kind_is_a_failure_and_has_its_name(service):
    service.answers = {1: (500, b"broken"), 2: (200, answer(None)), 3: (200, answer(1.5)), 4: (200, b"{}"), 5: (0, b"")}
    report = run(service)
    assert report["failures"] == {"500": 1, "no score": 3, "connection": 1}
    assert (report["requests"], report["ok"], report["failed"]) == (10, 5, 5)
    assert any("broken" in words for words in report["first_failures"])


def test_the_table_starts_over_when_it_is_through(service):
    assert run(service, requests=25, rate=2000.0)["ok"] == 25


def test_nobody_answering_is_a_failure_too(service):
    port = service.server_address[1]
    service.shutdown()
    service.server_close()
    report, _ = replay(f"http://127.0.0.1:{port}", ROWS, Schedule(10, 0.0, 4, 30.0), 2)
    assert report["failures"] == {"connection": 4}
    assert report["p99_ms"] is None


def test_a_stopped_schedule_gives_no_more_rows():
    schedule = Schedule(10, 0.0, 0, 30.0)
    assert schedule.next() == 0
    schedule.stopped.set()
    assert schedule.next() is None


def test_a_schedule_ends_with_its_time():
    assert Schedule(10, 0.0, 0, 0.0).next() is None


def test_what_becomes_known_later_is_kept_with_the_prediction_it_is_about(service):
    url = f"http://127.0.0.1:{service.server_address[1]}"
    _, lines = replay(url, ROWS, Schedule(10, 0.0, 10, 30.0), 1)
    assert [json.loads(line) for line in lines] == [{"prediction_id": "abc", "label": str(n % 2)} for n in range(10)]


def test_a_request_has_every_column_but_the_target_and_those_left_out_and_keeps_windows_as_lists(tmp_path):
    table = tmp_path / "live.parquet"
    row = "7 AS number, [[1.5, 2.0], [3.0, 4.0]]::DOUBLE[][] AS bars, true AS late, TIMESTAMP '2013-12-01' AS at"
    duckdb.sql(f"COPY (SELECT {row}) TO '{table}' (FORMAT parquet)")
    [(body, target)] = read_rows(table, "late", ["at"])
    assert json.loads(body) == {"features": {"number": 7, "bars": [[1.5, 2.0], [3.0, 4.0]]}}
    assert target == "1"
