"""Facts kept apart from their judgement: the evidence in a saved report, to be judged again."""

from __future__ import annotations

from pathlib import Path

from gonogo.base.canonical import parse_json
from gonogo.errors import DataError
from gonogo.evidence.record import Evidence
from gonogo.evidence.store import check_facts

FORMAT = "gonogo-report/1"
LARGEST = 256 << 20  #: bytes; no report is that long


def read_facts(file: Path) -> tuple[str | None, dict[str, Evidence]]:
    """Subject and evidence by item of a report that `gonogo check --json` wrote. Raises DataError when it is none."""
    try:
        if file.stat().st_size > LARGEST:
            raise ValueError("it is too large")
        report = parse_json(file.read_bytes())
        if not isinstance(report, dict) or report.get("format") != FORMAT:
            raise ValueError(f"it is no {FORMAT} document")
        subject = report["subject"]
        if subject is not None and not isinstance(subject, str):
            raise ValueError("its subject is no digest")
        evidence = {}
        for entry in report["items"]:
            if entry["measurement"] is not None:
                check_facts(entry["measurement"])
                evidence[entry["item"]] = Evidence.from_json(entry["measurement"])
        return subject, evidence
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{file} holds no facts: {error}.", hint="Write them with `gonogo check --report json=.gonogo/facts.json`."
        ) from error
