"""Somebody who wants a GO that was not earned: a project that has one, one attack each, and no release afterwards.

The attacker may write in the project and in its store, and holds a key of their own. They do not hold the approver's private key, and do
not compute seals with the store's own key: whoever can do that is the store (`evidence/sealed.py` says so).
"""

from __future__ import annotations

import json
import pickle
import shutil
import socket
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import sample
from gonogo.base.canonical import canonical_bytes
from gonogo.base.clock import FakeClock
from gonogo.base.tree import read_tree
from gonogo.errors import GonogoError, VerificationError
from gonogo.operations.check import check
from gonogo.operations.release import release
from gonogo.operations.rollout import start
from gonogo.operations.serve import serve
from gonogo.operations.workspace import Workspace
from gonogo.registry.trust_log import SIGN_OFF, record_envelope
from gonogo.release.verify import PREDICATE, SEAL, verify
from gonogo.trust.envelope import IN_TOTO, open_envelope, seal_envelope, statement
from gonogo.trust.keys import PublicKey
from gonogo.trust.signers.file import FileSigner
from gonogo.verdict.outcome import Decision, Outcome
from gonogo.verdict.sign_off import read_sign_off, sign_off
from victim import LOG, Victim, remove

pytestmark = [pytest.mark.xdist_group("unearned")]


def change_json(path: Path, change: Callable[[Any], None]) -> None:
    document = json.loads(path.read_bytes())
    change(document)
    path.write_bytes(canonical_bytes(document))


# -- the policy


def weaken(victim: Victim) -> None:
    victim.edit("items:", "items:\n  quality: {require: roc_auc > 0.1}")


def drop_confidence(victim: Victim) -> None:
    victim.edit("items:", "items:\n  quality: {confidence: 51%}")


def make_old_evidence_good(victim: Victim) -> None:
    victim.edit("items:", "items:\n  quality: {max_age: 3650 d}")


def allow_a_secret(victim: Victim) -> None:
    victim.edit("items:", "items:\n  no-secrets: {options: {allow: [0123456789abcdef]}}")


def say_it_does_not_apply(victim: Victim) -> None:
    victim.edit("items:", "items:\n  quality: {applies: false, reason: it is late}")


def demand_nothing(victim: Victim) -> None:
    victim.edit("items:", "items:\n  quality: {require: 1 > 0}")


def demand_an_empty_list(victim: Victim) -> None:
    victim.edit("items:", "items:\n  quality: {require: []}")


def _own_pack(victim: Victim, gate: str) -> None:
    source = Path(sys.modules["gonogo"].__file__ or "").parent / "checklist" / "packs" / "starter"
    shutil.copytree(source, victim.folder / "pack")
    (victim.folder / "pack" / "gate.yaml").write_text(gate or (source / "gate.yaml").read_text().replace("roc_auc > 0.5", "roc_auc > 0.1"))
    victim.edit("pack: starter", "pack: ./pack")


def edit_the_pack(victim: Victim) -> None:
    _own_pack(victim, "")


def empty_the_pack(victim: Victim) -> None:
    victim.edit("\nitems:\n  no-overlap: {require: shared_share <= 50%}", "")
    _own_pack(victim, 'id: g\ntitle: g\nversion: 1.0.0\ndate: "2026-01-01"\nsections: []\n')


def empty_the_section(victim: Victim) -> None:
    victim.edit("\nitems:\n  no-overlap: {require: shared_share <= 50%}", "")
    _own_pack(victim, 'id: g\ntitle: g\nversion: 1.0.0\ndate: "2026-01-01"\nsections: [{title: s, items: []}]\n')


# -- the evidence


def improve_a_number(victim: Victim) -> None:
    change_json(victim.store / "evidence" / "quality.json", lambda d: d["content"]["facts"]["roc_auc"].update(value=0.99))


def evidence_of_another_candidate(victim: Victim) -> None:
    shutil.copytree(victim.other / ".gonogo" / "evidence", victim.store / "evidence", dirs_exist_ok=True)


def evidence_and_sign_off_of_another_candidate(victim: Victim) -> None:
    evidence_of_another_candidate(victim)
    sign_off_of_another_candidate(victim)


def evidence_under_another_name(victim: Victim) -> None:
    folder = victim.store / "evidence"
    shutil.copy(folder / "integrity.json", folder / "quality.json")


