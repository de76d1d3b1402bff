"""Memory is that of the processes which hold a port's listening socket."""

import socket
import subprocess
import sys

import pytest

from gonogo.service.loadtest.memory import listeners_memory_mb
from waiting import free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only there is /proc")
HOLDER = "import sys; ballast = bytearray(100 * 2**20); print(flush=True); sys.stdin.read()"


def test_the_memory_of_every_process_that_holds_the_listener_is_counted():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        alone = listeners_memory_mb(port)
        started = [sys.executable, "-c", HOLDER]
        with subprocess.Popen(started, pass_fds=(listening.fileno(),), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            holder.stdout.readline()
            both = listeners_memory_mb(port)
            holder.stdin.close()
    assert alone is not None
    assert both is not None
    assert both > alone + 80


def test_where_nobody_listens_nothing_is_known():
    assert listeners_memory_mb(free_port()) is None
