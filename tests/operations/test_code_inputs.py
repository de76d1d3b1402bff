"""Inputs that come from git and from the known failures, as a real project hands them to checks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import sample
from git_folder import GitFolder
from gonogo.base.clock import FakeClock
from gonogo.errors import GonogoError, NotFoundError
from gonogo.operations.inputs import ProjectInputs
from gonogo.operations.progress import silent
from gonogo.operations.workspace import Workspace

KNOWN = "- {test: test_a.py::test_b, owner: Ana, reason: slow, expires: 2026-03-01}\n"


def inputs(folder: Path, clock: FakeClock | None = None) -> ProjectInputs:
    workspace = Workspace.open(folder)
    return ProjectInputs(Workspace(workspace.project, clock or FakeClock()), build=False, progress=silent)


@pytest.fixture
def git(tmp_path: Path) -> GitFolder:
    made = GitFolder.make(tmp_path / "repo")
    sample.write_project(made.path / "project", more="files: {known_failures: known.yaml}\n")
    made.commit({"project/known.yaml": KNOWN})
    return made


def test_what_the_gate_writes_into_its_store_is_no_change_of_the_repository(git: GitFolder) -> None:
    with inputs(git.path / "project") as found:
        before = found.digest("repository")
        git.write({"project/.gonogo/evidence/x.json": "{}"})
        assert found.digest("repository") == before
        assert found.get("repository").changes == ()
        git.write({"project/new.py": ""})
        assert found.digest("repository") != before


def test_a_commit_makes_the_history_another_and_a_change_does_not(git: GitFolder) -> None:
    with inputs(git.path / "project") as found:
        before = found.digest("history")
        git.write({"project/new.py": ""})
        assert found.digest("history") == before
        git.commit({})
        assert found.digest("history") != before


def test_known_failures_are_another_input_on_the_day_after_one_expires(git: GitFolder) -> None:
    clock = FakeClock(datetime(2026, 3, 1, 23, 0, tzinfo=UTC))
    with inputs(git.path / "project", clock) as found:
        before = found.digest("known_failures")
        assert [one.expired for one in found.get("known_failures")] == [False]
        clock.advance(1800)
        assert found.digest("known_failures") == before
        clock.advance(3600)
        assert found.digest("known_failures") != before
        (git.path / "project" / "known.yaml").write_text(KNOWN.replace("owner: Ana, ", ""))
        with pytest.raises(GonogoError, match="has no owner"):
            found.digest("known_failures")


def test_a_project_without_git_and_without_known_failures_has_neither(tmp_path: Path) -> None:
    sample.write_project(tmp_path)
    with inputs(tmp_path) as found:
        for name in ("repository", "history", "known_failures"):
            with pytest.raises(NotFoundError):
                found.digest(name)


def test_a_changed_test_is_a_changed_source_even_where_the_paths_leave_the_tests_out(tmp_path: Path) -> None:
    sample.write_project(tmp_path, more="code: {paths: [src]}\n")
    for name in ("src", "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "test_it.py").write_text("def test_it(): pass\n")
    with inputs(tmp_path) as found:
        before = found.digest("source")
        (tmp_path / "tests" / "test_it.py").write_text("def test_it(): assert 0\n")
        assert found.digest("source") != before
