"""docs/how-to-api-keys.md, typed; then everything a service can be made to say is searched for the secrets that were used."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from page import read_page, typed_out
from waiting import free_port, until, until_answers

GOOD = {"amount": 0.25, "city": "paris"}

pytestmark = pytest.mark.timeout(170)


class Asked:
    """Somebody who asks a service with different keys, and keeps all that it answers."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.heard = bytearray()

    def __call__(self, path: str, key: str = "", body: bytes | None = None, **headers: str) -> int:
        sent = {name.replace("_", "-"): value for name, value in headers.items()} | ({"x-api-key": key} if key else {})
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, body, sent), timeout=10) as answer:
                status, said, told = answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            status, said, told = error.code, error.read(), error.headers
        self.heard += str(told).encode() + said
        return int(status)

    def predict(self, key: str, features: object = GOOD, **headers: str) -> int:
        return self("/predict", key, json.dumps({"features": features}).encode(), **headers)

    def until(self, status: int, key: str) -> None:
        deadline = time.monotonic() + 20
        while self.predict(key) != status:
            assert time.monotonic() < deadline, f"{key[:16]} is not answered {status}"
            time.sleep(0.05)


def test_no_secret_of_a_key_is_found_in_anything_that_a_service_says_or_writes(small) -> None:
    user = small
    user.gonogo("release")
    refused = user.gonogo("serve", "small@1.0.0", "--host", "0.0.0.0", expect=2)
    assert "gonogo apikey new" in refused.stderr

    port = free_port()
    with typed_out(user, read_page("how-to-api-keys.md"), service=port) as (printed, service):
        ask = Asked(f"http://127.0.0.1:{port}")
        files = {name: (user.folder / f"{name}.key").read_text().strip() for name in ("billing", "billing-2", "deploy")}
        ana = user.json("apikey", "new", "ana", "--role", "reader")["key"]
        soon = user.json("apikey", "new", "soon", "--role", "admin", "--days", str(4 / 86_400))["key"]
        secrets = {*files.values(), ana, soon}
        assert len(secrets) == 5

        # good, wrong, expired, revoked, too small a role; and keys where none belongs
        ask.until(200, ana)
        assert ask.predict("") == ask.predict(ana[:-1] + ("0" if ana[-1] != "0" else "1")) == 401
        assert ask.predict(files["billing"]) == ask.predict(files["billing-2"]) == 401  # revoked by the how-to
        ask.until(401, soon)
        assert ask.predict("", GOOD, authorization=f"Bearer {ana}", x_request_id="r-1", traceparent=f"00-{'a' * 32}-{'b' * 16}-01") == 200
        assert ask.predict(ana, {"amount": 1, "city": 5}) == 422
        assert ask("/predict", ana, b'{"features": ' + ana.encode()) == 400
        assert ask(f"/{ana}", ana) == 404
        assert ask(f"/metrics?key={ana}", ana) == 200
        assert ask(f"/health?{ana}", x_request_id=ana) == 200
        assert ask("/load", ana, b'{"release": "small@9.9.9"}') == 403
        assert ask("/load", files["deploy"], b'{"release": "small@9.9.9"}') == 404
        for page in ("/", "/stats", "/model_info", "/docs", "/openapi.json", "/v2", "/v2/models/small"):
            assert ask(page) == 401, page
            assert ask(page, ana) == 200, page

        # workers that die come back locked; what they have not written by then is lost
        log_file = user.folder / ".gonogo" / "service" / "log.jsonl"
        until(log_file.read_text, lambda text: '"/v2/models/small"' in text and '"r-1"' in text)  # each worker writes for itself
        for worker in _workers(service.pid):
            os.kill(worker, signal.SIGKILL)
        while _status(ask, ana) != 200:
            assert _status(ask, "") in (401, None)
        assert _status(ask, "") == 401
        lists = b"".join(path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK))
        ask.heard += user.gonogo("status").stdout.encode()
        service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=30) == 0

    _what_was_done_is_told(user, log_file)
    said = _said_as_json(user, port, ana)
    assert {(line["process"], line["event"]) for line in said} >= {("supervisor", "service_started"), ("worker", "request")}

    found = {
        "the answers": bytes(ask.heard),
        "the command line": "".join([*printed, *printed.values()]).encode(),
        "the list of processes": lists,
    }
    for path in user.folder.rglob("*"):
        if path.is_file() and path.suffix not in (".key", ".header"):
            found[str(path)] = path.read_bytes()
    assert any("log.jsonl" in name for name in found)
    assert any("serve.log" in name for name in found)
    leaks = [name for name, data in found.items() for secret in secrets if secret.rpartition("_")[2].encode() in data]
    assert leaks == []


def _what_was_done_is_told(user, log_file: Path) -> None:
    """In the signed log the calls of control and the changes of keys, in the service's own every request."""
    log = user.json("log")["events"]
    calls = [
        (event["actor"], event["body"]["verb"], event["body"]["release"], event["body"]["outcome"])
        for event in log
        if event["kind"] == "control_call"
    ]
    assert ("api-key:deploy", "load", "small@9.9.9", "refused: NotFoundError") in calls
    changes = [(event["body"]["verb"], event["body"]["name"]) for event in log if event["kind"] == "api_key"]
    assert changes[:5] == [("new", "billing"), ("new", "deploy"), ("rotate", "billing"), ("revoke", "billing"), ("revoke", "billing")]
    requests = [json.loads(line) for line in log_file.read_text().splitlines()]
    assert {"caller": "ana", "request_id": "r-1", "trace_id": "a" * 32, "status": 200}.items() <= next(
        line for line in requests if line.get("request_id") == "r-1"
    ).items()
    assert {"service_started", "worker_ready", "worker_gone", "table_in_force", "control_call", "request"} <= {
        line["event"] for line in requests
    }
    assert user.json("log", "--verify")["chain"] == "intact"


def _said_as_json(user, port: int, key: str) -> list[dict[str, object]]:
    """What a service with `--log json` writes to standard error, workers included."""
    (user.folder / "serve.log").unlink()
    service = user.start("serve", "--port", str(port), "--log", "json")
    try:
        until_answers(service, f"http://127.0.0.1:{port}/health", user.folder / "serve.log")
        assert Asked(f"http://127.0.0.1:{port}")("/nowhere", key) == 404
    finally:
        service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=30) == 0
    return [json.loads(line) for line in (user.folder / "serve.log").read_text().splitlines() if line.startswith("{")]


def _status(ask: Asked, key: str) -> int | None:
    """None when nobody was there to answer."""
    try:
        return ask.predict(key)
    except OSError:
        time.sleep(0.02)
        return None


def _workers(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"gonogo.service.worker" in Path(f"/proc/{child}/cmdline").read_bytes()]
