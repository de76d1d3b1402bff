"""Items as tests: `pytest --gonogo gonogo.yaml` reports every item of the gate as one test, and the verdict as the last.

PASS passes, WAIVED is an expected failure, NOT_APPLICABLE is skipped; everything else fails, with what `gonogo explain` would say.
`--gonogo` collects files called gonogo.yaml below the folders that pytest looks at, and every YAML file that is named.

A gate may run the project's own tests. In those nothing is collected here, or a gate would start itself for ever.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gonogo.operations.check import Checked
    from gonogo.reports.report import Entry

VERDICT = "verdict"


class NotSatisfied(Exception):
    """An item, or the whole gate, does not let the candidate through. The text is for people."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gonogo")
    group.addoption("--gonogo", action="store_true", help="collect the items of gonogo.yaml as tests")
    group.addoption("--gonogo-judge-only", action="store_true", help="with --gonogo: measure nothing, judge what is there")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> GateFile | None:
    from gonogo.evidence.commands import MARK

    named = file_path.name == "gonogo.yaml" or (file_path.suffix in (".yaml", ".yml") and parent.session.isinitpath(file_path))
    if not parent.config.getoption("gonogo") or not named or MARK in os.environ:
        return None
    return GateFile.from_parent(parent, path=file_path)


class GateFile(pytest.File):
    """A project file; its checklist is read when tests are collected, and measured when the first of them runs."""

    def collect(self) -> Iterator[GateItem]:
        from gonogo.checklist.load import load_pack
        from gonogo.checklist.project import load_project
        from gonogo.errors import GonogoError

        try:
            project = load_project(self.path)
            items = load_pack(project.pack, project).gate.items
        except GonogoError as error:
            raise self.CollectError(f"{error.message} {error.hint or ''}".strip()) from error
        for name in [*(item.id for item in items), VERDICT]:
            yield GateItem.from_parent(self, name=name)

    @cached_property
    def checked(self) -> Checked:
        """The gate, checked once for all its tests. Raises GonogoError."""
        from gonogo.operations.check import check
        from gonogo.operations.workspace import Workspace

        return check(Workspace.open(self.path), judge_only=self.config.getoption("gonogo_judge_only"))


class GateItem(pytest.Item):
    """One item of the checklist, or the verdict."""

    parent: GateFile

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        if self.config.pluginmanager.hasplugin("xdist"):
            # Several workers would measure the same candidate at once.
            self.add_marker(pytest.mark.xdist_group(f"gonogo {self.path}"))

    def runtest(self) -> None:
        report = self.parent.checked.report
        if self.name == VERDICT:
            if not report.go:
                raise NotSatisfied("\n".join([f"{report.verdict.decision}: {report.headline}", *report.notes, report.next_step]))
            return
        _settle(next(entry for entry in report.entries if entry.item.id == self.name))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        from gonogo.errors import GonogoError

        error = excinfo.value
        if isinstance(error, GonogoError):
            return f"{error.message}\n{error.hint or ''}".strip()
        return str(error) if isinstance(error, NotSatisfied) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name


def _settle(entry: Entry) -> None:
    """Pass, skip, fail as expected, or fail."""
    from gonogo.reports.explanation import Explanation, render_explanation
    from gonogo.verdict.outcome import Outcome

    outcome = entry.result.outcome
    if outcome is Outcome.NOT_APPLICABLE:
        pytest.skip(entry.result.reason)
    if outcome is Outcome.WAIVED:
        pytest.xfail(entry.result.reason)
    if outcome is not Outcome.PASS:
        raise NotSatisfied(render_explanation(Explanation(entry)))
