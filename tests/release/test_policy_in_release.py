"""A release shows whose word counted: the line of policies is checked like everything else, whoever sealed it."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gonogo.base.canonical import canonical_bytes, digest
from gonogo.base.tree import read_tree
from gonogo.errors import VerificationError
from gonogo.release.statements import checklist_from_json
from gonogo.release.verify import FORMAT_1, PREDICATE, SEAL, verify
from gonogo.trust.envelope import IN_TOTO, peek_payload, seal_envelope, statement
from gonogo.trust.keys import PublicKey, generate_key
from gonogo.trust.signers.file import FileSigner
from gonogo.verdict.policy import Policy, sign_policy


class Sealer:
    """Whoever holds the store's key: seals again whatever was changed."""

    def __init__(self, release: Path, keys: Path) -> None:
        self.release, self.keys = release, keys
        self.policy_file = release / "statements" / "policy" / "0001.dsse.json"
        self.policy = Policy.from_json(peek_payload(self.policy_file.read_bytes())["predicate"]["policy"])

    def seal(self, **changed: Any) -> None:
        predicate = json.loads(base64.b64decode(json.loads((self.release / SEAL).read_bytes())["payload"]))["predicate"]
        predicate["files"] = read_tree(self.release, skip=frozenset({SEAL})).to_json()
        predicate["verdict"] = digest(json.loads((self.release / "statements" / "verdict.json").read_bytes()))
        predicate.update(changed)
        body = statement("small-1.0.0", read_tree(self.release / "bundle").root_digest, PREDICATE, predicate)
        (self.release / SEAL).write_bytes(seal_envelope(body, IN_TOTO, [FileSigner(self.keys / "store.key")]))

    def write_policy(self, signer: str = "ana", **changed: Any) -> None:
        """Another policy, signed by somebody whom it names, and a verdict under it."""
        self.policy = Policy(**{**vars(self.policy), **changed})
        self.policy_file.write_bytes(sign_policy(self.policy, None, FileSigner(self.keys / f"{signer}.key")))
        self.write_verdict(policy=self.policy.digest)

    def write_verdict(self, **changed: Any) -> None:
        file = self.release / "statements" / "verdict.json"
        verdict = {key: value for key, value in {**json.loads(file.read_bytes()), **changed}.items() if value is not None}
        file.write_bytes(canonical_bytes(verdict))


@pytest.fixture
def sealer(release: Path, sealed: Path, tmp_path: Path) -> Sealer:
    shutil.copytree(sealed / "keys", tmp_path / "keys")
    generate_key(tmp_path / "keys" / "eve.key")
    return Sealer(release, tmp_path / "keys")


def no_policy(sealer: Sealer) -> None:
    shutil.rmtree(sealer.policy_file.parent)


def no_policy_and_none_named(sealer: Sealer) -> None:
    no_policy(sealer)
    sealer.write_verdict(policy=None)


def of_another_store(sealer: Sealer) -> None:
    sealer.write_policy(store="aa" * 32)


def of_another_system(sealer: Sealer) -> None:
    sealer.write_policy(system="other")


def of_other_demands(sealer: Sealer) -> None:
    sealer.write_policy(items={**sealer.policy.items, "quality": {**sealer.policy.items["quality"], "require": ["roc_auc > 0.1"]}})


def of_another_checklist(sealer: Sealer) -> None:
    sealer.write_policy(checklist="sha256:" + "0" * 64)


def of_other_people(sealer: Sealer) -> None:
    eve = PublicKey.load(sealer.keys / "eve.pub")
    sealer.write_policy(signer="eve", people={"owner": (("Eve", eve),)})


def under_another_policy(sealer: Sealer) -> None:
    sealer.write_verdict(policy="sha256:" + "0" * 64)


def signed_by_nobody_of_it(sealer: Sealer) -> None:
    people = {"owner": sealer.policy.people["owner"], "guest": (("Eve", PublicKey.load(sealer.keys / "eve.pub")),)}
    sealer.write_policy(signer="eve", people=people)


def a_line_that_does_not_follow(sealer: Sealer) -> None:
    shutil.copy(sealer.policy_file, sealer.policy_file.with_name("0002.dsse.json"))


ATTACKS: list[tuple[Callable[[Sealer], None], str]] = [
    (no_policy, "policy is missing"),
    (no_policy_and_none_named, "policy is missing"),
    (of_another_store, "is for another store"),
    (of_another_system, "is for another system"),
    (of_other_demands, "is for another checklist"),
    (of_another_checklist, "is for another checklist"),
    (of_other_people, "is for other people"),
    (under_another_policy, "judged under another policy"),
    (signed_by_nobody_of_it, "not signed by owner"),
    (a_line_that_does_not_follow, "policy 2 does not follow"),
]


@pytest.mark.parametrize(("attack", "says"), ATTACKS, ids=[attack.__name__ for attack, _ in ATTACKS])
def test_a_release_with_another_policy_is_refused_even_under_the_right_seal(
    sealer: Sealer, attack: Callable[[Sealer], None], says: str
) -> None:
    attack(sealer)
    sealer.seal()
    with pytest.raises(VerificationError, match=says):
        verify(sealer.release, PublicKey.load(sealer.keys / "store.pub"))


def test_a_release_that_only_calls_itself_older_is_refused(sealer: Sealer) -> None:
    sealer.seal(format=FORMAT_1)
    with pytest.raises(VerificationError, match="a release of format 1 has none"):
        verify(sealer.release, PublicKey.load(sealer.keys / "store.pub"))


def test_untouched_and_sealed_again_it_verifies(sealer: Sealer) -> None:
    sealer.seal()
    found = verify(sealer.release, PublicKey.load(sealer.keys / "store.pub"))
    assert found.statements.policy is not None
    assert found.statements.policy.policy.checklist == checklist_from_json(found.statements.checklist.to_json()).digest
