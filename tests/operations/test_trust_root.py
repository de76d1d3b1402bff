"""Attacks on whose word counts, and on what they gave it for: each is NO-GO, and says what changed.

The attacker may write in the project and in its store, and holds a key of their own; they do not hold the keys of others, nor compute
signatures with the store's key by hand.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gonogo.base.clock import FakeClock
from gonogo.errors import GonogoError, KeyFileError, NotApprovedError, RefusedError, VerificationError
from gonogo.operations.audit_log import audit_log
from gonogo.operations.check import check
from gonogo.operations.key_change import key_revoke
from gonogo.operations.policy import add_policy_signature, policy_state
from gonogo.operations.release import release
from gonogo.operations.sign_elsewhere import import_answer
from gonogo.registry.trust_log import SIGN_OFF, record_envelope
from gonogo.release.verify import verify
from gonogo.trust.envelope import IN_TOTO, open_envelope, seal_envelope
from gonogo.trust.keys import PublicKey, generate_key
from gonogo.trust.signers.file import FileSigner
from gonogo.verdict.outcome import Decision, Outcome
from gonogo.verdict.policy import Pinned, sign_policy
from gonogo.verdict.sign_off import SignOff, sign_off
from team import PACK, Team, join_the_role, let_fewer_sign_policies, lower_the_threshold, swap_the_key

# -- what is written down takes no effect


def remove_the_key(team: Team) -> None:
    (team.folder / "keys" / "ana.pub").unlink()


def give_the_role_away(team: Team) -> None:
    shutil.copy(team.keys / "eve.pub", team.folder / "keys")
    team.edit("lead: {name: ana, key: keys/ana.pub}", "lead: {name: eve, key: keys/eve.pub}")


def one_person_for_all(team: Team) -> None:
    team.edit("owner: {name: ben, key: keys/ben.pub}", "owner: {name: ana, key: keys/ana.pub}")


def rename_the_person(team: Team) -> None:
    team.edit("name: ana", "name: eve")


def edit_the_pack(team: Team) -> None:
    team.edit("roc_auc > 0.5", "roc_auc > 0.1", "pack/gate.yaml")


def edit_a_text_of_the_pack(team: Team) -> None:
    team.edit("The lead agrees.", "The lead has seen it.", "pack/gate.yaml")


def drop_an_item(team: Team) -> None:
    team.edit("      - {id: business, statement: The owner agrees., sign_off: owner}\n", "", "pack/gate.yaml")


def say_it_does_not_apply(team: Team) -> None:
    team.edit("applies: true", "applies: false")


def take_another_pack(team: Team) -> None:
    shutil.copytree(team.folder / "pack", team.folder / "easy")
    team.edit("name: small-pack", "name: easy-pack", "easy/pack.yaml")
    team.edit("pack: ./pack", "pack: ./easy")


def accept_less_isolation(team: Team) -> None:
    team.edit("system: small", "system: small\nisolation: accept-weaker")


WRITTEN: list[tuple[Callable[[Team], None], str]] = [
    (swap_the_key, "ana's key in the role lead is another one"),
    (remove_the_key, "ana no longer has the role lead"),
    (give_the_role_away, "was given the role lead"),
    (join_the_role, r"eve \(key [0-9a-f]{16}\) was given the role lead"),
    (one_person_for_all, "ben no longer has the role owner"),
    (rename_the_person, "ana no longer has the role lead"),
    (lower_the_threshold, r"quality: require roc_auc > 0\.5 → roc_auc > 0\.1"),
    (edit_the_pack, r"quality: require roc_auc > 0\.5 → roc_auc > 0\.1"),
    (edit_a_text_of_the_pack, "the checklist's texts"),
    (drop_an_item, "business is no longer demanded"),
    (say_it_does_not_apply, "whether legal applies: yes → no"),
    (let_fewer_sign_policies, "policies are signed by lead, owner → owner"),
    (take_another_pack, "the pack is small-pack → easy-pack"),
    (accept_less_isolation, "isolation: required → accept-weaker"),
]


@pytest.mark.parametrize(("attack", "says"), WRITTEN, ids=[attack.__name__ for attack, _ in WRITTEN])
def test_what_is_written_into_the_project_is_no_go_and_named_and_nobody_can_sign_under_it(
    team: Team, attack: Callable[[Team], None], says: str
) -> None:
    attack(team)
    verdict = check(team.workspace(), judge_only=True).verdict
    assert verdict.decision is Decision.NO_GO
    assert Outcome.PASS not in [one.outcome for one in verdict.items if one.item in ("technical", "business")]
    [note] = [note for note in verdict.notes if "the policy is not the one that was signed" in note]
    assert re.search(says, note), note
    with pytest.raises(NotApprovedError, match="not the one that was signed"):
        release(team.workspace())
    check(team.workspace())  # measured again: it is not for lack of evidence that nobody can sign
    for role, name in (("lead", "ana"), ("lead", "eve"), ("owner", "ben")):
        with pytest.raises(GonogoError):
            team.sign(role, name)
    assert team.decision() is Decision.NO_GO


@pytest.mark.parametrize(("attack", "says"), WRITTEN, ids=[attack.__name__ for attack, _ in WRITTEN])
def test_written_back_it_counts_again(team: Team, approved: Path, attack: Callable[[Team], None], says: str) -> None:
    attack(team)
    for name in ("gonogo.yaml", "pack", "keys"):
        source = approved / "project" / name
        shutil.copytree(source, team.folder / name, dirs_exist_ok=True) if source.is_dir() else shutil.copy(source, team.folder)
    assert team.decision() is Decision.GO


def test_the_attacker_who_swapped_a_key_cannot_sign_the_policy_with_their_own(team: Team) -> None:
    swap_the_key(team)
    with pytest.raises(KeyFileError):
        team.sign_policy("lead", "eve")
    state = policy_state(team.workspace())
    eve = FileSigner(team.keys / "eve.key")
    with pytest.raises(VerificationError):
        sign_policy(state.declared, state.log.pinned, eve)
    forged = sign_policy(state.declared, Pinned(state.declared, ()), eve)  # as if the swapped policy were in force already
    with pytest.raises(VerificationError):
        add_policy_signature(team.workspace(), state, forged)
    assert team.decision() is Decision.NO_GO


def test_one_of_two_roles_is_not_enough_and_one_person_does_not_speak_for_both(team: Team) -> None:
    lower_the_threshold(team)
    assert team.sign_policy("lead", "ana") == ("owner",)
    with pytest.raises(KeyFileError):
        team.sign_policy("owner", "ana")
    assert team.decision() is Decision.NO_GO
    assert team.sign_policy("lead", "ana") == ("owner",)  # signing twice is signing once


def test_a_role_that_signs_no_policies_has_no_say(team: Team) -> None:
    let_fewer_sign_policies(team)
    team.sign_policy("lead", "ana")
    assert team.sign_policy("owner", "ben") == ()
    lower_the_threshold(team)
    with pytest.raises(VerificationError, match="none of the roles that sign a policy: owner"):
        team.sign_policy("lead", "ana")


def test_once_every_policy_role_has_signed_the_new_policy_it_is_in_force_and_old_approvals_are_void(team: Team) -> None:
    lower_the_threshold(team)
    team.sign_policy("lead", "ana")
    assert team.sign_policy("owner", "ben") == ()
    assert team.decision() is Decision.NO_GO
    team.sign("lead", "ana")
    team.sign("owner", "ben")
    assert team.decision() is Decision.GO
    sealed = release(team.workspace()).release
    assert sealed.statements.policy is not None
    assert sealed.statements.policy.number == 2


def test_a_signature_under_an_earlier_policy_cannot_be_used_again(team: Team) -> None:
    """Weakened, put right again by everybody, and then somebody brings the old signatures under the weak one back."""
    lower_the_threshold(team)
    weak = policy_state(team.workspace())
    old = [sign_policy(weak.declared, weak.log.pinned, FileSigner(team.keys / f"{name}.key")) for name in ("ana", "ben")]
    for role, name in (("lead", "ana"), ("owner", "ben")):
        team.sign_policy(role, name)
    team.edit("  quality: {require: roc_auc > 0.1}\n", "")
    for role, name in (("lead", "ana"), ("owner", "ben")):
        team.sign_policy(role, name)
    assert team.decision() is Decision.GO  # what was approved under these very demands is approved again
    lower_the_threshold(team)
    for envelope in old:
        with pytest.raises(VerificationError, match="another number"):
            add_policy_signature(team.workspace(), policy_state(team.workspace()), envelope)
    assert team.decision() is Decision.NO_GO


# -- the log


def delete_event(team: Team, kind: str) -> None:
    team.database().execute("DELETE FROM event WHERE seq = (SELECT max(seq) FROM event WHERE kind = ?)", (kind,))


def delete_everything(team: Team) -> None:
    team.database().execute("DELETE FROM event")


def turn_a_rejection_into_an_alarm(team: Team) -> None:
    team.database().execute("UPDATE event SET kind = 'alarm' WHERE seq = (SELECT max(seq) FROM event)")


def remove_the_log(team: Team) -> None:
    for path in team.store.glob("gonogo.db*"):
        path.unlink()


def remove_the_anchor(team: Team) -> None:
    (team.store / "anchor.json").unlink()


def remove_log_and_anchor(team: Team) -> None:
    remove_the_log(team)
    remove_the_anchor(team)


def remove_the_stores_key(team: Team) -> None:
    (team.store / "keys" / "store.key").unlink()


def another_stores_key(team: Team) -> None:
    remove_the_stores_key(team)
    (team.store / "keys" / "store.pub").unlink()
    generate_key(team.store / "keys" / "store.key")


def restore_an_older_log(team: Team) -> None:
    """The log as it was before the rejection, from a backup; the anchor is today's."""
    remove_the_log(team)
    shutil.copy(team.folder / "backup.db", team.store / "gonogo.db")


