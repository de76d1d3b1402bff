"""Signing on another machine: the request is judged again there, and the answer is verified here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sample
from gonogo.errors import KeyFileError, RefusedError, VerificationError
from gonogo.operations.check import check
from gonogo.operations.policy import policy_state
from gonogo.operations.sign import sign
from gonogo.operations.sign_elsewhere import answer_request, import_answer, read_request, write_request
from gonogo.verdict.outcome import Decision
from team import Team, lower_the_threshold


def test_a_reviewer_signs_elsewhere_with_a_key_that_never_travels(measured: Team, tmp_path: Path) -> None:
    for role, name in (("lead", "ana"), ("owner", "ben")):
        request, answer = tmp_path / f"{role}.json", tmp_path / f"{role}.answer.json"
        asked = write_request(measured.workspace(), role, request)
        assert asked == (["policy", "sign-off"] if role == "lead" else ["sign-off"])
        shown = read_request(request).shown
        assert any("quality" in line and "PASS" in line for line in shown["measured"])
        assert answer_request(request, key=measured.keys / f"{name}.key", out=answer)[0] == name
        import_answer(measured.workspace(), answer)
        import_answer(measured.workspace(), answer)  # twice is once
    assert measured.decision() is Decision.GO


def test_a_changed_policy_is_signed_elsewhere_and_its_changes_are_shown_there(team: Team, tmp_path: Path) -> None:
    lower_the_threshold(team)
    for role, name in (("lead", "ana"), ("owner", "ben")):
        write_request(team.workspace(), role, tmp_path / "request.json", policy=True)
        _, asked = answer_request(tmp_path / "request.json", key=team.keys / f"{name}.key", out=tmp_path / "answer.json")
        assert asked.shown["the policy says"] == ["quality: require roc_auc > 0.5 → roc_auc > 0.1"]
        import_answer(team.workspace(), tmp_path / "answer.json")
    assert policy_state(team.workspace()).problem == ""


def test_a_rejection_can_come_from_elsewhere(team: Team, tmp_path: Path) -> None:
    write_request(team.workspace(), "lead", tmp_path / "request.json")
    answer_request(tmp_path / "request.json", key=team.keys / "ana.key", out=tmp_path / "answer.json", reject="not fair")
    import_answer(team.workspace(), tmp_path / "answer.json")
    assert team.decision() is Decision.NO_GO


@pytest.mark.parametrize("lie", ["facts", "checklist", "items", "digest", "policy", "system"])
def test_a_request_that_shows_something_else_than_it_wants_signed_is_refused(team: Team, tmp_path: Path, lie: str) -> None:
    write_request(team.workspace(), "lead", tmp_path / "request.json")
    document = json.loads((tmp_path / "request.json").read_bytes())
    asked = document["sign_off"]
    if lie == "facts":
        asked["evidence"]["quality"]["facts"]["roc_auc"]["value"] = 0.99
    elif lie == "checklist":
        asked["checklist"]["items"][0]["require"] = ["roc_auc > 0.9"]
    elif lie == "items":
        asked["items"] = ["technical", "business"]
    elif lie == "digest":
        asked["evidence_digest"] = "sha256:" + "0" * 64
    elif lie == "policy":
        document["policies"] = []
    else:
        document["system"] = "other"
    (tmp_path / "request.json").write_text(json.dumps(document))
    with pytest.raises(VerificationError):
        answer_request(tmp_path / "request.json", key=team.keys / "ana.key", out=tmp_path / "answer.json")
    assert not (tmp_path / "answer.json").exists()


def test_only_a_person_of_the_role_can_answer_and_an_answer_to_something_old_is_refused(team: Team, tmp_path: Path) -> None:
    write_request(team.workspace(), "lead", tmp_path / "request.json")
    with pytest.raises(KeyFileError, match="not that of ana"):
        answer_request(tmp_path / "request.json", key=team.keys / "eve.key", out=tmp_path / "answer.json")
    answer_request(tmp_path / "request.json", key=team.keys / "ana.key", out=tmp_path / "answer.json")
    sample.write_table(team.folder / "test.csv", 5)
    check(team.workspace())
    with pytest.raises(RefusedError, match="changed since"):
        import_answer(team.workspace(), tmp_path / "answer.json")


def test_the_signer_is_told_what_changed_since_the_last_sign_off(team: Team) -> None:
    again = sign(team.workspace(), "lead", key=team.keys / "ana.key")
    assert again.changes == ()
    assert again.outcomes == {"PASS": 1}
    sample.write_table(team.folder / "test.csv", 5)
    check(team.workspace())
    changed = sign(team.workspace(), "lead", key=team.keys / "ana.key").changes
    assert changed is not None
    assert any(line.startswith("quality: PASS") and "→" in line for line in changed)
    team.edit("target: late}", "target: late, ignore: []}")
    team.edit("system: small", "code: {lint: ruff check .}\nsystem: small")
    check(team.workspace())
    assert sign(team.workspace(), "lead", key=team.keys / "ana.key").changes == ("gonogo.yaml declares another code",)
