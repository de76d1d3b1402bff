"""`gonogo watch backtest`: what the rules in force, or those of another project file, would have said of what was counted."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from gonogo.base import catalogue
from gonogo.base.clock import stamp
from gonogo.checklist.false_alarms import expected_false_alarms
from gonogo.checklist.load import load_pack
from gonogo.errors import GonogoError, NotFoundError
from gonogo.monitor.alarms.rule import Rule
from gonogo.monitor.alarms.telling import Rung
from gonogo.monitor.backtest import backtest
from gonogo.monitor.history import History
from gonogo.operations.baseline import baseline_of
from gonogo.operations.feedback import label_reader
from gonogo.operations.workspace import Workspace


def replay_rules(workspace: Workspace, since: timedelta, policy: Path | None = None) -> dict[str, Any]:
    """The record of a replay (`gonogo-backtest/1`): by rule when it would have rung, how often in 30 days with an interval, and how often
    its law expects it to ring for nothing. `policy` is another project file (or its folder) whose pack and rules are replayed instead.

    Raises NotFoundError when nothing was ever counted here, ProjectFileError for a mistake in the other file."""
    project = workspace.project if policy is None else Workspace.open(policy).project
    rules = load_pack(project.pack, project).monitor
    path, now = workspace.path / "history.db", workspace.clock.now()
    if not path.exists():
        raise NotFoundError("nothing was counted here yet.", hint="The service counts while it runs: see `gonogo serve`.")
    history = History(path, workspace.clock)
    baselines, problems = {}, []
    try:
        for release in history.releases():
            try:
                baselines[release] = baseline_of(workspace, release)
            except GonogoError as error:
                problems.append(f"the baseline of {release} cannot be read: {error}")
        found = backtest(
            history,
            [catalogue.load("signals", name)() for name in catalogue.names("signals")],
            [Rule(**asdict(rule)) for rule in rules.rules],
            baselines,
            now - since,
            now,
            ladder=[Rung(step.after_seconds, step.to) for step in rules.escalation],
            repeat_seconds=rules.repeat_seconds,
            labels=label_reader(workspace).look(),
        )
    finally:
        history.close()
    laws = {rule.name: expected_false_alarms(rule) for rule in rules.rules}
    return {
        "format": "gonogo-backtest/1",
        "system": project.system,
        "policy": project.source.file,
        "asked_seconds": since.total_seconds(),
        "since": stamp(found.since) if found.since else None,
        "until": stamp(found.until) if found.until else None,
        "moments": found.moments,
        "problems": [*problems, *found.problems],
        "rules": [{**one.to_json(), "expected_per_month": laws[name]} for name, one in found.rules.items()],
    }
