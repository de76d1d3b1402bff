"""Who may act: sessions, forms and what they refuse, over real connections to a dashboard of a real workspace."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

import sample
from gonogo import settings
from gonogo.http.actions import ACTIONS
from gonogo.http.dashboard import open_dashboard
from gonogo.http.door import MOST_BODY
from gonogo.http.forms import MOST_FIELDS
from gonogo.http.sessions import TRIES
from gonogo.operations.api_keys import api_key_new, api_key_revoke
from gonogo.operations.audit_log import audit_log
from gonogo.operations.sign_elsewhere import answer_request, write_request
from gonogo.operations.workspace import Workspace
from team import Team, make
from visitor import Visitor


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    sample.write_project(tmp_path_factory.mktemp("operated") / "project")
    return Workspace.open(tmp_path_factory.getbasetemp() / "operated0" / "project")


@pytest.fixture(scope="module")
def keys(workspace: Workspace) -> dict[str, str]:
    return {name: api_key_new(workspace, name, role).text for name, role in (("olga", "operator"), ("rita", "reader"), ("ada", "admin"))}


@pytest.fixture
def visitor(workspace: Workspace, keys: dict[str, str]) -> Iterator[Visitor]:
    with open_dashboard(workspace) as door:
        yield Visitor(door.url)


def test_pages_are_open_and_acting_leads_to_signing_in(visitor):
    assert visitor.ask("GET", "/")[0] == 200
    for verb in ACTIONS:
        code, headers, _ = visitor.ask("GET", f"/act/{verb}?alarm=drift")
        assert (code, headers["Location"]) == (303, f"/sign-in?next=/act/{verb}%3Falarm%3Ddrift")
        assert visitor.ask("POST", f"/act/{verb}", {"reason": "x"})[0] == 401
    assert visitor.ask("GET", "/act/erase")[0] == 404
    assert visitor.ask("GET", "/sign-out")[0] == 405


@pytest.mark.parametrize(("name", "code"), [("olga", 303), ("ada", 303), ("rita", 403)])
def test_the_key_of_an_operator_or_above_signs_in(visitor, keys, name, code):
    answered, headers, body = visitor.sign_in(keys[name])
    assert answered == code
    assert keys[name] not in body + str(headers)
    if code == 303:
        assert re.fullmatch(
            r"gonogo-operator-[0-9a-f]{8}=[\w-]{43}; Path=/; HttpOnly; SameSite=Strict; Max-Age=28800", headers["Set-Cookie"]
        )
        assert name in visitor.ask("GET", "/")[2]


def test_wrong_keys_are_all_refused_alike_and_soon_no_more_are_heard(visitor, keys, caplog):
    wrong = [keys["olga"][:-1] + ("0" if keys["olga"][-1] != "0" else "1"), "gng_000000000000_" + "0" * 64, "", "ключ", "x" * 5000]
    said = set()
    for key in wrong[:TRIES]:
        code, _, body = visitor.sign_in(key)
        assert code == 403
        said.add(re.search(r'role="alert">([^<]+)<', body)[1])
    assert len(said) == 1
    code, headers, _ = visitor.sign_in(wrong[0])
    assert code == 429
    assert 0 < int(headers["Retry-After"]) <= 20
    assert visitor.sign_in(keys["olga"])[0] == 303, "a right key is let in, whatever others try"
    assert caplog.text.count("a key that is not accepted") == TRIES
    assert not any(key and key in caplog.text for key in wrong)


def test_a_form_needs_the_token_of_its_own_session_and_comes_from_a_page_of_ours(visitor, keys, workspace):
    visitor.sign_in(keys["olga"])
    other = Visitor(f"http://{visitor.host}")
    other.sign_in(keys["ada"])
    before = audit_log(workspace).total
    whole = {"alarm": "drift", "hours": "1", "reason": "maintenance", "token": visitor.token()}
    for form in (
        {**whole, "token": ""},
        {**whole, "token": other.token()},
        {name: value for name, value in whole.items() if name != "token"},
    ):
        assert visitor.ask("POST", "/act/silence", form)[0] == 403
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert visitor.ask("POST", "/act/silence", whole, **headers)[0] == 403
    assert visitor.ask("GET", "/act/silence?" + urlencode(whole))[0] == 200, "a link asks; it does nothing"
    assert audit_log(workspace).total == before
    assert visitor.ask("POST", "/act/silence", whole, Origin=f"http://{visitor.host}")[0] == 303
    assert audit_log(workspace).total == before + 1


def test_what_is_done_is_in_the_log_under_the_name_of_the_key_and_is_told_once(visitor, keys, workspace):
    visitor.sign_in(keys["olga"])
    form = {"alarm": "drift", "hours": "2", "reason": "the source is mended", "token": visitor.token()}
    assert visitor.ask("POST", "/act/silence", form)[1]["Location"] == "/"
    assert "drift is silent until" in visitor.ask("GET", "/")[2]
    assert "drift is silent until" not in visitor.ask("GET", "/")[2]
    event = audit_log(workspace, last=1).events[0]
    assert (event.kind, event.actor, event.body["reason"]) == ("silence", "olga", "the source is mended")
    assert settings.actor() != "olga"


def test_a_signature_made_elsewhere_is_verified_and_recorded(tmp_path):
    """The answer file goes up as a browser sends it; what it holds counts, its name does not."""
    make(tmp_path)
    workspace = Team(tmp_path / "project", tmp_path / "keys").workspace()
    write_request(workspace, "lead", tmp_path / "request.json")
    answer_request(tmp_path / "request.json", key=tmp_path / "keys" / "ana.key", out=tmp_path / "answer.json")
    text = api_key_new(workspace, "olga", "operator").text
    with open_dashboard(workspace) as door:
        visitor = Visitor(door.url)
        visitor.sign_in(text)
        for answer, said in (((tmp_path / "answer.json").read_text(), "ana as lead: approve"), ("[]", "answer.json")):
            token = visitor.token("/act/signature")
            body = f'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\n{token}\r\n--b\r\n'
            body += f'Content-Disposition: form-data; name="file"; filename="../../gonogo.yaml"\r\n\r\n{answer}\r\n--b--\r\n'
            headers = {"Cookie": visitor.cookie, "Content-Type": "multipart/form-data; boundary=b"}
            connection = http.client.HTTPConnection(visitor.host, timeout=60)
            connection.request("POST", "/act/signature", body.encode(), headers)
            assert connection.getresponse().getheader("Location") == "/checklist"
            connection.close()
            page = visitor.ask("GET", "/checklist")[2]
            assert said in page, re.findall("flash.*", page)
    assert [event.actor for event in audit_log(workspace).events if event.kind == "sign_off"] == ["olga"]


@pytest.mark.parametrize(
    ("verb", "form", "said"),
    [
        ("silence", {"alarm": "drift", "hours": "1", "reason": "  "}, "give a reason"),
        ("silence", {"alarm": "drift", "hours": "many", "reason": "x"}, "a number of hours"),
        ("silence", {"alarm": "drift", "hours": "nan", "reason": "x"}, "cannot be"),
        ("silence", {"hours": "1", "reason": "x"}, "alarm is missing"),
        ("silence", {"alarm": "<b>no</b>", "hours": "1", "reason": "x"}, "no alarm is called"),
        ("acknowledge", {"alarm": "drift"}, "no alarm &#39;drift&#39; rings"),
        ("abort", {"reason": "x"}, "no rollout of small is under way"),
        ("promote", {"reason": "x"}, "no rollout of small is under way"),
        ("rollback", {"reason": "x"}, "no other release of small has been in production"),
        ("rollback", {"reason": "x", "to": "small@9.9.9"}, "9.9.9"),
        ("signature", {"file": "{}"}, "answer.json"),
        ("signature", {"file": "\0"}, "answer.json"),
        ("unsilence", {"silence": "none"}, "there is no silence"),
    ],
)
def test_what_cannot_be_done_is_said_and_not_done(visitor, keys, workspace, verb, form, said):
    visitor.sign_in(keys["olga"])
    before = audit_log(workspace).total
    code, headers, _ = visitor.ask("POST", f"/act/{verb}", {**visitor.hidden("/act/abort"), **form})
    assert code == 303
    page = visitor.ask("GET", headers["Location"])[2]
    flash = re.search(r'<p class="flash bad" role="status">(.*?)</p>', page, re.DOTALL)
    assert flash, page
    assert said in flash[1]
    assert "<b>" not in flash[1]
    assert audit_log(workspace).total == before


def test_signing_out_ends_the_session_and_so_does_the_end_of_the_key(visitor, keys, workspace):
    visitor.sign_in(keys["olga"])
    old, token = visitor.cookie, visitor.token()
    code, headers, _ = visitor.ask("POST", "/sign-out", {"token": token})
    assert (code, "Max-Age=0" in headers["Set-Cookie"]) == (303, True)
    visitor.cookie = old
    assert visitor.ask("POST", "/act/silence", {"token": token, "alarm": "drift", "hours": "1", "reason": "x"})[0] == 401
    visitor.sign_in(api_key_new(workspace, "temporary", "operator").text)
    token = visitor.token()
    api_key_revoke(workspace, "temporary")
    assert visitor.ask("POST", "/act/silence", {"token": token, "alarm": "drift", "hours": "1", "reason": "x"})[0] == 401


@pytest.mark.parametrize(
    "there", ["//evil.example", "http://evil.example", "/\\evil.example", "/nothing", "/act/abort\r\nSet-Cookie: a=b", "javascript:1"]
)
def test_signing_in_leads_to_a_page_of_ours_only(visitor, keys, there):
    assert 'value="/"' in visitor.ask("GET", "/sign-in?" + urlencode({"next": there}))[2]
    code, headers, _ = visitor.ask("POST", "/sign-in", {"key": keys["olga"], "next": there})
    assert (code, headers["Location"]) == (303, "/")


def test_a_cookie_that_is_none_is_nobody(visitor):
    for cookie_ in ("gonogo-operator=", "gonogo-operator=x", "gonogo-operator=" + "a" * 43, "; ; =", "gonogo-operator=\xff"):
        visitor.cookie = cookie_
        assert visitor.ask("GET", "/act/abort")[0] == 303
        assert "Sign in" in visitor.ask("GET", "/")[2]


def test_two_actions_at_once_are_one(visitor, keys, workspace):
    """The store is held by somebody else meanwhile: the first action waits, the second is refused."""
    visitor.sign_in(keys["olga"])
    token = visitor.token()
    form = {"alarm": "drift", "hours": "1", "reason": "once", "token": token}
    done: list[int] = []
    with Workspace.open(workspace.project.root).store().transaction():
        first = threading.Thread(target=lambda: done.append(visitor.ask("POST", "/act/silence", form)[0]))
        first.start()
        first.join(1.0)
        other = Visitor(f"http://{visitor.host}")
        other.sign_in(keys["ada"])
        answer = other.ask("POST", "/act/silence", {**form, "token": other.token()})
        assert answer[0] == 303
    first.join(20)
    page = other.ask("GET", "/")[2]
    assert "another action is under way" in page, re.findall(r"flash.*", page)
    assert done == [303]


def test_a_form_with_too_many_fields_is_refused(visitor, keys):
    visitor.sign_in(keys["olga"])
    many = {f"f{number}": "" for number in range(MOST_FIELDS)}
    assert visitor.ask("POST", "/act/silence", {**many, "token": visitor.token()})[0] == 400
    assert visitor.ask("POST", "/sign-in", {**many, "key": keys["olga"]})[0] == 400


def test_signing_in_reads_no_form_in_parts(visitor, keys):
    kind = "multipart/form-data; boundary=b"
    body = f'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\n{keys["olga"]}\r\n--b--\r\n'
    assert visitor.send("POST", "/sign-in", body, **{"Content-Type": kind})[0] == 403


def test_a_head_tells_nothing_so_the_next_page_does(visitor, keys):
    visitor.sign_in(keys["olga"])
    visitor.ask("POST", "/act/silence", {"token": visitor.token(), "alarm": "drift"})
    visitor.ask("HEAD", "/")
    visitor.ask("HEAD", "/act/abort")
    assert visitor.said() == "✗ Nothing was done: give a reason."


def test_a_name_in_a_link_stays_a_name_after_signing_in(visitor, keys):
    there = "/act/silence?" + urlencode({"alarm": "drift", "x=1&y": "z"})
    assert visitor.ask("GET", there)[1]["Location"] == "/sign-in?" + urlencode({"next": there}).replace("%2F", "/")


def test_an_upload_that_is_none_says_nothing_of_where_it_lay(visitor, keys):
    visitor.sign_in(keys["olga"])
    said = visitor.confirm("signature", {"token": visitor.token(), "file": "{}"})
    assert "answer.json" in said
    assert "/answer.json" not in said


def test_a_store_that_is_gone_is_a_page_that_says_uncertain(tmp_path: Path):
    sample.write_project(tmp_path / "project")
    workspace = Workspace.open(tmp_path / "project")
    workspace.store()
    workspace.log_file.unlink()
    with open_dashboard(workspace) as door:
        code, headers, body = Visitor(door.url).ask("GET", "/")
    assert (code, headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert "UNCERTAIN" in body
    assert "was removed" in body


def test_a_body_that_is_too_large_is_refused_before_it_is_read(visitor, keys):
    visitor.sign_in(keys["olga"])
    assert visitor.ask("POST", "/act/signature", {"file": "x" * MOST_BODY})[0] == 413


def test_events_say_nothing_of_who_acts_and_follow_pages_alone(visitor):
    assert visitor.ask("GET", "/events?page=now&at=/../etc")[0] == 404
    assert visitor.ask("GET", "/events?page=drift&at=/")[0] == 404
    connection = http.client.HTTPConnection(visitor.host, timeout=20)
    connection.request("GET", "/events?page=now&at=/")
    answer = connection.getresponse()
    assert answer.getheader("Content-Type") == "text/event-stream"
    assert answer.readline() == b"event: part\n"
    message = json.loads(answer.readline().removeprefix(b"data: "))
    assert {"title", "tone", "time", "said", "html"} == set(message)
    connection.close()


def test_every_record_behind_the_pages_is_json(visitor):
    for path in (
        "/status.json",
        "/log.json",
        "/alarms.json",
        "/drift.json",
        "/traffic/1h.json",
        "/traffic/24h.json",
        "/traffic/7d.json",
        "/quality.json",
    ):
        code, headers, body = visitor.ask("GET", path)
        assert (code, headers["Content-Type"]) == (200, "application/json"), (path, body)
        assert json.loads(body)


def test_the_keys_file_that_is_damaged_lets_nobody_in(tmp_path: Path):
    sample.write_project(tmp_path / "project")
    workspace = Workspace.open(tmp_path / "project")
    text = api_key_new(workspace, "olga", "operator").text
    (workspace.service / "api_keys.json").write_text("{}")
    with open_dashboard(workspace) as door:
        assert Visitor(door.url).sign_in(text)[0] == 503
