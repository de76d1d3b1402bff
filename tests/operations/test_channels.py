"""`gonogo channels`: who is told, how each fares, and a test that opens no incident for long."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import sample
from gonogo.cli import main
from receivers import HttpReceiver, pagerduty, slack

PAGER_KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def chat() -> Iterator[HttpReceiver]:
    receiver = HttpReceiver(slack)
    yield receiver
    receiver.close()


@pytest.fixture
def pager() -> Iterator[HttpReceiver]:
    receiver = HttpReceiver(pagerduty)
    yield receiver
    receiver.close()


@pytest.fixture
def project(tmp_path: Path, chat: HttpReceiver, pager: HttpReceiver, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    sample.write_project(folder)
    with (folder / "gonogo.yaml").open("a") as file:
        file.write(
            "monitor:\n  channels:\n    - file\n    - {channel: slack, name: chat, options: {url: {env: CHAT}}}\n"
            f"    - {{channel: pagerduty, options: {{routing_key: {{file: pager.key}}, url: '{pager.url}/v2/enqueue'}}}}\n"
        )
    (folder / "pager.key").write_text(PAGER_KEY)
    monkeypatch.setenv("CHAT", f"{chat.url}/services/T0/B0/hush")
    return folder


def run(project: Path, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["channels", *arguments, "--project", str(project)])
    return done.exit_code, done.output


def test_every_channel_is_tried_and_no_incident_stays_open(project: Path, chat: HttpReceiver, pager: HttpReceiver) -> None:
    code, said = run(project, "test")
    assert (code, [line.split() for line in said.splitlines()]) == (0, [["file", "told"], ["chat", "told"], ["pagerduty", "told"]])
    assert [body["event_action"] for _, _, body in pager.requests] == ["trigger", "resolve"]
    assert all("TEST" in body["attachments"][0]["text"] for _, _, body in chat.requests)
    lines = (project / ".gonogo" / "alarms.jsonl").read_text().splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["fired", "resolved"]


def test_a_channel_that_does_not_take_it_is_named_with_the_reason_and_without_its_secret(
    project: Path, chat: HttpReceiver, pager: HttpReceiver
) -> None:
    chat.answer = lambda path, body: (404, path.encode())
    code, said = run(project, "test", "chat", "--json")
    [tried] = json.loads(said)["channels"]
    assert (code, tried["name"]) == (1, "chat")
    assert "answers 404" in tried["problem"]
    assert "hush" not in said
    assert pager.requests == []


def test_a_channel_that_is_not_there_is_refused_with_those_that_are(project: Path) -> None:
    code, said = run(project, "test", "chart")
    assert code == 2
    assert "file, chat, pagerduty" in said


def test_channels_are_shown_with_their_levels_and_where_their_secrets_are(project: Path) -> None:
    code, said = run(project)
    assert code == 0
    assert "critical, warning" in said
    assert "url from $CHAT" in said
    assert "pager.key" in said
    assert not [secret for secret in (PAGER_KEY, "hush") if secret in said]


def test_a_level_that_nobody_is_told_of_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    sample.write_project(folder)
    with (folder / "gonogo.yaml").open("a") as file:
        file.write("monitor: {channels: [{channel: log, levels: [critical]}]}\n")
    code, said = run(folder, "--json")
    assert (code, json.loads(said)["nobody"]) == (0, ["warning", "info"])
