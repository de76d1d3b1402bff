"""The keeper: `python -I -m gonogo.model.keeper FD`, a small process that starts and ends one isolated child after another.

A process that has given up the making of processes (a trial, the sandbox) cannot start a child, nor signal one. So it starts a keeper
before, and afterwards says one byte at a time over a socket pair:

    S  (with two descriptors: the child's end of a channel, the model's bytes)  end the child, start a new one
    E                                                                            end the child
    end of the stream                                                            end the child, and leave

The child is a fork of this process, which has one thread and has imported nothing heavy, and becomes `host.main`. It has a scratch folder
of its own, which goes with it. It is killed when its keeper dies, and the keeper leaves when its owner does, however that ends.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path

START, END = b"S", b"E"


def main(handle: int) -> None:
    """Obey until the owner is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the owner's to hear
    line = socket.socket(fileno=handle)
    child, scratch = 0, Path()
    while True:
        word, handles, _, _ = socket.recv_fds(line, 1, 2)
        if child:
            os.kill(child, signal.SIGKILL)  # dead or not, it is there until it is waited for
            os.waitpid(child, 0)
            shutil.rmtree(scratch, ignore_errors=True)
            child = 0
        if not word:
            return
        if word == START and len(handles) == 2:
            scratch = Path(tempfile.mkdtemp(prefix="gonogo-child-"))
            child = _fork(line, handles, scratch)
        for one in handles:
            os.close(one)


def _fork(line: socket.socket, handles: list[int], scratch: Path) -> int:
    keeper = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        line.close()
        from gonogo.model.host import main as host

        host(socket.socket(fileno=handles[0]), handles[1], keeper, scratch)
    finally:
        os._exit(1)  # the owner sees the end of the channel


if __name__ == "__main__":
    main(int(sys.argv[1]))
