"""Requests that two programs could read differently, malformed ones, and honest ones that look odd; and how three programs judge them.

A verdict is (requests served, whether something was refused). `OURS` is what we do; `h11` and `nginx` are what those do where that is
something else, and `why` then says why. The bytes are also the seeds of the fuzz runs.
"""

from dataclasses import dataclass

HOST = b"host: x\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST
GET = b"GET / HTTP/1.1\r\n" + HOST
CHUNKS = POST + CHUNKED + b"\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"

Verdict = tuple[int, bool]
ONE: Verdict = (1, False)
TWO: Verdict = (2, False)
NONE: Verdict = (0, True)
SILENT: Verdict = (0, False)  # closed without a word


@dataclass(frozen=True)
class Case:
    name: str
    wire: bytes
    ours: Verdict
    h11: Verdict
    nginx: Verdict
    why: str


def case(name: str, wire: bytes, ours: Verdict, *, h11: Verdict | None = None, nginx: Verdict | None = None, why: str = "") -> Case:
    return Case(name, wire, ours, ours if h11 is None else h11, ours if nginx is None else nginx, why)


LINE_FEED = "a line ends with CR LF; a lone LF is where two programs part (RFC 9112 2.2 lets us refuse)"
TOKEN = "a header name is a token (RFC 9110 5.1)"
FIELD = "no control bytes in a value (RFC 9110 5.5)"
HOSTNAME = "an invalid Host must be refused (RFC 9112 3.2)"
BOTH = "both are no framing (RFC 9112 6.3)"
UNDER = "lines that end early, and what follows is not read"