def evidence_taken_away(victim: Victim) -> None:
    (victim.store / "evidence" / "quality.json").unlink()


def evidence_of_another_store(victim: Victim) -> None:
    (victim.store / "evidence" / "seal.key").write_bytes(b"k" * 32)


def evidence_that_is_a_folder(victim: Victim) -> None:
    evidence_taken_away(victim)
    (victim.store / "evidence" / "quality.json").mkdir()


def improve_the_load_test(victim: Victim) -> None:
    change_json(victim.load_test(), lambda d: d["content"].update(requests=10_000_000))


def load_test_of_another_bundle(victim: Victim) -> None:
    mine = victim.load_test()
    others = [path for path in (victim.other / ".gonogo" / "load_tests").glob("*.json") if path.name != mine.name]
    shutil.copy(others[0], mine)


# -- the sign-off


def sign_off_taken_away(victim: Victim) -> None:
    victim.sql("DELETE FROM event WHERE kind = 'sign_off'")


def sign_off_edited(victim: Victim) -> None:
    victim.sql("UPDATE event SET body = replace(body, 'PASS', 'FAIL') WHERE kind = 'sign_off'")


def sign_off_of_another_candidate(victim: Victim) -> None:
    """The other candidate's store, with its key, so that nothing in its log is wrong."""
    for name in LOG:
        remove(victim.store / name)
        source = victim.other / ".gonogo" / name
        if source.exists():
            (shutil.copytree if source.is_dir() else shutil.copy)(source, victim.store / name)


def sign_with_the_wrong_key(victim: Victim) -> None:
    """What ana would have to sign for another candidate, word for word, but by eve, and put into the log."""
    shutil.copy(victim.other / "model.onnx", victim.folder / "model.onnx")
    verdict = check(Workspace.open(victim.folder)).verdict
    ana, eve = PublicKey.load(victim.keys / "ana.pub"), FileSigner(victim.keys / "eve.key")
    said = read_sign_off(victim.sign_off(), {"technical-lead": [("ana", ana)]})
    forged = replace(said, key_id=eve.key_id, subject=str(verdict.subject), evidence_digest=verdict.evidence_digest)
    with Workspace.open(victim.folder).store().transaction() as tx:
        record_envelope(tx, SIGN_OFF, "small", sign_off(forged, eve), "ana")


def swap_the_public_key(victim: Victim) -> None:
    shutil.copy(victim.keys / "eve.pub", victim.folder / "keys" / "ana.pub")


def rename_the_person(victim: Victim) -> None:
    victim.edit("name: ana", "name: eve")


def public_key_gone(victim: Victim) -> None:
    (victim.folder / "keys" / "ana.pub").unlink()


# -- the bytes


def change_a_byte_of_the_model(victim: Victim) -> None:
    model = victim.folder / "model.onnx"
    model.write_bytes(sample.model_bytes(1.4))


def point_the_model_elsewhere(victim: Victim) -> None:
    (victim.folder / "model.onnx").unlink()
    (victim.folder / "model.onnx").symlink_to(victim.other / "model.onnx")


def pickle_as_model(victim: Victim) -> None:
    (victim.folder / "model.onnx").write_bytes(pickle.dumps({"forest": 1}))


def drop_hard_rows(victim: Victim) -> None:
    lines = (victim.folder / "test.csv").read_text().splitlines()
    (victim.folder / "test.csv").write_text("\n".join(lines[:60]) + "\n")


def no_rows(victim: Victim) -> None:
    (victim.folder / "test.csv").write_text("amount,city,late\n")


def one_class(victim: Victim) -> None:
    (victim.folder / "test.csv").write_text("amount,city,late\n" + "1.0,paris,1\n" * 200)


def bundle_edited(victim: Victim) -> None:
    for path in (victim.store / "bundles").glob("*/schema.json"):
        change_json(path, lambda d: d.update(threshold=0.01))


def bundle_forged(victim: Victim) -> None:
    """A whole bundle with another threshold, whose digest the index names for these sources."""
    bundles = victim.store / "bundles"
    index = json.loads((bundles / "index.json").read_bytes())
    [root] = [path for path in bundles.iterdir() if path.is_dir()]
    shutil.copytree(root, bundles / "forged")
    change_json(bundles / "forged" / "schema.json", lambda d: d.update(threshold=0.01))
    forged = read_tree(bundles / "forged").root_digest
    (bundles / "forged").rename(bundles / forged.removeprefix("sha256:"))
    known = index["content"]["bundles"]
    change_json(bundles / "index.json", lambda d: d["content"].update(bundles=dict.fromkeys(known, forged)))