LOG: list[Callable[[Team], None]] = [
    lambda team: delete_event(team, "sign_off"),
    lambda team: delete_event(team, "policy"),
    delete_everything,
    turn_a_rejection_into_an_alarm,
    remove_the_log,
    remove_the_anchor,
    remove_log_and_anchor,
    remove_the_stores_key,
    another_stores_key,
    restore_an_older_log,
]


@pytest.mark.parametrize(
    "attack", LOG, ids=["reject", "policy", "all", "renamed", "log", "anchor", "log+anchor", "key", "other key", "backup"]
)
def test_a_rejection_stays_whatever_is_taken_out_of_the_log(team: Team, attack: Callable[[Team], None]) -> None:
    team.workspace().store().close()
    connection = sqlite3.connect(team.store / "gonogo.db")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    shutil.copy(team.store / "gonogo.db", team.folder / "backup.db")
    team.sign("lead", "ana", reject="it is not fair")
    assert team.decision() is Decision.NO_GO
    attack(team)
    verdict = check(team.workspace(), judge_only=True).verdict
    assert verdict.decision is Decision.NO_GO
    assert verdict.blocked
    for action in (lambda: team.sign("lead", "eve"), lambda: team.sign("lead", "ana"), lambda: release(team.workspace())):
        with pytest.raises(GonogoError):
            action()
    assert team.decision() is Decision.NO_GO