ACCEPTED = (
    case("plain", GET + b"\r\n", ONE),
    case("two in a pipeline", (GET + b"\r\n") * 2, TWO),
    case("a body", POST + b"content-length: 3\r\n\r\nabc", ONE),
    case("a body with GET", GET + b"content-length: 3\r\n\r\nabc", ONE),
    case("a length with leading zeros", POST + b"content-length: 003\r\n\r\nabc", ONE),
    case("chunks", CHUNKS + b"3\r\nabc\r\n0\r\n\r\n", ONE),
    case("chunks, upper-case hex and zeros", CHUNKS + b"00A\r\n0123456789\r\n0\r\n\r\n", ONE),
    case("chunk extensions", CHUNKS + b'3;a=b;c="d"\r\nabc\r\n0\r\n\r\n', ONE),
    case("a trailer", CHUNKS + b"3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n", ONE),
    case("a trailer that is a host", CHUNKS + b"0\r\nhost: y\r\n\r\n", ONE),
    case("Chunked in another case", POST + b"Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", ONE),
    case("an absolute target", b"GET http://x/ HTTP/1.1\r\n" + HOST + b"\r\n", ONE),
    case("an absolute target of another host", b"GET http://y/ HTTP/1.1\r\n" + HOST + b"\r\n", ONE),
    case("tabs and spaces in a value", GET + b"a: \t b c\td \t\r\n\r\n", ONE),
    case("white space behind a host", b"GET / HTTP/1.1\r\nhost: x  \r\n\r\n", ONE),
    case("white space behind chunked", POST + b"transfer-encoding: chunked \r\n\r\n3\r\nabc\r\n0\r\n\r\n", ONE),
    case("white space behind a length", POST + b"content-length: 3 \r\n\r\nabc", ONE),
    case("high bytes in a value", GET + b"a: \xe4\xff\r\n\r\n", ONE),
    case("an empty value", GET + b"a:\r\n\r\n", ONE),
    case("a name with an underscore", GET + b"content_length: 3\r\n\r\n", ONE),
    case("a list in two headers", GET + b"accept: a\r\naccept: b\r\n\r\n", ONE),
    case("HTTP/1.0 without a host", b"GET / HTTP/1.0\r\n\r\n", ONE),
    case("a fragment in the target", b"GET /#b HTTP/1.1\r\n" + HOST + b"\r\n", ONE),
    case("an address as host", b"GET / HTTP/1.1\r\nhost: [::1]:80\r\n\r\n", ONE),
    case("more after connection: close", GET + b"connection: close\r\n\r\n" + SMUGGLED, ONE),
    case("an offer of HTTP/2", GET + b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AA\r\n\r\n", ONE),
    case(
        "an offer of WebSocket", GET + b"connection: upgrade\r\nupgrade: websocket\r\n\r\n" + GET + b"\r\n", TWO, h11=ONE, why="h11 asks us"
    ),
    case("a blank line before", b"\r\n" + GET + b"\r\n", ONE, h11=NONE, why="RFC 9112 2.2: ignore at least one"),
    case("a blank line between", GET + b"\r\n\r\n" + GET + b"\r\n", TWO, h11=(1, True), why="RFC 9112 2.2: ignore at least one"),
    case("two spaces after the method", b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", ONE, h11=NONE, why="RFC 9112 3 allows it"),
    case("two spaces before the version", b"GET /  HTTP/1.1\r\n" + HOST + b"\r\n", ONE, h11=NONE, why="as above"),
    case("OPTIONS *", b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", ONE, nginx=NONE, why="RFC 9112 3.2.4"),
)

LENGTHS = (
    case("lengths that differ", POST + b"content-length: 3\r\ncontent-length: 4\r\n\r\nabcd", NONE),
    case("equal lengths twice", POST + b"content-length: 3\r\ncontent-length: 3\r\n\r\nabc", NONE, h11=ONE, why="once is enough"),
    case("equal lengths in a list", POST + b"content-length: 3, 3\r\n\r\nabc", NONE, h11=ONE, why="once is enough"),
    case("a list of lengths", POST + b"content-length: 3,4\r\n\r\nabc", NONE),
    case(
        "length, then chunked", POST + b"content-length: 3\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + SMUGGLED, NONE, h11=TWO, why="RFC 9112 6.3"
    ),
    case("chunked, then length", POST + CHUNKED + b"content-length: 3\r\n\r\n0\r\n\r\n" + SMUGGLED, NONE, h11=TWO, why=BOTH),
    case("a length with plus", POST + b"content-length: +3\r\n\r\nabc", NONE),
    case("a length with minus", POST + b"content-length: -3\r\n\r\nabc", NONE),
    case("a length in hex", POST + b"content-length: 0x3\r\n\r\nabc", NONE),
    case("a length with an underscore", POST + b"content-length: 1_0\r\n\r\nabcdefghij", NONE),
    case("a length of nothing", POST + b"content-length:\r\n\r\n", NONE),
    case("a length beyond 64 bits", POST + b"content-length: 18446744073709551619\r\n\r\nabc", NONE),
    case("a length with a space inside", POST + b"content-length: 1 2\r\n\r\nabc", NONE),
    case("a length with NUL", POST + b"content-length: 3\x00\r\n\r\nabc", NONE),
    case("a space before the colon", POST + b"content-length : 3\r\n\r\nabc", NONE),
    case("a tab before the colon", POST + b"content-length\t: 3\r\n\r\nabc", NONE),
    case("a body that ends early", POST + b"content-length: 10\r\n\r\nabc", NONE, nginx=SILENT, why="nginx closes without a word"),
)

ENCODINGS = (
    case("chunked in HTTP/1.0", b"POST / HTTP/1.0\r\n" + CHUNKED + b"\r\n3\r\nabc\r\n0\r\n\r\n", NONE, h11=ONE, why="RFC 9112 6.1: faulty"),
    case("gzip as transfer encoding", POST + b"transfer-encoding: gzip\r\n\r\nabc", NONE),
    case("identity as transfer encoding", POST + b"transfer-encoding: identity\r\n\r\n", NONE),
    case("chunked, gzip", POST + b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n", NONE),
    case("gzip, chunked", POST + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", NONE),
    case("chunked in two headers", POST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n", NONE),
    case("chunked, chunked", POST + b"transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n", NONE),
    case("xchunked", POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n", NONE),
    case("chunked after a vertical tab", POST + b"transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n", NONE),
    case("chunked in quotes", POST + b'transfer-encoding: "chunked"\r\n\r\n0\r\n\r\n', NONE),
    case("an empty transfer encoding", POST + b"transfer-encoding:\r\n\r\n", NONE),
    case("a folded transfer encoding", POST + b"transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n", NONE, h11=ONE, why="RFC 9112 5.2"),
)

CHUNK_FRAMING = (
    case("a chunk size that is none", CHUNKS + b"xyz\r\n\r\n", NONE),
    case("a chunk size below zero", CHUNKS + b"-1\r\n\r\n", NONE),
    case("a chunk size with 0x", CHUNKS + b"0x3\r\nabc\r\n0\r\n\r\n", NONE),
    case("a chunk size beyond 64 bits", CHUNKS + b"10000000000000003\r\nabc\r\n0\r\n\r\n", NONE),
    case("a space before a chunk size", CHUNKS + b" 3\r\nabc\r\n0\r\n\r\n", NONE),
    case("a space after a chunk size", CHUNKS + b"3 \r\nabc\r\n0\r\n\r\n", NONE, h11=ONE, nginx=ONE, why="no place for it in the grammar"),
    case("no chunk size", CHUNKS + b"\r\nabc\r\n0\r\n\r\n", NONE),
    case("a chunk longer than its size", CHUNKS + b"2\r\nabc\r\n0\r\n\r\n", NONE),
    case("LF after a chunk", CHUNKS + b"3\r\nabc\n0\r\n\r\n", NONE, nginx=ONE, why=LINE_FEED),
    case("LF after a chunk size", CHUNKS + b"3\nabc\r\n0\r\n\r\n", NONE, nginx=ONE, why=LINE_FEED),
    case("LF in a chunk extension", CHUNKS + b"3;a\nabc\r\n0\r\n\r\n", NONE, nginx=ONE, why=LINE_FEED),
    case("CR in a chunk extension", CHUNKS + b"3;a\rb\r\nabc\r\n0\r\n\r\n", NONE, h11=ONE, why=FIELD),
    case("NUL in a chunk extension", CHUNKS + b"3;a\x00\r\nabc\r\n0\r\n\r\n", NONE, h11=ONE, nginx=ONE, why=FIELD),
    case("LF at the end of chunks", CHUNKS + b"3\r\nabc\r\n0\r\n\n", NONE, h11=ONE, nginx=ONE, why=LINE_FEED),
    case("chunks without an end", CHUNKS + b"3\r\nabc\r\n0\r\n" + SMUGGLED, NONE, nginx=ONE, why=UNDER),
    case("a trailer with a bad name", CHUNKS + b"0\r\na b: c\r\n\r\n", NONE, nginx=ONE, why=TOKEN),
    case("LF in a trailer", CHUNKS + b"0\r\na: c\n\r\n", NONE, h11=ONE, nginx=ONE, why=LINE_FEED),
    case("a length in a trailer", CHUNKS + b"0\r\ncontent-length: 5\r\n\r\n", NONE, h11=ONE, nginx=ONE, why="RFC 9110 6.5.1"),
    case("an encoding in a trailer", CHUNKS + b"0\r\ntransfer-encoding: chunked\r\n\r\n", NONE, h11=ONE, nginx=ONE, why="RFC 9110 6.5.1"),
)

LINES = (
    case("LF everywhere", b"GET / HTTP/1.1\nhost: x\n\n", NONE, h11=ONE, nginx=ONE, why=LINE_FEED),
    case("LF after the request line", b"GET / HTTP/1.1\nhost: x\r\n\r\n", NONE, h11=ONE, nginx=ONE, why=LINE_FEED),
    case("LF after the headers", GET + b"\n", NONE, h11=ONE, nginx=ONE, why=LINE_FEED),
    case("LF in a value", GET + b"a: b\nc: d\r\n\r\n", NONE, h11=ONE, nginx=ONE, why=LINE_FEED),
    case("CR after the request line", b"GET / HTTP/1.1\rhost: x\r\n\r\n", NONE),
    case("CR in a value", GET + b"a: b\rc: d\r\n\r\n", NONE),
    case("CR CR LF after the request line", b"GET / HTTP/1.1\r\r\nhost: x\r\n\r\n", NONE),
    case("CR CR LF after the headers", GET + b"\r\r\n", NONE),
    case("a folded header", GET + b"a: b\r\n c: d\r\n\r\n", NONE, h11=ONE, why="RFC 9112 5.2: refused or made one"),
    case("a space before the first header", b"GET / HTTP/1.1\r\n " + HOST + b"\r\n", NONE),
    case("a header without a colon", GET + b"abc\r\n\r\n", NONE, nginx=ONE, why=TOKEN),
    case("a header without a name", GET + b": abc\r\n\r\n", NONE),
    case("a name with a space", GET + b"a b: c\r\n\r\n", NONE),
    case("a name with NUL", GET + b"a\x00: c\r\n\r\n", NONE),
    case("a name with a high byte", GET + b"\xe4: c\r\n\r\n", NONE, nginx=ONE, why=TOKEN),
    case("a name with a bracket", GET + b"a(b): c\r\n\r\n", NONE, nginx=ONE, why=TOKEN),
    case("NUL in a value", GET + b"a: b\x00c\r\n\r\n", NONE),
    case("a control byte in a value", GET + b"a: b\x01\r\n\r\n", NONE, h11=ONE, nginx=ONE, why=FIELD),
    case("DEL in a value", GET + b"a: b\x7f\r\n\r\n", NONE, h11=ONE, nginx=ONE, why=FIELD),
    case("a key twice", GET + b"x-api-key: a\r\nx-api-key: b\r\n\r\n", NONE, h11=ONE, nginx=ONE, why="whose request would it be?"),
    case("two content types", POST + b"content-type: a\r\ncontent-type: b\r\n\r\n", NONE, h11=ONE, nginx=ONE, why="RFC 9110 5.3"),
)

REQUEST_LINES = (
    case("tabs for spaces", b"GET\t/\tHTTP/1.1\r\n" + HOST + b"\r\n", NONE),
    case("a space before the method", b" " + GET + b"\r\n", NONE),
    case("a space after the version", b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n", NONE, nginx=ONE, why="no place for it in the grammar"),
    case("a method in small letters", b"get / HTTP/1.1\r\n" + HOST + b"\r\n", NONE, h11=ONE, why="methods are case-sensitive"),
    case(
        "a method that nobody knows",
        b"FROBNICATE / HTTP/1.1\r\n" + HOST + b"\r\n",
        NONE,
        h11=ONE,
        nginx=ONE,
        why="it is in no registry",
    ),
    case("a method with a bracket", b"G(T / HTTP/1.1\r\n" + HOST + b"\r\n", NONE),
    case("no method", b"/ HTTP/1.1\r\n" + HOST + b"\r\n", NONE),
    case("a line break after the method", b"GET\r\n/ HTTP/1.1\r\n" + HOST + b"\r\n", NONE),
    case("a space in the target", b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n", NONE),
    case("a tab in the target", b"GET /a\tb HTTP/1.1\r\n" + HOST + b"\r\n", NONE),
    case("NUL in the target", b"GET /a\x00b HTTP/1.1\r\n" + HOST + b"\r\n", NONE),
    case("CR in the target", b"GET /a\rb HTTP/1.1\r\n" + HOST + b"\r\n", NONE),
    case("a control byte in the target", b"GET /a\x01b HTTP/1.1\r\n" + HOST + b"\r\n", NONE),
    case("DEL in the target", b"GET /a\x7fb HTTP/1.1\r\n" + HOST + b"\r\n", NONE),
    case("a high byte in the target", b"GET /\xe4 HTTP/1.1\r\n" + HOST + b"\r\n", NONE, nginx=ONE, why="a target is ASCII (RFC 3986)"),
    case("a target without a slash", b"GET a HTTP/1.1\r\n" + HOST + b"\r\n", NONE, h11=ONE, why="RFC 9112 3.2"),
    case("GET *", b"GET * HTTP/1.1\r\n" + HOST + b"\r\n", NONE, h11=ONE, why="RFC 9112 3.2.4"),
    case("an absolute target without a host", b"GET http:/// HTTP/1.1\r\n" + HOST + b"\r\n", NONE, h11=ONE, why=HOSTNAME),
    case("CONNECT", b"CONNECT x:443 HTTP/1.1\r\n" + HOST + b"\r\n", NONE, h11=ONE, why="no tunnel here"),
    case("HTTP/0.9", b"GET /\r\n\r\n", NONE, nginx=ONE, why="RFC 9112 knows it no more"),
    case("HTTP/1.2", b"GET / HTTP/1.2\r\n" + HOST + b"\r\n", NONE, h11=ONE, nginx=ONE, why="there is none"),
    case("HTTP/1.10", b"GET / HTTP/1.10\r\n" + HOST + b"\r\n", NONE, nginx=ONE, why="a version is two digits"),
    case("HTTP/01.1", b"GET / HTTP/01.1\r\n" + HOST + b"\r\n", NONE),
    case("HTTP/2.0", b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", NONE, h11=ONE, why="HTTP/2 is no text"),
    case("http/1.1", b"GET / http/1.1\r\n" + HOST + b"\r\n", NONE),
    case("ICE/1.0", b"GET / ICE/1.0\r\n" + HOST + b"\r\n", NONE),
    case(
        "RTSP/1.0",
        b"GET / RTSP/1.0\r\n" + HOST + b"\r\n",
        ONE,
        h11=NONE,
        nginx=NONE,
        why="llhttp reads it as HTTP/1.0, and closes",
    ),
    case("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", NONE, h11=(1, True), why="HTTP/2 is no text"),
    case("a hello of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(60), NONE),
    case("not HTTP", b"hello there\r\n\r\n", NONE),
    case("half a line", b"GET / HT", NONE, nginx=SILENT, why="nginx closes without a word"),
)

HOSTS = (
    case("no host", b"GET / HTTP/1.1\r\n\r\n", NONE),
    case("no host but an absolute target", b"GET http://x/ HTTP/1.1\r\n\r\n", NONE),
    case("two hosts", GET + b"host: y\r\n\r\n", NONE),
    case("the same host twice", GET + HOST + b"\r\n", NONE),
    case("an empty host", b"GET / HTTP/1.1\r\nhost:\r\n\r\n", NONE, h11=ONE, why=HOSTNAME),
    case("a host with a space", b"GET / HTTP/1.1\r\nhost: a b\r\n\r\n", NONE, h11=ONE, why=HOSTNAME),
    case("a host with a slash", b"GET / HTTP/1.1\r\nhost: a/b\r\n\r\n", NONE, h11=ONE, why=HOSTNAME),
    case("a list of hosts", b"GET / HTTP/1.1\r\nhost: a, b\r\n\r\n", NONE, h11=ONE, why=HOSTNAME),
    case("a host with a user", b"GET / HTTP/1.1\r\nhost: a@b\r\n\r\n", NONE, h11=ONE, nginx=ONE, why=HOSTNAME),
    case("a host with a port that is none", b"GET / HTTP/1.1\r\nhost: a:b\r\n\r\n", NONE, h11=ONE, nginx=ONE, why=HOSTNAME),
    case("a host with a high byte", b"GET / HTTP/1.1\r\nhost: \xe4\r\n\r\n", NONE, h11=ONE, nginx=ONE, why=HOSTNAME),
)

EXPECTATIONS = (
    case("an expectation that nobody knows", POST + b"expect: magic\r\n\r\n", NONE, h11=ONE, nginx=ONE, why="RFC 9110 10.1.1"),
)  # fmt: skip

CASES = ACCEPTED + LENGTHS + ENCODINGS + CHUNK_FRAMING + LINES + REQUEST_LINES + HOSTS + EXPECTATIONS
