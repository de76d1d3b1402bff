"""The ASGI application as a server calls it: who is answered, what becomes of a caller that leaves, and its life."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from gonogo.errors import StorageError
from gonogo.release.contents import Bundle
from gonogo.service.answering.loading import served_bundle
from gonogo.service.callers.api_keys import KeyFile, added, make_key, revoked
from gonogo.service.door.asgi import AsgiApplication
from gonogo.service.supervising.key_watch import KeyWatch
from small_bundle import put_bundle

GOOD = b'{"features": {"x": 0.25, "k": 3}}'
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    return served_bundle("small@1.0.0", Bundle.open(put_bundle(tmp_path_factory.mktemp("b") / "b")), {})


class Caller:
    """A server with one connection: what it receives for the application, and what the application sent."""

    def __init__(self, *messages):
        self.messages = list(messages)
        self.sent = []

    async def receive(self):
        return self.messages.pop(0)

    async def send(self, message):
        self.sent.append(message)

    @property
    def status(self):
        return self.sent[0]["status"]

    @property
    def said(self):
        return json.loads(self.sent[1]["body"])


def post(body=GOOD):
    return {"type": "http.request", "body": body, "more_body": False}


def scope(method="POST", path="/predict", client=("127.0.0.1", 5000), headers=(), **more):
    return {
        "type": "http", "asgi": {"version": "3.0"}, "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": list(headers), "client": client, **more,
    }  # fmt: skip


def call(application, scope, *messages):
    caller = Caller(*messages)
    asyncio.run(application(scope, caller.receive, caller.send))
    return caller


@pytest.mark.parametrize("client", [("127.0.0.1", 1), ("::1", 1), None], ids=str)
def test_callers_on_this_machine_are_answered_without_a_key(served, client):
    assert call(AsgiApplication(served), scope(client=client), post()).status == 200


@pytest.mark.parametrize("path", ["/predict", "/metrics", "/"])
def test_others_are_not(served, path):
    caller = call(AsgiApplication(served), scope(path=path, client=("192.0.2.7", 1)), post())
    assert caller.status == 403
    assert "API keys" in caller.said["detail"]


def test_with_a_key_others_are_answered_and_a_new_key_is_heard_of(served, tmp_path):
    file = KeyFile(tmp_path)
    application = AsgiApplication(served, keys=KeyWatch(tmp_path, "127.0.0.1", 1))
    key, secret = make_key("ana", "reader", NOW, None)

    def ask(secret):
        return scope(client=("192.0.2.7", 1), headers=[(b"authorization", b"Bearer " + secret.encode())])

    async def live():
        first, second, third = Caller(post()), Caller(post()), Caller(post())
        await application(ask(secret), first.receive, first.send)
        file.change(lambda keys: added(keys, key, NOW))
        while not application._keyed:
            await asyncio.sleep(0.02)
        await application(ask(secret), second.receive, second.send)
        await application(ask(secret + "x"), third.receive, third.send)
        return first.status, second.status, third.status

    assert asyncio.run(live()) == (403, 200, 401)
    file.change(lambda keys: revoked(keys, "ana", NOW))
    assert call(AsgiApplication(served, keys=KeyWatch(tmp_path, "127.0.0.1", 1)), scope(), post()).status == 401


def test_a_damaged_key_file_is_no_open_door(served, tmp_path):
    file = KeyFile(tmp_path)
    file.change(lambda keys: added(keys, make_key("ana", "reader", NOW, None)[0], NOW))
    file.path.write_bytes(b"{")
    with pytest.raises(StorageError):
        AsgiApplication(served, keys=KeyWatch(tmp_path, "127.0.0.1", 1))


def test_a_body_in_pieces_is_one_body_and_a_caller_that_leaves_gets_nothing(served):
    application = AsgiApplication(served)
    pieces = [{"type": "http.request", "body": GOOD[n : n + 5], "more_body": True} for n in range(0, len(GOOD), 5)]
    assert call(application, scope(), *pieces, {"type": "http.request"}).status == 200
    assert call(application, scope(), *pieces[:3], {"type": "http.disconnect"}).sent == []


def test_a_body_is_refused_while_it_arrives(served):
    endless = [{"type": "http.request", "body": bytes(1 << 18), "more_body": True}] * 100
    caller = Caller(*endless)
    asyncio.run(AsgiApplication(served)(scope(), caller.receive, caller.send))
    assert caller.status == 413
    assert len(caller.messages) > 90


def test_a_mounted_application_answers_below_its_place(served):
    assert call(AsgiApplication(served), scope(path="/models/predict", root_path="/models"), post()).status == 200
    assert call(AsgiApplication(served), scope(path="/models", root_path="/models", method="GET"), post(b"")).status == 200


def test_its_life_begins_and_ends_and_a_websocket_is_refused(served):
    application = AsgiApplication(served)
    life = call(application, {"type": "lifespan"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    assert [message["type"] for message in life.sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    refused = call(application, {"type": "websocket"}, {"type": "websocket.connect"})
    assert [message["type"] for message in refused.sent] == ["websocket.close"]
    with pytest.raises(ValueError, match="'smtp'"):
        call(application, {"type": "smtp"})
