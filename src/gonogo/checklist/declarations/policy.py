"""`policy` of gonogo.yaml: budgets."""

from __future__ import annotations

from dataclasses import dataclass

from gonogo.checklist.declarations.file import ProjectFile
from gonogo.checklist.schema_words import number, section


@dataclass(frozen=True)
class PolicyDeclaration:
    """`test_uses`: of how many bundles the test table may have judged before a note warns."""

    test_uses: int = 20


POLICY = section(
    "budgets",
    {"test_uses": number("of how many bundles the test table may have judged before a note warns", 20, "integer", minimum=1)},
)


def read_policy(file: ProjectFile) -> PolicyDeclaration:
    return PolicyDeclaration(**file.section("policy"))
