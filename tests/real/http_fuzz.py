"""What both fuzz runs share, the short one of the tests and the long one of `python -m benchmarks.fuzz`: inputs, and what must hold.

A connection of ours stands on a wire in memory, so that an input is fed in any pieces and the end of it is seen at once. Seeds are the
files in `tests/properties/seeds` (bodies in each form, and what was once found to be trouble) and the table of hostile requests.
"""

import re
from pathlib import Path

import httptools

from gonogo.service.codec import Codec
from gonogo.service.codecs.arrow import ARROW
from gonogo.service.codecs.numpy_file import NUMPY
from gonogo.service.codecs.oip import BINARY, HEADER_LENGTH
from gonogo.service.door.connection import HttpConnection
from gonogo.service.door.exchange import Exchange
from gonogo.service.door.http import HttpServer, Limits
from gonogo.service.wire import RequestRefused
from hostile_requests import CASES, HOST

SEEDS = Path(__file__).parents[1] / "properties" / "seeds"
LIMITS = Limits(body=3000, headers=3000, pipeline=4, held=1 << 20)
TOKENS = (
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"\x80", b"\xff", b"0", b"ffffffffffffffff", b"-1", b"\r\n\r\n",
    b"0\r\n\r\n",
    b"content-length: 5\r\n", b"transfer-encoding: chunked\r\n", b"connection: close\r\n", b"expect: 100-continue\r\n", b"upgrade: x\r\n",
    b"connection: upgrade\r\n", b"content-encoding: gzip\r\n", HOST, b"HTTP/1.1", b"HTTP/1.0", b"POST / HTTP/1.1\r\n", b"HEAD", b"http://x/",
)  # fmt: skip
JSON_TOKENS = (
    b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b"\\u0000", b"\\ud800", b"null", b"true", b"NaN", b"1e999", b"-0", b"1e-400", b"0x1",
    b'"x"', b'"features"', b'"inputs"', b'"data"', b'"shape"', b"[[[[", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"9" * 400,
)  # fmt: skip
NUMBERS = (
    *(number.to_bytes(size, "little", signed=True) for size in (1, 2, 4, 8) for number in (0, 1, -1, 2 ** (8 * size - 1) - 1)),
    *(b"<f8", b"|O", b"<U9", b"True", b"(", b"(2,", b"[]", b"'"),
)


def request_seeds() -> list[bytes]:
    return [case.wire for case in CASES] + [file.read_bytes() for file in sorted(SEEDS.glob("*.http"))]


#: What a body of each ending says of itself; for tensors the length of their JSON comes with it.
KINDS = {".json": {}, ".npy": {b"content-type": NUMPY}, ".arrow": {b"content-type": ARROW}, ".bin": {b"content-type": BINARY}}


def body_seeds() -> dict[str, list[bytes]]:
    """By ending."""
    return {kind: [file.read_bytes() for file in sorted(SEEDS.glob(f"*{kind}"))] for kind in KINDS}


def spoiled_body(random, seeds: dict[str, list[bytes]]) -> tuple[str, bytes, dict[bytes, bytes]]:
    """Its ending, the body, and its headers."""
    kind = random.choice(list(seeds))
    if kind == ".json":
        return kind, mutated(random, seeds[kind], JSON_TOKENS), {}
    body = mutated(random, seeds[kind], NUMBERS)
    headers = dict(KINDS[kind])
    if kind == ".bin":
        end = body.rfind(b"]}") + 2 if random.randint(0, 9) else random.randint(0, len(body) + 5)
        headers[HEADER_LENGTH] = b"%d" % end
    return kind, body, headers


def mutated(random, seeds: list[bytes], tokens=TOKENS) -> bytes:
    """A seed, spoiled a few times."""
    wire = random.choice(seeds)
    for _ in range(random.randint(1, 5)):
        at, end = sorted((random.randint(0, len(wire)), random.randint(0, len(wire))))
        how = random.randint(0, 6)
        if how == 0:
            wire = wire[:at] + random.choice(tokens) + wire[at:]
        elif how == 1:
            wire = wire[:at] + random.choice(tokens) + wire[at + 1 :]
        elif how == 2:
            wire = wire[:at] + wire[end:]
        elif how == 3:
            wire = wire[:end] + wire[at:end] * random.randint(1, 3) + wire[end:]
        elif how == 4:
            wire = wire[:at] + bytes([random.randint(0, 255)]) + wire[at + 1 :]
        elif how == 5:
            wire = wire + random.choice(seeds)
        else:
            wire = wire[:at] + random.choice(seeds)[-random.randint(1, 80) :]
    return wire[:20_000]


