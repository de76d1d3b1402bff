"""Laws of the HTTP connection and the codecs: cuts change nothing, and no input crashes, hangs or leaves anything behind."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gonogo.release.contents import Bundle
from gonogo.service.answering.endpoints import endpoints
from gonogo.service.answering.loading import served_bundle
from hostile_requests import CASES, HOST
from http_fuzz import body_seeds, check_codec, check_connection, converse, mutated, pieces, request_seeds, spoiled_body
from small_bundle import put_bundle

REQUESTS, BODIES = request_seeds(), body_seeds()
QUICK = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
TARGETS = st.from_regex(rb"/[a-z0-9?=&%]{0,20}", fullmatch=True)


@st.composite
def honest(draw):
    """A request that must be served, and what a handler must see of it."""
    method = draw(st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE"]))
    target, body = draw(TARGETS), draw(st.binary(max_size=400))
    head = method + b" " + target + b" HTTP/1.1\r\n" + HOST
    if not body:
        return head + b"\r\n", (method, target, b"")
    if draw(st.booleans()):
        return head + b"content-length: %d\r\n\r\n" % len(body) + body, (method, target, body)
    step = draw(st.integers(1, 200))
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for n in range(0, len(body), step) if (part := body[n : n + step]))
    return head + b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n", (method, target, body)


@QUICK
@given(st.lists(honest(), max_size=12), st.randoms(use_true_random=False))
def test_an_honest_pipeline_is_read_as_it_was_meant_however_it_is_cut(requests, random):
    wire = b"".join(wire for wire, _ in requests)
    meant = [seen for _, seen in requests]
    assert converse(pieces(random, wire))[0] == meant
    assert converse(pieces(random, wire), random=random)[0] == meant


@QUICK
@given(st.randoms(use_true_random=False))
def test_a_spoiled_request_is_judged_alike_however_it_is_cut_and_leaves_nothing_behind(random):
    check_connection(random, mutated(random, REQUESTS))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_each_hostile_request_is_judged_alike_byte_by_byte(case):
    whole = converse([case.wire])
    assert converse([case.wire[n : n + 1] for n in range(len(case.wire))]) == whole
    assert len(whole[0]) == case.ours[0]


@pytest.fixture(scope="module")
def codecs(tmp_path_factory):
    bundle = Bundle.open(put_bundle(tmp_path_factory.mktemp("b") / "b"))
    return endpoints(served_bundle("small@1.0.0", bundle, {}), 1000)


@QUICK
@given(st.randoms(use_true_random=False))
def test_a_codec_accepts_or_refuses_whatever_it_gets(codecs, random):
    _, body, headers = spoiled_body(random, BODIES)
    for codec in codecs.values():
        check_codec(codec, body, dict(headers))
