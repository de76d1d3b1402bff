"""What every channel promises (see gonogo.monitor.notice.Channel), held against each of them and a real server of its protocol."""

from __future__ import annotations

import email
import email.policy
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from gonogo.base import catalogue
from gonogo.base.secret import Secret
from gonogo.checklist.channels import LEVELS as DECLARED_LEVELS
from gonogo.errors import BusyError, FaultError, RefusedError
from gonogo.monitor.channels.alertmanager import AlertmanagerChannel
from gonogo.monitor.channels.email import EmailChannel
from gonogo.monitor.channels.file import FileChannel
from gonogo.monitor.channels.log import LogChannel
from gonogo.monitor.channels.memory import MemoryChannel
from gonogo.monitor.channels.pagerduty import PagerdutyChannel
from gonogo.monitor.channels.slack import SlackChannel
from gonogo.monitor.channels.webhook import WebhookChannel
from gonogo.monitor.notice import LEVELS, Channel, Notice
from receivers import Alertmanager, HttpReceiver, MailServer, pagerduty, slack, webhook
from tls_pair import make_pair

NOTICE = Notice(
    "a#1", "a", "fired", "errors", "critical", "error_rate", {"release": "r@1.0.0"}, 0.2, 0.05, 900, "2026-01-01T00:00:00.000Z", "ü!"
)
WEBHOOK_KEY = "whsec_" + "c2VjcmV0" * 4
PAGER_KEY = "0123456789abcdef0123456789abcdef"


@dataclass
class Stand:
    channel: Channel
    told: Callable[[], list[str]]  #: ids in order, as the other side has them
    again: Callable[[], Channel]  #: the same place, from another process
    break_it: Callable[[], None] | None = None  #: None: it cannot fail
    mend_it: Callable[[], None] = lambda: None
    once: bool = True  #: the other side tells one notice from the next, and tells it once
    answer: Callable[[Any], None] | None = None  #: what the other side says from now on (HTTP)
    requests: list[Any] = field(default_factory=list)
    secrets: tuple[str, ...] = ()
    close: Callable[[], None] = lambda: None


def file_stand(folder: Path, _: pytest.MonkeyPatch) -> Stand:
    path = folder / "alarms" / "alarms.jsonl"

    def told() -> list[str]:
        return [json.loads(line)["id"] for line in path.read_text().splitlines()] if path.exists() else []

    def break_it() -> None:
        path.mkdir(parents=True)

    return Stand(FileChannel(path), told, lambda: FileChannel(path), break_it, path.rmdir)


def memory_stand(folder: Path, _: pytest.MonkeyPatch) -> Stand:
    channel = MemoryChannel()

    def reach(unreachable: bool) -> None:
        channel.unreachable = unreachable

    return Stand(channel, lambda: [notice.id for notice in channel.told], lambda: channel, lambda: reach(True), lambda: reach(False))


def log_stand(folder: Path, _: pytest.MonkeyPatch) -> Stand:
    told: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.facts["notice"]["id"])  # type: ignore[attr-defined]

    handler, log = Kept(), logging.getLogger("gonogo.alarms")
    log.addHandler(handler)
    return Stand(LogChannel("shop"), lambda: told, lambda: LogChannel("shop"), once=False, close=lambda: log.removeHandler(handler))


def http_stand(receiver: HttpReceiver, make: Callable[[], Channel], told: Callable[[dict[str, Any]], str], **more: Any) -> Stand:
    def answer(status: Any) -> None:
        receiver.answer = status

    return Stand(
        make(),
        lambda: list(dict.fromkeys(told(body) for _, _, body in receiver.requests)),
        make,
        lambda: answer(lambda path, body: (502, b"bad gateway")),
        lambda: answer(None),
        answer=answer,
        requests=receiver.requests,
        close=receiver.close,
        **more,
    )