def test_a_rejection_is_not_overcome_by_an_older_approval_nor_by_setting_the_clock_back(team: Team) -> None:
    team.clock = FakeClock(datetime.now(UTC) + timedelta(minutes=2))
    team.sign("lead", "ana", reject="it is not fair")
    team.clock = FakeClock(datetime.now(UTC) + timedelta(minutes=1))
    assert team.decision() is Decision.NO_GO


def test_a_clock_that_stands_before_the_log_is_no_go(team: Team) -> None:
    team.clock = FakeClock(datetime.now(UTC) - timedelta(days=400))
    assert team.decision() is Decision.NO_GO
    assert "the clock stands before the last event of the log" in team.notes()
    with pytest.raises(RefusedError):
        team.sign("lead", "ana")


def test_a_whole_store_that_was_taken_back_is_recognised_by_a_copy_of_its_anchor(team: Team, tmp_path: Path) -> None:
    older = tmp_path / "older"
    shutil.copytree(team.store, older)
    team.sign("lead", "ana", reject="it is not fair")
    shutil.copy(team.store / "anchor.json", tmp_path / "anchor-of-today.json")
    shutil.rmtree(team.store)
    shutil.copytree(older, team.store)
    assert team.decision() is Decision.GO, "nothing within the store tells: that is what the copy outside is for"
    problems = audit_log(team.workspace(), verify=True, anchor=tmp_path / "anchor-of-today.json").problems
    assert problems is not None
    assert "the last events were removed" in problems[0]


# -- another store, another system


def test_a_fresh_store_asks_for_a_first_signature_and_takes_none_of_another_store(team: Team, tmp_path: Path) -> None:
    old = policy_state(team.workspace())
    team.edit("system: small", "store: elsewhere\nsystem: small")
    shutil.copytree(team.store / "evidence", team.folder / "elsewhere" / "evidence")
    shutil.copytree(team.store / "bundles", team.folder / "elsewhere" / "bundles")
    assert team.decision() is Decision.NO_GO
    assert "no policy is pinned in this store yet" in team.notes()
    workspace = team.workspace()
    workspace.store()
    assert old.log.pinned is not None
    with pytest.raises(VerificationError):
        add_policy_signature(workspace, policy_state(workspace), old.log.pinned.envelopes[0])
    with workspace.store().transaction() as tx:
        for recorded in old.log.sign_offs:
            record_envelope(tx, SIGN_OFF, "small", recorded.envelope, "eve")
    assert team.decision() is Decision.NO_GO


def test_a_store_that_an_attacker_began_seals_under_another_key(team: Team) -> None:
    first = PublicKey.load(team.store / "keys" / "store.pub")
    shutil.rmtree(team.store)
    swap_the_key(team)
    shutil.copy(team.keys / "eve.pub", team.folder / "keys" / "ben.pub")
    check(team.workspace())
    team.sign("lead", "eve")
    team.sign("owner", "eve")
    sealed = release(team.workspace())
    with pytest.raises(VerificationError):
        verify(sealed.archive, first)


