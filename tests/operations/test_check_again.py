"""`gonogo check --only ITEM` on files that did not change: what failed is measured again, what passed keeps its evidence."""

from __future__ import annotations

from pathlib import Path

import sample
from gonogo.operations.check import Checked, check
from gonogo.operations.workspace import Workspace
from gonogo.verdict.outcome import Outcome

SLOW = "items:\n  load-test: {require: [requests >= 1000, p95 <= 0 s], reason: no machine is so quick}\n"


def outcome(checked: Checked, item: str) -> Outcome:
    return next(result.outcome for result in checked.verdict.items if result.item == item)


def test_a_load_test_that_failed_is_repeated_when_it_is_named_and_nothing_else_is(tmp_path: Path) -> None:
    sample.write_project(tmp_path, more=SLOW)
    workspace = Workspace.open(tmp_path)
    first = check(workspace)
    assert outcome(first, "load-test") is Outcome.FAIL
    assert check(workspace).evidence == first.evidence  # without being named nothing is repeated
    again = check(workspace, only=frozenset({"load-test", "quality"}))
    assert outcome(again, "load-test") is Outcome.FAIL
    changed = {name for name in first.evidence if again.evidence[name] != first.evidence[name]}
    assert changed == {"load-test"}
    assert again.evidence["load-test"].facts["p95"] != first.evidence["load-test"].facts["p95"]
