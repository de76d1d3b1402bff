"""Are the sources that were judged the ones in the head commit?"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import ProjectView, SourceTree
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.repository import Commit, History


class Committed(Check):
    """Is every source file in the head commit, with the very bytes that lie here?

    The bytes are hashed, so nothing that git remembers of files can hide a difference. Files that git ignores count as well: what the
    model was made with belongs into the repository. `paths` narrows the declared sources (`code.paths`) to files and folders below them.
    """

    name = "committed"
    facts: ClassVar = {
        "files": "source files that were looked at",
        "untracked_sources": "of these, files that the head commit does not have",
        "differing_sources": "of these, files that the head commit has otherwise",
        "missing_sources": "files of the head commit in the same places that are not here",
        "commits": "commits that lead to the head",
        "last_commits": "the newest five of them",
    }
    options: ClassVar = {"paths": []}

    def measure(self, project: ProjectView, source: SourceTree, history: History) -> Measurement:
        places = [(project.root / path).resolve() for path in self.chosen["paths"] or project.code.paths]
        top = history.git.root
        paths = [path for path in (*source.files, *source.links) if _below(path, places)]
        if not paths or not all(path.is_relative_to(top) for path in _absolute(paths)):
            raise DataError("there is no source file to look at, or one lies outside the repository.", hint="Mend `paths` or `code.paths`.")
        here = {path.relative_to(top).as_posix(): path for path in _absolute(paths)}
        if any("\n" in name for name in here):
            raise DataError("a source file has a line break in its name.")
        kept = history.files()
        tracked = [name for name, path in here.items() if name in kept and not path.is_symlink()]
        now = history.git.blob_ids(tracked)
        untracked = sorted(here.keys() - kept.keys())
        differing = sorted(name for name in tracked if now[name] != kept[name])
        gone = sorted(name for name in kept if name not in here and _below(top / name, places) and not (top / name).exists())
        commits = history.commits()
        findings = [f"not committed: {name}" for name in untracked] + [f"differs from the head commit: {name}" for name in differing]
        return Measurement(
            {
                "files": Fact(len(here)),
                "untracked_sources": Fact(len(untracked)),
                "differing_sources": Fact(len(differing)),
                "missing_sources": Fact(len(gone)),
                "commits": Fact(len(commits)),
                "last_commits": Fact("; ".join(_title(history.commit(name)) for name in commits[:5])),
            },
            (*findings, *(f"in the head commit, and not here: {name}" for name in gone)),
        )


def _title(commit: Commit) -> str:
    return f"{commit.id[:12]} {(commit.message.strip().splitlines() or [''])[0][:80]}"


def _absolute(paths: list[Path]) -> list[Path]:
    """With the folder resolved and the last part as it is: a link among the sources is itself what is committed."""
    return [path.parent.resolve() / path.name for path in paths]


def _below(path: Path, places: list[Path]) -> bool:
    return any((path.parent.resolve() / path.name).is_relative_to(place) for place in places)