def verdict_forged(victim: Victim) -> None:
    """Its file says GO whatever follows; the judge never reads it."""
    said = (victim.store / "verdict.json").read_bytes()
    weaken(victim)
    (victim.store / "verdict.json").write_bytes(said)


JUDGED: list[tuple[Callable[[Victim], None], str, Outcome]] = [
    (weaken, "technical-approval", Outcome.STALE),
    (drop_confidence, "technical-approval", Outcome.STALE),
    (make_old_evidence_good, "technical-approval", Outcome.STALE),
    (allow_a_secret, "no-secrets", Outcome.STALE),
    (edit_the_pack, "technical-approval", Outcome.STALE),
    (improve_a_number, "quality", Outcome.NOT_RUN),
    (evidence_of_another_candidate, "quality", Outcome.STALE),
    (evidence_and_sign_off_of_another_candidate, "technical-approval", Outcome.STALE),
    (evidence_under_another_name, "quality", Outcome.NOT_RUN),
    (evidence_taken_away, "quality", Outcome.NOT_RUN),
    (evidence_of_another_store, "quality", Outcome.NOT_RUN),
    (evidence_that_is_a_folder, "quality", Outcome.NOT_RUN),
    (improve_the_load_test, "load-test", Outcome.STALE),
    (load_test_of_another_bundle, "load-test", Outcome.STALE),
    (sign_off_taken_away, "technical-approval", Outcome.NOT_RUN),
    (sign_off_edited, "technical-approval", Outcome.NOT_RUN),
    (sign_off_of_another_candidate, "technical-approval", Outcome.STALE),
    (sign_with_the_wrong_key, "technical-approval", Outcome.STALE),
    (swap_the_public_key, "technical-approval", Outcome.STALE),
    (rename_the_person, "technical-approval", Outcome.STALE),
    (public_key_gone, "technical-approval", Outcome.STALE),
    (change_a_byte_of_the_model, "integrity", Outcome.STALE),
    (point_the_model_elsewhere, "quality", Outcome.STALE),
    (pickle_as_model, "safe-model-format", Outcome.STALE),
    (drop_hard_rows, "quality", Outcome.STALE),
    (no_rows, "quality", Outcome.STALE),
    (one_class, "quality", Outcome.STALE),
    (bundle_edited, "integrity", Outcome.STALE),
    (bundle_forged, "integrity", Outcome.STALE),
    (verdict_forged, "technical-approval", Outcome.STALE),
]

REFUSED = [say_it_does_not_apply, demand_nothing, demand_an_empty_list, empty_the_pack, empty_the_section]


def no_release(victim: Victim) -> None:
    with pytest.raises(GonogoError):
        release(Workspace.open(victim.folder))
    assert not list((victim.store / "releases").glob("*"))


def test_without_an_attack_it_is_released(victim: Victim) -> None:
    assert release(Workspace.open(victim.folder)).release.ref == "small@1.0.0"


@pytest.mark.parametrize(("attack", "item", "outcome"), JUDGED, ids=[attack.__name__ for attack, _, _ in JUDGED])
def test_an_attack_is_a_no_go_that_names_the_item(victim: Victim, attack: Callable[[Victim], None], item: str, outcome: Outcome) -> None:
    attack(victim)
    verdict = check(Workspace.open(victim.folder), judge_only=True).verdict
    assert verdict.decision is Decision.NO_GO
    assert {result.item: result.outcome for result in verdict.items}[item] is outcome
    no_release(victim)


@pytest.mark.parametrize("attack", REFUSED, ids=[attack.__name__ for attack in REFUSED])
def test_a_policy_that_demands_nothing_is_an_error(victim: Victim, attack: Callable[[Victim], None]) -> None:
    attack(victim)
    with pytest.raises(GonogoError):
        check(Workspace.open(victim.folder), judge_only=True)
    no_release(victim)


def test_evidence_and_sign_offs_from_the_future_count_for_nothing(victim: Victim) -> None:
    workspace = Workspace(Workspace.open(victim.folder).project, FakeClock(datetime(2020, 1, 1, tzinfo=UTC)))
    outcomes = {result.item: result.outcome for result in check(workspace, judge_only=True).verdict.items}
    assert set(outcomes.values()) == {Outcome.STALE}
    with pytest.raises(GonogoError):
        release(workspace)


