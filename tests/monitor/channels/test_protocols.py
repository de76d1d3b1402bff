"""What is particular to each channel: who is told what, in the words of its protocol."""

from __future__ import annotations

import email
import email.policy
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks

from gonogo.base.clock import stamp
from gonogo.base.secret import Secret
from gonogo.errors import FaultError, RefusedError, UnreachableError
from gonogo.monitor.channels.alertmanager import AlertmanagerChannel
from gonogo.monitor.channels.email import EmailChannel
from gonogo.monitor.channels.pagerduty import PagerdutyChannel
from gonogo.monitor.channels.slack import SlackChannel
from gonogo.monitor.channels.webhook import WebhookChannel
from gonogo.monitor.notice import Notice
from receivers import Alertmanager, HttpReceiver, MailServer, pagerduty, slack, started, webhook
from tls_pair import make_pair
from waiting import until

NOTICE = Notice(
    "a#1", "errors|release=r@1.0.0", "fired", "errors", "critical", "error_rate", {"release": "r@1.0.0"}, 0.2, 0.05, 900,
    "2026-01-01T00:00:00.000Z", "errors (r@1.0.0): error_rate is 0.2",
)  # fmt: skip
KEY = "whsec_" + "c2VjcmV0" * 4


@pytest.fixture
def receiving() -> Iterator[Callable[..., HttpReceiver]]:
    made: list[HttpReceiver] = []

    def make(*words: Any) -> HttpReceiver:
        made.append(HttpReceiver(*words))
        return made[-1]

    yield make
    for receiver in made:
        receiver.close()