def pieces(random, wire: bytes) -> list[bytes]:
    """The same bytes, cut anywhere."""
    if random.randint(0, 9) == 0:
        return [wire[n : n + 1] for n in range(len(wire))]
    cuts = sorted({random.randint(0, len(wire)) for _ in range(random.randint(0, 6))} - {0, len(wire)})
    return [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]


class Wire:
    """A transport in memory."""

    def __init__(self) -> None:
        self.written = b""
        self.open = True
        self.reading = True

    def write(self, data: bytes) -> None:
        assert self.open, "written after the end"
        self.written += data

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.open = False

    def close(self) -> None:
        self.open = False

    abort = close


class _Answers:
    """Reads what a client reads: the status codes and bodies of whole answers."""

    def __init__(self, data: bytes) -> None:
        self.found: list[tuple[int, bytes]] = []
        self._body = b""
        self._parser = httptools.HttpResponseParser(self)
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self.found.append((self._parser.get_status_code(), self._body))
        self._body = b""


def converse(parts: list[bytes], *, random=None) -> tuple[list[tuple[bytes, bytes, bytes]], bytes]:
    """Feed one connection; what the handler saw and what was sent back. With `random` answers come late and in any order.

    Raises AssertionError when something is left behind: an answer, a connection, a count of held bytes.
    """
    seen: list[tuple[bytes, bytes, bytes]] = []
    due: list[Exchange] = []
    faults: list[BaseException] = []

    def handle(exchange: Exchange) -> None:
        seen.append((exchange.method, exchange.target, exchange.body))
        due.append(exchange)
        if random is None:
            settle()

    def settle() -> None:
        while due:
            exchange = due.pop(random.randint(0, len(due) - 1) if random is not None else 0)
            exchange.answer(200, b"%b %b %b" % (exchange.method, exchange.target, exchange.body), content_type=b"text/plain")
            if random is not None and random.randint(0, 2) == 0:
                break

    server = HttpServer(handle, LIMITS, on_fault=faults.append)
    connection = HttpConnection(server)
    wire = Wire()
    connection.connection_made(wire)
    for part in parts:
        rounds = 0
        while not wire.reading:  # a transport that is paused brings nothing
            settle()
            rounds += 1
            assert rounds < 10_000, "it hangs"
        if not wire.open:
            break
        connection.data_received(part)
        if random is not None:
            settle()
    for _ in range(10_000):
        if not due:
            break
        settle()
    if wire.open:
        connection.eof_received()
    connection.connection_lost(None)
    assert (server.connections, server.held, faults, list(connection.exchanges)) == (set(), 0, [], [])
    return seen, re.sub(rb"date: [^\r]*\r\n", b"", wire.written)


def check_connection(random, wire: bytes) -> None:
    """What must hold of any input, however it is cut and whenever it is answered."""
    whole, answers = converse([wire])
    cut, other = converse(pieces(random, wire))
    assert cut == whole, "the cuts changed what was read"
    # Where two things are wrong, the cuts may decide which of them is told.
    assert other.partition(b"HTTP/1.1 4")[:2] == answers.partition(b"HTTP/1.1 4")[:2], "the cuts changed the answers"
    late, _ = converse(pieces(random, wire), random=random)
    assert late == whole, "the order of the answers changed what was read"
    if any(method == b"HEAD" for method, _, _ in whole):
        return  # its answer says a length and has no body
    found = [answer for answer in _Answers(answers).found if answer[0] != 100]
    assert [body for status, body in found if status == 200] == [b"%b %b %b" % request for request in whole]
    assert [status for status, _ in found if status != 200][1:] == [], "more than one refusal"


def check_codec(codec: Codec, body: bytes, headers: dict[bytes, bytes]) -> None:
    """A codec accepts a body whole or refuses it with a 4xx; nothing else leaves it."""
    try:
        codec.read(Exchange(b"POST", b"/", headers, body))
        return
    except RequestRefused as raised:
        refusal = raised
    status, content_type, said = codec.refuse(refusal)
    assert status == refusal.status
    assert 400 <= status < 500
    assert content_type
    assert said
