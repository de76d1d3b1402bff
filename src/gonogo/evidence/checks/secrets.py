"""Is there a password, token or private key where none may be?"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import math
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from gonogo.base.tree import read_tree
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, SourceTree
from gonogo.evidence.record import Fact, Measurement

BLOCK = 8 << 20
OVERLAP = 8 << 10  #: a secret that lies across two blocks is found in the second
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
MOST_UNPACKED = 8 << 30  #: bytes; a few bytes can be packed so that they unpack to any number
ENTROPY = 3.0  #: bits a character; words have less, random text more
SURE = {
    "private key": re.compile(
        rb"-----BEGIN (?:[A-Z]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\\n|\s){0,10}[A-Za-z0-9+/=:, \r\n\\-]{40,20000}"
    ),
    "AWS access key": re.compile(rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "GitHub token": re.compile(rb"\b(?:gh[pousr]_[A-Za-z0-9]{36,300}|github_pat_[A-Za-z0-9_]{60,300})"),
    "GitLab token": re.compile(rb"\bglpat-[A-Za-z0-9_-]{20,300}"),
    "Slack token": re.compile(rb"\bxox[abposr]-[A-Za-z0-9-]{20,300}"),
    "Google API key": re.compile(rb"\bAIza[A-Za-z0-9_-]{35}\b"),
    "Stripe key": re.compile(rb"\b[rs]k_live_[A-Za-z0-9]{20,300}"),
    "Hugging Face token": re.compile(rb"\bhf_[A-Za-z0-9]{34,300}"),
    "PyPI token": re.compile(rb"\bpypi-[A-Za-z0-9_-]{50,300}"),
    "JSON web token": re.compile(rb"\beyJ[A-Za-z0-9_-]{15,500}\.eyJ[A-Za-z0-9_-]{15,4000}\.[A-Za-z0-9_-]{20,1000}"),
    "API key of gonogo": re.compile(rb"\bgng_[0-9a-f]{12}_[0-9a-f]{64}\b"),
    "password in a URL": re.compile(rb"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@\"'<>]{1,60}:(?P<secret>[^\s:/@\"'<>{}$]{4,100})@[A-Za-z0-9.-]+"),
}
#: An assignment of something called a secret. Only in text, and only when the value looks random or is long enough to be one.
ASSIGNED = re.compile(
    rb"(?i)(?:passw(?:or)?d|passphrase|secret|api[_-]?key|access[_-]?key|auth[_-]?token|access[_-]?token|private[_-]?key)[\w-]{0,20}"
    rb"[\"']?\s{0,40}(?:=|:=|:|=>)\s{0,40}(?P<quote>[\"'])(?P<secret>[^\"'\r\n]{6,200})(?P=quote)"
)
#: The same without quotes, as in .env files and shell scripts: NAME=value on a line of its own, the value with a digit in it.
ENVIRONMENT = re.compile(
    rb"(?m)^[ \t]*(?:export[ \t]+)?[A-Z0-9_]{0,60}?(?:PASSWORD|PASSWD|SECRET|API_?KEY|ACCESS_?KEY|TOKEN)[A-Z0-9_]{0,60}"
    rb"=(?=\S*\d)(?P<secret>[^\s\"'#$<({]{8,200})[ \t\r]*$"
)
HARMLESS = re.compile(
    rb"(?i)^(?:\$|%|\{|<|\*+$|x+$|\.+$)"
    rb"|\b(?:your|example|changeme|change[-_ ]me|placeholder|dummy|redacted|insert|os\.environ|getenv|env\.)"
)


@dataclass(frozen=True)
class Hit:
    """One secret found. `fingerprint` names it without saying it."""

    path: str
    line: int
    rule: str
    fingerprint: str
    masked: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule} {self.masked} (fingerprint {self.fingerprint})"


class Secrets(Check):
    """Are sources and bundle free of passwords, tokens and private keys?

    Every file is read whole, dot-files and binary files too, and what is in gzip and ZIP files (one level deep). What is found is masked;
    a false alarm is silenced by putting its fingerprint into the option `allow`, which stays visible in the checklist.
    `history_secrets` looks at what was committed before.
    """

    name = "secrets"
    facts: ClassVar = {
        "hits": "secrets found, allowed ones left out",
        "allowed": "found, and allowed by fingerprint",
        "files_scanned": "files of the sources and the bundle that were read",
        "files_skipped": "links among the sources, which are not followed",
        "archives_unread": "gzip and ZIP files that are damaged, encrypted or unpack to too much: only their packed bytes were read",
    }
    options: ClassVar = {"allow": []}

    def measure(self, source: SourceTree, bundle: BundleView) -> Measurement:
        files = [(_name(path, source.root), path) for path in source.files]
        files += [(f"bundle/{file.path}", bundle.root / file.path) for file in read_tree(bundle.root).files]
        if not files:
            raise DataError("there is no file to scan.")
        unread: list[str] = []
        found = [hit for name, path in files for hit in (*scan_file(name, path), *_scan_inside(name, path, unread))]
        hits = [hit for hit in found if hit.fingerprint not in self.chosen["allow"]]
        return Measurement(
            {
                "hits": Fact(len(hits)),
                "allowed": Fact(len(found) - len(hits)),
                "files_scanned": Fact(len(files)),
                "files_skipped": Fact(len(source.links)),
                "archives_unread": Fact(len(unread)),
            },
            (*(str(hit) for hit in hits), *(f"cannot be unpacked: {name}" for name in unread)),
        )


def scan_file(name: str, path: Path) -> list[Hit]:
    """Every secret in one file. Raises OSError when it cannot be read."""
    with open(path, "rb") as file:
        return scan(name, file.read)


def _scan_inside(name: str, path: Path, unread: list[str]) -> list[Hit]:
    """Every secret in what a gzip or ZIP file packs; nothing for other files. One that cannot be unpacked is entered in `unread`."""
    with open(path, "rb") as file:
        start = file.read(4)
    found: list[Hit] = []
    try:
        if start[:2] == GZIP:
            with gzip.open(path) as packed:
                found += scan(f"{name}!", _Bounded(packed.read, MOST_UNPACKED).read)
        elif start == ZIP:
            with zipfile.ZipFile(path) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > MOST_UNPACKED:
                    raise ValueError("it unpacks to too much")
                for entry in archive.infolist():
                    with archive.open(entry) as packed:
                        found += scan(f"{name}!{entry.filename}", packed.read)
    except (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zlib.error, lzma.LZMAError, zipfile.BadZipFile):
        unread.append(name)
    return found


class _Bounded:
    """A stream that may give so many bytes and no more. Raises ValueError beyond."""

    def __init__(self, read: Callable[[int], bytes], most: int) -> None:
        self._read, self._left = read, most

    def read(self, most: int) -> bytes:
        data = self._read(most)
        self._left -= len(data)
        if self._left < 0:
            raise ValueError("it unpacks to too much")
        return data


def scan(name: str, read: Callable[[int], bytes]) -> list[Hit]:
    """Every secret in what `read` gives, to its end."""
    found: dict[tuple[int, str], Hit] = {}
    offset, lines, carried = 0, 0, b""
    is_text = True
    while block := read(BLOCK):
        data = carried + block
        is_text = is_text and b"\0" not in block[:8192]
        for position, rule, secret in _secrets(data, is_text):
            line = lines + data.count(b"\n", 0, position) + 1
            start = offset - len(carried) + position
            found[(start, rule)] = Hit(name, line, rule, _fingerprint(secret), _masked(secret))
        cut = max(len(data) - OVERLAP, 0)
        lines += data.count(b"\n", 0, cut)
        offset += len(block)
        carried = data[cut:]
    return list(found.values())


def _secrets(data: bytes, is_text: bool) -> Iterator[tuple[int, str, bytes]]:
    for rule, pattern in SURE.items():
        for match in pattern.finditer(data):
            secret = match.groupdict().get("secret") or match.group()
            if rule != "password in a URL" or not HARMLESS.search(secret):
                yield match.start(), rule, secret
    if is_text:
        for pattern in (ASSIGNED, ENVIRONMENT):
            for match in pattern.finditer(data):
                secret = match.group("secret")
                if not HARMLESS.search(secret) and _entropy(secret) >= ENTROPY:
                    yield match.start(), "assigned secret", secret


def _entropy(secret: bytes) -> float:
    """Shannon entropy in bits a character."""
    return -sum(count / len(secret) * math.log2(count / len(secret)) for count in Counter(secret).values())


def _fingerprint(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()[:16]


def _masked(secret: bytes) -> str:
    shown = secret[:4].decode("ascii", "replace") if len(secret) >= 16 else ""
    return f"{shown}… ({len(secret)} characters)"


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
