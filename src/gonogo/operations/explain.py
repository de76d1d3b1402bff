"""`gonogo explain ITEM`: the statement, what was measured, what follows, how to repair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gonogo.checklist.items import Item
from gonogo.errors import NotFoundError
from gonogo.evidence.record import Evidence
from gonogo.operations.check import check
from gonogo.operations.workspace import Workspace
from gonogo.verdict.outcome import ItemResult


@dataclass(frozen=True)
class Explained:
    item: Item
    result: ItemResult
    evidence: Evidence | None

    def to_json(self) -> dict[str, Any]:
        evidence = self.evidence.to_json() if self.evidence else None
        return {"item": self.item.to_json(), "result": self.result.to_json(), "evidence": evidence}


def explain(workspace: Workspace, item: str) -> Explained:
    """Judge what is there and take out one item. Raises NotFoundError with the names there are."""
    checked = check(workspace, judge_only=True)
    results = {result.item: result for result in checked.verdict.items}
    if item not in results:
        raise NotFoundError(f"{checked.checklist.title} has no item {item!r}.", hint=f"Items: {', '.join(results)}.")
    return Explained(checked.checklist.item(item), results[item], checked.evidence.get(item))
