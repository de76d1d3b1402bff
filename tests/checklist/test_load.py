"""Packs: what they must say, and what a project may change in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from gonogo.base.catalogue import load
from gonogo.checklist.expression import parse
from gonogo.checklist.items import Pack
from gonogo.checklist.load import bundled_packs, load_pack
from gonogo.checklist.project import load_project
from gonogo.checklist.write import gate_yaml
from gonogo.errors import NotFoundError, ProjectFileError
from gonogo.release.statements import checklist_from_json

Write = Callable[[str], Path]

ABOUT = "name: mine\ntitle: Mine\nroles: {lead: leads}\n"
HEAD = "id: mine\ntitle: Mine\nversion: 1.0.0\ndate: '2026-01-01'\nstatus: ready\nsections:\n- title: All\n  items:\n"
GOOD = "  - {id: labels, statement: Labels., check: labels, require: classes >= 2}\n"


def write_pack(folder: Path, items: str = GOOD, about: str = ABOUT, head: str = HEAD) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pack.yaml").write_text(about)
    (folder / "gate.yaml").write_text(head + items)
    return folder


def error(folder: Path) -> ProjectFileError:
    with pytest.raises(ProjectFileError) as caught:
        load_pack(folder)
    return caught.value


PACKS = bundled_packs()
ITEMS = [pytest.param(item, id=f"{pack.name}/{item.id}") for pack in PACKS for item in pack.gate.items]


def test_the_packs_of_the_sources_are_there() -> None:
    least = {"random-forest-api": 40, "sequence-model": 60, "image-classifier": 40, "starter": 14}
    items = {pack.name: len(pack.gate.items) for pack in PACKS}
    assert {name: items.get(name, 0) >= fewest for name, fewest in least.items()} == dict.fromkeys(least, True)


def test_the_forest_pack_has_the_sections_and_roles_of_its_source() -> None:
    pack = load_pack("random-forest-api")
    assert pack.gate.sections == (
        "Code Quality", "Data Pipeline", "Model Validation", "API & Infrastructure", "Monitoring", "Security", "Documentation", "Approvals",
    )  # fmt: skip
    assert set(pack.roles) == {"technical-lead", "product-owner"}
    quality = pack.gate.item("quality")
    assert (quality.require, quality.confidence) == (("roc_auc > 0.95",), 0.95)
    assert pack.gate.item("load-test").require == ("requests >= 1000", "concurrency >= 100", "errors == 0", "p95 <= 1 s")


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.name)
def test_every_role_of_a_pack_is_asked_to_sign(pack: Pack) -> None:
    assert {item.sign_off for item in pack.gate.items if item.sign_off} == set(pack.roles)


@pytest.mark.parametrize("item", ITEMS)
def test_every_item_says_why_and_what_to_type_and_which_row_it_covers(item) -> None:  # type: ignore[no-untyped-def]
    assert len(item.statement) > 20
    assert item.statement.endswith(".")
    assert len(item.why) > 30
    assert len(item.remedy) > 30
    assert item.rows or item.ml_test


@pytest.mark.parametrize("item", [param for param in ITEMS if param.values[0].check])
def test_every_requirement_speaks_of_facts_that_its_check_documents(item) -> None:  # type: ignore[no-untyped-def]
    check = load("checks", item.check)
    check(item.options)  # the options are known to it
    for text in item.require:
        assert set(parse(text).names) <= set(check.facts), text


def test_an_unknown_pack_is_refused_with_a_did_you_mean() -> None:
    with pytest.raises(NotFoundError, match="'starter'"):
        load_pack("startr")


def test_an_unknown_pack_of_a_project_is_pointed_at(write_project: Write) -> None:
    path = write_project("")
    path.write_text(path.read_text().replace("pack: starter", "pack: random-forest"))
    with pytest.raises(ProjectFileError, match=r"gonogo\.yaml:2:1: no pack is called 'random-forest'.*random-forest-api"):
        load_pack("random-forest", load_project(path))


def test_a_pack_of_ones_own_lies_beside_the_project(write_project: Write, tmp_path: Path) -> None:
    write_pack(tmp_path / "packs" / "mine")
    assert load_pack("packs/mine", load_project(write_project(""))).gate.id == "mine"


@pytest.mark.parametrize(
    ("items", "line", "column", "said"),
    [
        ("  - {id: a, statement: A.}\n", 9, 5, "neither a check nor a sign_off"),
        ("  - {id: a, statement: A., check: labels, sign_off: lead}\n", 9, 5, "both a check and a sign_off"),
        ("  - {id: a, statement: A., check: lables, require: n > 1}\n", 9, 28, "no check is called 'lables'. Did you mean 'labels'?"),
        ("  - {id: a, statement: A., sign_off: leed}\n", 9, 28, "no role 'leed'. Did you mean 'lead'?"),
        ("  - {id: a, statement: A., sign_off: lead, require: n > 1}\n", 9, 44, "belongs to items with a check"),
        ("  - {id: a, statement: A., check: labels}\n", 9, 5, "no requirement"),
        ("  - {id: a, statement: A., check: labels, require: []}\n", 9, 43, "needs 1 entry"),
        ("  - {id: a, statement: A., check: labels, require: classes > > 2}\n", 9, 43, "is no requirement"),
        ("  - {id: a, statement: A., check: labels, require: [classes > 1, 1 < 2]}\n", 9, 66, "names no fact"),
        ("  - {id: a, statement: A., check: labels, require: classes == 1, confidence: 0.9}\n", 9, 43, "cannot be held with confidence"),
        ("  - {id: a, statement: A., check: labels, require: clases > 1}\n", 9, 43, "no 'clases'. Did you mean 'classes'?"),
        ("  - {id: a, statement: A., check: labels, require: classes > 1, options: {a: 1}}\n", 9, 75, "has no option 'a'"),
        ("  - {id: a, statement: A., check: document, require: words > 1, options: {document: 7}}\n", 9, 75, "is 7, not a str"),
        ("  - {id: a, statement: A., check: metadata, require: age_days <= 90}\n", 9, 45, "nothing measures it again. Add `max_age"),
        ("  - {id: a, statement: A., sign_off: lead, ml_test: [29]}\n", 9, 54, "at most 28"),
        ("  - {id: a, statement: A., sign_off: lead, words: {GOOD: x}}\n", 9, 52, "unknown key 'GOOD'"),
        (GOOD + GOOD, 10, 6, "two items are called 'labels'"),
        ("  - {id: A B, statement: A., sign_off: lead}\n", 9, 6, "cannot be 'A B'"),
        ("  - {id: a, sign_off: lead}\n", 9, 5, "'statement' is missing"),
        ("  - {id: a, statement: A., sign_off: lead, kind: must}\n", 9, 44, "cannot be 'must'"),
        ("  - {id: a, statment: A., sign_off: lead}\n", 9, 13, "Did you mean 'statement'?"),
        ("    []\n", 6, 1, "the checklist is empty"),
    ],
)
def test_a_mistake_in_a_pack_is_named_with_line_and_column(tmp_path: Path, items: str, line: int, column: int, said: str) -> None:
    caught = error(write_pack(tmp_path / "mine", items))
    assert said in str(caught)
    assert (caught.line, caught.column) == (line, column), str(caught)
    assert "gate.yaml" in caught.file


def test_a_project_cannot_ask_for_an_age_that_stays_what_it_was(write_project: Write, tmp_path: Path) -> None:
    items = "  - {id: trained, statement: Trained., check: metadata, require: has_seed == true}\n"
    write_pack(tmp_path / "mine", items)
    project = load_project(write_project("items:\n  trained: {require: age_days <= 9}\n"))
    with pytest.raises(ProjectFileError, match="nothing measures it again"):
        load_pack("mine", project)


def test_an_approval_for_ever_is_none(tmp_path: Path) -> None:
    caught = error(write_pack(tmp_path / "mine", head=HEAD.replace("status: ready", "status: ready\nsign_off_days: 1.0e+12")))
    assert "sign_off_days must be at most 3660" in caught.message


def test_a_date_that_yaml_takes_for_a_date_must_be_quoted(tmp_path: Path) -> None:
    caught = error(write_pack(tmp_path / "mine", head=HEAD.replace("'", "")))
    assert "date must be text" in caught.message
    assert "Quote it" in caught.hint


def test_overrides_are_applied_and_stay_visible(write_project: Write) -> None:
    path = write_project(
        "items:\n  quality: {require: roc_auc > 0.9, confidence: 99%, options: {level: 0.99}}\n  no-overlap: {max_age: 1 d}\n"
    )
    plain, changed = load_pack("starter").gate, load_pack("starter", load_project(path)).gate
    assert changed.item("quality").require == ("roc_auc > 0.9",)
    assert changed.item("quality").confidence == 0.99
    assert changed.item("quality").options == {"level": 0.99}
    assert changed.item("no-overlap").max_age == 86400.0
    assert changed.overrides == {"quality": ("require", "confidence", "options"), "no-overlap": ("max_age",)}
    assert changed.digest != plain.digest
    assert plain.overrides == {}


def test_an_override_keeps_what_the_pack_asks_and_its_reason_which_are_part_of_what_is_signed(write_project: Write) -> None:
    gates = [
        load_pack("starter", load_project(write_project(f"items: {{quality: {{require: roc_auc > 0.6, reason: {why}}}}}\n"))).gate
        for why in ("few rows", "a hard task")
    ]
    item, pack = gates[0].item("quality"), load_pack("starter").gate.item("quality")
    assert (item.require, item.pack_demand, item.reason) == (("roc_auc > 0.6",), pack.demand, "few rows")
    assert (pack.pack_demand, pack.reason) == ("", "")
    assert gates[0].digest != gates[1].digest
    assert checklist_from_json(gates[0].to_json()) == gates[0]


def test_an_override_that_says_the_same_is_no_override(write_project: Write) -> None:
    gate = load_pack("starter", load_project(write_project("items: {quality: {require: roc_auc > 0.5}}\n"))).gate
    assert gate.overrides == {}
    assert gate.digest == load_pack("starter").gate.digest


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("items:\n  qualty: {require: roc_auc > 0.9}\n", 10, 3, "no item 'qualty'. Did you mean 'quality'?"),
        ("items:\n  quality: {require: roc_auc > }\n", 10, 13, "is no requirement"),
        ("items:\n  quality: {require: [roc_auc > 0.9, roc_auc >]}\n", 10, 38, "is no requirement"),
        ("items:\n  quality: {require: n == 3}\n", 10, 13, "cannot be held with confidence"),
        ("items:\n  no-secrets: {confidence: 95%}\n", 10, 16, "cannot be held with confidence"),
        ("items:\n  quality: {applies: false, reason: no time}\n", 10, 13, "quality is mandatory: it always applies"),
        ("items:\n  quality: {applies: true, reason: always}\n", 10, 13, "quality is mandatory"),
        ("items:\n  technical-approval: {max_age: 3 d}\n", 10, 24, "is a sign-off"),
        ("people:\n  boss: {name: Ana, key: keys/ana.pub}\n", 10, 3, "has no role 'boss'. Known: technical-lead"),
    ],
)
def test_a_mistake_in_an_override_is_pointed_at_in_the_project_file(
    write_project: Write, text: str, line: int, column: int, said: str
) -> None:
    project = load_project(write_project(text))
    with pytest.raises(ProjectFileError) as caught:
        load_pack("starter", project)
    assert said in str(caught.value)
    assert (caught.value.line, caught.value.column) == (line, column), str(caught.value)
    assert "gonogo.yaml" in caught.value.file


def test_an_optional_item_may_be_left_out_but_not_changed_at_once(write_project: Write) -> None:
    forest = "random-forest-api"
    load_pack(forest, load_project(write_project("items: {model-card: {applies: false, reason: internal}}\n")))
    project = load_project(write_project("items: {model-card: {applies: false, reason: internal, require: exists == true}}\n"))
    with pytest.raises(ProjectFileError, match="does not apply and is changed at once"):
        load_pack(forest, project)


FLOW = HEAD.replace("sections:", "phases: [{id: code, title: Code, minutes: 5}, {id: sign, title: Sign, when: on_demand}]\nsections:")


def test_sections_carry_the_phase_of_their_items(tmp_path: Path) -> None:
    head = FLOW.replace("- title: All", "- title: All\n  phase: code")
    asks = GOOD + "- title: End\n  phase: sign\n  items: [{id: agreed, statement: Yes., sign_off: lead}]\n"
    gate = load_pack(write_pack(tmp_path / "mine", asks, head=head)).gate
    assert [(phase.id, phase.minutes, phase.when) for phase in gate.phases] == [("code", 5, "gate"), ("sign", None, "on_demand")]
    assert gate.item("labels").phase == "code"


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (FLOW, "section 'All' has no phase"),
        (FLOW.replace("- title: All", "- title: All\n  phase: coed"), "no phase is called 'coed'. Did you mean 'code'?"),
        (HEAD.replace("- title: All", "- title: All\n  phase: code"), "no phase is called 'code'"),
        (FLOW.replace("id: sign", "id: code"), "two phases are called 'code'"),
        (FLOW.replace("- title: All", "- title: All\n  phase: code"), "the phase 'Sign' has no item"),
        (HEAD.replace("status: ready\n", ""), "'status' is missing"),
    ],
)
def test_a_mistake_about_phases_is_named(tmp_path: Path, head: str, said: str) -> None:
    assert said in str(error(write_pack(tmp_path / "mine", head=head)))


def test_a_pack_says_who_must_be_apart_and_who_signs_its_policy(tmp_path: Path) -> None:
    about = ABOUT.replace("{lead: leads}", "{lead: leads, owner: owns}")
    asks = GOOD + "  - {id: agreed, statement: Yes., sign_off: lead}\n"
    folder = write_pack(tmp_path / "mine", asks, about + "apart: [[author, lead], [lead, owner]]\n")
    (folder / "form.md").write_text("# Form\n")
    pack = load_pack(folder)
    assert (pack.apart, pack.policy_roles, pack.form) == ((("author", "lead"), ("lead", "owner")), ("lead",), "# Form\n")
    assert load_pack(write_pack(folder, asks, about + "policy_roles: [owner]\n")).policy_roles == ("owner",)
    for more, said in (
        ("apart: [[lead, boss]]\n", "no role 'boss'"),
        ("policy_roles: [boss]\n", "no role 'boss'"),
        ("apart: [[lead]]\n", "needs 2"),
    ):
        assert said in str(error(write_pack(folder, asks, about + more)))


def child(folder: Path, gate: str, about: str = "", of: str = "../mine") -> Path:
    head = HEAD.partition("sections:")[0].replace("mine", "child")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pack.yaml").write_text(f"name: child\ntitle: Child\nextends: {of}\n{about}")
    (folder / "gate.yaml").write_text(head + gate)
    return folder


def test_a_pack_starts_from_the_one_it_extends_changes_items_and_adds_some(tmp_path: Path) -> None:
    parent = write_pack(tmp_path / "mine", GOOD, ABOUT + "apart: [[author, lead]]\n")
    (parent / "form.md").write_text("# Form\n")
    text = "change: {labels: {require: classes >= 3, max_age: 1 d}}\n"
    text += "sections:\n- title: More\n  items:\n  - {id: agreed, statement: Yes., sign_off: boss}\n"
    pack = load_pack(child(tmp_path / "child", text, "roles: {boss: decides}\n"))
    assert [(item.id, item.section) for item in pack.gate.items] == [("labels", "All"), ("agreed", "More")]
    assert (pack.gate.item("labels").require, pack.gate.item("labels").max_age) == (("classes >= 3",), 86400.0)
    assert (set(pack.roles), pack.policy_roles, pack.form, pack.extends) == ({"lead", "boss"}, ("boss",), "# Form\n", "../mine")
    assert pack.apart == (("author", "lead"),)
    assert load_pack(child(tmp_path / "other", "sections: []\n", of="starter")).gate.items == load_pack("starter").gate.items


def test_what_extends_a_draft_is_a_draft(tmp_path: Path) -> None:
    write_pack(tmp_path / "mine", head=HEAD.replace("status: ready", "status: draft"))
    assert load_pack(child(tmp_path / "child", "sections: []\n")).gate.status == "draft"


@pytest.mark.parametrize(
    ("gate", "of", "said"),
    [
        ("change: {labls: {require: classes > 1}}\nsections: []\n", "../mine", "no item 'labls'. Did you mean 'labels'?"),
        ("change: {labels: {require: clases > 1}}\nsections: []\n", "../mine", "no 'clases'"),
        ("change: {labels: {options: {a: 1}}}\nsections: []\n", "../mine", "has no option 'a'"),
        ("change: {labels: {applies: false}}\nsections: []\n", "../mine", "unknown key 'applies'"),
        (f"sections:\n- title: All\n  items:\n{GOOD}", "../mine", "two items are called 'labels'"),
        ("sections: []\n", "../mien", "no pack is called '../mien'"),
        ("sections: []\n", "../child", "in a circle: child → child"),
    ],
)
def test_a_mistake_in_extending_is_named(tmp_path: Path, gate: str, of: str, said: str) -> None:
    write_pack(tmp_path / "mine")
    assert said in str(error(child(tmp_path / "child", gate, of=of)))


def test_packs_that_extend_each_other_are_refused_with_the_circle(tmp_path: Path) -> None:
    for name, of in (("a", "../b"), ("b", "../c"), ("c", "../a")):
        child(tmp_path / name, "sections: []\n", of=of)
    caught = error(tmp_path / "a")
    assert "in a circle: a → b → c → a" in caught.message
    assert (Path(caught.file).parent.name, caught.line) == ("c", 3)


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.name)
def test_a_pack_written_as_yaml_is_the_same_checklist(pack: Pack, tmp_path: Path) -> None:
    (tmp_path / "pack.yaml").write_text(
        yaml.safe_dump({"name": "copy", "title": "Copy", "roles": dict(pack.roles), "apart": [list(group) for group in pack.apart]})
    )
    (tmp_path / "gate.yaml").write_text(gate_yaml(pack.gate))
    assert load_pack(tmp_path).gate.digest == pack.gate.digest


def test_a_pack_that_only_changes_another_needs_no_sections_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "stricter"
    folder.mkdir()
    (folder / "pack.yaml").write_text("name: stricter\ntitle: Stricter\nextends: starter\n")
    head = "id: stricter\ntitle: Stricter\nversion: 1.0.0\ndate: '2026-01-01'\nstatus: ready\n"
    (folder / "gate.yaml").write_text(head + "change: {quality: {require: roc_auc > 0.9}}\n")
    assert load_pack(folder).gate.item("quality").require == ("roc_auc > 0.9",)