def test_an_incident_of_pagerduty_is_triggered_acknowledged_and_resolved_under_one_key(
    receiving: Callable[..., HttpReceiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = receiving(pagerduty)
    monkeypatch.setenv("PAGER", "0123456789abcdef0123456789abcdef")
    for number, kind in enumerate(("fired", "repeated", "escalated", "acknowledged", "resolved")):
        channel = PagerdutyChannel("shop", routing_key=Secret("PAGER"), url=f"{receiver.url}/v2/enqueue")
        channel.send(replace(NOTICE, id=f"a#{number}", kind=kind))  # type: ignore[arg-type]
    events = [body for _, _, body in receiver.requests]
    assert [event["event_action"] for event in events] == ["trigger", "trigger", "trigger", "acknowledge", "resolve"]
    assert len({event["dedup_key"] for event in events}) == 1
    assert events[0]["payload"]["severity"] == "critical"
    other = PagerdutyChannel("other", routing_key=Secret("PAGER"))
    assert other.incident(NOTICE) != events[0]["dedup_key"]


def test_an_alert_of_alertmanager_rings_until_it_is_over_and_ends_at_every_level(tmp_path: Path) -> None:
    with started(Alertmanager(tmp_path)) as server:
        channel = AlertmanagerChannel("shop", url=server.url + "/")
        channel.send(replace(NOTICE, level="warning"))
        channel.send(replace(NOTICE, id="a#2", kind="escalated", level="critical"))
        assert {alert["labels"]["severity"] for alert in server.alerts(alertname="errors", system="shop", release="r@1.0.0")} == {
            "warning",
            "critical",
        }
        channel.send(replace(NOTICE, id="a#3", kind="resolved", time=stamp(datetime.now(UTC))))
        until(lambda: not server.alerts(alertname="errors"))


def test_a_webhook_is_signed_and_whoever_changes_the_body_or_repeats_it_later_is_found_out(
    receiving: Callable[..., HttpReceiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = receiving(webhook(KEY))
    monkeypatch.setenv("KEY", KEY)
    WebhookChannel("shop", url=receiver.url, key=Secret("KEY")).send(NOTICE)
    [(_, headers, body)] = receiver.requests
    assert body["type"] == "alarm.fired"
    assert Notice.from_json(body["data"]) == NOTICE
    judge = standardwebhooks.Webhook(KEY)
    sent = json.dumps(body, ensure_ascii=False)
    judge.verify(sent, headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        judge.verify(sent.replace("900", "901"), headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        judge.verify(sent, {**headers, "webhook-timestamp": str(int(time.time()) - 3600)})


@pytest.mark.parametrize("key", ["", "whsec_", "whsec_c2hvcnQ=", "not base64 at all, and long enough"])
def test_a_key_that_is_none_is_a_fault_that_waits_for_its_repair(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", key)
    with pytest.raises(FaultError) as caught:
        WebhookChannel("shop", url="http://127.0.0.1:1/", key=Secret("KEY")).send(NOTICE)
    assert len(key) < 8 or key not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://hooks.example.com/T/hush", "ftp://127.0.0.1/", "https://a:b@127.0.0.1/", "https://", "no address", "http://[::1"]
)
def test_a_secret_does_not_leave_for_an_address_in_the_clear_or_for_none(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT", url)
    with pytest.raises(FaultError) as caught:
        SlackChannel("shop", url=Secret("CHAT")).send(NOTICE)
    assert "hush" not in str(caught.value)


def test_a_certificate_that_nobody_trusts_is_not_spoken_to(
    receiving: Callable[..., HttpReceiver], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = receiving(slack, make_pair(tmp_path))
    monkeypatch.setenv("CHAT", f"{receiver.url}/services/T0/B0/hush")
    with pytest.raises(UnreachableError, match="not trusted"):
        SlackChannel("shop", url=Secret("CHAT")).send(NOTICE)
    assert receiver.seen == 0


def test_nothing_in_a_message_is_a_command_of_slack_s(receiving: Callable[..., HttpReceiver], monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = receiving(slack)
    monkeypatch.setenv("CHAT", f"{receiver.url}/services/T0/B0/hush")
    SlackChannel("shop", url=Secret("CHAT")).send(replace(NOTICE, text="<!channel> <https://evil.example|click> & more"))
    [(_, _, body)] = receiver.requests
    assert "<" not in json.dumps(body)


def test_a_new_secret_in_the_file_counts_for_the_next_notice(receiving: Callable[..., HttpReceiver], tmp_path: Path) -> None:
    receiver = receiving(slack)
    (tmp_path / "chat").write_text(f"{receiver.url}/services/T0/B0/old\n")
    channel = SlackChannel("shop", url=Secret(file=tmp_path / "chat"))
    with pytest.raises(FaultError, match="404: no_service"):
        channel.send(NOTICE)
    (tmp_path / "chat").write_text(f"{receiver.url}/services/T0/B0/hush\n")
    channel.send(NOTICE)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("secret", [Secret("NO_SUCH_VARIABLE"), Secret(file=Path("/nowhere/at-all")), Secret(file=Path("/dev/zero"))])
def test_a_secret_that_is_not_there_is_a_fault_with_its_place(secret: Secret) -> None:
    with pytest.raises(FaultError, match=str(secret).lstrip("$")):
        SlackChannel("shop", url=secret).send(NOTICE)


def test_a_server_that_dribbles_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then would hold a connection for ever if only single steps were limited."""
    server = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def dribble() -> None:
        connection, _ = server.accept()
        with connection:
            while not over.wait(0.5):
                try:
                    connection.send(b"H")
                except OSError:
                    return

    thread = threading.Thread(target=dribble, daemon=True)
    thread.start()
    monkeypatch.setenv("CHAT", f"http://127.0.0.1:{server.getsockname()[1]}/hush")
    with pytest.raises(UnreachableError):
        SlackChannel("shop", url=Secret("CHAT")).send(NOTICE)
    over.set()
    thread.join()
    server.close()


@pytest.fixture
def mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    pair = make_pair(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pair[0]))
    monkeypatch.setenv("MAIL_PASSWORD", "hush")
    server = MailServer(pair)
    yield server
    server.close()


def mail_channel(port: int, **more: Any) -> EmailChannel:
    given = {"host": "localhost", "port": port, "sender": "gonogo@example.com", "to": ("ana@example.com",)}
    return EmailChannel("shop", **{**given, "user": "ops", "password": Secret("MAIL_PASSWORD"), **more})


def test_mails_of_one_alarm_are_one_thread_and_say_on_top_what_is_the_matter(mail: MailServer) -> None:
    channel = mail_channel(mail.port)
    channel.send(NOTICE)
    channel.send(replace(NOTICE, id="a#2", kind="resolved", text="errors: well\r\nBcc: evil@example.com"))
    first, second = (email.message_from_bytes(envelope.content, policy=email.policy.default) for envelope in mail.messages)
    assert first["Subject"] == "[critical] shop: errors (r@1.0.0): error_rate is 0.2"
    assert second["Subject"] == "[over] shop: errors: well Bcc: evil@example.com"
    assert first["References"] == second["References"]
    assert first["Message-ID"] != second["Message-ID"]
    assert second["Bcc"] is None
    assert mail.messages[1].rcpt_tos == ["ana@example.com"]
    assert mail.logins == [True, True]


def test_a_wrong_password_is_a_fault_that_does_not_repeat_it(mail: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "hushhush")
    with pytest.raises(FaultError, match="535") as caught:
        mail_channel(mail.port).send(NOTICE)
    assert "hushhush" not in str(caught.value)


def test_mail_in_the_clear_is_for_this_machine_only(mail: MailServer) -> None:
    with pytest.raises(FaultError, match="in the clear"):
        mail_channel(mail.port, host="mail.example.com", tls="never").send(NOTICE)
    with pytest.raises(FaultError):  # this server demands STARTTLS; we do not go on without
        mail_channel(mail.port, tls="never").send(NOTICE)
    assert mail.messages == []


def test_a_message_that_is_refused_for_good_is_not_sent_again(mail: MailServer) -> None:
    mail.refuse = "554 no"
    with pytest.raises(RefusedError, match="554"):
        mail_channel(mail.port).send(NOTICE)
