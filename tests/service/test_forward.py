"""Forwarding takes an arm's answer or an error, never longer than the deadline, and never somebody else's answer."""

import asyncio
import contextlib
import socket

import pytest

from gonogo.errors import UnreachableError
from gonogo.service.answering.forward import MOST_IN_FLIGHT, Forwarder
from gonogo.service.client import connect_unix, request_bytes
from gonogo.service.door.exchange import Exchange

ARM = "m@1.1.0"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nx-gonogo-release: m@1.1.0\r\n\r\n%b"


@contextlib.asynccontextmanager
async def arm(path, behave, heads=None):
    """An arm of our own making: `behave(number of the request, body) -> bytes to send, or None to hang up`. Heads go into `heads`."""
    count, serving = 0, []

    async def serve(reader, writer):
        nonlocal count
        serving.append((asyncio.current_task(), writer))
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                assert b"x-gonogo-assigned: m@1.1.0" in head
                if heads is not None:
                    heads.append(head)
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                count += 1
                answer = behave(count, body)
                answer = await answer if asyncio.iscoroutine(answer) else answer
                if answer is None:
                    break
                writer.write(answer)
        writer.close()

    server = await asyncio.start_unix_server(serve, str(path), backlog=1024)
    forwarder = Forwarder(str(path), ARM)
    try:
        yield forwarder
    finally:
        forwarder.give_up()
        server.close()
        for task, writer in serving:
            task.cancel()
            writer.close()
        await asyncio.sleep(0.05)


def asked(body, target=b"/predict", **headers):
    return Exchange(b"POST", target, {name.encode().replace(b"_", b"-"): value for name, value in headers.items()}, body)


def echo(count, body):
    return ANSWER % (len(body), body)


def test_each_of_many_requests_gets_its_own_answer(tmp_path):
    async def slowly(count, body):
        await asyncio.sleep(0.001 * (count % 7))
        return echo(count, body)

    async def go():
        async with arm(tmp_path / "s", slowly) as forwarder:
            bodies = [b"body %d" % n for n in range(200)]
            answers = await asyncio.gather(*(forwarder.predict(asked(body), 5) for body in bodies))
            assert [answer.body for answer in answers] == bodies

    asyncio.run(go())


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"what?\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx-gonogo-release: m@1.0.0\r\ncontent-length: 0\r\n\r\n",
    ],
    ids=["hangs up", "no HTTP", "too short", "nameless", "another release"],
)
def test_what_is_no_answer_of_the_arm_is_an_error(tmp_path, answer):
    async def go():
        async with arm(tmp_path / "s", lambda count, body: answer) as forwarder:
            with pytest.raises(UnreachableError):
                await forwarder.predict(asked(b"{}"), 0.3)

    asyncio.run(go())


def test_an_arm_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(UnreachableError, match="does not answer"):
        asyncio.run(Forwarder(str(tmp_path / "none"), ARM).predict(asked(b"{}"), 1))


def test_what_the_codec_needs_travels_with_the_request_and_keys_do_not(tmp_path):
    heads = []

    async def go():
        async with arm(tmp_path / "s", echo, heads) as forwarder:
            headers = {"content_type": b"application/octet-stream", "inference_header_content_length": b"7", "authorization": b"Bearer k"}
            await forwarder.predict(asked(b"body", b"/v2/models/m/infer?explain=true", **headers), 5)

    asyncio.run(go())
    first, *lines = heads[0].split(b"\r\n")
    assert first == b"POST /v2/models/m/infer?explain=true HTTP/1.1"
    assert {b"content-type: application/octet-stream", b"inference-header-content-length: 7"} <= set(lines)
    assert b"Bearer" not in heads[0]


def test_a_late_answer_is_never_taken_for_the_next_request_s(tmp_path):
    async def late_first(count, body):
        if count == 1:
            await asyncio.sleep(0.3)
        return echo(count, body)

    async def go():
        async with arm(tmp_path / "s", late_first) as forwarder:
            with pytest.raises(UnreachableError, match="within"):
                await forwarder.predict(asked(b"first"), 0.05)
            for number in range(10):
                assert (await forwarder.predict(asked(b"%d" % number), 5)).body == b"%d" % number
                await asyncio.sleep(0.04)

    asyncio.run(go())


def test_a_kept_connection_that_was_closed_meanwhile_is_replaced_without_an_error(tmp_path):
    async def go():
        async with arm(tmp_path / "s", lambda count, body: echo(count, body) if count % 2 else None) as forwarder:
            # Every second request meets a connection that the arm closes; the third asks again on a fresh one.
            assert (await forwarder.predict(asked(b"a"), 5)).body == b"a"
            assert (await forwarder.predict(asked(b"b"), 5)).body == b"b"

    asyncio.run(go())


def test_a_hung_arm_never_holds_more_than_a_bounded_number_of_requests(tmp_path):
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "s"))
    listening.listen(1024)

    async def go():
        forwarder = Forwarder(str(tmp_path / "s"), ARM)
        outcomes = await asyncio.gather(*(forwarder.predict(asked(b"{}"), 0.3) for _ in range(MOST_IN_FLIGHT + 50)), return_exceptions=True)
        assert all(isinstance(outcome, UnreachableError) for outcome in outcomes)
        assert sum("already has" in str(outcome) for outcome in outcomes) == 50
        await asyncio.sleep(0.05)

    asyncio.run(go())
    listening.close()


def test_giving_up_answers_everything_in_flight_at_once(tmp_path):
    async def never(count, body):
        await asyncio.sleep(60)

    async def go():
        async with arm(tmp_path / "s", never) as forwarder:
            waiting = [asyncio.ensure_future(forwarder.predict(asked(b"{}"), 60)) for _ in range(5)]
            await asyncio.sleep(0.05)
            forwarder.give_up()
            outcomes = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
            assert all("taken off" in str(outcome) for outcome in outcomes)

    asyncio.run(go())


def test_an_answer_that_nobody_asked_for_ends_the_connection(tmp_path):
    async def go():
        async with arm(tmp_path / "s", lambda count, body: echo(count, body) * 2):
            connection = await connect_unix(str(tmp_path / "s"))
            await connection.request(request_bytes("POST", "/predict", "arm", b"x", b"x-gonogo-assigned: m@1.1.0\r\n"))
            await asyncio.sleep(0.05)
            assert not connection.usable

    asyncio.run(go())


def test_the_arm_gets_the_callers_trace_and_request_id_and_never_their_key(tmp_path):
    heads = []
    trace, span = b"0af7651916cd43dd8448eb211c80319c", b"b7ad6b7169203331"

    async def go():
        async with arm(tmp_path / "s", echo, heads) as forwarder:
            headers = {
                "x_request_id": b"r-1",
                "traceparent": b"00-%b-%b-01" % (trace, span),
                "authorization": b"Bearer gng_x",
                "x_api_key": b"gng_y",
            }
            await forwarder.predict(asked(b"body", **headers), 5)

    asyncio.run(go())
    [head] = heads
    assert b"\r\nx-request-id: r-1\r\n" in head
    assert b"\r\ntraceparent: 00-%b-" % trace in head
    assert span not in head
    assert head.count(b"x-request-id") == head.count(b"traceparent") == 1
    assert b"gng_" not in head
