"""One HTTP POST to somebody else's server, for channels: bounded in time, never redirected, and no secret in what is said of it.

What the answer means is the same for all channels: 2xx is taken; 400, 413, 415 and 422 will never be, whatever is tried (RefusedError);
429 and 503 ask to come later (BusyError); anything else, an address that has changed or a key that is refused among them, may be mended on
the other side or in our settings, so the notice waits (UnreachableError).
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import SplitResult, urlsplit

from gonogo import __version__
from gonogo.base.secret import masked
from gonogo.errors import BusyError, FaultError, RefusedError, UnreachableError

STEP_SECONDS = 10.0  #: longest one step (connect, write, read) may take
WHOLE_SECONDS = 20.0  #: longest an exchange may take once it is connected
MOST_ANSWER = 4096  #: bytes of an answer that are read
NEVER = frozenset({400, 413, 415, 422})
LATER = frozenset({429, 503})


def post(url: str, body: bytes, headers: Mapping[str, str], *, secrets: tuple[str, ...] = (), open_to_all: bool = False) -> None:
    """Hand `body` over. `secrets` stand in the address, body or headers, so that the connection must be https, or stay on this machine,
    unless `open_to_all`. Raises RefusedError, BusyError, UnreachableError, and FaultError when it must not be sent to this address."""
    address = _address(url)
    host = str(address.hostname)
    if address.scheme != "https" and not open_to_all and not is_loopback(host):
        raise FaultError(f"a secret would cross the network in the clear to {host}.", hint="Use an address that begins with https://.")
    target = (address.path or "/") + (f"?{address.query}" if address.query else "")
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(host, address.port, timeout=STEP_SECONDS)
    try:
        connection.connect()
        with bounded(lambda: connection.sock):
            connection.request("POST", target, body, {"User-Agent": f"gonogo/{__version__}", **headers})
            answer = connection.getresponse()
            status, said, pause = answer.status, answer.read(MOST_ANSWER), answer.headers.get("Retry-After", "")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise UnreachableError(f"{host} does not answer: {masked(why(error), *secrets)}.") from None
    finally:
        connection.close()
    _judge(host, status, masked(printable(said.decode(errors="replace")), *secrets), pause)


def _address(url: str) -> SplitResult:
    """The parts of an address. Raises FaultError, without repeating what may be a secret, when it is none."""
    try:
        address = urlsplit(url)
        fine = address.scheme in ("http", "https") and address.hostname and not address.username and address.port != 0
        fine = fine and url.isascii() and url.isprintable() and " " not in url
    except ValueError:
        fine = False
    if not fine:
        raise FaultError("the channel's address is no http or https address.", hint="It looks like https://host/path.")
    return address


def _judge(host: str, status: int, said: str, pause: str) -> None:
    if 200 <= status < 300:
        return
    text = f"{host} answers {status}" + (f": {said}" if said else "") + "."
    if status in NEVER:
        raise RefusedError(text)
    if status in LATER:
        raise BusyError(text, float(pause) if pause.isascii() and pause.isdigit() else 0.0)
    if 300 <= status < 400:
        raise UnreachableError(text, hint="Redirections are not followed; give the address itself.")
    raise UnreachableError(text, hint="Look at the channel's address and secret." if 400 <= status < 500 else "")


@contextmanager
def bounded(connected: Callable[[], socket.socket | None]) -> Iterator[None]:
    """A connection in whose context nothing takes longer than `WHOLE_SECONDS`, however slowly the other side dribbles."""

    def cut() -> None:
        with suppress(OSError):
            found = connected()
            if found is not None:
                found.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(WHOLE_SECONDS, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def why(error: Exception) -> str:
    """A transport's error in words that hold nothing of what was sent."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return f"its answer is no HTTP ({type(error).__name__})"


def printable(text: str, most: int = 200) -> str:
    """One line of somebody else's words."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= most else line[: most - 1] + "…"
