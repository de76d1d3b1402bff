"""The view of git: what it sees, what cannot be hidden from it, and that nothing of the repository's configuration is run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from git_folder import GitFolder
from gonogo.errors import ChildError, DataError, NotFoundError
from gonogo.evidence.repository import History, Repository


@pytest.fixture
def git(tmp_path: Path) -> GitFolder:
    made = GitFolder.make(tmp_path / "repo")
    made.commit({"src/a.py": "x = 1\n", "data/rows.csv": "1\n", ".gitignore": "ignored/\n"})
    return made


def changes(git: GitFolder) -> dict[str, str]:
    return {change.path: change.kind for change in Repository.read(git.path).changes}


def test_a_fresh_commit_is_clean_and_has_its_branch_and_tags(git: GitFolder) -> None:
    git("tag", "v1.0.0")
    git("tag", "-a", "-m", "noted", "noted")
    found = Repository.read(git.path / "src")
    assert (found.branch, found.tags, found.changes) == ("main", ("noted", "v1.0.0"), ())
    assert found.head == git("rev-parse", "HEAD")
    git.commit({})
    assert Repository.read(git.path).tags == ()


def test_changed_new_staged_and_deleted_files_are_changes_and_ignored_ones_are_not(git: GitFolder) -> None:
    git.write({"src/a.py": "x = 2\n", "src/new.py": "", "src/staged.py": "", "ignored/big.bin": "1", "name with space é.txt": ""})
    git("add", "src/staged.py")
    (git.path / "data" / "rows.csv").unlink()
    found = changes(git)
    expected = {"data/rows.csv": " D", "name with space é.txt": "??", "src/a.py": " M", "src/new.py": "??", "src/staged.py": "A "}
    assert found == expected
    assert list(found) == sorted(found)


def test_what_is_left_out_is_no_change(git: GitFolder) -> None:
    git.write({".gonogo/evidence/x.json": "{}", "src/new.py": ""})
    assert [one.path for one in Repository.read(git.path, leave_out=(git.path / ".gonogo",)).changes] == ["src/new.py"]


@pytest.mark.parametrize("mark", ["--assume-unchanged", "--skip-worktree"])
def test_a_change_that_git_was_told_to_overlook_is_seen(git: GitFolder, mark: str) -> None:
    git("update-index", mark, "src/a.py")
    git.write({"src/a.py": "x = 2\n"})
    assert git("status", "--porcelain") == ""
    assert changes(git) == {"src/a.py": "HH"}


def test_a_private_list_of_excludes_hides_nothing(git: GitFolder) -> None:
    git.write({".git/info/exclude": "*.py\n", "src/new.py": ""})
    git("config", "core.excludesFile", str(git.path / ".git" / "info" / "exclude"))
    git("config", "status.showUntrackedFiles", "no")
    assert git("status", "--porcelain") == ""
    assert changes(git) == {"src/new.py": "??"}


def test_a_work_tree_that_lies_elsewhere_is_an_error(git: GitFolder, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    git("config", "core.worktree", str(tmp_path / "elsewhere"))
    with pytest.raises(DataError, match="work tree elsewhere"):
        Repository.read(git.path)


def test_a_change_in_a_submodule_is_a_change(git: GitFolder, tmp_path: Path) -> None:
    other = GitFolder.make(tmp_path / "other")
    other.commit({"b.py": "y = 1\n"})
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other.path), "part")
    git.commit({})
    assert changes(git) == {}
    git.write({"part/b.py": "y = 2\n"})
    assert changes(git) == {"part/b.py": " M"}


def hostile(git: GitFolder, place: Path) -> None:
    """Configure everything that git would start by itself for the commands that we use, and some more."""
    script = place / "run"
    script.write_text(f"#!{sys.executable}\nimport pathlib, sys\npathlib.Path({str(place / 'pwned')!r}).touch()\nprint('x')\n")
    script.chmod(0o755)
    for key in (
        "core.fsmonitor", "filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "filter.EVIL.two.clean", "diff.external",
        "diff.evil.textconv", "diff.evil.command", "core.pager", "core.sshCommand", "gpg.program", "core.editor", "alias.status",
        "core.alternateRefsCommand", "credential.helper", "core.askPass", "interactive.diffFilter", "trailer.x.command",
    ):  # fmt: skip
        git("config", key, str(script))
    for key, value in {"filter.evil.required": "true", "log.showSignature": "true", "core.trustctime": "false"}.items():
        git("config", key, value)
    hooks = place / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "reference-transaction", "post-checkout", "pre-commit", "fsmonitor-watchman"):
        (hooks / name).write_text(script.read_text())
        (hooks / name).chmod(0o755)
    git("config", "core.hooksPath", str(hooks))
    git.write({".gitattributes": "*.py filter=evil diff=evil\n*.csv filter=EVIL.two\n"})


def test_nothing_that_a_repository_configures_is_run(git: GitFolder, tmp_path: Path) -> None:
    hostile(git, tmp_path)
    git.write({"src/a.py": "x = 3\n"})
    os.utime(git.path / "data" / "rows.csv", (1, 1))  # git must look at the bytes
    found = Repository.read(git.path)
    history = History.read(git.path)
    history.git.blob_ids(["src/a.py", "data/rows.csv"])
    for _, _, stream, size in history.objects():
        stream.read(size)
    assert history.commit(history.head).author == "ana@example.org"
    assert [change.path for change in found.changes] == [".gitattributes", "src/a.py"]
    assert not (tmp_path / "pwned").exists()
    subprocess.run(["git", "status"], cwd=git.path, capture_output=True, check=False)
    assert (tmp_path / "pwned").exists(), "the trap of this test does not work"


def test_variables_of_a_hook_do_not_lead_to_another_repository(git: GitFolder, tmp_path: Path) -> None:
    other = GitFolder.make(tmp_path / "other")
    other.commit({"b.py": ""})
    code = "import sys; from pathlib import Path; from gonogo.evidence.repository import Repository; print(Repository.read(Path('.')).head)"
    told = {**os.environ, "GIT_DIR": str(other.path / ".git"), "GIT_WORK_TREE": str(other.path), "GIT_INDEX_FILE": "nowhere"}
    done = subprocess.run([sys.executable, "-c", code], cwd=git.path, env=told, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == git("rev-parse", "HEAD")


def test_replaced_commits_are_not_followed(git: GitFolder) -> None:
    first = git("rev-parse", "HEAD")
    second = git.commit({"src/a.py": "x = 2\n"}, "second\n\nReviewed-by: Ben <ben@example.org>")
    git("replace", second, first)
    assert History.read(git.path).commit(second).message.startswith("second")


def test_the_digest_changes_with_head_branch_tags_and_changes_and_not_with_the_place(git: GitFolder, tmp_path: Path) -> None:
    def digest() -> str:
        return Repository.read(git.path).digest

    seen = {digest()}
    for words in (("tag", "v1"), ("checkout", "-q", "-b", "topic"), ("commit", "-q", "--allow-empty", "-m", "x")):
        git(*words)
        assert digest() not in seen
        seen.add(digest())
    git.write({"new.txt": ""})
    assert digest() not in seen
    last = digest()
    git.path.rename(tmp_path / "moved")
    assert Repository.read(tmp_path / "moved").digest == last


def test_a_folder_without_git_or_without_a_commit_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="in no git repository"):
        Repository.read(tmp_path)
    GitFolder.make(tmp_path / "empty")
    with pytest.raises(NotFoundError, match="nothing is committed"):
        Repository.read(tmp_path / "empty")


def test_a_damaged_repository_is_an_error_that_says_what_git_said(git: GitFolder) -> None:
    (git.path / ".git" / "index").write_bytes(b"no index")
    with pytest.raises(ChildError, match=r"git .* failed: "):
        Repository.read(git.path)


def test_upstream_and_head_are_compared_as_of_the_last_fetch(git: GitFolder, tmp_path: Path) -> None:
    GitFolder(tmp_path)("clone", "-q", str(git.path), str(tmp_path / "copy"))
    copy = GitFolder(tmp_path / "copy")
    assert Repository.read(git.path).behind("main") is None
    assert Repository.read(copy.path).behind("main") == 0
    git.commit({"src/a.py": "x = 2\n"})
    assert Repository.read(copy.path).behind("main") == 0
    copy("fetch", "-q")
    assert Repository.read(copy.path).behind("main") == 1
    assert Repository.read(copy.path).contains_head("main")


def test_a_history_that_was_cut_off_is_an_error_when_it_is_asked_for(git: GitFolder, tmp_path: Path) -> None:
    git.commit({"src/a.py": "x = 2\n"})
    GitFolder(tmp_path)("clone", "-q", "--depth", "1", f"file://{git.path}", str(tmp_path / "copy"))
    with pytest.raises(DataError, match="cut off"):
        History.read(tmp_path / "copy").commits()
