"""The page of the checklist: every item of the live release with the evidence that was sealed with it."""

from __future__ import annotations

from typing import Any

from gonogo.reports.html import pictures
from gonogo.reports.report import Report


def view(release: str, report: Report | None) -> dict[str, Any]:
    return {"release": release, "report": report, "pictures": pictures(report) if report else []}
