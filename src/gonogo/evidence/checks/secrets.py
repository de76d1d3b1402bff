"""Is there a password, token or private key where none may be?"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

from gonogo.base.tree import read_tree
from gonogo.errors import ChildError, DataError, NotFoundError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, SourceTree
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.repository import History

BLOCK = 8 << 20
OVERLAP = 8 << 10  #: a secret that lies across two blocks is found in the second
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
    """Are sources, bundle and git history free of passwords, tokens and private keys?

    Every file is read whole, dot-files and binary files too. With the option `history`, so is everything that the commits up to the head
    ever had, and what they say; without a repository that is an error. What is found is masked; a false alarm is silenced by putting
    its fingerprint into the option `allow`, which stays visible in the checklist.
    """

    name = "secrets"
    facts: ClassVar = {
        "hits": "secrets found, allowed ones left out",
        "allowed": "found, and allowed by fingerprint",
        "files_scanned": "files of the sources and the bundle that were read",
        "files_skipped": "links among the sources, which are not followed",
        "history_commits_scanned": "commits whose message and files were read; only with the option `history`",
    }
    options: ClassVar = {"allow": [], "history": False}

    def measure(self, source: SourceTree, bundle: BundleView, history: History | None = None) -> Measurement:
        files = [(_name(path, source.root), path) for path in source.files]
        files += [(f"bundle/{file.path}", bundle.root / file.path) for file in read_tree(bundle.root).files]
        if not files:
            raise DataError("there is no file to scan.")
        found = [hit for name, path in files for hit in scan_file(name, path)]
        facts = {"files_scanned": Fact(len(files)), "files_skipped": Fact(len(source.links))}
        if self.chosen["history"]:
            if history is None:
                raise NotFoundError("the project has no git history to scan.", hint="Run: git init, or leave out the option `history`.")
            commits, past = _scan_history(history)
            here = {(hit.rule, hit.fingerprint) for hit in found}
            found += [hit for hit in past if (hit.rule, hit.fingerprint) not in here]
            facts["history_commits_scanned"] = Fact(commits)
        hits = [hit for hit in found if hit.fingerprint not in self.chosen["allow"]]
        facts |= {"hits": Fact(len(hits)), "allowed": Fact(len(found) - len(hits))}
        return Measurement(facts, tuple(str(hit) for hit in hits))


def scan_file(name: str, path: Path) -> list[Hit]:
    """Every secret in one file. Raises OSError when it cannot be read."""
    with open(path, "rb") as file:
        return _scan(name, file.read)


def _scan_history(history: History) -> tuple[int, list[Hit]]:
    """The number of commits, and every secret that they ever held, each once."""
    found: dict[tuple[str, str], Hit] = {}
    commits = len(history.commits())
    for id_, path, stream, size in history.objects():
        name = f"{path} (blob {id_[:12]} of the history)" if path else f"commit {id_[:12]}"
        for hit in _scan(name, _Limited(stream, size).read):
            found.setdefault((hit.rule, hit.fingerprint), hit)
    return commits, list(found.values())


class _Limited:
    """The next `size` bytes of a stream."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream, self._left = stream, size

    def read(self, most: int) -> bytes:
        data = self._stream.read(min(most, self._left))
        if len(data) < min(most, self._left):
            raise ChildError("git ended in the middle of a file.", hint="Run: git fsck")
        self._left -= len(data)
        return data


def _scan(name: str, read: Callable[[int], bytes]) -> list[Hit]:
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
