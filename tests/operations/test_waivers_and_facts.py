"""A waiver from the command to the release, the count of the test table's uses, and facts judged again; on a real small project."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import sample
from gonogo.base.canonical import canonical_bytes
from gonogo.base.names import Version
from gonogo.errors import DataError, NotFoundError, RefusedError, UsageError, VerificationError
from gonogo.operations.check import Checked, check, check_facts
from gonogo.operations.release import release
from gonogo.operations.sign import sign
from gonogo.operations.table_uses import TableUses
from gonogo.operations.waive import waive
from gonogo.operations.workspace import Workspace
from gonogo.release.bundle import find_bundle
from gonogo.release.seal import seal
from gonogo.release.verify import verify
from gonogo.reports.json import render_json
from gonogo.trust.keys import generate_key
from gonogo.verdict.approval import approve
from gonogo.verdict.outcome import Decision

pytestmark = [pytest.mark.xdist_group("waivers")]

PACK = "name: small\ntitle: Small\nroles: {lead: leads, owner: owns}\npolicy_roles: [lead]\napart: [[author, lead]]\n"
GATE = """
id: small
title: Small
version: 1.0.0
date: "2026-01-01"
status: ready
phases: [{id: model, title: Model}, {id: sign, title: Signatures}]
sections:
- title: Model
  phase: model
  items:
  - {id: quality, statement: Good., check: quality, require: roc_auc > 0.5}
  - {id: uses, statement: Few looks., check: test_uses, require: over_budget == 0, kind: optional}
  - {id: classes, statement: Three classes., check: labels, require: classes >= 3, kind: optional}
- title: Signatures
  phase: sign
  items:
  - {id: agreed, statement: Yes., sign_off: lead}
"""
MORE = """
isolation: accept-weaker
people:
  lead: [{name: Ana, key: keys/ana.pub}, {name: Dan, key: keys/dan.pub}]
