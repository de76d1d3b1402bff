from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gonogo.base.canonical import digest
from gonogo.base.clock import stamp
from gonogo.checklist.items import Checklist, Item
from gonogo.evidence.record import Evidence, Fact
from gonogo.trust.keys import generate_key
from gonogo.trust.signers.file import FileSigner
from gonogo.verdict.apart import Someone
from gonogo.verdict.judge import Answer, judge
from gonogo.verdict.outcome import ItemResult, Verdict
from gonogo.verdict.sign_off import SignOff
from gonogo.verdict.waiver import Waiver

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SUBJECT = "sha256:" + "ab" * 32
INPUTS = {"bundle": SUBJECT, "test": "sha256:" + "cd" * 32}

AUC = Item("auc", "Model", "Good enough.", check="quality", options={"level": 0.95}, require=("roc_auc > 0.9",))
LEAD = Item("lead", "Approvals", "Approved.", sign_off="technical-lead")
MAYBE = Item("maybe", "Model", "If it applies.", kind="conditional", check="quality", options={"level": 0.95}, require=("roc_auc > 0.9",))
NICE = Item("nice", "Model", "If one can.", kind="optional", check="quality", options={"level": 0.95}, require=("roc_auc > 0.9",))


def at(seconds: float) -> str:
    """A time relative to the moment of judging."""
    return stamp(NOW + timedelta(seconds=seconds))


def measured(item: Item, value: Any = 0.95, /, **changes: Any) -> Evidence:
    evidence = Evidence(
        item=item.id,
        check=item.check or "",
        options=digest(dict(item.options)),
        inputs=INPUTS,
        status="measured",
        facts={"roc_auc": Fact(value, n=1000)},
        findings=(),
        message="",
        tools={"gonogo": "0.1.0"},
        isolation="",
        started=at(-60),
        finished=at(-30),
    )
    return replace(evidence, **changes)


class Case:
    """A checklist with its records; `judge` judges it, with changes where they are given."""

    def __init__(self, *items: Item) -> None:
        self.checklist = Checklist("gate", "Gate", "1.0.0", "2026-01-01", items or (AUC,))
        self.evidence: dict[str, Evidence] = {item.id: measured(item) for item in self.checklist.items if item.check}
        self.inputs: dict[str, Mapping[str, str]] = dict.fromkeys(self.evidence, INPUTS)
        self.answers: dict[str, Answer] = {}
        self.sign_offs: list[SignOff] = []
        self.waivers: list[Waiver] = []
        self.subject: str | None = SUBJECT
        self.now = NOW
        self.author: Someone | None = None

    def judge(self) -> Verdict:
        return judge(
            self.checklist,
            system="credit-risk",
            subject=self.subject,
            evidence=self.evidence,
            current_inputs=self.inputs,
            sign_offs=self.sign_offs,
            waivers=self.waivers,
            answers=self.answers,
            now=self.now,
            author=self.author,
        )

    def result(self, item: str) -> ItemResult:
        return next(result for result in self.judge().items if result.item == item)

    def sign(self, decision: str = "approve", **changes: Any) -> SignOff:
        """Add a sign-off of the technical lead over the records as they are now."""
        verdict = self.judge()
        record = SignOff(
            role="technical-lead",
            person="Ana",
            key_id="aa",
            items=("lead",),
            subject=verdict.subject or SUBJECT,
            evidence_digest=verdict.evidence_digest,
            checklist_digest=verdict.checklist_digest,
            decision=decision,  # type: ignore[arg-type]
            reason="not yet" if decision == "reject" else "",
            time=at(-10),
        )
        self.sign_offs.append(replace(record, **changes))
        return self.sign_offs[-1]


def waiver(item: Item, /, **changes: Any) -> Waiver:
    made = Waiver(item.id, "roc_auc > 0.9", SUBJECT, "technical-lead", "Ana", "aa", "known, mended next week", at(-100), at(3600))
    return replace(made, **changes)


@pytest.fixture
def signer(tmp_path: Path) -> Callable[[str], FileSigner]:
    def make(name: str) -> FileSigner:
        path = tmp_path / f"{name}.key"
        if not path.exists():
            generate_key(path)
        return FileSigner(path)

    return make


def outcomes(results: Iterable[ItemResult]) -> dict[str, str]:
    return {result.item: str(result.outcome) for result in results}
