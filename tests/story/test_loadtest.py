"""A person load-tests what they ship: a release, and the service that serves it; and nothing that is none of theirs."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import User

REF = "late-arrivals@1.0.0"


class Stranger(BaseHTTPRequestHandler):
    """A server that is not ours."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def stranger():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_release_is_loaded_in_a_trial_and_beside_what_was_sealed_with_it(released: User) -> None:
    found = released.json("loadtest", REF, "--requests", "300", "--concurrency", "20")
    assert (found["target"], found["release"], found["errors"], found["requests"]) == (REF, REF, 0, 300)
    assert found["golden_checked"] >= 28
    assert found["golden_wrong"] == 0
    assert found["max_answer_difference"] <= 1e-6
    assert found["warm_up"]["requests"] >= 300
    sealed = released.folder / ".gonogo" / "releases" / "late-arrivals-1.0.0" / "statements" / "load_test.json"
    assert found["baseline"] == json.loads(sealed.read_bytes())
    assert found["baseline"]["histogram"]["counts"]


def test_a_running_service_is_loaded_by_a_schedule_with_the_golden_requests_of_its_release(released: User, tmp_path: Path) -> None:
    key, page = tmp_path / "load.key", tmp_path / "load.html"
    released.gonogo("apikey", "new", "load", "--role", "reader", "--out", str(key))
    running = released.serve(REF)
    words = ("loadtest", running.url, "--rate", "400", "--requests", "200")
    try:
        assert "asks for a key" in released.gonogo(*words, expect=1).stderr
        found = released.json(*words, "--html", str(page), "--api-key-file", str(key))
    finally:
        running.stop()
    assert (found["release"], found["errors"], found["rate"]) == (REF, 0, 400.0)
    assert found["releases"] == {REF: 200}
    assert found["golden_checked"] >= 18
    assert found["memory_mb"] is None if sys.platform != "linux" else 50 < found["memory_mb"] < 4000
    assert found["baseline"]["subject"].startswith("sha256:")
    assert "200 requests at 400 a second by a schedule" in page.read_text(encoding="utf-8")
    assert key.read_text(encoding="ascii").strip() not in page.read_text(encoding="utf-8") + json.dumps(found)


def test_only_a_closed_loop_on_the_bundle_becomes_evidence(released: User) -> None:
    kept = released.folder / ".gonogo" / "load_tests"
    before = {file: file.read_bytes() for file in kept.glob("*.json")}
    released.json("loadtest", REF, "--rate", "500", "--requests", "100")
    assert {file: file.read_bytes() for file in kept.glob("*.json")} == before


def test_what_is_no_service_of_ours_and_a_missing_key_file_are_refused(released: User, stranger: str) -> None:
    refused = released.gonogo("loadtest", stranger, expect=2)
    assert "is not a gonogo service" in refused.stderr
    assert "Traceback" not in refused.stderr
    released.gonogo("loadtest", "http://192.0.2.1:8400", expect=2)
    missing = released.gonogo("loadtest", stranger, "--api-key-file", "nowhere.key", expect=2)
    assert "nowhere.key" in missing.stderr
