"""The small client against servers that say more than they were asked."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from gonogo.errors import UnreachableError
from gonogo.service.client import LARGEST, connect_tcp, request_bytes

REQUEST = request_bytes("GET", "/", "test")


def answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


@asynccontextmanager
async def server(*said: bytes):
    """Says all of it to whoever asks, at once."""

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        try:
            for part in said:
                writer.write(part)
                await writer.drain()
            await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield await connect_tcp("127.0.0.1", listening.sockets[0].getsockname()[1])


@pytest.mark.parametrize(
    "more", [answer(b"two"), b"HTTP/1.1 200 OK\r\ncontent-le", b"garbage", b"\x00" * 10], ids=["whole", "half", "text", "zeros"]
)
def test_what_comes_after_an_answer_is_never_the_next_ones(more):
    async def main():
        async with server(answer(b"one") + more) as connection:
            heard = []

            def done(outcome):
                heard.append(outcome)
                if len(heard) == 1:
                    connection.send(REQUEST, done)  # as a client that asks again at once

            connection.send(REQUEST, done)
            while len(heard) < 2:
                await asyncio.sleep(0.01)
            assert heard[0].body == b"one"
            assert isinstance(heard[1], UnreachableError)
            assert not connection.usable

    asyncio.run(asyncio.wait_for(main(), 20))


def test_an_interim_answer_is_not_the_answer():
    async def main():
        async with server(b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"one")) as connection:
            assert (await connection.request(REQUEST)).body == b"one"
            assert connection.usable

    asyncio.run(asyncio.wait_for(main(), 20))


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\ncontent-length: 9999999999\r\n\r\n", b"HTTP/1.1 200 OK\r\n"], ids=["body", "headers"]
)
def test_an_answer_without_an_end_is_cut(head):
    async def main():
        part = b"x: " + b"y" * ((1 << 20) - 5) + b"\r\n"
        async with server(head, *[part] * (2 * LARGEST >> 20)) as connection:
            with pytest.raises(UnreachableError, match="more than 64 MiB"):
                await connection.request(REQUEST)

    asyncio.run(asyncio.wait_for(main(), 60))
