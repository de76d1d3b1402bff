"""The isolated child that holds one model and answers one call after another (see `keeper.py`, and `hosted.py` for the other side).

Before it looks at the model's bytes it gives up the network, new processes, signals to others, and every change to files outside its
scratch folder, and caps its memory. Whatever the model raises is told in words; whatever ends this process ends the channel.
"""

from __future__ import annotations

import importlib
import mmap
import os
import socket
import tempfile
from pathlib import Path
from typing import Any

from gonogo.model.frames import Call, Greeting, Order, Reply, pack, receive, send, unpack
from gonogo.model.isolation import die_with_parent, enter_isolation, limit_resources


def main(channel: socket.socket, data: int, keeper: int, scratch: Path) -> None:
    """Load the model, say what it is, answer calls until the channel ends."""
    die_with_parent(keeper)
    os.chdir(scratch)
    tempfile.tempdir = os.environ["TMPDIR"] = os.environ["HOME"] = str(scratch)
    order = receive(channel, Order)
    try:
        limits = limit_resources(seconds=None, memory_mib=order.memory_mib)
        isolation = f"process, {limits}, {enter_isolation(writable=(scratch,))}"
        loaded = _load(order, data)
        from gonogo.model.runtime import inspect

        greeting = Greeting(inspect(loaded).to_json(), isolation)
    except BaseException as error:  # the boundary of the child: whatever it was, sys.exit too, the parent hears it
        fault, hint = _words(error)
        send(channel, Greeting(fault=fault, hint=hint))
        return
    send(channel, greeting)
    while True:
        call = receive(channel, Call)
        try:
            reply = Reply(pack(loaded.run(unpack(call.batch))))
        except BaseException as error:  # as above
            fault, hint = _words(error)
            reply = Reply(fault=fault, hint=hint)
        send(channel, reply)


def _load(order: Order, handle: int) -> Any:
    size = os.fstat(handle).st_size
    with mmap.mmap(handle, size, prot=mmap.PROT_READ) as view:
        data = view.read(size)
    os.close(handle)
    module, _, name = order.inside.partition(":")
    return getattr(importlib.import_module(module), name)().load(data, order.options)


def _words(error: BaseException) -> tuple[str, str]:
    from gonogo.errors import GonogoError

    if isinstance(error, MemoryError):
        return "it ran out of memory.", "If the model needs more, set GONOGO_CHILD_MEMORY."
    if isinstance(error, GonogoError):
        return error.message[:2000], error.hint[:500]
    return f"the model raised {type(error).__name__}: {error}"[:2000], ""
