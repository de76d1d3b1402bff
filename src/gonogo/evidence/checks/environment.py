"""Is every package of the environment pinned to one version?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.record import Fact, Measurement

PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[^\]]*\])?\s*===?\s*[^\s;,*]+\s*(;.*)?")
HASH = re.compile(r"\s--hash=\S+")
OPTIONS = ("--hash", "--index-url", "--extra-index-url", "--find-links", "--no-binary", "--only-binary", "--require-hashes", "--no-index")
SHORT = ("-i ", "-f ")


class Environment(Check):
    """Does the environment lock name exactly one version of every package?

    Read are the lines of a requirements file. `name==1.2.3` is pinned; ranges, wildcards, editable installs, links and other files
    (`-r`) are not: what they install can change without this file changing.
    """

    name = "environment"
    facts: ClassVar = {
        "packages": "packages in the lock",
        "pinned": "packages with one exact version",
        "unpinned": "packages, links and other files that are not",
        "hashed": "pinned packages that also have a hash",
    }

    def measure(self, environment: Path) -> Measurement:
        try:
            text = environment.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"the lock {environment.name} cannot be read: {error}.") from error
        lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines()]
        entries = [line for line in lines if line and not line.startswith((*OPTIONS, *SHORT))]
        if not entries:
            raise DataError(f"the lock {environment.name} names no package.", hint="Write one: pip freeze > requirements.lock")
        pinned = [line for line in entries if PINNED.fullmatch(HASH.sub("", line).strip())]
        loose = [line for line in entries if line not in pinned]
        return Measurement(
            {
                "packages": Fact(len(entries)),
                "pinned": Fact(len(pinned)),
                "unpinned": Fact(len(loose)),
                "hashed": Fact(sum(HASH.search(line) is not None for line in pinned)),
            },
            tuple(f"not pinned: {line[:100]}" for line in loose),
        )
