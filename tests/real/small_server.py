"""A real HTTP server of ours in a thread, whose handler gives back what it got."""

import asyncio
import socket
import threading
from contextlib import contextmanager

import uvloop

from gonogo.service.door.http import HttpServer, Limits

HOST = b"host: x\r\n"
LIMITS = Limits(body=1000, headers=2000, pipeline=8, read_seconds=0.4, idle_seconds=0.6)


class Echo:
    """Answers with what it got; "/late" after a moment, "/raise" by raising."""

    def __init__(self):
        self.faults = []
        self.seen = []

    def __call__(self, exchange):
        self.seen.append(exchange.target)
        if exchange.path == b"/raise":
            raise RuntimeError("handler")
        answer = exchange.method + b" " + exchange.target + b" " + exchange.body
        if exchange.path == b"/late":
            asyncio.get_running_loop().call_later(0.05, lambda: exchange.answer(200, answer, content_type=b"text/plain"))
        elif exchange.path != b"/never":
            exchange.answer(200, answer, content_type=b"text/plain")


@contextmanager
def serving(limits=LIMITS, **more):
    echo = Echo()
    listening = socket.create_server(("127.0.0.1", 0), backlog=100)
    started, stop = threading.Event(), []

    async def main():
        server = HttpServer(echo, limits, headers=b"x-server: small\r\n", on_fault=echo.faults.append, **more)
        await server.listen(listening)
        done = asyncio.Event()
        stop.append((asyncio.get_running_loop(), done, server))
        started.set()
        await done.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.Runner(loop_factory=uvloop.new_event_loop).run(main()))
    thread.start()
    started.wait(10)
    loop, done, server = stop[0]
    try:
        yield listening.getsockname()[1], echo, lambda work: asyncio.run_coroutine_threadsafe(work(server), loop).result(10)
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10)
        listening.close()


def talk(port, *pieces, until_closed=True, shut=False):
    """Send pieces; everything that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for piece in pieces:
            connection.sendall(piece)
        if shut:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(1 << 16):
            received += piece
        return received
