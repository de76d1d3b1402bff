"""A stand-in for `gonogo.service.worker`: speaks the control channel and answers, without a model."""

import argparse
import asyncio
import json
import os
import random
import socket
import sys
from pathlib import Path

from gonogo.service.http import HttpServer, Limits

TASKS = set()


async def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--release-dir", "--key"):
        parser.add_argument(name, type=Path)
    for name in ("--public-fd", "--unix-fd", "--control-fd"):
        parser.add_argument(name, type=int)
    args = parser.parse_args()
    behaviour = json.loads((args.release_dir / "behaviour.json").read_text())
    release = behaviour["release"]
    reader, writer = await asyncio.open_unix_connection(sock=socket.socket(fileno=args.control_fd))

    def say(**message) -> None:
        writer.write(json.dumps(message).encode() + b"\n")

    if behaviour.get("start") == "fail":
        say(kind="failed", message="its bundle is broken")
        await writer.drain()
        sys.exit(3)
    if behaviour.get("start") == "garbage":
        writer.write(b"this is no message\n")
    counts: dict = {}
    table: dict = {}

    async def forward(exchange, arm) -> None:
        book = counts.setdefault(str(table["epoch"]), {}).setdefault(arm["release"], {"n": 0, "bad": 0})
        book["n"] += 1
        try:
            async with asyncio.timeout(0.5):
                r, w = await asyncio.open_unix_connection(arm["socket"])
                w.write(b"POST /predict HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
                data = await r.read()
                w.close()
            if not data.startswith(b"HTTP/1.1 200"):
                raise ConnectionError
            exchange.answer(200, data.partition(b"\r\n\r\n")[2])
        except (OSError, TimeoutError):
            book["bad"] += 1
            if book["bad"] == 20:
                say(kind="tripped", release=arm["release"], epoch=table["epoch"], reason="20 of 20 bad")
            exchange.answer(200, json.dumps({"release": release, "pid": os.getpid()}).encode())

    def answer_public(exchange) -> None:
        if not table:
            exchange.problem(503, "no table")
            return
        if public.leaving:
            arm = next(arm for arm in table["arms"] if arm["release"] == table["stable"])
        else:
            [arm] = random.choices(table["arms"], [arm["weight_bp"] for arm in table["arms"]])
        if arm["release"] == release:
            book = counts.setdefault(str(table["epoch"]), {}).setdefault(release, {"n": 0, "bad": 0})
            book["n"] += 1
            answer_private(exchange)
        else:
            TASKS.add(asyncio.ensure_future(forward(exchange, arm)))

    def answer_private(exchange) -> None:
        status = behaviour.get("answer", 200)
        exchange.answer(status, json.dumps({"release": release, "pid": os.getpid()}).encode())

    def fault(error) -> None:
        print(error, file=sys.stderr)

    public, private = HttpServer(answer_public, Limits(), on_fault=fault), HttpServer(answer_private, Limits(), on_fault=fault)
    public_socket, private_socket = socket.socket(fileno=args.public_fd), socket.socket(fileno=args.unix_fd)
    await private.listen(private_socket)
    say(kind="ready", release=release, digest="sha256:" + release, pid=os.getpid())

    async def push() -> None:
        while True:
            say(kind="counters", snapshot={"counters": counts})
            await asyncio.sleep(0.2)

    async def drain() -> None:
        await public.drained(30)
        if public.leaving:
            say(kind="drained")

    pusher = asyncio.ensure_future(push())
    while line := await reader.readline():
        message = json.loads(line)
        if message["kind"] == "table":
            table.update(message["table"])
            if message["accept"]:
                await public.listen(public_socket)
            elif public.listening:
                public.stop_listening()
                TASKS.add(asyncio.ensure_future(drain()))
            say(kind="ack", epoch=table["epoch"], accept=message["accept"])
        elif message["kind"] == "snapshot":
            say(kind="counters", snapshot={"counters": counts})
        elif message["kind"] == "stop":
            break
    pusher.cancel()
    public.stop_listening()
    await public.drained(2)
    say(kind="counters", snapshot={"counters": counts})
    await writer.drain()
    os._exit(0)


asyncio.run(main())
