"""The other side of channels, for tests: real servers on this machine that take what the documents of their protocol demand."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import ssl
import subprocess
import threading
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import standardwebhooks
from aiosmtpd.smtp import SMTP, AuthResult

from waiting import free_port, until


def tool(name):
    """A program of the system; in CI it must be there."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return found


class HttpReceiver:
    """Takes POSTs. `judge(path, headers, body)` gives status and answer; `requests` are those it took. `answer` overrules it when set."""

    def __init__(self, judge, tls=None):
        self.requests, self.answer, self.seen = [], None, 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.seen += 1
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, said, *more = receiver.answer(self.path, body) if receiver.answer else judge(self.path, headers, body)
                if 200 <= status < 300:
                    receiver.requests.append((self.path, headers, json.loads(body)))
                self.send_response(status)
                for name, value in (more[0] if more else {}).items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"{'https://localhost' if tls else 'http://127.0.0.1'}:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def slack(path, headers, body):
    """docs: api.slack.com/messaging/webhooks: JSON with `text`; 200 "ok", 404 for an address that is none, 400 for what is no message."""
    if path != "/services/T0/B0/hush":
        return 404, b"no_service"
    said = json.loads(body)
    well = headers["content-type"] == "application/json" and isinstance(said.get("text"), str) and said["text"]
    well = well and all({"color", "text", "footer"} <= set(each) for each in said["attachments"])
    return (200, b"ok") if well else (400, b"invalid_payload")


def pagerduty(path, headers, body):
    """docs: developer.pagerduty.com, Events API v2: a `routing_key` of 32 signs, an action, a key, for a trigger its payload."""
    said = json.loads(body)
    well = path == "/v2/enqueue" and headers["content-type"] == "application/json"
    well = well and re.fullmatch("[0-9a-zA-Z]{32}", said["routing_key"]) and said["event_action"] in ("trigger", "acknowledge", "resolve")
    well = well and len(said["dedup_key"]) <= 255
    if said["event_action"] == "trigger":
        payload = said["payload"]
        well = well and 0 < len(payload["summary"]) <= 1024 and payload["source"]
        well = well and payload["severity"] in ("critical", "error", "warning", "info") and payload["timestamp"].endswith("Z")
    done = {"status": "success", "message": "Event processed", "dedup_key": said["dedup_key"]}
    return (202, json.dumps(done).encode()) if well else (400, b'{"status":"invalid event"}')


def webhook(key):
    """A receiver that verifies with the reference library of the Standard Webhooks, and takes each id once."""
    taken = set()

    def judge(path, headers, body):
        try:
            standardwebhooks.Webhook(key).verify(body, headers)
        except standardwebhooks.WebhookVerificationError:
            return 401, b"no signature"
        if headers["webhook-id"] in taken:
            return 208, b"{}"
        taken.add(headers["webhook-id"])
        return 204, b""

    return judge


class MailServer:
    """aiosmtpd: STARTTLS first, then a login, then mail. `refuse`: what it says to every message."""

    def __init__(self, tls, user="ops", password="hush"):
        self.messages, self.refuse, self.down, self.logins = [], "", False, []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        self._user, self._password = user, password
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

        def session():
            return SMTP(
                self, tls_context=context, require_starttls=True, auth_required=True, authenticator=self._login, hostname="localhost",
                loop=self._loop,
            )  # fmt: skip

        self._server = asyncio.run_coroutine_threadsafe(self._loop.create_server(session, "127.0.0.1", 0), self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]

    def _login(self, server, session, envelope, mechanism, data):
        well = (data.login.decode(), data.password.decode()) == (self._user, self._password)
        self.logins.append(well)
        return AuthResult(success=well, handled=False)

    async def handle_DATA(self, server, session, envelope):
        if self.down or self.refuse:
            return self.refuse or "451 try again later"
        self.messages.append(envelope)
        return "250 taken"

    def close(self):
        async def end():
            self._server.close()
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task():
                    task.cancel()
            await asyncio.sleep(0.05)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Alertmanager:
    """Debian's Alertmanager, on this machine only, without a cluster."""

    def __init__(self, folder, configuration="route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"):
        self.program, self.folder, self.port, self.process = tool("prometheus-alertmanager"), folder, free_port(), None
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "alertmanager.yml").write_text(configuration)

    def start(self):
        listen = f"127.0.0.1:{self.port}"
        words = ["--config.file", str(self.folder / "alertmanager.yml"), "--storage.path", str(self.folder / "data")]
        words += ["--web.listen-address", listen, "--cluster.listen-address", "", "--log.level", "error"]
        self.process = subprocess.Popen([self.program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: answers(f"{self.url}/-/ready"))
        return self

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def alerts(self, **labels):
        found = get_json(f"{self.url}/api/v2/alerts")
        return [alert for alert in found if labels.items() <= alert["labels"].items()]


@contextmanager
def started(server):
    try:
        yield server.start()
    finally:
        server.stop()


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def get_json(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.load(answer)