def test_a_forged_load_test_is_not_measured_but_run_again(victim: Victim) -> None:
    forged = victim.load_test()
    change_json(forged, lambda document: document["content"].update(requests=10_000_000))
    (victim.store / "evidence" / "load-test.json").unlink()
    evidence = check(Workspace.open(victim.folder)).evidence["load-test"]
    assert evidence.facts["requests"].value == 1000


def test_a_forged_bundle_is_built_again_from_the_files(victim: Victim) -> None:
    before = check(Workspace.open(victim.folder), judge_only=True).verdict.subject
    bundle_forged(victim)
    assert check(Workspace.open(victim.folder), only=frozenset({"integrity"})).verdict.subject == before


class Boom:
    """Unpickling it leaves a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.touch, (self.mark,))


def test_a_hostile_pickle_declared_as_model_is_refused_and_never_run(victim: Victim, tmp_path: Path) -> None:
    (victim.folder / "model.onnx").write_bytes(pickle.dumps(Boom(tmp_path / "ran")))
    verdict = check(Workspace.open(victim.folder)).verdict
    assert verdict.subject is None
    assert verdict.decision is Decision.NO_GO
    assert not (tmp_path / "ran").exists()
    no_release(victim)


def test_a_release_with_a_better_load_test_than_was_judged_does_not_verify_even_with_the_right_seal(victim: Victim) -> None:
    workspace = Workspace.open(victim.folder)
    sealed = release(workspace).release
    change_json(sealed.path / "statements" / "load_test.json", lambda document: document.update(requests=10_000_000))
    predicate = open_envelope((sealed.path / SEAL).read_bytes(), IN_TOTO, [workspace.public_key()])["predicate"]
    predicate["files"] = read_tree(sealed.path, skip=frozenset({SEAL})).to_json()
    again = statement("small-1.0.0", sealed.digest, PREDICATE, predicate)
    (sealed.path / SEAL).write_bytes(seal_envelope(again, IN_TOTO, [workspace.signer()]))
    with pytest.raises(VerificationError, match=r"load_test\.json is not the one that load-test was judged by"):
        verify(sealed.path, workspace.public_key())


def put_into_production(victim: Victim) -> None:
    [(registered,)] = sqlite3.connect(victim.store / "gonogo.db").execute("SELECT body FROM event WHERE kind = 'release_registered'")
    body = {
        "system": "small",
        "pointer": "production",
        "from": None,
        "to": "1.0.0",
        "verdict": json.loads(registered)["verdict"],
        "reason": "-",
    }
    row = f"'2026-01-01T00:00:00.000Z', 'eve', 'pointer_moved', '{json.dumps(body)}', '', '', ''"
    victim.sql(f"INSERT INTO event VALUES((SELECT max(seq) + 1 FROM event), {row})")


def edit_who_it_was(victim: Victim) -> None:
    victim.sql("UPDATE event SET actor = 'eve'")


def cut_the_log(victim: Victim) -> None:
    victim.sql("DELETE FROM event")


def forget_the_log(victim: Victim) -> None:
    for path in victim.store.glob("gonogo.db*"):
        path.unlink()


def remove_the_anchor(victim: Victim) -> None:
    (victim.store / "anchor.json").unlink()


def edit_the_anchor(victim: Victim) -> None:
    change_json(victim.store / "anchor.json", lambda anchor: anchor.update(seq=0))


TAMPERING = [put_into_production, edit_who_it_was, cut_the_log, forget_the_log, remove_the_anchor, edit_the_anchor]


@pytest.mark.parametrize("tamper", TAMPERING, ids=[tamper.__name__ for tamper in TAMPERING])
def test_with_a_log_that_was_tampered_with_nothing_is_sealed_served_or_rolled_out(victim: Victim, tamper: Callable[[Victim], None]) -> None:
    release(Workspace.open(victim.folder))
    tamper(victim)
    with pytest.raises(VerificationError, match="tampered"):
        release(Workspace.open(victim.folder))
    with pytest.raises(VerificationError, match="tampered"):
        start(Workspace.open(victim.folder), "small@1.0.0")
    with socket.socket() as taken:  # so that a service that should not start does not
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(VerificationError, match="tampered"):
            serve(Workspace.open(victim.folder), None, port=taken.getsockname()[1])
