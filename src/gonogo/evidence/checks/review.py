"""Did somebody else read the change?"""

from __future__ import annotations

from typing import ClassVar

from gonogo.evidence.check import Check
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.repository import History


class Review(Check):
    """Does the head commit say that somebody other than its author reviewed it?

    Read are `Reviewed-by: Name <address>` lines at the end of the head commit's message. When the head is a merge, the last commit that
    it brings counts too, and the authors are those of all the commits that it brings. A reviewer is somebody else when the address is
    another one. Such a line is a claim that anybody can write; what needs proof is asked as a sign-off, which needs a key.
    """

    name = "review"
    facts: ClassVar = {
        "reviewed": "whether at least one reviewer is no author",
        "approvals": "reviewers who are no author",
        "author_is_reviewer": "whether an author is named as reviewer",
        "commit": "the head commit",
    }

    def measure(self, history: History) -> Measurement:
        head = history.commit(history.head)
        brought = history.commits("--no-merges", f"^{head.parents[0]}", *head.parents[1:]) if len(head.parents) > 1 else [head.id]
        tips = [head, *(history.commit(parent) for parent in head.parents[1:])]
        authors = {history.commit(name).author for name in brought}
        reviewers = {address for tip in tips for address in tip.reviewers}
        others = reviewers - authors
        own = reviewers & authors
        findings = [] if others else [f"{head.id[:12]} names no reviewer who is not its author"]
        return Measurement(
            {
                "reviewed": Fact(bool(others)),
                "approvals": Fact(len(others)),
                "author_is_reviewer": Fact(bool(own)),
                "commit": Fact(head.id),
            },
            (*findings, *(f"{address} is author and reviewer" for address in sorted(own))),
        )
