"""A release is sealed only on a GO, and verifies with a public key alone or not at all."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sample
from gonogo.base.canonical import canonical_bytes, digest
from gonogo.base.names import Version
from gonogo.base.tree import read_tree
from gonogo.errors import ConflictError, NotApprovedError, NotFoundError, UsageError, VerificationError
from gonogo.release.contents import Bundle
from gonogo.release.package import package
from gonogo.release.statements import verdict_from_json
from gonogo.release.verify import PREDICATE, SEAL, VerifiedRelease, unpack, verify
from gonogo.trust.envelope import IN_TOTO, seal_envelope, statement
from gonogo.trust.keys import PublicKey, generate_key
from gonogo.trust.signers.file import FileSigner
from gonogo.verdict.approval import Approval
from gonogo.verdict.judge import evidence_digest
from gonogo.verdict.sign_off import SignOff, sign_off


@pytest.fixture
def key(sealed: Path) -> PublicKey:
    return PublicKey.load(sealed / "keys/store.pub")


@pytest.fixture
def ready(sealed: Path) -> Any:
    return sample.sealable(Bundle.open(sealed / "releases/small-1.0.0/bundle"), sealed / "keys")


def test_a_sealed_release_verifies_with_the_public_key_alone(release: Path, key: PublicKey) -> None:
    found = verify(release, key)
    assert (found.ref, found.previous, found.sealed_at) == ("small@1.0.0", None, "2026-01-02T03:04:05.000Z")
    assert [one.person for one in found.sign_offs] == ["Ana"]
    assert found.bundle.model_bytes()


def test_the_archive_verifies_and_unpacks_to_the_same_release(release: Path, key: PublicKey, sealed: Path, tmp_path: Path) -> None:
    archive = package(sealed / "releases/small-1.0.0", tmp_path / "small.tar.gz")
    assert verify(archive, key).release_digest == verify(release, key).release_digest
    unpacked = unpack(archive, key, tmp_path / "into")
    assert unpacked.path == tmp_path / "into/small-1.0.0"
    assert read_tree(unpacked.path) == read_tree(release)


def test_an_archive_under_another_name_inside_is_refused(release: Path, key: PublicKey, tmp_path: Path) -> None:
    archive = package(release, tmp_path / "small.tar.gz")  # its folder is called "copy"
    with pytest.raises(VerificationError, match=r"called copy, not small-1\.0\.0"):
        verify(archive, key)


def test_every_file_is_bound_by_the_seal_and_named_when_it_is_changed(release: Path, key: PublicKey) -> None:
    for file in read_tree(release).files:
        path = release / file.path
        data = path.read_bytes()
        for offset in sorted({0, len(data) // 3, len(data) // 2, len(data) - 1}):
            path.write_bytes(data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :])
            with pytest.raises(VerificationError) as raised:
                verify(release, key)
            assert file.path in raised.value.message
        path.write_bytes(data)
    assert verify(release, key)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda root: (root / "extra.txt").write_text("x"), r"added: extra\.txt"),
        (lambda root: (root / ".hidden").write_text("x"), r"added: \.hidden"),
        (lambda root: (root / "bundle/.git").mkdir() or (root / "bundle/.git/config").write_text("x"), r"added: bundle/\.git/config"),
        (lambda root: (root / "bundle/empty").mkdir(), "bundle/empty/ is an empty folder"),
        (lambda root: (root / "card.md").unlink(), r"missing: card\.md"),
        (lambda root: (root / "card.md").rename(root / "Card.md"), r"added: Card\.md; missing: card\.md"),
        (lambda root: (root / "statements/evidence/quality.json").unlink(), r"missing: statements/evidence/quality\.json|empty folder"),
        (lambda root: (root / SEAL).unlink(), r"release\.dsse\.json is missing"),
        (lambda root: (root / SEAL).write_bytes((root / SEAL).read_bytes()[:-1]), r"release\.dsse\.json"),
        (lambda root: (root / SEAL).write_bytes((root / SEAL).read_bytes() + b"\n"), r"release\.dsse\.json"),
        (lambda root: shutil.rmtree(root / "bundle"), "missing: bundle/"),
        (lambda root: (root / "link").symlink_to("card.md"), "link is a link"),
        (lambda root: os.mkfifo(root / "pipe"), "pipe is a link or special file"),
        (lambda root: (root / "CARD.md").write_bytes((root / "card.md").read_bytes()), "differ only in case"),
        (lambda root: (root / "bundle/model/model.onnx").write_bytes(b""), r"changed: bundle/model/model\.onnx"),
    ],
    ids=[
        "added", "dot-file", ".git", "empty folder", "removed", "renamed", "evidence removed", "no seal", "seal cut", "seal longer",
        "no bundle", "link", "fifo", "case twin", "emptied",
    ],
)  # fmt: skip
def test_a_changed_release_is_refused_and_the_file_is_named(
    release: Path, key: PublicKey, harm: Callable[[Path], object], said: str
) -> None:
    harm(release)
    with pytest.raises(VerificationError, match=said):
        verify(release, key)


def test_another_key_is_refused(release: Path, tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match=r"release\.dsse\.json: .*not known here"):
        verify(release, generate_key(tmp_path / "other.key"))


def test_nothing_there_is_not_found(tmp_path: Path, key: PublicKey) -> None:
    with pytest.raises(NotFoundError):
        verify(tmp_path / "nowhere", key)


def test_a_verified_release_cannot_be_made_by_hand(release: Path, key: PublicKey) -> None:
    found = verify(release, key)
    values = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    with pytest.raises(TypeError, match="not by hand"):
        VerifiedRelease(**{**values, "proof": object()})


# -- what even the holder of the key cannot pass off as a release: every statement is sealed again after it was changed ----------------


def reseal(release: Path, sealed: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Sign again with the real key, over the files as they are now, after a change of the predicate."""
    signer = FileSigner(sealed / "keys/store.key")
    envelope = json.loads((release / SEAL).read_bytes())
    payload = json.loads(base64.b64decode(envelope["payload"]))
    predicate = payload["predicate"]
    root = read_tree(release / "bundle").root_digest
    predicate["files"] = read_tree(release, skip=frozenset({SEAL})).to_json()
    statements = release / "statements"
    for name in ("checklist", "verdict"):
        predicate[name] = digest(json.loads((statements / f"{name}.json").read_bytes()))
    files = (statements / "evidence").glob("*.json")
    predicate["evidence"] = {path.stem: digest(json.loads(path.read_bytes())) for path in files}
    change(predicate)
    name = f"{predicate['system']}-{predicate['version']}"
    (release / SEAL).write_bytes(seal_envelope(statement(name, root, PREDICATE, predicate), IN_TOTO, [signer]))