def slack_stand(folder: Path, env: pytest.MonkeyPatch) -> Stand:
    env.setenv("SSL_CERT_FILE", str(make_pair(folder)[0]))
    receiver = HttpReceiver(slack, (folder / "cert.pem", folder / "key.pem"))
    env.setenv("CHAT", f"{receiver.url}/services/T0/B0/hush")
    stand = http_stand(
        receiver, lambda: SlackChannel("shop", url=Secret("CHAT")), lambda body: body["attachments"][0]["footer"].rpartition(" ")[2],
        once=False, secrets=("hush", f"{receiver.url}/services/T0/B0/hush"),
    )  # fmt: skip
    stand.told = lambda: [body["attachments"][0]["footer"].rpartition(" ")[2] for _, _, body in receiver.requests]
    return stand


def pagerduty_stand(folder: Path, env: pytest.MonkeyPatch) -> Stand:
    receiver = HttpReceiver(pagerduty)
    (folder / "pager").write_text(PAGER_KEY + "\n")

    def make() -> Channel:
        return PagerdutyChannel("shop", routing_key=Secret(file=folder / "pager"), url=f"{receiver.url}/v2/enqueue")

    return http_stand(receiver, make, lambda body: body["payload"]["custom_details"]["id"], secrets=(PAGER_KEY,))


def webhook_stand(folder: Path, env: pytest.MonkeyPatch) -> Stand:
    receiver = HttpReceiver(webhook(WEBHOOK_KEY))
    env.setenv("WEBHOOK_KEY", WEBHOOK_KEY)

    def make() -> Channel:
        return WebhookChannel("shop", url=f"{receiver.url}/alarms", key=Secret("WEBHOOK_KEY"))

    return http_stand(receiver, make, lambda body: body["data"]["id"], secrets=(WEBHOOK_KEY,))


def alertmanager_stand(folder: Path, env: pytest.MonkeyPatch) -> Stand:
    server = Alertmanager(folder).start()

    def told() -> list[str]:
        return [alert["annotations"]["notice"] for alert in sorted(server.alerts(), key=lambda alert: alert["startsAt"])]

    def make() -> Channel:
        return AlertmanagerChannel("shop", url=server.url)

    return Stand(make(), told, make, server.stop, lambda: (server.start(), None)[1], close=server.stop)


def email_stand(folder: Path, env: pytest.MonkeyPatch) -> Stand:
    pair = make_pair(folder)
    env.setenv("SSL_CERT_FILE", str(pair[0]))
    env.setenv("MAIL_PASSWORD", "hush")
    server = MailServer(pair)

    def told() -> list[str]:
        """As a mailbox shows them: one for each Message-ID."""
        found = {}
        for envelope in server.messages:
            message = email.message_from_bytes(envelope.content, policy=email.policy.default)
            found.setdefault(message["Message-ID"], message["X-Gonogo-Notice"])
        return list(found.values())

    def make() -> Channel:
        return EmailChannel(
            "shop", host="localhost", port=server.port, sender="gonogo@example.com", to=("ana@example.com", "ben@example.com"),
            user="ops", password=Secret("MAIL_PASSWORD"),
        )  # fmt: skip

    def reach(down: bool) -> None:
        server.down = down

    stand = Stand(make(), told, make, lambda: reach(True), lambda: reach(False), secrets=("hush",), close=server.close)
    stand.requests = server.messages
    return stand


STANDS = {
    "alertmanager": alertmanager_stand,
    "email": email_stand,
    "file": file_stand,
    "log": log_stand,
    "memory": memory_stand,
    "pagerduty": pagerduty_stand,
    "slack": slack_stand,
    "webhook": webhook_stand,
}
OVER_HTTP = ("pagerduty", "slack", "webhook")