def test_the_policy_of_one_system_is_not_that_of_another_in_the_same_store(team: Team) -> None:
    team.edit("system: small", "system: other")
    assert "no policy is pinned" in team.notes()
    state = policy_state(team.workspace())
    assert state.log.pinned is None
    assert state.log.sign_offs == ()


# -- sign-offs


def forged_sign_off(team: Team, signer: str, **changes: str) -> bytes:
    verdict = check(team.workspace(), judge_only=True).verdict
    key = FileSigner(team.keys / f"{signer}.key")
    record = {
        "role": "lead", "person": "ana", "key_id": key.key_id, "items": ("technical",), "subject": verdict.subject,
        "evidence_digest": verdict.evidence_digest, "checklist_digest": verdict.checklist_digest, "decision": "approve", "reason": "",
        "time": "2026-01-01T00:00:00.000Z",
    }  # fmt: skip
    return sign_off(SignOff(**{**record, **changes}), key)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("signer", "changes"), [("eve", {}), ("ben", {}), ("ben", {"person": "ben"}), ("eve", {"role": "owner", "person": "ben"})]
)
def test_a_sign_off_by_the_wrong_person_or_role_counts_neither_in_the_log_nor_by_import(
    measured: Team, tmp_path: Path, signer: str, changes: dict[str, str]
) -> None:
    measured.sign("owner", "ben")
    envelope = forged_sign_off(measured, signer, **changes)
    answer = {"format": "gonogo-sign-answer/1", "system": "small", "envelopes": [envelope.decode()]}
    (tmp_path / "answer.json").write_text(json.dumps(answer))
    with pytest.raises(VerificationError):
        import_answer(measured.workspace(), tmp_path / "answer.json")
    with measured.workspace().store().transaction() as tx:
        record_envelope(tx, SIGN_OFF, "small", envelope, "eve")
    assert measured.decision() is Decision.NO_GO


@pytest.mark.parametrize("author", ["{name: ana}", "{name: ' ANA '}", "{name: somebody, key: keys/ana.pub}"])
def test_the_author_does_not_approve_under_another_name_or_with_the_same_key(team: Team, author: str) -> None:
    (team.folder / "pack" / "pack.yaml").write_text(PACK + "apart: [[author, lead, owner]]\n")
    team.edit("system: small", f"author: {author}\nsystem: small")
    for role, name in (("lead", "ana"), ("owner", "ben")):
        team.sign_policy(role, name)
    check(team.workspace())
    team.sign("owner", "ben")
    with pytest.raises(RefusedError, match="must be different people"):
        team.sign("lead", "ana")
    by_hand = forged_sign_off(team, "ana")
    with team.workspace().store().transaction() as tx:
        record_envelope(tx, SIGN_OFF, "small", by_hand, "ana")
    verdict = check(team.workspace(), judge_only=True).verdict
    assert verdict.blocked == ()
    assert verdict.decision is Decision.NO_GO
    assert next(one.outcome for one in verdict.items if one.item == "technical") is not Outcome.PASS
    team.edit(f"author: {author}", "author: {name: dora}")
    check(team.workspace())
    for role, name in (("lead", "ana"), ("owner", "ben")):
        team.sign(role, name)
    assert team.decision() is Decision.GO


def test_a_rejection_of_a_key_that_was_revoked_blocks_until_the_policy_is_signed_without_it(team: Team) -> None:
    team.sign("owner", "ben", reject="no")
    key_revoke("ben", team.workspace(), "he is in the way")
    assert team.decision() is Decision.NO_GO
    assert "is revoked (ben: he is in the way)" in team.notes()
    with pytest.raises(GonogoError):
        team.sign("owner", "ben")
    with pytest.raises(KeyFileError, match="revoked"):
        team.sign_policy("owner", "ben")


# -- what a stranger checks


def test_a_release_shows_the_line_of_policies_to_whoever_has_it(team: Team, tmp_path: Path) -> None:
    sealed = release(team.workspace())
    found = verify(sealed.archive, PublicKey.load(team.store / "keys" / "store.pub"))
    assert found.statements.policy is not None
    assert found.statements.policy.policy.names_of(PublicKey.load(team.keys / "ana.pub").key_id) == "ana"
    assert found.statements.verdict.policy == found.statements.policy.policy.digest


def test_an_envelope_with_a_byte_changed_is_refused(team: Team) -> None:
    state = policy_state(team.workspace())
    assert state.log.pinned is not None
    data = state.log.pinned.envelopes[0]
    body = open_envelope(data, IN_TOTO, state.declared.keys.values())
    body["predicate"]["policy"]["settings"]["isolation"] = "accept-weaker"
    with pytest.raises(VerificationError):
        add_policy_signature(team.workspace(), state, seal_envelope(body, IN_TOTO, [FileSigner(team.keys / "ana.key")]))