author: {name: Dan, key: keys/dan.pub}
"""
UNTIL = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()


@pytest.fixture(scope="module")
def checked_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    (folder / "pack").mkdir()
    (folder / "pack" / "pack.yaml").write_text(PACK)
    (folder / "pack" / "gate.yaml").write_text(GATE)
    (folder / "keys").mkdir()
    (folder / "private").mkdir()
    for name in ("ana", "dan"):
        generate_key(folder / "private" / f"{name}.key")
        shutil.move(folder / "private" / f"{name}.pub", folder / "keys" / f"{name}.pub")
    sample.write_project(folder)
    text = (folder / "gonogo.yaml").read_text().replace("pack: starter", "pack: pack")
    (folder / "gonogo.yaml").write_text(text + MORE)
    check(Workspace.open(folder))
    return folder


@pytest.fixture
def project(checked_project: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checked_project, tmp_path / "project"))


def excuse(project: Path, item: str = "classes", offender: str = "classes >= 3", who: str = "ana", **more: str) -> None:
    given = {"until": UNTIL, "reason": "two is enough", "role": "lead", **more}
    waive(Workspace.open(project), item, offender, key=project / "private" / f"{who}.key", **given)  # type: ignore[arg-type]


def outcomes(checked: Checked) -> dict[str, str]:
    return {one.item: str(one.outcome) for one in checked.verdict.items}


def judged(project: Path) -> Checked:
    return check(Workspace.open(project), judge_only=True)


def test_a_waived_item_lets_the_lead_sign_and_lies_in_the_release(project: Path) -> None:
    assert outcomes(judged(project)) == {"quality": "PASS", "uses": "PASS", "classes": "FAIL", "agreed": "NOT_RUN"}
    with pytest.raises(RefusedError, match="Model must pass before lead signs"):
        sign(Workspace.open(project), "lead", key=project / "private/ana.key")
    excuse(project)
    assert outcomes(judged(project))["classes"] == "WAIVED"
    sign(Workspace.open(project), "lead", key=project / "private/ana.key")
    assert judged(project).verdict.decision is Decision.GO
    workspace = Workspace.open(project)
    sealed = release(workspace, version="1.0.0").release
    [given] = verify(sealed.path, workspace.public_key()).statements.waivers
    assert (given.item, given.offender, given.person, given.reason) == ("classes", "classes >= 3", "Ana", "two is enough")


def test_a_release_without_the_waiver_that_it_rests_on_is_not_sealed(project: Path, tmp_path: Path) -> None:
    excuse(project)
    sign(Workspace.open(project), "lead", key=project / "private/ana.key")
    checked, workspace = judged(project), Workspace.open(project)
    bundle = find_bundle(workspace.project, workspace.bundles)
    assert bundle
    documents = {
        "checklist.json": canonical_bytes(checked.checklist.to_json()),
        "verdict.json": canonical_bytes(checked.verdict.to_json()),
        **{f"evidence/{item}.json": canonical_bytes(one.to_json()) for item, one in checked.evidence.items()},
        **checked.policy.statements,
        **{f"sign-offs/{name}": data for name, data in checked.sign_offs.items()},
    }
    rest = {"version": Version(1, 0, 0), "previous": None, "signer": workspace.signer(), "people": checked.people, "into": tmp_path / "out"}
    with pytest.raises(VerificationError, match="nothing excuses that classes failed"):
        seal(bundle, approve(checked.verdict), statements=documents, now=workspace.clock.now(), **rest)  # type: ignore[arg-type]
    documents |= {f"waivers/{name}": data for name, data in checked.waivers.items()}
    assert seal(bundle, approve(checked.verdict), statements=documents, now=workspace.clock.now(), **rest).statements.waivers  # type: ignore[arg-type]


def test_what_the_author_waives_or_signs_does_not_count(project: Path) -> None:
    excuse(project, who="dan")
    assert outcomes(judged(project))["classes"] == "FAIL"
    assert any("the waiver for classes by Dan excuses nothing" in note for note in judged(project).verdict.notes)
    excuse(project)
    with pytest.raises(RefusedError, match="author and lead must be different people with different keys; as lead there is only Dan"):
        sign(Workspace.open(project), "lead", key=project / "private/dan.key")
    sign(Workspace.open(project), "lead", key=project / "private/dan.key", reject="not yet")
    sign(Workspace.open(project), "lead", key=project / "private/ana.key")
    assert outcomes(judged(project))["agreed"] == "FAIL"


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"item": "clases"}, NotFoundError, "has no item 'clases'"),
        ({"item": "quality"}, RefusedError, "cannot be waived by anybody"),
        ({"item": "agreed"}, RefusedError, "cannot be waived by anybody"),
        ({"item": "uses"}, RefusedError, "uses is PASS"),
        ({"offender": "classes >= 4"}, NotFoundError, "Its offenders, one a line:\n  classes >= 3"),
        ({"until": "2020-01-01"}, UsageError, "has passed"),
        ({"until": "soon"}, UsageError, "is no date"),
        ({"until": "9999-12-31"}, UsageError, "too far ahead"),
        ({"reason": " "}, UsageError, "needs a reason"),
        ({"role": "boss"}, NotFoundError, "nobody has the role 'boss'"),
    ],
)
def test_a_waiver_that_could_not_count_is_refused(project: Path, given: dict[str, str], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=r".+") as caught:
        excuse(project, **given)
    assert said in str(caught.value)
    assert judged(project).policy.log.waivers == ()


def test_a_test_table_that_judged_more_bundles_than_allowed_warns_and_fails_who_asks(project: Path) -> None:
    (project / "gonogo.yaml").write_text((project / "gonogo.yaml").read_text() + "policy: {test_uses: 1}\n")
    assert not any("test table has judged" in note for note in check(Workspace.open(project)).verdict.notes)
    (project / "model.onnx").write_bytes(sample.model_bytes(1.25))
    checked = check(Workspace.open(project))
    assert any("the test table has judged 2 bundles, more than the 1" in note for note in checked.verdict.notes)
    assert outcomes(checked)["uses"] == "FAIL"
    assert outcomes(check(Workspace.open(project)))["uses"] == "FAIL"
    record = next((project / ".gonogo/test_uses").glob("*.json"))
    record.write_bytes(record.read_bytes().replace(b"sha256:", b"sha256;", 1))
    assert outcomes(check(Workspace.open(project)))["uses"] == "ERROR"


def test_uses_are_counted_once_a_bundle(tmp_path: Path) -> None:
    uses, clock = TableUses(tmp_path), Workspace(sample.write_project(tmp_path / "p")).clock
    for bundle in ("sha256:a", "sha256:b", "sha256:a"):
        uses.add("sha256:1", bundle, clock)
    assert (list(uses.of("sha256:1")), uses.of("sha256:2")) == (["sha256:a", "sha256:b"], {})


def test_yesterdays_facts_are_judged_under_todays_demands(project: Path, tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    file.write_text(json.dumps(render_json(judged(project).report)))
    (project / "model.onnx").unlink()
    kept = (project / ".gonogo/verdict.json").read_bytes()
    before = check_facts(Workspace.open(project), file)
    assert outcomes(before) == {"quality": "PASS", "uses": "PASS", "classes": "FAIL", "agreed": "NOT_RUN"}
    assert any("no release comes of it" in note for note in before.verdict.notes)
    stricter = "items:\n  quality: {require: roc_auc > 0.999}\n  classes: {require: classes >= 2}\n"
    (project / "gonogo.yaml").write_text((project / "gonogo.yaml").read_text() + stricter)
    after = outcomes(check_facts(Workspace.open(project), file))
    assert (after["quality"], after["classes"]) == ("FAIL", "PASS")
    assert (project / ".gonogo/verdict.json").read_bytes() == kept


REPORT = '{"format": "gonogo-report/1", "subject": %s, "items": %s}'


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"format": "gonogo-report/1"}', REPORT % (7, "[]"), REPORT % ("null", '[{"item": "a", "measurement": {"facts": 1}}]')],
)
def test_a_file_without_facts_is_refused(project: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "facts.json").write_text(text)
    with pytest.raises(DataError, match="holds no facts"):
        check_facts(Workspace.open(project), tmp_path / "facts.json")
