"""Write a report to a file in one of the formats."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gonogo.base.files import write_atomic
from gonogo.checklist.load import load_pack
from gonogo.evidence.inputs import NOT_SOURCE
from gonogo.operations.check import Checked
from gonogo.operations.workspace import Workspace
from gonogo.reports.form import render_form
from gonogo.reports.html import render_html
from gonogo.reports.json import render_json
from gonogo.reports.junit import render_junit
from gonogo.reports.markdown import render_markdown
from gonogo.reports.sarif import render_sarif
from gonogo.reports.text import render_text


def write_report(workspace: Workspace, name: str, file: Path, checked: Checked) -> bool:
    """`name` is html, json, text, markdown, junit, sarif or form. Says whether the file now lies among the project's sources: then what
    reads them (the search for secrets, say) is measured again at the next check, and what was signed over it is void.

    Raises StorageError, and UsageError for a pack whose form cannot be filled in.
    """
    write_atomic(file.resolve(), FORMATS[name](workspace, checked).encode())
    return any(_below(file.resolve(), (workspace.project.root / path).resolve()) for path in workspace.project.code.paths)


def _below(file: Path, place: Path) -> bool:
    return file.is_relative_to(place) and not NOT_SOURCE & set(file.relative_to(place).parts)


def _form(workspace: Workspace, checked: Checked) -> str:
    return render_form(checked.report, load_pack(workspace.project.pack, workspace.project).form, checked.signatures)


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _place(file: Path) -> str:
    """The project file as seen from where the command runs, which in CI is the root of the repository."""
    here, file = Path.cwd(), file.resolve()
    return file.relative_to(here).as_posix() if file.is_relative_to(here) else file.name


FORMATS: Mapping[str, Callable[[Workspace, Checked], str]] = {
    "html": lambda _, checked: render_html(checked.report),
    "json": lambda _, checked: _json(render_json(checked.report)),
    "text": lambda _, checked: render_text(checked.report, color=False) + "\n",
    "markdown": lambda _, checked: render_markdown(checked.report),
    "junit": lambda _, checked: render_junit(checked.report),
    "sarif": lambda workspace, checked: _json(render_sarif(checked.report, _place(workspace.project.file))),
    "form": _form,
}
