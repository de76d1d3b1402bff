"""Which known bugs are open?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.declared import declared_file, entries, read_structured
from gonogo.evidence.record import Fact, Measurement

SEVERITIES = ("P0", "P1", "P2", "P3")
CLOSED = ("closed", "done", "fixed", "resolved", "wontfix", "duplicate")
OPEN = ("open", "new", "in progress", "reopened", "blocked")


class Issues(Check):
    """Which known bugs are open, how grave are they, and is there a way round each?

    Reads `files.issues`: a list of `{id, severity: P0 to P3, status, workaround}`. A severity or status that nobody knows is an error,
    never a closed issue. The option `document` names a declared document in which every open issue must be mentioned by its id.
    """

    name = "issues"
    facts: ClassVar = {
        "issues": "issues in the list",
        "open": "issues that are not closed",
        "p0": "open issues of severity P0",
        "p1": "open issues of severity P1",
        "without_workaround": "open issues that name no way round them",
        "unreported": "open issues whose id is not in the document; only with the option `document`",
    }
    options: ClassVar = {"document": ""}

    def measure(self, files: Mapping[str, Path], documents: Mapping[str, Path] | None = None) -> Measurement:
        path = declared_file(files, "issues")
        listed = entries(read_structured(path), "issues", path, ("id", "severity", "status"))
        ids = [str(one["id"]) for one in listed]
        strange = [str(one["id"]) for one in listed if _severity(one) not in SEVERITIES or _status(one) not in (*OPEN, *CLOSED)]
        if strange or len(set(ids)) < len(ids):
            raise DataError(
                f"{path.name}: unknown severity or status, or the same id twice: {', '.join(strange) or 'ids'}.",
                hint=f"Severities: {', '.join(SEVERITIES)}. Status: {', '.join((*OPEN, *CLOSED))}.",
            )
        left = [one for one in listed if _status(one) in OPEN]
        bare = [str(one["id"]) for one in left if not str(one.get("workaround") or "").strip()]
        facts = {
            "issues": Fact(len(listed)),
            "open": Fact(len(left)),
            "p0": Fact(sum(_severity(one) == "P0" for one in left)),
            "p1": Fact(sum(_severity(one) == "P1" for one in left)),
            "without_workaround": Fact(len(bare)),
        }
        findings = [f"open {_severity(one)}: {one['id']} {one.get('title') or ''}".rstrip() for one in left]
        findings += [f"no way round: {name}" for name in bare]
        if self.chosen["document"]:
            text = declared_file(documents or {}, self.chosen["document"]).read_text(encoding="utf-8", errors="replace")
            untold = [str(one["id"]) for one in left if not re.search(rf"(?<![\w-]){re.escape(str(one['id']))}(?![\w-])", text)]
            facts["unreported"] = Fact(len(untold))
            findings += [f"not in {self.chosen['document']}: {name}" for name in untold]
        return Measurement(facts, tuple(findings))


def _severity(issue: Mapping[str, object]) -> str:
    return str(issue["severity"]).strip().upper()


def _status(issue: Mapping[str, object]) -> str:
    return str(issue["status"]).strip().lower()
