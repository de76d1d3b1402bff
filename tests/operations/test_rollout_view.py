"""`gonogo rollout status` says what a stage waits for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import sample
from gonogo.operations.rollout import view
from gonogo.operations.workspace import Workspace
from gonogo.reports.rollout import render_rollout_text
from gonogo.rollout import journal
from gonogo.rollout.journal import Segment
from gonogo.rollout.judge import Booked, Decision, judge, requests_to_pass
from gonogo.rollout.machine import Phase, State
from gonogo.rollout.plan import Plan
from gonogo.rollout.target import ArmCounts

PLAN = Plan("small", "small@1.1.0", "sha256:new", "small@1.0.0", "sha256:old", steps=(5, 100), min_seconds=1.0)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    sample.write_project(tmp_path)
    return Workspace.open(tmp_path)


def rolling(workspace: Workspace, state: State, new: int, old: int) -> str:
    """The text of a rollout that is in this state and has counted so many requests in its first stage."""
    with workspace.store().transaction() as tx:
        begun = journal.open_rollout(tx, PLAN, "ana", "2026-01-01T00:00:00.000Z")
        journal.save(tx, replace(begun, state=state, segments=(Segment("b", 1, 0, ArmCounts(new, 0), ArmCounts(old, 0)),)))
    document = view(workspace)
    assert document is not None
    return render_rollout_text(document)


def test_a_stage_under_judgement_says_how_many_requests_it_has_and_needs(workspace: Workspace) -> None:
    needed = requests_to_pass(PLAN)
    text = rolling(workspace, State(Phase.ANALYZING, reason="traffic is split"), 30, 570)
    assert f"waiting at 5 %: 600 of at most {needed:,} requests in all, when none fails" in text
    whole = Booked(500, ArmCounts(round(needed * 0.05), 0), ArmCounts(needed - round(needed * 0.05), 0))
    assert judge(PLAN, [whole], observed_seconds=5.0, quiet_seconds=0.0).decision is Decision.PASS, "so many are enough"


@pytest.mark.parametrize("phase", [Phase.PREPARING, Phase.SHIFTING, Phase.COMPLETED, Phase.ROLLED_BACK])
def test_where_nothing_is_judged_nothing_is_waited_for(workspace: Workspace, phase: Phase) -> None:
    assert "waiting" not in rolling(workspace, State(phase), 0, 0)
