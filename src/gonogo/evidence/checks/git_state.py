"""Is the work tree what is committed, on the branch that releases come from?"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import ClassVar

from gonogo.evidence.check import Check
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.repository import Repository


class GitState(Check):
    """Is everything committed, is the head a commit of the release branch, and has it all that the branch's upstream has?

    Untracked files count as changes unless a `.gitignore` names them; the store of gonogo never counts. `tolerate` lists patterns of
    paths that may differ (data files, say); `*` also stands for slashes. The upstream is known as of the last `git fetch`: this check
    asks no network. Without an upstream nobody can say that the head is up to date, so it is not.
    """

    name = "git_state"
    facts: ClassVar = {
        "clean": "whether nothing differs from the head commit but what is tolerated",
        "changed_paths": "paths that differ and are not tolerated",
        "tolerated_paths": "paths that differ and are tolerated",
        "on_branch": "whether the release branch is checked out, or the head is one of its commits and no branch is checked out",
        "branch": "the branch that is checked out, (none) when none is",
        "up_to_date": "whether the head has every commit of the branch's upstream, as of the last fetch",
        "commit": "the head commit",
        "tagged": "whether the head commit has a tag",
        "tag": "its tags, when it has some",
    }
    options: ClassVar = {"branch": "main", "tolerate": []}

    def measure(self, repository: Repository) -> Measurement:
        branch, patterns = self.chosen["branch"], self.chosen["tolerate"]
        changed = [one for one in repository.changes if not any(fnmatchcase(one.path, pattern) for pattern in patterns)]
        on_branch = repository.branch == branch or (not repository.branch and repository.contains_head(branch))
        behind = repository.behind(branch)
        findings = [f"{change.kind.replace('HH', 'hidden from git:')} {change.path}" for change in changed]
        if not on_branch:
            findings.append(f"{repository.branch or 'no branch'} is checked out, not {branch}")
        if behind is None:
            findings.append(
                f"{branch} has no upstream here, so nobody knows whether the head is up to date: git push --set-upstream origin {branch}"
            )
        elif behind:
            findings.append(f"the upstream of {branch} has {behind} commits that the head has not")
        facts = {
            "clean": Fact(not changed),
            "changed_paths": Fact(len(changed)),
            "tolerated_paths": Fact(len(repository.changes) - len(changed)),
            "on_branch": Fact(on_branch),
            "branch": Fact(repository.branch or "(none)"),
            "up_to_date": Fact(behind == 0),
            "commit": Fact(repository.head),
            "tagged": Fact(bool(repository.tags)),
        }
        if repository.tags:
            facts["tag"] = Fact(", ".join(repository.tags))
        return Measurement(facts, tuple(findings))
