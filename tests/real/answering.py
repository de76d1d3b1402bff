"""A small HTTP server of the tests' own making, for what a real service would never answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence


@contextlib.contextmanager
def answering(respond: Callable[[int, bytes], bytes | None], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address of a server while the block runs. `respond` gets the number of the request and its head, and gives the whole answer, or
    None to hang up. It runs in the server's loop: while it sleeps, everybody waits."""
    started, stop = threading.Event(), []
    count, serving = 0, []

    async def serve(reader, writer):
        nonlocal count
        serving.append((asyncio.current_task(), writer))
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
                count += 1
                answer = respond(count, head)
                if answer is None:
                    break
                writer.write(answer)
        writer.close()

    async def main():
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
        done = asyncio.Event()
        stop.extend([asyncio.get_running_loop(), done, server.sockets[0].getsockname()[1]])
        started.set()
        await done.wait()
        server.close()
        for task, writer in serving:
            task.cancel()
            writer.close()
        await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    started.wait(10)
    try:
        yield f"{'http' if tls is None else 'https'}://127.0.0.1:{stop[2]}"
    finally:
        stop[0].call_soon_threadsafe(stop[1].set)
        thread.join(10)


def said(body: bytes, status: str = "200 OK", headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\ncontent-length: %d\r\n%b\r\n%b" % (status.encode(), len(body), headers, body)


def prediction(score: float, release: str = "a@1.0.0", label: str = "1", classes: Sequence[str] = ("0", "1")) -> bytes:
    scores = dict(zip(classes, (1 - score, score), strict=True))
    return said(json.dumps({"release": release, "predictions": [{"label": label, "score": score, "scores": scores}]}).encode())


OK = prediction(0.75)
FAILED = said(b"", "500 X", b"x-gonogo-release: a@1.0.0\r\n")
