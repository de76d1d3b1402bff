"""The sign-off forms of the packs, filled in from a verdict."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from gonogo.base import catalogue
from gonogo.checklist.items import Pack
from gonogo.checklist.load import PACKS, load_pack
from gonogo.evidence.record import Evidence, Fact
from gonogo.reports.form import BLANK, UNKNOWN, render_form
from gonogo.reports.report import Report
from gonogo.verdict.outcome import GOOD, Decision, ItemResult, Outcome, Verdict
from gonogo.verdict.sign_off import SignOff

SUBJECT = "sha256:" + "5" * 64
EVIDENCE = "sha256:" + "9" * 64
SEQUENCE, IMAGES = load_pack("sequence-model"), load_pack("image-classifier")
CERTIFIED, TABULAR, FOREST = load_pack("certified-model"), load_pack("tabular-service"), load_pack("random-forest-api")
WITH_FORM = [load_pack(path.parent.name) for path in sorted(PACKS.glob("*/form.md"))]
every_form = pytest.mark.parametrize("pack", WITH_FORM, ids=lambda pack: pack.name)


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


def test_each_of_the_five_sources_has_a_form() -> None:
    assert {pack.name for pack in WITH_FORM} == {pack.name for pack in (SEQUENCE, IMAGES, CERTIFIED, TABULAR, FOREST)}


@every_form
def test_a_form_asks_only_for_facts_that_the_item_measures(pack: Pack) -> None:
    """A fact that no check gives would read "not measured" for ever."""
    asked = re.findall(r'fact\("([^"]+)", "([^"]+)"\)', pack.form)
    assert asked
    for item, fact in asked:
        check = catalogue.load("checks", pack.gate.item(item).check or "")
        assert fact in check.facts, f"{pack.name}: {item} does not measure {fact}"


@every_form
def test_one_refusal_rejects_every_form(pack: Pack) -> None:
    (role, *_) = pack.policy_roles or tuple(pack.roles)
    refused = {item.id: Outcome.FAIL for item in pack.gate.items if item.sign_off == role and item.kind == "mandatory"}
    assert refused
    form = render_form(report(pack, refused), pack.form, [])
    assert "Status: REJECTED" in form
    assert "REFUSED" in form


@every_form
def test_every_role_of_a_form_is_signed_by_its_own_person(pack: Pack) -> None:
    people = {role: f"Person{number}" for number, role in enumerate(pack.roles)}
    form = render_form(report(pack), pack.form, signatures(pack, **{role.replace("-", "_"): name for role, name in people.items()}))
    assert BLANK not in form
    for name in people.values():
        assert form.count(f"{name}, 2026-11-21") == 1


@every_form
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
    assert "| Deployment | 2 of 2 dependencies, 6 of 6 sanity checks, 2 of 2 diagnosis, 4 of 4 benchmark |" in form
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


def test_the_form_of_the_certified_model_says_how_far_each_section_is_and_what_it_scores() -> None:
    outcomes = {
        "certification-series": Outcome.NOT_RUN, "data-expansion": Outcome.NOT_APPLICABLE, "owner-approval": Outcome.NOT_RUN,
    }  # fmt: skip
    form = render_form(report(CERTIFIED, outcomes, {"load-percentiles": {"p95": Fact(0.0354, "s")}}), CERTIFIED.form, [])
    assert line(form, "Certification") == "pending"
    assert line(form, "Model certification") == "6 of 7 | open"
    assert line(form, "Model artifacts") == "6 of 6 | passed"
    assert line(form, "Approval") == "2 of 3 | waits"
    assert line(form, "Synthetic rows for each real one") == "does not apply"
    assert [line(form, f"Load test, {name}") for name in ("P50", "P95")] == [UNKNOWN, "0.0354 s"]
    assert "60 of 100" in form


def test_the_form_of_the_tabular_service_names_the_commit_and_the_stage_that_is_open() -> None:
    facts = {"on-main": {"commit": Fact("4f2a91c")}, "tagged": {"tag": Fact("v2.1.0")}, "calibration": {"ece": Fact(0.031)}}
    form = render_form(report(TABULAR, {"response-time": Outcome.FAIL, "branch-rule": Outcome.NOT_APPLICABLE}, facts), TABULAR.form, [])
    assert (line(form, "Branch"), line(form, "Commit"), line(form, "Version tag")) == ("main", "4f2a91c", "v2.1.0")
    assert line(form, "Calibration error") == "0.031"
    assert line(form, "Service") == "4 of 5 | open"
    assert line(form, "Reviewer of the branch rule") == "does not apply"


def test_the_form_of_the_forest_has_a_line_for_each_section_and_says_what_does_not_apply() -> None:
    outcomes = {"quality": Outcome.FAIL, "rate-limit": Outcome.NOT_APPLICABLE}
    form = render_form(report(FOREST, outcomes), FOREST.form, [])
    for section in {item.section for item in FOREST.gate.items}:
        assert line(form, section.replace("&", "&amp;"))
    assert line(form, "Target met") == "No (FAIL)"
    assert (line(form, "Rate limit"), line(form, "Authentication")) == ("does not apply", "PASS")
