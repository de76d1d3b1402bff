"""What the check `selection` is told: the candidates as `gonogo candidates` compares them, and the decision that the signed log has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gonogo.base.canonical import digest
from gonogo.candidate.comparison import Candidate
from gonogo.evidence.record import Fact
from gonogo.operations.candidates import compare, facts_of
from gonogo.operations.workspace import Workspace

KIND = "selection"  #: events of the log: a decision that was written, or accepted


@dataclass(frozen=True)
class Standing:
    """A candidate as it stands today."""

    candidate: Candidate

    @property
    def ready(self) -> bool:
        return self.candidate.ready

    @property
    def figures(self) -> Mapping[str, Fact]:
        return facts_of(self.candidate)

    @property
    def notes(self) -> Sequence[str]:
        return self.candidate.notes


@dataclass(frozen=True)
class Selected:
    """The candidates by the digest of their run, and the digest of the newest decision on record, "" when there is none."""

    candidates: Mapping[str, Standing]
    logged: str

    @property
    def digest(self) -> str:
        return digest({"logged": self.logged, "candidates": {run: one.candidate.to_json() for run, one in self.candidates.items()}})


def selected(workspace: Workspace) -> Selected:
    """Both as they are now. Raises as `compare`, and VerificationError for a log that is not as it was written."""
    found = compare(workspace, weigh=False)
    return Selected({one.run: Standing(one) for one in found.candidates}, _logged(workspace))


def _logged(workspace: Workspace) -> str:
    if not workspace.has_log():
        return ""
    mine = [event.body for event in workspace.store().events(kinds=[KIND]) if event.body.get("system") == workspace.project.system]
    return str(mine[-1]["decision"]) if mine else ""
