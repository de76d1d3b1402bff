"""Was there ever a password, token or private key in the repository?"""

from __future__ import annotations

from typing import IO, ClassVar

from gonogo.errors import ChildError
from gonogo.evidence.check import Check
from gonogo.evidence.checks.secrets import Hit, scan
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.repository import History


class HistorySecrets(Check):
    """Is everything that was ever committed free of passwords, tokens and private keys?

    Every version of every file of every commit that leads to the head is read whole, and what the commits say. A secret that was removed
    again is still in the history, and whoever has a copy has it. What is found is masked, and the same secret counts once; the option
    `allow` takes fingerprints as in `secrets` (of a secret that was revoked, say).
    """

    name = "history_secrets"
    facts: ClassVar = {
        "hits": "secrets found, allowed ones left out",
        "allowed": "found, and allowed by fingerprint",
        "history_commits_scanned": "commits whose messages and files were read",
    }
    options: ClassVar = {"allow": []}

    def measure(self, history: History) -> Measurement:
        commits = len(history.commits())
        found: dict[tuple[str, str], Hit] = {}
        for id_, path, stream, size in history.objects():
            name = f"{path} (blob {id_[:12]})" if path else f"commit {id_[:12]}"
            for hit in scan(name, _Limited(stream, size).read):
                found.setdefault((hit.rule, hit.fingerprint), hit)
        hits = [hit for hit in found.values() if hit.fingerprint not in self.chosen["allow"]]
        return Measurement(
            {"hits": Fact(len(hits)), "allowed": Fact(len(found) - len(hits)), "history_commits_scanned": Fact(commits)},
            tuple(str(hit) for hit in hits),
        )


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
