"""The service's log: what a line holds, what it never holds, and that nobody waits for it."""

import json
import logging
import os
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest

from gonogo.service import logs
from gonogo.service.door.exchange import Exchange
from gonogo.service.logs import Lines, facts, logging_to
from waiting import until

KEY = "gng_0123456789ab_" + "5ec2e7" * 10 + "5ec2"
_log = logging.getLogger("test.logs")


def answered(writer, status=200, *, requests="all", target=b"/predict", lines=b"", caller="", **headers):
    exchange = Exchange(
        b"POST", target, {name.replace("_", "-").encode(): value for name, value in headers.items()}, b'{"features": {"age": 47}}'
    )
    exchange.caller = caller
    note = writer.on_answered(requests)
    if note is not None:
        note(exchange, status, lines)


def written(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "log.jsonl"


def test_a_request_is_one_line_that_names_it_and_holds_no_payload(file):
    writer = Lines(file, process="worker")
    reply = b"x-gonogo-release: credit@1.0.0\r\nx-gonogo-prediction-id: ab-1\r\nx-other: y\r\n"
    parent = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answered(
        writer, target=b"/predict?age=47", lines=reply, caller="ana", x_request_id=b"r1", traceparent=parent, authorization=KEY.encode()
    )
    writer.close()
    [line] = written(file)
    assert line.pop("time").endswith("Z")
    assert line.pop("ms") >= 0
    assert line == {
        "process": "worker",
        "pid": os.getpid(),
        "level": "info",
        "event": "request",
        "request_id": "r1",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "method": "POST",
        "path": "/predict",
        "status": 200,
        "release": "credit@1.0.0",
        "prediction_id": "ab-1",
        "caller": "ana",
    }


@pytest.mark.parametrize(("requests", "kept"), [("all", [200, 404, 500]), ("errors", [404, 500]), ("none", [])])
def test_it_logs_the_requests_it_was_asked_for(file, requests, kept):
    writer = Lines(file)
    for status in (200, 404, 500):
        answered(writer, status, requests=requests)
    writer.close()
    assert ([line["status"] for line in written(file)] if kept else []) == kept


def test_an_event_carries_its_facts_and_a_fault_its_traceback(file):
    with logging_to(Lines(file, process="supervisor")):
        _log.info("%s is ready", "worker 7", extra=facts("worker_ready", release="credit@1.0.0", worker=7))
        try:
            raise ValueError("broken")
        except ValueError as error:
            _log.error("a fault", exc_info=error)
    ready, fault = written(file)
    assert {**ready, "time": ""} == {
        "time": "",
        "process": "supervisor",
        "pid": os.getpid(),
        "level": "info",
        "event": "worker_ready",
        "release": "credit@1.0.0",
        "worker": 7,
        "message": "worker 7 is ready",
    }
    assert fault["level"] == "error"
    assert fault["traceback"].splitlines()[0] == "Traceback (most recent call last):"
    assert fault["traceback"].splitlines()[-1] == "ValueError: broken"


@pytest.mark.filterwarnings("always")
def test_what_ends_a_process_and_what_python_warns_of_are_lines_too(file):
    def work():
        with logging_to(Lines(file)):
            warnings.warn("an old way", DeprecationWarning, stacklevel=1)
            raise ZeroDivisionError("the end")

    with pytest.raises(ZeroDivisionError):
        work()
    warned, crash = written(file)
    assert "an old way" in warned["message"]
    assert crash["event"] == "crash"
    assert crash["traceback"].endswith("ZeroDivisionError: the end\n")


@pytest.mark.parametrize("form", ["json", "text"])
def test_whatever_was_sent_no_line_is_broken_and_no_terminal_moved(file, form):
    evil = "a\nb\r\x1b[2J\x00\u2028\u202e\x9b31m"
    with logging_to(Lines(file, form)):
        _log.info("said %s", evil)
    data = file.read_bytes()
    assert data.count(b"\n") == 1
    assert all(32 <= byte < 127 for byte in data[:-1])
    if form == "json":
        assert json.loads(data)["message"] == f"said {evil}"


def test_a_path_with_control_characters_stays_one_line(file):
    writer = Lines(file)
    answered(writer, target=b"/a\nb\x1b[31m\xff" + b"x" * 5000)
    writer.close()
    [line] = written(file)
    assert line["path"].startswith("/a\nb\x1b[31mÿx")
    assert len(line["path"]) == 300


@pytest.mark.parametrize("form", ["json", "text"])
def test_the_secret_of_a_key_is_struck_out_wherever_it_appears(file, form):
    with logging_to(writer := Lines(file, form)):
        answered(writer, target=b"/predict/" + KEY.encode(), x_request_id=KEY.encode())
        _log.error("refused %s", KEY)
        try:
            raise ValueError(KEY)
        except ValueError as error:
            _log.error("fault", exc_info=error, extra=facts("fault", about=KEY))
    text = file.read_text()
    assert "gng_0123456789ab_***" in text
    assert "5ec2e7" not in text


def test_a_traceback_is_cut_so_that_a_line_stays_below_4_kib(file):
    with logging_to(Lines(file)):
        try:
            raise ValueError("x" * 10_000)
        except ValueError as error:
            _log.error("fault", exc_info=error)
    assert len(file.read_bytes()) < 4096


def test_a_line_that_cannot_be_formatted_does_not_end_the_log(file):
    writer = Lines(file)
    writer.emit(logging.LogRecord("x", logging.INFO, "", 0, "%d", ("no number",), None))
    writer.emit(logging.LogRecord("x", logging.INFO, "", 0, "after it", (), None))
    writer.close()
    assert [line["message"] for line in written(file)][1] == "after it"


def test_nobody_waits_for_a_log_that_cannot_write_and_what_is_dropped_is_counted(tmp_path):
    reading, writing = os.pipe()  # nobody reads: it takes 64 KiB and then blocks
    script = (
        "import logging, sys\n"
        "from gonogo.service.logs import Lines, ROOM\n"
        "writer = Lines(None)\n"
        "logging.getLogger().addHandler(writer)\n"
        "for number in range(6 * ROOM):\n"
        "    logging.warning('line %d', number)\n"
        "print(writer.dropped > ROOM, flush=True)\n"
        "import os; os._exit(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=writing, text=True, timeout=60, check=True)
    os.close(reading)
    os.close(writing)
    assert done.stdout == "True\n"


def test_how_many_lines_were_dropped_is_logged(file):
    writer = Lines(file)
    writer.dropped = 5
    answered(writer)
    writer.close()
    assert [line["lines"] for line in written(file) if line["event"] == "lines_dropped"] == [5]


def test_a_full_disk_drops_lines_and_raises_nothing():
    writer = Lines(Path("/dev/full"))
    answered(writer)
    answered(writer)
    writer.close()
    assert writer.dropped >= 2


FILLED = """
import logging, resource, sys, time
from pathlib import Path
from gonogo.service import logs

lines = logs.Lines(Path(sys.argv[1]))
_log = logging.getLogger("disk")
_log.addHandler(lines)
_log.setLevel(logging.INFO)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
for size in (30, 10):
    for number in range(size):
        _log.info("line %d of %d", number, size)
    time.sleep(3 * logs.PAUSE)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
_log.info("there is room again")
time.sleep(3 * logs.PAUSE)
_log.info("still")
lines.close()
"""


def test_a_disk_that_fills_in_the_middle_of_a_line_breaks_no_other_line_and_every_lost_one_is_counted(file):
    subprocess.run([sys.executable, "-c", FILLED, str(file)], check=True, timeout=60)
    cut = file.read_bytes()[:1000].rpartition(b"\n")[2]
    lines = [json.loads(line) for line in file.read_bytes().splitlines() if not cut or line != cut]
    assert [line["message"] for line in lines if "message" in line][-2:] == ["there is room again", "still"]
    assert sum(line.get("lines", 1) for line in lines) == 30 + 10 + 2


def test_a_log_that_is_renamed_is_begun_anew_and_no_line_is_lost(file):
    writer = Lines(file)
    for number in range(3):
        answered(writer, 200 + number)
        time.sleep(3 * logs.PAUSE)
        if number == 0:
            until(file.exists)
            file.rename(file.with_name("older"))
    writer.close()
    assert [line["status"] for line in written(file.with_name("older")) + written(file)] == [200, 201, 202]


def test_a_large_log_is_set_aside_and_three_older_ones_are_kept(file, monkeypatch):
    monkeypatch.setenv("GONOGO_LOG_SIZE", "0.001")
    for number in range(8):
        writer = Lines(file, rotates=True)
        for _ in range(10):
            answered(writer, 200, target=b"/" + b"x" * 100 + str(number).encode())
        writer.close()
    assert sorted(path.name for path in file.parent.iterdir()) == ["log.jsonl", "log.jsonl.1", "log.jsonl.2", "log.jsonl.3"]
    kept = [
        line["path"][-1] for name in ("log.jsonl.3", "log.jsonl.2", "log.jsonl.1", "log.jsonl") for line in written(file.with_name(name))
    ]
    assert kept == sorted(kept)
    assert kept[-1] == "7"


def test_only_its_owner_reads_the_log(file):
    Lines(file).close()
    assert file.stat().st_mode & 0o777 == 0o600


def test_several_writers_share_a_file_without_breaking_a_line(file):
    writers = [Lines(file, process=str(number)) for number in range(4)]

    def work(writer):
        for number in range(500):
            answered(writer, target=b"/%d" % number)

    threads = [threading.Thread(target=work, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for writer in writers:
        writer.close()
    lines = written(file)
    assert len(lines) == 2000
    for number in range(4):
        assert [line["path"] for line in lines if line["process"] == str(number)] == [f"/{count}" for count in range(500)]
