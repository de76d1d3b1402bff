"""Who is let in: keys, roles and limits, on real exchanges."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gonogo.base.clock import stamp
from gonogo.errors import UsageError
from gonogo.service.callers.access import OPEN, Access, check_exposure, is_loopback, told
from gonogo.service.callers.api_keys import make_key
from gonogo.service.callers.rates import Rates, read_limits
from gonogo.service.door.exchange import Exchange

NOW = datetime.now(UTC)


class Answered(Exchange):
    """An exchange whose answer stays here."""

    __slots__ = ("body_out", "headers_out", "status")

    def __init__(self, target=b"/predict", method=b"POST", **headers):
        super().__init__(method, target, {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}, b"")
        self.status = None

    def answer(self, status, body, *, content_type=b"", headers=None):
        self.status, self.body_out, self.headers_out = status, body, headers


def door(*keys, limits=None, workers=1):
    access = Access()
    access.put(told(keys, limits or {}, workers))
    return access


def ask(access, role="reader", **headers):
    exchange = Answered(**headers)
    admitted = access.admit(exchange, role)
    assert admitted == (exchange.status is None)
    return exchange


ANA, ANA_TEXT = make_key("ana", "reader", NOW, None)
OTTO, OTTO_TEXT = make_key("otto", "operator", NOW, timedelta(days=1))
ADA, ADA_TEXT = make_key("ada", "admin", NOW, None)
GONE = replace(ANA, id="0" * 12, revoked=stamp(NOW))
LATE, LATE_TEXT = make_key("late", "admin", NOW - timedelta(days=2), timedelta(days=1))


def test_without_keys_everybody_is_let_in():
    assert ask(Access()).status is None
    assert ask(door()).status is None


@pytest.mark.parametrize(
    "header",
    [{"authorization": f"Bearer {ANA_TEXT}"}, {"authorization": f"bearer {ANA_TEXT}"}, {"x_api_key": ANA_TEXT}],
    ids=["Bearer", "bearer", "x-api-key"],  # the texts are new in every process
)
def test_a_key_is_taken_from_either_header_and_names_the_caller(header):
    exchange = ask(door(ANA, OTTO), **header)
    assert (exchange.status, exchange.caller) == (None, "ana")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        ANA_TEXT[:-1],
        ANA_TEXT + "0",
        ANA_TEXT.upper(),
        "GNG" + ANA_TEXT[3:],
        ANA_TEXT[:17] + "0" * 64,
        f"gng_{'f' * 12}_{ANA_TEXT[17:]}",
        f"gng_{GONE.id}_{ANA_TEXT[17:]}",
        f"gng_{OTTO.id}_{ANA_TEXT[17:]}",
        LATE_TEXT,
        ANA.sha256,
        "\xff" * 81,
    ],
    ids=[
        "empty",
        "x",
        "short",
        "long",
        "upper",
        "other head",
        "other secret",
        "unknown",
        "revoked",
        "another's",
        "expired",
        "hash",
        "bytes",
    ],
)
def test_unknown_wrong_expired_and_revoked_keys_get_one_and_the_same_answer(text):
    access = door(ANA, OTTO, GONE, LATE)
    missing = ask(access)
    refused = ask(access, authorization=f"Bearer {text}")
    assert (refused.status, refused.body_out, refused.headers_out) == (401, missing.body_out, missing.headers_out)
    assert b"www-authenticate: Bearer" in refused.headers_out
    assert refused.caller == ""
    assert json.loads(refused.body_out)["status"] == 401


def test_a_key_ends_at_its_time_without_being_told():
    soon, text = make_key("soon", "reader", datetime.now(UTC), timedelta(seconds=2))
    access = door(soon)
    assert ask(access, x_api_key=text).status is None
    while time.time() < soon.until():
        time.sleep(0.05)
    assert ask(access, x_api_key=text).status == 401


def test_the_end_of_the_last_key_does_not_open_the_service():
    assert ask(door(replace(ANA, revoked=stamp(NOW)))).status == 401


@pytest.mark.parametrize(
    ("text", "may"),
    [(ANA_TEXT, ["reader"]), (OTTO_TEXT, ["reader", "operator"]), (ADA_TEXT, ["reader", "operator", "admin"])],
    ids=["reader", "operator", "admin"],
)
def test_each_role_may_what_the_ones_below_it_may(text, may):
    access = door(ANA, OTTO, ADA)
    for role in ("reader", "operator", "admin"):
        assert ask(access, role, x_api_key=text).status == (None if role in may else 403)


@pytest.mark.parametrize("path", sorted(OPEN))
def test_health_is_open_and_only_to_be_read(path):
    access = door(ANA)
    assert access.admit(Answered(path, b"GET"), "reader")
    assert access.admit(Answered(path + b"?verbose", b"HEAD"), "reader")
    assert not access.admit(Answered(path, b"POST"), "reader")


@pytest.mark.parametrize("path", [b"/", b"/metrics", b"/stats", b"/docs", b"/health/", b"/v2", b"//health"])
def test_every_other_page_needs_a_key(path):
    assert not door(ANA).admit(Answered(path, b"GET"), "reader")


@pytest.mark.parametrize(
    "document", [{}, {"keys": [{}], "limits": {}, "workers": 1}, {"keys": [], "limits": {"reader": "x"}, "workers": 1}]
)
def test_what_is_no_access_document_changes_nothing(document):
    access = door(ANA)
    with pytest.raises((KeyError, ValueError)):
        access.put(document)
    assert ask(access).status == 401


# ---- limits


def test_above_the_rate_of_the_role_it_says_429_and_when_to_come_back():
    access = door(ANA, OTTO, limits={"reader": 3.0})
    assert [ask(access, x_api_key=ANA_TEXT).status for _ in range(5)] == [None, None, None, 429, 429]
    refused = ask(access, x_api_key=ANA_TEXT)
    assert b"retry-after: 1\r\n" in refused.headers_out
    assert ask(access, x_api_key=OTTO_TEXT).status is None, "another role has no limit"


def test_each_caller_has_a_bucket_and_two_keys_of_one_name_share_it():
    again, again_text = make_key("ana", "reader", NOW, None)
    ben, ben_text = make_key("ben", "reader", NOW, None)
    access = door(ANA, again, ben, limits={"reader": 2.0})
    assert [ask(access, x_api_key=text).status for text in (ANA_TEXT, again_text, ANA_TEXT, again_text)] == [None, None, 429, 429]
    assert ask(access, x_api_key=ben_text).status is None


def test_without_keys_all_callers_together_have_the_readers_limit():
    access = door(limits={"reader": 1.0})
    assert [ask(access).status for _ in range(3)] == [None, 429, 429]


def test_a_bucket_fills_at_the_rate_and_never_above_one_second_of_it():
    rates = Rates({"reader": 10.0}, workers=1)
    assert sum(rates.wait("ana", "reader", 100.0) == 0 for _ in range(20)) == 10
    assert rates.wait("ana", "reader", 100.0) == pytest.approx(0.1)
    assert rates.wait("ana", "reader", 100.125) == 0
    assert sum(rates.wait("ana", "reader", 500.0) == 0 for _ in range(20)) == 10
    assert rates.wait("ana", "reader", 1.0) > 0, "a clock that goes back gives nothing"


def test_a_key_that_is_made_or_revoked_fills_nobodys_bucket():
    access = door(ANA, limits={"reader": 2.0, "operator": 1.0})
    spent = [ask(access, x_api_key=ANA_TEXT).status for _ in range(3)]
    assert spent == [None, None, 429]
    access.put(told([ANA, OTTO], {"reader": 2.0, "operator": 1.0}, 1))
    assert ask(access, x_api_key=ANA_TEXT).status == 429
    assert ask(access, x_api_key=OTTO_TEXT).status is None
    access.put(told([ANA, OTTO], {}, 1))
    assert ask(access, x_api_key=ANA_TEXT).status is None, "other limits hold at once"


def test_workers_share_the_limit():
    parts = [Rates({"reader": 8.0}, workers=4) for _ in range(4)]
    assert sum(part.wait("ana", "reader", 0.0) == 0 for part in parts for _ in range(10)) == 8


@pytest.mark.parametrize(
    "text", ["reader", "reader=", "reader=0", "reader=-1", "reader=nan", "reader=inf", "root=5", "reader=5,operator=6"]
)
def test_limits_that_say_nothing_are_refused(text):
    with pytest.raises(UsageError, match="is no limit"):
        read_limits(text)


def test_limits_are_requests_a_second_by_role():
    assert read_limits("reader=500 operator=2.5") == {"reader": 500.0, "operator": 2.5}
    assert read_limits("") == {}


# ---- where it may listen


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_on_this_machine_no_key_is_needed(host):
    assert is_loopback(host)
    check_exposure(host, [])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "", "127.0.0.1.example.org"])
def test_where_others_can_ask_it_takes_a_key_and_says_how_to_make_one(host):
    with pytest.raises(UsageError) as refused:
        check_exposure(host, [])
    assert "gonogo apikey new" in refused.value.hint
    check_exposure(host, [replace(ANA, revoked=stamp(NOW))])


@pytest.mark.parametrize("host", ["127.0.0.1:8400", "localhost", "LOCALHOST:1", "[::1]:8400", "a.localhost", "gpu-1", "10.0.0.7", ""])
def test_without_keys_a_name_of_this_machine_is_answered(host):
    assert ask(door(), host=host.lower()).status is None


@pytest.mark.parametrize("limits", [{}, {"anybody": 1000.0}])
@pytest.mark.parametrize("host", ["evil.example.com", "evil.example.com:8400", "127.0.0.1.example.com", "localhost.example.com", "a.b"])
def test_without_keys_a_page_whose_name_was_turned_to_this_machine_is_not_answered(host, limits):
    access = door(limits=limits)
    assert ask(access, host="127.0.0.1:8400").status is None
    assert ask(access, "operator", host=host).status == 421


@pytest.mark.parametrize("origin", ["http://evil.example.com", "null", "http://127.0.0.1:8401", "http://localhost:8400", ""])
def test_without_keys_a_page_of_another_origin_is_not_answered(origin):
    access = door()
    for _ in range(2):
        assert ask(access, "operator", host="127.0.0.1:8400", origin=origin).status == 403
        assert ask(access, host="127.0.0.1:8400", origin="http://127.0.0.1:8400").status is None


def test_with_keys_a_key_is_what_counts():
    assert ask(door(ANA), host="models.example.org", origin="https://shop.example.org", x_api_key=ANA_TEXT).status is None
