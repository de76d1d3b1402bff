"""`gonogo explain ITEM`: the question, what was measured, what follows, what it was before, how to repair."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from pathlib import Path

from gonogo.base import catalogue
from gonogo.checklist.items import Item
from gonogo.checklist.load import load_pack
from gonogo.errors import DataError, NotFoundError
from gonogo.evidence.markdown import declared_document, read_markdown
from gonogo.operations.check import check
from gonogo.operations.history import read_history
from gonogo.operations.workspace import Workspace
from gonogo.reports.explanation import Explanation, Runbook


def explain(workspace: Workspace, item: str) -> Explanation:
    """Judge what is there and take out one item. Raises NotFoundError with the names there are."""
    checked = check(workspace, judge_only=True)
    entries = {entry.item.id: entry for entry in checked.report.entries}
    if item not in entries:
        raise NotFoundError(f"{checked.checklist.title} has no item {item!r}.", hint=f"Items: {', '.join(entries)}.")
    entry = entries[item]
    question, meanings = _asked(entry.item, workspace)
    return Explanation(
        entry,
        question=question,
        meanings=meanings,
        history=read_history(workspace.history, item),
        runbook=_runbook(workspace.project.documents, entry.item.runbook) if entry.item.runbook else None,
    )


def _asked(item: Item, workspace: Workspace) -> tuple[str, Mapping[str, str]]:
    """The question, and what each fact says: of the check, or of the role that signs."""
    if item.check is None:
        roles = load_pack(workspace.project.pack, workspace.project).roles
        return f"Does the {item.sign_off} ({roles.get(item.sign_off or '', 'no role')}) vouch for it?", {}
    check = catalogue.load("checks", item.check)
    return " ".join((inspect.getdoc(check) or "").split("\n\n")[0].split()), dict(check.facts)


def _runbook(documents: Mapping[str, Path], place: str) -> Runbook:
    """The section `document#anchor`, the anchor being the heading as code hosts write it in links."""
    name, _, anchor = place.partition("#")
    try:
        file = declared_document(documents, name)
        if isinstance(file, str):
            return Runbook(place, problem=file)
        if not anchor:
            return Runbook(file.name)
        for section in read_markdown(file).sections:
            if _anchor(section.heading) == anchor:
                return Runbook(f"{file.name}#{anchor}", section.heading, section.visible)
    except DataError as error:
        return Runbook(place, problem=error.message)
    return Runbook(place, problem=f"{file.name} has no section #{anchor}")


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