def edit(name: str, change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def harm(root: Path) -> None:
        path = root / "statements" / name
        value = json.loads(path.read_bytes())
        change(value)
        path.write_bytes(canonical_bytes(value))

    return harm


def nothing(_: object) -> None:
    pass


def test_sealing_again_without_a_change_still_verifies(release: Path, sealed: Path, key: PublicKey) -> None:
    reseal(release, sealed, nothing)
    assert verify(release, key)


@pytest.mark.parametrize(
    ("harm", "change", "said"),
    [
        (edit("verdict.json", lambda v: v.update(verdict="NO-GO")), nothing, "not a GO"),
        (edit("verdict.json", lambda v: v["items"][0].update(outcome="FAIL")), nothing, "not a GO"),
        (edit("verdict.json", lambda v: v["items"].pop(0)), nothing, "exactly one result for each item"),
        (edit("verdict.json", lambda v: v["items"][0].update(mandatory=False)), nothing, "whether quality is mandatory"),
        (edit("verdict.json", lambda v: v.update(subject="sha256:" + "0" * 64)), nothing, "another system, bundle or checklist"),
        (edit("verdict.json", lambda v: v.update(system="other")), nothing, "another system, bundle or checklist"),
        (edit("verdict.json", lambda v: v.update(evidence="sha256:" + "0" * 64)), nothing, "another evidence digest"),
        (edit("verdict.json", lambda v: v.update(surprise=1)), nothing, "not in canonical form"),
        (edit("verdict.json", lambda v: v.update(time="2025-12-31T00:00:00.000Z")), nothing, "is not signed for"),
        (edit("checklist.json", lambda v: v["items"][0].update(require=["roc_auc > 0.1"])), nothing, "another system, bundle or checklist"),
        (edit("checklist.json", lambda v: v.update(items=[])), nothing, "another system, bundle or checklist"),
        (edit("evidence/quality.json", lambda v: v["facts"]["roc_auc"].update(value=0.99)), nothing, "not the evidence that the verdict"),
        (edit("evidence/quality.json", lambda v: v.update(item="other")), nothing, "evidence of another item"),
        (edit("load_test.json", lambda v: v.update(subject="sha256:" + "0" * 64)), nothing, r"load_test\.json is not of this bundle"),
        (lambda root: (root / "statements/evidence/other.txt").write_text("x"), nothing, "no statement that a release can carry"),
        (lambda root: (root / "statements/verdict.json").write_text("{"), None, r"changed: statements/verdict\.json"),
        (nothing, lambda p: p.update(surprise=1), "unexpected or missing: surprise"),
        (nothing, lambda p: p.pop("people"), "unexpected or missing: people"),
        (nothing, lambda p: p.update(format="gonogo-release/9"), "use a newer|not known here"),
        (nothing, lambda p: p.update(version="one"), "not a version"),
        (nothing, lambda p: p.update(system="other"), "of the system small, not of other"),
        (nothing, lambda p: p.update(people={}), "belongs to nobody"),
        (nothing, lambda p: p.update(sealed="yesterday"), "isoformat|time"),
        (nothing, lambda p: p["files"]["files"].pop(0), "added: "),
        (nothing, lambda p: p.update(verdict="sha256:" + "0" * 64), "verdict is not what the sealed statement names"),
        (nothing, lambda p: p.update(evidence={}), "evidence is not what the sealed statement names"),
    ],
)
def test_a_seal_over_statements_that_do_not_prove_a_go_is_refused(
    release: Path,
    sealed: Path,
    key: PublicKey,
    harm: Callable[[Path], object],
    change: Callable[[dict[str, Any]], object] | None,
    said: str,
) -> None:
    harm(release)
    if change is not None:
        reseal(release, sealed, change)
    with pytest.raises(VerificationError, match=said):
        verify(release, key)


def test_a_sign_off_by_somebody_else_is_refused(release: Path, sealed: Path, key: PublicKey, tmp_path: Path) -> None:
    other = generate_key(tmp_path / "mallory.key")
    reseal(release, sealed, lambda p: p["people"]["owner"][0].update(key=other.pem))
    with pytest.raises(VerificationError, match=r"sign-offs/owner\.dsse\.json: .*belongs to nobody"):
        verify(release, key)


def test_a_release_without_its_sign_off_is_refused(release: Path, sealed: Path, key: PublicKey) -> None:
    shutil.rmtree(release / "statements/sign-offs")
    reseal(release, sealed, nothing)
    with pytest.raises(VerificationError, match="the item owner is not signed for"):
        verify(release, key)


def test_a_pass_that_its_evidence_does_not_give_is_refused(release: Path, sealed: Path, key: PublicKey) -> None:
    """Even when everybody signs for it: the stranger who verifies evaluates the requirement again."""
    ana = FileSigner(sealed / "keys/ana.key")
    statements = release / "statements"
    edit("evidence/quality.json", lambda v: v["facts"]["roc_auc"].update(value=0.3, low=0.2, high=0.4))(release)
    measured = digest(json.loads((statements / "evidence/quality.json").read_bytes()))
    edit("verdict.json", lambda v: v["items"][0].update(evidence=measured))(release)
    verdict = verdict_from_json(json.loads((statements / "verdict.json").read_bytes()))
    signed_for = evidence_digest(sample.CHECKLIST, verdict.items)
    edit("verdict.json", lambda v: v.update(evidence=signed_for))(release)
    subject = str(verdict.subject)
    given = SignOff("owner", "Ana", ana.key_id, ("owner",), subject, signed_for, sample.CHECKLIST.digest, "approve", "", sample.TIME)
    (statements / "sign-offs/owner.dsse.json").write_bytes(sign_off(given, ana))
    reseal(release, sealed, nothing)
    with pytest.raises(VerificationError, match="says PASS for quality, but its evidence does not meet"):
        verify(release, key)


# -- sealing ------------------------------------------------------------------------------------------------------------------------------


def test_an_approval_for_another_bundle_seals_nothing(ready: Any, tmp_path: Path) -> None:
    other = sample.sealable(sample.build(sample.write_project(tmp_path / "p", weight=2.0), tmp_path / "b"), tmp_path / "keys")
    with pytest.raises(NotApprovedError, match="the approval is for"):
        dataclasses.replace(ready, approval=other.approval).seal(tmp_path / "releases")
    assert not (tmp_path / "releases").exists()


def test_a_bundle_that_was_changed_after_it_was_judged_is_not_sealed(ready: Any, tmp_path: Path) -> None:
    shutil.copytree(ready.bundle.root, tmp_path / "b")
    bundle = Bundle.open(tmp_path / "b")
    (tmp_path / "b/environment.lock").write_text("numpy==0.0.0\n")
    with pytest.raises(VerificationError, match="holds sha256:"):
        dataclasses.replace(ready, bundle=bundle).seal(tmp_path / "releases")
    assert not (tmp_path / "releases").exists()


def test_an_approval_cannot_be_made_by_hand(ready: Any) -> None:
    with pytest.raises(TypeError):
        Approval("small", ready.bundle.digest, "sha256:0", ready.verdict, proof=object())


def test_another_verdict_than_the_approved_one_is_not_sealed(ready: Any, tmp_path: Path) -> None:
    verdict = json.loads(ready.statements["verdict.json"])
    verdict["notes"] = ["added"]
    with pytest.raises(NotApprovedError, match="not the one that was approved"):
        ready.seal(tmp_path / "r", statements={**ready.statements, "verdict.json": canonical_bytes(verdict)})


@pytest.mark.parametrize("name", ["checklist.json", "verdict.json", "evidence/quality.json", "sign-offs/owner.dsse.json"])
def test_without_any_of_its_proofs_nothing_is_sealed(ready: Any, tmp_path: Path, name: str) -> None:
    with pytest.raises(VerificationError):
        ready.seal(tmp_path / "r", statements={key: data for key, data in ready.statements.items() if key != name})
    assert not list(tmp_path.glob("r/*"))
    assert not list(tmp_path.glob("r/.*"))


@pytest.mark.parametrize("name", ["../outside.json", "evidence/../../x.json", "other.json", "evidence/.json/x.json"])
def test_a_statement_cannot_be_written_elsewhere(ready: Any, tmp_path: Path, name: str) -> None:
    with pytest.raises(VerificationError, match="no statement"):
        ready.seal(tmp_path / "r", statements={**ready.statements, name: b"{}"})


def test_sealing_the_same_again_gives_the_release_that_is_there(ready: Any, tmp_path: Path) -> None:
    first = ready.seal(tmp_path / "r")
    assert ready.seal(tmp_path / "r").release_digest == first.release_digest


def test_the_same_inputs_seal_to_the_same_bytes(ready: Any, tmp_path: Path) -> None:
    first, second = ready.seal(tmp_path / "a"), ready.seal(tmp_path / "b")
    assert package(first.path, tmp_path / "a.gz").read_bytes() == package(second.path, tmp_path / "b.gz").read_bytes()


def test_a_version_is_used_once(ready: Any, tmp_path: Path) -> None:
    ready.seal(tmp_path / "r")
    other = sample.sealable(sample.build(sample.write_project(tmp_path / "p", weight=2.0), tmp_path / "b"), tmp_path / "keys")
    with pytest.raises(ConflictError):
        other.seal(tmp_path / "r")
    with pytest.raises(ConflictError, match="is another bundle"):
        dataclasses.replace(other, signer=ready.signer).seal(tmp_path / "r")


def test_a_version_that_does_not_come_after_the_one_before_is_refused(ready: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not come after"):
        ready.seal(tmp_path / "r", version=Version(1, 0, 0), previous=Version(1, 0, 0))
    assert str(ready.seal(tmp_path / "r", version=Version(1, 1, 0), previous=Version(1, 0, 0)).previous) == "1.0.0"


def test_the_card_shows_measured_numbers_and_escapes_names(release: Path) -> None:
    card = (release / "card.md").read_text()
    assert "roc\\_auc 0.8 (0.7 to 0.9 at 95%), n = 120" in card
    assert "Ana, owner: approve" in card
