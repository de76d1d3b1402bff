"""The project's git repository, read without trusting it.

Rules:
1. Only the `git` program is called, with lists of words, and only commands that read. Nothing that the repository configures is run: no
   fsmonitor, no hook, no filter of `.gitattributes`, no pager, no signature program, no fetching of missing objects.
2. Nothing that the repository configures hides a change: excludes of its private folder do not count, only those of `.gitignore`; a work
   tree that lies elsewhere is an error; files marked "assume unchanged" are listed as hidden; replaced commits are not followed; the
   attributes `ident` and `working-tree-encoding`, under which other bytes are the same blob, do not count.
3. gonogo's own store is left out: the gate writes there while it measures.

    repository = Repository.read(Path("."), leave_out=(Path(".gonogo"),))
    repository.branch, repository.changes

Sources: git-status(1), git-config(1), gitattributes(5), git-cat-file(1) of git 2.39.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from gonogo import settings
from gonogo.base.canonical import digest
from gonogo.errors import ChildError, DataError, NotFoundError

#: Settings that stand above the repository's own. Empty programs are never started.
_QUIET = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.pager": "cat",
    "core.trustctime": "true",
    "core.checkStat": "default",
    "core.ignoreStat": "false",
    "core.quotePath": "false",
    "diff.external": "",
    "gpg.program": "",
    "log.showSignature": "false",
    "protocol.allow": "never",
}
#: The user's own configuration stays in force: it says what line ends are, and whose folders are safe.
_KEPT = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CEILING_DIRECTORIES")
_FILE, _GITLINK = "100", "160000"


@dataclass(frozen=True)
class Change:
    """One path that differs from the head commit. `kind`: git's two letters, "??" for untracked, "HH" for hidden from git."""

    kind: str
    path: str


@dataclass(frozen=True)
class Commit:
    """One commit: what it says, who wrote it, who committed it (e-mail addresses, lower case), and its parents."""

    id: str
    parents: tuple[str, ...]
    author: str
    committer: str
    message: str

    @property
    def reviewers(self) -> tuple[str, ...]:
        """E-mail addresses of the `Reviewed-by:` lines of its last paragraph, each once."""
        last = self.message.strip().split("\n\n")[-1]
        lines = [line.partition(":") for line in last.splitlines()]
        return tuple(dict.fromkeys(_address(value) for key, _, value in lines if key.strip().lower() == "reviewed-by" and "@" in value))


@dataclass(frozen=True)
class Git:
    """The `git` program on one repository, with everything switched off that the repository could make it run."""

    root: Path
    environment: Mapping[str, str] = field(repr=False)

    @classmethod
    def at(cls, folder: Path) -> Git:
        """For the repository that a folder lies in. Raises NotFoundError when there is none, DataError when its work tree is elsewhere."""
        here = folder.resolve()
        root = next((place for place in (here, *here.parents) if (place / ".git").exists()), None)
        if root is None:
            raise NotFoundError(f"{folder} is in no git repository.", hint="Run: git init")
        listed = cls(root, _environment(())).ask("config", "--list", "--name-only", "-z")
        filters = {key.rsplit(".", 1)[0] for key in listed.split("\0") if key.lower().startswith("filter.")}
        git = cls(root, _environment(sorted(filters)))
        told = git.line("rev-parse", "--show-toplevel")
        if not told or Path(told).resolve() != root:
            raise DataError(f"the repository at {root} has its work tree elsewhere.", hint="Remove core.worktree from its configuration.")
        return git

    def ask(self, *words: str, accepts: tuple[int, ...] = (0,), given: bytes = b"") -> str:
        """What a command says; bytes that are not UTF-8 are written as escapes. Raises ChildError when it fails."""
        try:
            done = subprocess.run(
                ["git", *words],
                cwd=self.root,
                input=given,
                capture_output=True,
                timeout=settings.number("check_seconds"),
                env=self.environment,
                check=False,
            )
        except FileNotFoundError:
            raise ChildError("the program git is not installed.", hint="Install git.") from None
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise ChildError(f"git {words[0]} did not work: {error}.") from error
        if done.returncode not in accepts:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise ChildError(f"git {words[0]} failed: {said[0] if said else f'exit code {done.returncode}'}.")
        return done.stdout.decode("utf-8", "backslashreplace")

    def line(self, *words: str, accepts: tuple[int, ...] = (0,)) -> str:
        """The same without the line's end."""
        return self.ask(*words, accepts=accepts).strip()

    def blob_ids(self, paths: Sequence[str]) -> dict[str, str]:
        """The blob id that each file of the work tree (path from the root) would have. Raises ChildError when one cannot be read."""
        rewritten = self.rewritten(paths)
        plain = [path for path in paths if path not in rewritten]
        ids: dict[str, str] = {}
        for chosen, how in ((plain, ()), (sorted(rewritten), ("--no-filters",))):
            said = self.ask("hash-object", "--stdin-paths", *how, given="".join(f"{path}\n" for path in chosen).encode()).split()
            ids |= dict(zip(chosen, said, strict=True))
        return ids

    def rewritten(self, paths: Sequence[str]) -> set[str]:
        """Those of the paths whose attributes let other bytes pass for the committed ones (`$Id: anything $` for `$Id$`)."""
        given = "".join(f"{path}\0" for path in paths).encode()
        said = self.ask("check-attr", "-z", "--stdin", "ident", "working-tree-encoding", given=given).split("\0")
        return {path for path, value in zip(said[::3], said[2::3], strict=False) if value not in ("unspecified", "unset")}

    def head(self) -> str:
        """The id of the head commit. Raises NotFoundError when nothing is committed."""
        head = self.line("rev-parse", "-q", "--verify", "HEAD^{commit}", accepts=(0, 1))
        if not head:
            raise NotFoundError(f"nothing is committed in {self.root}.", hint="Run: git add . && git commit")
        return head


