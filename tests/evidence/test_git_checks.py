"""The checks on what is committed, reviewed and kept in the history, on real repositories that are right and wrong in one thing each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from git_folder import GitFolder
from gonogo.errors import ChildError, DataError
from gonogo.evidence.inputs import SourceTree
from gonogo.evidence.memory import measure
from gonogo.evidence.record import Measurement
from gonogo.evidence.repository import History, Repository
from measured import values


@pytest.fixture
def git(tmp_path: Path) -> GitFolder:
    made = GitFolder.make(tmp_path / "repo")
    made.commit({"src/a.py": "x = 1\n", "data/rows.csv": "1\n"})
    return made


# -- git_state ----------------------------------------------------------------------------------------------------------------------


def state(git: GitFolder, **options: Any) -> Measurement:
    return measure("git_state", options, repository=Repository.read(git.path))


def test_a_clean_tree_on_its_branch_with_a_tag_is_all_that_is_asked(git: GitFolder, tmp_path: Path) -> None:
    GitFolder(tmp_path)("clone", "-q", str(git.path), str(tmp_path / "copy"))
    copy = GitFolder(tmp_path / "copy")
    copy("tag", "v1.0.0")
    found = state(copy)
    assert values(found) == {
        "clean": True, "changed_paths": 0, "tolerated_paths": 0, "on_branch": True, "branch": "main", "up_to_date": True,
        "commit": git("rev-parse", "HEAD"), "tagged": True, "tag": "v1.0.0",
    }  # fmt: skip
    assert found.findings == ()


def test_changes_are_counted_unless_their_paths_are_tolerated(git: GitFolder) -> None:
    git.write({"data/rows.csv": "2\n", "src/a.py": "x = 2\n"})
    facts = values(state(git, tolerate=["data/*", "*.parquet"]))
    assert (facts["clean"], facts["changed_paths"], facts["tolerated_paths"]) == (False, 1, 1)
    git("checkout", "-q", "src")
    assert values(state(git, tolerate=["data/*"]))["clean"] is True
    assert values(state(git))["clean"] is False


def test_another_branch_is_not_the_release_branch_though_its_head_is_the_same(git: GitFolder) -> None:
    git("checkout", "-q", "-b", "topic")
    found = state(git)
    assert (values(found)["on_branch"], values(found)["branch"]) == (False, "topic")
    assert "topic is checked out, not main" in found.findings
    assert values(state(git, branch="topic"))["on_branch"] is True


def test_a_tag_that_is_checked_out_counts_when_the_branch_contains_it(git: GitFolder) -> None:
    first = git("rev-parse", "HEAD")
    git.commit({"src/a.py": "x = 2\n"})
    git("checkout", "-q", first)
    facts = values(state(git))
    assert (facts["on_branch"], facts["branch"], facts["tagged"]) == (True, "(none)", False)
    assert "tag" not in facts
    git.commit({"src/a.py": "x = 3\n"})
    assert values(state(git))["on_branch"] is False


def test_without_an_upstream_nobody_says_that_it_is_up_to_date(git: GitFolder, tmp_path: Path) -> None:
    found = state(git)
    assert values(found)["up_to_date"] is False
    assert "nobody knows" in found.findings[0]
    GitFolder(tmp_path)("clone", "-q", str(git.path), str(tmp_path / "copy"))
    copy = GitFolder(tmp_path / "copy")
    git.commit({"src/a.py": "x = 2\n"})
    copy("fetch", "-q")
    found = state(copy)
    assert values(found)["up_to_date"] is False
    assert "1 commits that the head has not" in found.findings[0]


# -- committed ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def committed(git: GitFolder, project: Callable[..., Any]) -> Callable[..., Measurement]:
    def run(*below: str, **options: Any) -> Measurement:
        source = SourceTree.read(git.path, [Path(path) for path in below or ("src",)])
        declared = project(git.path, paths=tuple(git.path / path for path in below or ("src",)))
        return measure("committed", options, project=declared, source=source, history=History.read(git.path))

    return run


def test_sources_as_in_the_head_commit_differ_in_nothing(git: GitFolder, committed: Any) -> None:
    first = git("rev-parse", "HEAD")
    second = git.commit({"src/b.py": "y = 1\n"}, "more sources\n\nbecause")
    git.write({"data/other.csv": "1"})
    found = committed()
    assert values(found) == {
        "files": 2, "untracked_sources": 0, "differing_sources": 0, "missing_sources": 0, "commits": 2,
        "last_commits": f"{second[:12]} more sources; {first[:12]} work",
    }  # fmt: skip
    assert found.findings == ()


def test_new_changed_and_deleted_sources_are_counted_and_named(git: GitFolder, committed: Any) -> None:
    git.commit({"src/gone.py": "", "src/deep/b.py": "y = 1\n"})
    git.write({"src/a.py": "x = 2\n", "src/new.py": ""})
    git("add", "src/new.py")
    (git.path / "src" / "gone.py").unlink()
    found = committed()
    facts = values(found)
    assert (facts["untracked_sources"], facts["differing_sources"], facts["missing_sources"]) == (1, 1, 1)
    assert found.findings == (
        "not committed: src/new.py", "differs from the head commit: src/a.py", "in the head commit, and not here: src/gone.py",
    )  # fmt: skip
    assert values(committed(paths=["src/deep"]))["untracked_sources"] == 0


def test_an_ignored_source_is_not_committed_whatever_ignores_it(git: GitFolder, committed: Any) -> None:
    git.write({"src/evil.py": "", "src/.gitignore": "*\n"})
    assert Repository.read(git.path).changes == ()
    assert values(committed())["untracked_sources"] == 2


def test_bytes_are_compared_not_what_git_remembers_of_them(git: GitFolder, committed: Any) -> None:
    git("update-index", "--assume-unchanged", "src/a.py")
    git.write({"src/a.py": "x = 2\n"})
    assert values(committed())["differing_sources"] == 1


def test_what_an_attribute_rewrites_is_no_hiding_place(git: GitFolder, committed: Any) -> None:
    """`ident` takes whatever stands in `$Id: … $` for `$Id$`, and may be switched on where nothing is committed."""
    git.commit({"src/a.py": 'V = "$Id$"\n'})
    git.write({".git/info/attributes": "*.py ident\n", "src/a.py": 'V = "$Id: "; import os; os.abort(); W = "$"\n'})
    git("add", "src/a.py")
    assert git("status", "--porcelain") == ""
    assert [(one.kind, one.path) for one in Repository.read(git.path).changes] == [("HH", "src/a.py")]
    assert values(committed())["differing_sources"] == 1


def test_line_ends_that_git_is_told_to_convert_are_no_difference(git: GitFolder, committed: Any) -> None:
    git.commit({".gitattributes": "*.py text eol=crlf\n"})
    git.write({"src/a.py": b"x = 1\r\n"})
    assert values(committed())["differing_sources"] == 0


def test_sources_that_lie_in_no_repository_cannot_be_judged(git: GitFolder, committed: Any) -> None:
    with pytest.raises(DataError, match="no source file"):
        committed(paths=["docs"])


# -- review -------------------------------------------------------------------------------------------------------------------------


def review(git: GitFolder) -> Measurement:
    return measure("review", history=History.read(git.path))


@pytest.mark.parametrize(
    ("message", "facts"),
    {
        "nobody": ("work", (False, 0, False)),
        "somebody": ("work\n\nReviewed-by: Ben <BEN@example.org>\nReviewed-by: Cleo <cleo@example.org>", (True, 2, False)),
        "the author": ("work\n\nReviewed-by: Somebody Else <ana@example.org>", (False, 0, True)),
        "both": ("work\n\nSigned-off-by: x <x@y>\nreviewed-by: Ben <ben@example.org>\nReviewed-by: Ana <ana@example.org>", (True, 1, True)),
        "in the middle": ("work\n\nReviewed-by: Ben <ben@example.org>\n\nBut then it was changed.", (False, 0, False)),
        "no address": ("work\n\nReviewed-by: Ben", (False, 0, False)),
    }.values(),
)
def test_a_reviewer_is_somebody_else_than_the_author(git: GitFolder, message: str, facts: tuple[bool, int, bool]) -> None:
    git.commit({"src/a.py": "x = 2\n"}, message)
    found = values(review(git))
    assert (found["reviewed"], found["approvals"], found["author_is_reviewer"]) == facts


def test_a_review_of_an_earlier_commit_is_none_of_the_head(git: GitFolder) -> None:
    git.commit({}, "work\n\nReviewed-by: Ben <ben@example.org>")
    git.commit({"src/a.py": "x = 2\n"}, "more work")
    assert values(review(git))["reviewed"] is False


def test_of_a_merge_the_authors_of_all_it_brings_are_no_reviewers(git: GitFolder) -> None:
    git("checkout", "-q", "-b", "topic")
    git.commit({"src/b.py": ""}, "first", who="ben")
    git.commit({"src/a.py": "x = 2\n"}, "second\n\nReviewed-by: Ben <ben@example.org>")
    git("checkout", "-q", "main")
    git("merge", "-q", "--no-ff", "-m", "merged", "topic")
    found = values(review(git))
    assert (found["reviewed"], found["author_is_reviewer"]) == (False, True)
    git("commit", "-q", "--amend", "-m", "merged\n\nReviewed-by: Cleo <cleo@example.org>")
    assert values(review(git))["approvals"] == 1


# -- secrets of the history ---------------------------------------------------------------------------------------------------------

TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


def secrets(git: GitFolder, **options: Any) -> Measurement:
    return measure("history_secrets", options, history=History.read(git.path))


def test_a_secret_that_was_removed_is_still_in_the_history(git: GitFolder) -> None:
    git.commit({"src/settings.py": f"token = '{TOKEN}'\n"})
    git.commit({"src/settings.py": "token = None\n"})
    found = secrets(git)
    assert values(found) == {"hits": 1, "allowed": 0, "history_commits_scanned": 3}
    assert found.findings[0].startswith("src/settings.py (blob ")
    assert TOKEN not in str(found)
    mark = found.findings[0].split("fingerprint ")[1].rstrip(")")
    assert values(secrets(git, allow=[mark])) == {"hits": 0, "allowed": 1, "history_commits_scanned": 3}


def test_a_secret_in_a_commit_message_or_in_a_binary_file_is_found(git: GitFolder) -> None:
    git.commit({"weights.bin": b"\0" * 100 + TOKEN.encode() + b"\0"})
    git("rm", "-q", "weights.bin")
    git("commit", "-q", "-m", "again\n\nwith AKIA" + "IOSFODNN7QWERTYU")
    found = secrets(git)
    assert values(found)["hits"] == 2
    assert {finding.split(" ")[0] for finding in found.findings} == {"commit", "weights.bin"}


def test_the_same_secret_in_many_versions_is_one_secret_and_a_clean_history_has_none(git: GitFolder) -> None:
    assert values(secrets(git)) == {"hits": 0, "allowed": 0, "history_commits_scanned": 1}
    for number in range(3):
        git.commit({"src/settings.py": f"x = {number}\ntoken = '{TOKEN}'\n"})
    assert values(secrets(git))["hits"] == 1


def test_a_history_that_was_cut_off_cannot_be_judged(git: GitFolder, tmp_path: Path) -> None:
    git.commit({})
    GitFolder(tmp_path)("clone", "-q", "--depth", "1", f"file://{git.path}", str(tmp_path / "cut"))
    with pytest.raises(DataError, match="cut off"):
        secrets(GitFolder(tmp_path / "cut"))


def test_an_object_that_is_missing_is_an_error_not_a_clean_history(git: GitFolder) -> None:
    blob = git("rev-parse", "HEAD:src/a.py")
    git.commit({"src/a.py": "x = 2\n"})
    (git.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(ChildError):
        secrets(git)
