"""The sign-off forms of the sequence model and of the image classifier, filled in from a verdict."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gonogo.checklist.items import Pack
from gonogo.checklist.load import load_pack
from gonogo.evidence.record import Evidence, Fact
from gonogo.reports.form import BLANK, UNKNOWN, render_form
from gonogo.reports.report import Report
from gonogo.verdict.outcome import GOOD, Decision, ItemResult, Outcome, Verdict
from gonogo.verdict.sign_off import SignOff

SUBJECT = "sha256:" + "5" * 64
EVIDENCE = "sha256:" + "9" * 64
SEQUENCE, IMAGES = load_pack("sequence-model"), load_pack("image-classifier")


def measured(pack: Pack, item: str, facts: Mapping[str, Fact]) -> Evidence:
    check = pack.gate.item(item).check or ""
    return Evidence(
        item=item, check=check, options="sha256:0", inputs={"bundle": SUBJECT}, status="measured", facts=dict(facts), findings=(),
        message="", tools={"gonogo": "0.1.0"}, isolation="", started="2026-11-21T03:00:00.000Z", finished="2026-11-21T03:00:01.000Z",
    )  # fmt: skip


def report(pack: Pack, outcomes: Mapping[str, Outcome] | None = None, facts: Mapping[str, Mapping[str, Fact]] | None = None) -> Report:
    """Every item passes, save those with another outcome."""
    given = outcomes or {}
    results = tuple(
        ItemResult(item.id, given.get(item.id, Outcome.PASS), "because", mandatory=item.kind == "mandatory") for item in pack.gate.items
    )
    decision = Decision.GO if all(result.outcome in GOOD for result in results) else Decision.NO_GO
    verdict = Verdict("bars", decision, SUBJECT, pack.gate.digest, EVIDENCE, results, "2026-11-21T03:00:02.000Z")
    evidence = {item: measured(pack, item, values) for item, values in (facts or {}).items()}
    return Report("bars", verdict, pack.gate, evidence, verdict.time)


def signatures(pack: Pack, **people: str) -> list[SignOff]:
    """Who has approved all items of their role, by role with an underscore."""
    found = []
    for word, person in people.items():
        role = word.replace("_", "-")
        items = tuple(item.id for item in pack.gate.items if item.sign_off == role)
        found.append(
            SignOff(role, person, "k", items, SUBJECT, EVIDENCE, pack.gate.digest, "approve", "read it", "2026-11-21T03:00:01.500Z")
        )
    return found


def line(form: str, begin: str) -> str:
    """The rest of the table row that begins with these words."""
    (found,) = [text for text in form.splitlines() if text.startswith(f"| {begin} |")]
    return found.removeprefix(f"| {begin} |").strip(" |")


@pytest.mark.parametrize("pack", [SEQUENCE, IMAGES], ids=lambda pack: pack.name)
def test_no_form_says_approved_before_everybody_has_signed(pack: Pack) -> None:
    nobody = dict.fromkeys((item.id for item in pack.gate.items), Outcome.NOT_RUN)
    form = render_form(report(pack, nobody), pack.form, [])
    assert "Status: NOT APPROVED" in form
    assert form.count(BLANK) == len(pack.roles)
    assert UNKNOWN in form
    assert "Status: APPROVED" in render_form(report(pack), pack.form, [])


def test_a_phase_waits_for_the_ones_before_it() -> None:
    form = render_form(report(SEQUENCE, {"decision": Outcome.FAIL, "instructions": Outcome.NOT_RUN}), SEQUENCE.form, [])
    assert line(form, "Pre-deployment") == "PASS (passed)"
    assert line(form, "Validation") == "FAIL (open)"
    states = {phase.id: phase.status for phase in report(SEQUENCE, {"decision": Outcome.FAIL, "instructions": Outcome.NOT_RUN}).phases}
    assert (states["selection"], states["package"]) == ("open", "waits")


def test_the_form_of_the_sequence_gate_has_the_groups_and_verdict_words_of_its_source() -> None:
    outcomes = {"tree-clean": Outcome.FAIL, "pretrained-encoder": Outcome.NOT_APPLICABLE, "hooks-pass": Outcome.NOT_APPLICABLE}
    form = render_form(report(SEQUENCE, outcomes), SEQUENCE.form, [])
    assert line(form, "Work tree") == "DIRTY"
    assert line(form, "Pre-trained encoder") == "NOT\\_USED"
    assert line(form, "Hooks") == "N/A"
    assert line(form, "Code quality") == "3 of 4"
    assert line(form, "Data validation") == "10 of 10"
    assert (line(form, "Model performance"), line(form, "Documentation")) == ("3 of 3", "3 of 3")
    assert "| Deployment | 2 of 2 dependencies, 5 of 5 sanity checks, 2 of 2 diagnosis, 3 of 3 benchmark |" in form
    for stage in ("Validation", "Deployment", "Post-deployment"):
        assert [text for text in form.splitlines() if text.startswith(f"| {stage} | PASS")], stage
    assert "| Pre-deployment | FAIL (open) |" in form


def test_the_forms_show_measured_figures_and_who_signed() -> None:
    share = Fact(0.828, n=10000, low=0.8205, high=0.8353, level=0.95)
    form = render_form(
        report(IMAGES, facts={"test-accuracy": {"accuracy": share}}), IMAGES.form,
        signatures(IMAGES, technical_lead="Ana", product_owner="Ben", compliance="Cleo"),
    )  # fmt: skip
    assert "0.828" in line(form, "Test accuracy")
    assert line(form, "Target met") == "Yes (PASS)"
    assert line(form, "Date") == "2026-11-21"
    assert [line(form, role) for role in ("Technical lead", "Product owner", "Compliance")] == [
        f"{person}, 2026-11-21" for person in ("Ana", "Ben", "Cleo")
    ]
    missed = render_form(report(IMAGES, {"test-accuracy": Outcome.FAIL, "compliance-approval": Outcome.NOT_APPLICABLE}), IMAGES.form, [])
    assert (line(missed, "Target met"), line(missed, "Compliance")) == ("No (FAIL)", "does not apply")
    figures = {"macro_f1": Fact(0.71), "precision": Fact(0.8), "recall": Fact(0.69)}
    form = render_form(
        report(SEQUENCE, facts={"f1-measured": figures, "accuracy-measured": {"accuracy": share}}), SEQUENCE.form,
        signatures(SEQUENCE, deployer="Dana", reviewer="Ravi", approver="Ana"),
    )  # fmt: skip
    assert [line(form, name) for name in ("F1 (macro)", "Precision", "Recall")] == ["0.71", "0.8", "0.69"]
    assert [line(form, name) for name in ("Deployed by", "Reviewed by", "Signature and date")] == [
        f"{person}, 2026-11-21" for person in ("Dana", "Ravi", "Ana")
    ]