def _environment(filters: Sequence[str]) -> dict[str, str]:
    """Ours without git's own variables (a hook may have set them), and with the given filters emptied."""
    told = {**_QUIET, **{f"{name}.{what}": "" for name in filters for what in ("clean", "smudge", "process")}}
    told |= {f"{name}.required": "false" for name in filters}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _KEPT}
    for number, (key, value) in enumerate(told.items()):
        kept |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return {
        **kept,
        "GIT_CONFIG_COUNT": str(len(told)),
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_GRAFT_FILE": os.devnull,
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }


@dataclass(frozen=True)
class History:
    """The commits that lead to the head commit. Its digest covers the head's id: no commit below can change without it."""

    git: Git
    head: str

    @classmethod
    def read(cls, folder: Path) -> History:
        """Raises NotFoundError when the folder is in no repository or nothing is committed."""
        git = Git.at(folder)
        return cls(git, git.head())

    @property
    def digest(self) -> str:
        return digest({"head": self.head, "shallow": self.shallow})

    @property
    def shallow(self) -> bool:
        """Whether the history was cut off when it was copied."""
        return self.git.line("rev-parse", "--is-shallow-repository") == "true"

    def commit(self, name: str) -> Commit:
        """One commit by id. Raises ChildError when there is none."""
        header, _, message = self.git.ask("cat-file", "commit", name).partition("\n\n")
        fields = [line.partition(" ") for line in header.splitlines()]
        said = {key: value for key, _, value in fields}
        parents = tuple(value for key, _, value in fields if key == "parent")
        return Commit(name, parents, _address(said.get("author", "")), _address(said.get("committer", "")), message)

    def commits(self, *limits: str) -> list[str]:
        """Ids, newest first: all that lead to the head, or those that `limits` (as of git-rev-list) leave.

        Raises DataError when the history was cut off.
        """
        if self.shallow:
            raise DataError("the git history is cut off (a shallow clone).", hint="Run: git fetch --unshallow")
        return self.git.ask("rev-list", *(limits or (self.head,)), "--").split()

    def files(self) -> dict[str, str]:
        """The blob id of every file of the head commit, by path from the root."""
        entries = self.git.ask("ls-tree", "-r", "-z", "--full-tree", self.head).split("\0")
        parts = [entry.split("\t", 1) for entry in entries if entry]
        return {path: words.split(" ")[2] for words, path in parts}

    def objects(self) -> Iterator[tuple[str, str, IO[bytes], int]]:
        """Every commit and file that ever was: id, path ("" for commits), a stream that stands at its bytes, their number.

        The caller reads exactly that many bytes before it asks for the next one. Raises ChildError when an object is missing.
        """
        listed = self.git.ask("rev-list", "--objects", self.head, "--").splitlines()
        words = ["git", "cat-file", "--batch"]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            words, cwd=self.git.root, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=self.git.environment
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                for name, _, path in (line.partition(" ") for line in listed):
                    process.stdin.write(name.encode() + b"\n")
                    process.stdin.flush()
                    header = process.stdout.readline().split()
                    if len(header) != 3:
                        raise ChildError(f"git cannot read its object {name}.", hint="Run: git fsck")
                    if header[1] == b"tree":
                        process.stdout.read(int(header[2]))
                    else:
                        yield name, path, process.stdout, int(header[2])
                    process.stdout.read(1)
            finally:
                process.kill()


