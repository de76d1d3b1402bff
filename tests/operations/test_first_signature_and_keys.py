"""Who pins the policy with the first signature, and how keys are replaced and revoked."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from gonogo.cli import main
from gonogo.errors import KeyFileError, NotFoundError, RefusedError, UsageError
from gonogo.operations.check import check
from gonogo.operations.key_change import key_replace, key_revoke
from gonogo.operations.policy import policy_state
from gonogo.operations.release import release
from gonogo.operations.sign import sign, sign_changed_policy
from gonogo.trust.keys import PublicKey
from gonogo.trust.signers.file import FileSigner
from gonogo.verdict.outcome import Decision
from team import GATE, Team, join_the_role, let_fewer_sign_policies, lower_the_threshold, swap_the_key

# -- the first signature


def test_who_signs_what_is_stale_is_not_told_that_files_changed(measured: Team) -> None:
    gate = measured.folder / "pack" / "gate.yaml"
    gate.write_text(gate.read_text().replace("check: quality,", "check: quality, options: {level: 0.9},"))
    with pytest.raises(RefusedError, match="quality: not measured for the files, packages and demands as they are now"):
        measured.sign("lead", "ana")


def test_before_the_first_signature_it_is_no_go_and_says_who_may_pin(measured: Team) -> None:
    assert measured.decision() is Decision.NO_GO
    assert "the first signature as lead or owner pins" in measured.notes()
    assert not measured.workspace().has_log(), "looking begins nothing"


def test_the_first_signature_pins_and_says_so_and_a_rejection_pins_nothing(measured: Team) -> None:
    measured.sign("lead", "ana", reject="too early")
    assert policy_state(measured.workspace()).log.pinned is None
    signed = sign(measured.workspace(), "lead", key=measured.keys / "ana.key")
    assert signed.pinned is not None
    assert signed.pinned.digest == policy_state(measured.workspace()).digest
    assert sign(measured.workspace(), "owner", key=measured.keys / "ben.key").pinned is None


def test_somebody_who_signs_no_policies_cannot_be_the_first(measured: Team) -> None:
    let_fewer_sign_policies(measured)
    with pytest.raises(RefusedError, match="first signature as owner"):
        measured.sign("lead", "ana")
    assert policy_state(measured.workspace()).log.pinned is None


def test_without_any_role_there_is_no_policy_and_none_is_missed(measured: Team) -> None:
    gate = GATE.split("      - {id: legal", maxsplit=1)[0]
    (measured.folder / "pack" / "gate.yaml").write_text(gate)
    measured.edit("items:\n  legal: {applies: true, reason: personal data}\n", "")
    check(measured.workspace())
    assert measured.decision() is Decision.GO
    assert release(measured.workspace()).release.statements.policy is None


def test_a_pack_that_asks_nobody_is_refused_once_a_policy_is_pinned(team: Team) -> None:
    gate = GATE.split("      - {id: legal", maxsplit=1)[0]
    (team.folder / "pack" / "gate.yaml").write_text(gate)
    team.edit("items:\n  legal: {applies: true, reason: personal data}\n", "")
    check(team.workspace())
    assert team.decision() is Decision.NO_GO
    assert "technical is no longer demanded" in team.notes()


# -- keys


def test_a_key_is_replaced_under_the_signature_of_the_old_one_alone(team: Team, own_keys: Path) -> None:
    old = PublicKey.load(own_keys / "ana.pub")
    made = key_replace("ana", team.workspace())
    assert made.lacking == ()
    assert made.kept is not None
    assert FileSigner(made.kept).key_id == old.key_id
    assert made.key_id != old.key_id
    assert "ana" not in team.notes()
    assert team.decision() is Decision.NO_GO, "what the old key approved is to be approved again"
    sign(team.workspace(), "lead")
    assert team.decision() is Decision.GO
    with pytest.raises(KeyFileError):
        sign(team.workspace(), "lead", key=made.kept)
    assert release(team.workspace()).release.statements.policy.number == 2  # type: ignore[union-attr]


def test_a_replaced_key_that_comes_with_another_change_needs_every_policy_role(team: Team, own_keys: Path) -> None:
    lower_the_threshold(team)
    made = key_replace("ana", team.workspace())
    assert made.lacking == ("lead", "owner")
    with pytest.raises(KeyFileError, match="not ana's"):
        team.sign_policy("lead", "ana")  # the new key has no say yet
    assert made.kept is not None
    sign_changed_policy(team.workspace(), "lead", key=made.kept)
    assert team.sign_policy("owner", "ben") == ()


def test_another_person_does_not_come_in_as_a_replaced_key(team: Team) -> None:
    """Ben, with his own key, swaps ana's: only ana's old key may do that alone."""
    swap_the_key(team)
    assert team.sign_policy("owner", "ben") == ("lead",)
    assert team.decision() is Decision.NO_GO


def test_a_revoked_key_blocks_until_it_is_gone_and_never_comes_back(team: Team, own_keys: Path) -> None:
    """Two people have the role, so that one lost key stops nobody for good."""
    join_the_role(team)
    team.sign_policy("lead", "ana")
    team.sign_policy("owner", "ben")
    key_revoke("ana", team.workspace(), "laptop stolen")
    assert "is revoked (ana: laptop stolen)" in team.notes()
    with pytest.raises(RefusedError, match="revoked"):
        team.sign("lead", "eve")
    team.edit("[{name: ana, key: keys/ana.pub}, {name: eve, key: keys/eve.pub}]", "{name: eve, key: keys/eve.pub}")
    team.sign_policy("lead", "eve")
    assert team.sign_policy("owner", "ben") == ()
    team.sign("lead", "eve")
    team.sign("owner", "ben")
    assert team.decision() is Decision.GO
    team.edit("{name: eve, key: keys/eve.pub}", "[{name: ana, key: keys/ana.pub}, {name: eve, key: keys/eve.pub}]")
    assert team.decision() is Decision.NO_GO
    assert "revoked" in team.notes()


def test_a_revocation_voids_what_the_key_has_signed_of_a_policy_that_is_not_in_force(team: Team) -> None:
    lower_the_threshold(team)
    team.sign_policy("lead", "ana")
    key_revoke("ana", team.workspace(), "laptop stolen")
    assert team.sign_policy("owner", "ben") == ("lead",)
    with pytest.raises(NotFoundError, match="not revoked yet"):
        key_revoke("ana", team.workspace(), "again")
    with pytest.raises(UsageError, match="reason"):
        key_revoke("ben", team.workspace(), " ")


def test_a_key_is_replaced_where_the_projects_file_says_whatever_a_person_is_called(team: Team, own_keys: Path) -> None:
    victim = own_keys.parent / "victim.key"
    victim.write_text("precious")
    team.edit("name: ana", "name: ../victim")
    made = key_replace("../victim", team.workspace())
    assert made.private == own_keys / "ana.key"
    assert victim.read_text() == "precious"
    with pytest.raises(NotFoundError, match="names nobody"):
        key_replace("nobody", team.workspace())


# -- what a terminal shows


def typed(team: Team, *words: str, expect: int = 0) -> str:
    done = CliRunner().invoke(main, [*words, "--project", str(team.folder)])
    assert done.exit_code == expect, done.output
    return done.output


def test_the_first_signer_reads_whom_and_what_they_pin(measured: Team) -> None:
    assert "the first signature as lead or owner pins" in typed(measured, "policy", expect=1)
    shown = typed(measured, "sign", "lead", "--key", str(measured.keys / "ana.key"))
    assert "measured   1 PASS" in shown
    assert "pinned by this signature" in shown
    for name in ("ana", "ben"):
        assert PublicKey.load(measured.keys / f"{name}.pub").key_id[:16] in shown
    assert "pinned by this signature" not in typed(measured, "sign", "owner", "--key", str(measured.keys / "ben.key"))


def test_policy_says_what_is_pinned_what_differs_who_signed_and_who_is_revoked(team: Team) -> None:
    assert "one person alone is lead and owner" in typed(team, "policy")
    lower_the_threshold(team)
    typed(team, "sign", "lead", "--policy", "--key", str(team.keys / "ana.key"))
    typed(team, "key", "revoke", "ben", "--reason", "left")
    shown = typed(team, "policy", expect=1)
    assert "declared otherwise: quality: require roc_auc > 0.5 → roc_auc > 0.1" in shown
    assert "revoked:" in shown
    assert "ben: left" in shown
    assert "signed already" not in shown, "a revocation voids what is pending"
    typed(team, "sign", "lead", "--policy", "--key", str(team.keys / "ana.key"))
    assert "signed already by ana" in typed(team, "policy", expect=1)


@pytest.mark.parametrize(
    "words", [("--answer", "a", "--import", "b"), ("--answer", "a", "--key", "k"), (), ("lead", "--policy", "--reject", "no")]
)
def test_words_that_do_not_go_together_are_wrong_use(team: Team, words: tuple[str, ...]) -> None:
    typed(team, "sign", *words, expect=2)
