"""Sessions: how long they hold, by which cookie, and for which browser."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

import sample
from gonogo.base.clock import FakeClock
from gonogo.http.sessions import LASTS, MOST, SILENT, Refused, Sessions
from gonogo.operations.api_keys import api_key_new
from gonogo.operations.workspace import Workspace
from gonogo.service.callers.api_keys import KeyFile


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    sample.write_project(tmp_path / "project")
    return Workspace.open(tmp_path / "project")


def shown(sessions: Sessions, token: str) -> dict[str, str]:
    return {"cookie": sessions.cookie(token)[1].partition(";")[0]}


def test_sessions_end_by_time_and_silence_and_are_bounded(workspace):
    text = api_key_new(workspace, "olga", "operator", days=30).text
    clock = FakeClock(workspace.clock.now())
    sessions = Sessions(KeyFile(workspace.service), clock)
    tokens = [sessions.sign_in(text, {})[1] for _ in range(MOST + 1)]
    alive = [token for token in tokens if sessions.of(shown(sessions, token))]
    assert alive == tokens[1:], "the one that was not used for longest is gone"
    clock.advance(timedelta(days=31).total_seconds())
    assert sessions.of(shown(sessions, tokens[-1])) is None, "the key has expired"
    with pytest.raises(Refused):
        sessions.sign_in(text, {})
    assert SILENT < LASTS


@pytest.mark.parametrize(
    "others",
    [
        "a=b; ",
        'theme={"dark": true, "x": [1,2]}; ',
        "a b c; =; ;; ",
        'q="unclosed; ',
        "café=ü; ",
        f"long={'x' * 6000}; ",
        "gonogo-operator=old; ",
    ],
)
def test_odd_cookies_of_others_do_not_sign_anybody_out(workspace, others):
    text = api_key_new(workspace, "olga", "operator").text
    sessions = Sessions(KeyFile(workspace.service), workspace.clock)
    own = shown(sessions, sessions.sign_in(text, {})[1])["cookie"]
    assert sessions.of({"cookie": others + own})
    assert sessions.of({"cookie": "x" + own}) is None


def test_two_dashboards_of_one_host_know_their_own_cookies(workspace):
    text = api_key_new(workspace, "olga", "operator").text
    one, other = (Sessions(KeyFile(workspace.service), workspace.clock) for _ in range(2))
    jar = "; ".join(shown(sessions, sessions.sign_in(text, {})[1])["cookie"] for sessions in (one, other))
    assert one.of({"cookie": jar})
    assert other.of({"cookie": jar})


def test_signing_in_again_ends_the_earlier_session_of_that_browser_alone(workspace):
    text = api_key_new(workspace, "olga", "operator").text
    sessions = Sessions(KeyFile(workspace.service), workspace.clock)
    first, elsewhere = (shown(sessions, sessions.sign_in(text, {})[1]) for _ in range(2))
    again = shown(sessions, sessions.sign_in(text, first)[1])
    assert sessions.of(first) is None
    assert sessions.of(again)
    assert sessions.of(elsewhere)