@dataclass(frozen=True)
class Repository:
    """What git says now.

    `branch` is "" when no branch is checked out, `tags` are those of the head commit. `branches` maps every local branch to its commit,
    `upstream` to that of its upstream as of the last fetch. `changes` are sorted by path.
    """

    git: Git
    head: str
    branch: str
    tags: tuple[str, ...]
    branches: Mapping[str, str]
    upstream: Mapping[str, str]
    changes: tuple[Change, ...]

    @classmethod
    def read(cls, folder: Path, *, leave_out: Sequence[Path] = ()) -> Repository:
        """Read the repository that a folder lies in, without what lies in `leave_out`.

        Raises NotFoundError when there is none or nothing is committed, ChildError when git cannot be asked.
        """
        git = Git.at(folder)
        head = git.head()
        references = [line.split("\0") for line in git.ask("for-each-ref", f"--format={_REFERENCE}").splitlines()]
        commits = {name: peeled or own for name, own, peeled, _ in references}
        branches, tags = _below(commits, "refs/heads/"), _below(commits, "refs/tags/")
        declared = _below({name: commits[upstream] for name, _, _, upstream in references if upstream in commits}, "refs/heads/")
        changes = _changes(git, git.root, tuple(path.resolve() for path in leave_out))
        return cls(
            git=git,
            head=head,
            branch=git.line("symbolic-ref", "-q", "--short", "HEAD", accepts=(0, 1)),
            tags=tuple(sorted(name for name, commit in tags.items() if commit == head)),
            branches=branches,
            upstream={**_below(commits, "refs/remotes/origin/"), **declared},
            changes=tuple(sorted(set(changes), key=lambda one: (one.path, one.kind))),
        )

    @property
    def digest(self) -> str:
        """The same on every machine: the folder itself is left out."""
        parts = {name: getattr(self, name) for name in ("head", "branch", "branches", "upstream")}
        return digest({**parts, "tags": list(self.tags), "changes": [[change.kind, change.path] for change in self.changes]})

    def behind(self, branch: str) -> int | None:
        """Commits that the upstream of a branch has and the head has not; None when nobody knows the upstream."""
        upstream = self.upstream.get(branch)
        return None if upstream is None else int(self.git.line("rev-list", "--count", f"{self.head}..{upstream}", "--"))

    def contains_head(self, branch: str) -> bool:
        """Whether the head commit is one of a branch, here or as of the last fetch."""
        tips = {self.branches.get(branch), self.upstream.get(branch)} - {None}
        return any(self.git.line("rev-list", "--count", f"{tip}..{self.head}", "--") == "0" for tip in tips)


_REFERENCE = "%(refname)%00%(objectname)%00%(*objectname)%00%(upstream)"


def _below(commits: Mapping[str, str], start: str) -> dict[str, str]:
    return {name.removeprefix(start): commit for name, commit in commits.items() if name.startswith(start)}


def _changes(git: Git, top: Path, leave_out: tuple[Path, ...]) -> Iterator[Change]:
    """What differs from the head, in this work tree and in those of its submodules; paths from `top`."""
    prefix = "" if git.root == top else f"{git.root.relative_to(top).as_posix()}/"
    # Submodules are not left to `git status`: it would run whatever their own configuration says.
    status = ("status", "--porcelain=v1", "-z", "--untracked-files=no", "--no-renames", "--ignore-submodules=dirty")
    yield from (Change(entry[:2], prefix + entry[3:]) for entry in git.ask(*status).split("\0") if entry)
    untracked = git.ask("ls-files", "-z", "--others", "--exclude-per-directory=.gitignore").split("\0")
    for path in filter(None, untracked):
        if not any((git.root / path).is_relative_to(place) for place in leave_out):
            yield Change("??", prefix + path)
    # Lower case: "assume unchanged". S: left out of a sparse work tree, which is harmless only when the file is really not there.
    for tag, path in ((entry[:1], entry[2:]) for entry in git.ask("ls-files", "-z", "-v").split("\0") if entry):
        if tag.islower() or (tag == "S" and (git.root / path).exists()):
            yield Change("HH", prefix + path)
    staged = [entry.partition("\t") for entry in git.ask("ls-files", "-z", "--stage").split("\0") if entry]
    blobs = {path: words.split(" ")[1] for words, _, path in staged if words.startswith(_FILE) and (git.root / path).is_file()}
    for path, blob in git.blob_ids(sorted(git.rewritten(list(blobs)))).items():
        if blob != blobs[path]:
            yield Change("HH", prefix + path)
    for entry, _, path in staged:
        if entry.startswith(_GITLINK) and (git.root / path / ".git").exists():
            yield from _changes(Git.at(git.root / path), top, leave_out)


def _address(text: str) -> str:
    """The e-mail address of "Name <address> …", lower case."""
    inside = text.partition("<")[2].partition(">")[0]
    return (inside or text).strip().lower()