@pytest.fixture(params=sorted(catalogue.CATALOGUE["channels"]))
def stand(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    made = STANDS[request.param](tmp_path, monkeypatch)
    yield made
    made.close()


def test_what_was_sent_is_told_in_order(stand: Stand) -> None:
    for number in range(3):
        moment = f"2026-01-01T00:00:0{number}.000Z"
        stand.channel.send(replace(NOTICE, id=f"a#{number}", key=f"a{number}", rule=f"errors-{number}", time=moment))
    assert stand.told() == ["a#0", "a#1", "a#2"]


def test_the_same_notice_again_has_the_same_identity_also_from_another_process(stand: Stand) -> None:
    stand.channel.send(NOTICE)
    stand.channel.send(NOTICE)
    stand.again().send(NOTICE)
    assert stand.told() == (["a#1"] if stand.once else ["a#1"] * 3)


def test_what_could_not_be_handed_over_raises_and_can_be_sent_again(stand: Stand) -> None:
    if stand.break_it is None:
        stand.channel.send(NOTICE)  # a log has nobody at the other side
        assert stand.told() == ["a#1"]
        return
    stand.break_it()
    with pytest.raises(FaultError):
        stand.channel.send(NOTICE)
    stand.mend_it()
    stand.channel.send(NOTICE)
    assert stand.told() == ["a#1"]


def test_whatever_stands_in_a_notice_is_told(stand: Stand) -> None:
    odd = 'a "quote", a \\, a <!channel> & a\nline\twith ✓ and \x1b[31m colour'
    stand.channel.send(replace(NOTICE, text=odd, labels={"release": "r@1.0.0", "feature": odd}, value=None))
    assert stand.told() == ["a#1"]


def test_a_channel_says_which_levels_it_is_for(stand: Stand) -> None:
    assert set(stand.channel.levels) <= set(LEVELS)
    assert stand.channel.levels
    assert DECLARED_LEVELS == LEVELS


def test_no_secret_is_in_a_channel_s_words(stand: Stand) -> None:
    said = [repr(stand.channel), repr(vars(stand.channel))]
    if stand.answer is not None:  # the other side repeats whatever it was sent
        for status in (400, 403, 500):
            stand.answer(lambda path, body, status=status: (status, path.encode() + b" " + body))
            with pytest.raises((FaultError, RefusedError)) as caught:
                stand.channel.send(NOTICE)
            said.append(f"{caught.value} {caught.value!r} {caught.value.__cause__!r}")
    assert not [secret for secret in stand.secrets if any(secret in text for text in said)]


@pytest.fixture(params=OVER_HTTP)
def http(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    made = STANDS[request.param](tmp_path, monkeypatch)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, RefusedError), (413, RefusedError), (422, RefusedError), (401, FaultError), (403, FaultError), (404, FaultError),
     (408, FaultError), (410, FaultError), (429, BusyError), (500, FaultError), (503, BusyError)],
)  # fmt: skip
def test_what_an_answer_means_is_the_same_for_every_channel(http: Stand, status: int, kind: type[Exception]) -> None:
    assert http.answer
    http.answer(lambda path, body: (status, b"no", {"retry-after": "7"}))
    with pytest.raises(kind, match=f"answers {status}: no") as caught:
        http.channel.send(NOTICE)
    assert not isinstance(caught.value, BusyError) or caught.value.seconds == 7


def test_a_redirection_is_not_followed(http: Stand) -> None:
    """What a channel sends is for one address; another one would get the secret, too."""
    assert http.answer
    before = len(http.requests)
    http.answer(lambda path, body: (307, b"", {"location": "/elsewhere"}))
    with pytest.raises(FaultError, match="307"):
        http.channel.send(NOTICE)
    assert len(http.requests) == before


def test_a_line_that_a_crash_left_half_written_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "alarms.jsonl"
    path.write_bytes(b'{"id": "a#0", "ki')
    FileChannel(path).send(NOTICE)
    assert Notice.from_json(json.loads(path.read_text().splitlines()[1])) == NOTICE


def test_every_channel_of_the_catalogue_is_held_to_this_contract() -> None:
    assert catalogue.CATALOGUE["channels"].keys() == STANDS.keys()
