"""Write a report to a file in one of the formats."""

from __future__ import annotations

import json
from pathlib import Path

from gonogo.base.files import write_atomic
from gonogo.reports.html import render_html
from gonogo.reports.json import render_json
from gonogo.reports.report import Report
from gonogo.reports.text import render_text


def write_report(name: str, file: Path, report: Report) -> None:
    """`name` is html, json or text. Raises StorageError."""
    if name == "html":
        text = render_html(report)
    elif name == "json":
        text = json.dumps(render_json(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    else:
        text = render_text(report, color=False) + "\n"
    write_atomic(file.resolve(), text.encode())
