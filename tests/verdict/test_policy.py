"""A policy follows another only under the signatures that the other one demands; every difference is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.checklist.items import Checklist
from gonogo.errors import VerificationError
from gonogo.trust.envelope import IN_TOTO, join_signatures, seal_envelope, statement
from gonogo.trust.keys import PublicKey, generate_key
from gonogo.trust.signers.file import FileSigner
from gonogo.verdict.policy import (
    PREDICATE,
    Pinned,
    Policy,
    changes,
    demands,
    follow,
    follow_all,
    lacking,
    policy_roles,
    policy_statement,
    replaced_key,
    sign_policy,
)

from .conftest import AUC, LEAD, MAYBE

Make = Callable[[str], FileSigner]
GATE = Checklist("gate", "Gate", "1.0.0", "2026-01-01", (AUC, LEAD))


def policy(signer: Make, **changed: Any) -> Policy:
    made = Policy(
        system="credit-risk",
        store="aa" * 32,
        pack="starter",
        checklist=GATE.digest,
        items=demands(GATE),
        answers={"maybe": True},
        settings={"isolation": "required"},
        policy_roles=("lead", "owner"),
        people={
            "lead": (("Ana", signer("ana").public),),
            "owner": (("Ben", signer("ben").public),),
            "reader": (("Rea", signer("rea").public),),
        },
    )
    return replace(made, **changed)


def pinned(signer: Make) -> Pinned:
    first = policy(signer)
    return follow(None, sign_policy(first, None, signer("ana")))


def everybody(proposed: Policy, before: Pinned, *signers: FileSigner) -> bytes:
    first, *rest = (sign_policy(proposed, before, one) for one in signers)
    for one in rest:
        first = join_signatures(first, one)
    return first


def test_a_policy_is_read_as_it_was_written_and_nothing_more(signer: Make) -> None:
    made = policy(signer)
    assert Policy.from_json(made.to_json()) == made
    for wrong in (
        {**made.to_json(), "more": 1},
        {},
        {**made.to_json(), "format": "gonogo-policy/2"},
        {**made.to_json(), "people": {"lead": "ana"}},
    ):
        with pytest.raises(VerificationError, match="no policy"):
            Policy.from_json(wrong)


def test_the_first_policy_is_believed_on_the_word_of_one_policy_role_of_its_own(signer: Make) -> None:
    assert pinned(signer).number == 1
    with pytest.raises(VerificationError, match="not signed by lead or owner"):
        follow(None, sign_policy(policy(signer), None, signer("rea")))
    with pytest.raises(VerificationError, match="has no say"):
        sign_policy(policy(signer), None, signer("eve"))


def test_a_later_one_needs_every_policy_role_of_the_one_before_with_its_keys(signer: Make) -> None:
    before = pinned(signer)
    later = policy(
        signer, people={"lead": (("Eve", signer("eve").public),), "owner": (("Eve", signer("eve").public),)}, policy_roles=("lead",)
    )
    for few in ([signer("ana")], [signer("ben")], [signer("rea"), signer("ben")]):
        with pytest.raises(VerificationError, match="not signed by"):
            follow(before, everybody(later, before, *few))
    stranger = seal_envelope(policy_statement(later, before), IN_TOTO, [signer("eve")])
    with pytest.raises(VerificationError, match="not known here"):
        follow(before, stranger)
    assert follow(before, everybody(later, before, signer("ana"), signer("ben"))).policy == later


def test_any_of_several_people_speaks_for_a_role(signer: Make) -> None:
    both = {**policy(signer).people, "lead": (("Ana", signer("ana").public), ("Cara", signer("cara").public))}
    first = policy(signer, people=both)
    before = follow(None, sign_policy(first, None, signer("cara")))
    assert follow(before, everybody(replace(first, pack="other"), before, signer("cara"), signer("ben"))).number == 2


def test_nobody_speaks_for_two_roles_unless_the_policy_says_so(signer: Make) -> None:
    before = pinned(signer)
    later = policy(signer, pack="other")
    assert lacking(later, before, [signer("ana").key_id]) == ("owner",)
    assert lacking(later, before, [signer("ana").key_id, signer("ben").key_id]) == ()
    assert lacking(later, before, [signer("ana").key_id, signer("ben").key_id], revoked={signer("ben").key_id}) == ("owner",)


@pytest.mark.parametrize("change", [{"store": "bb" * 32}, {"system": "other"}])
def test_it_is_not_carried_to_another_store_or_system(signer: Make, change: dict[str, str]) -> None:
    before = pinned(signer)
    with pytest.raises(VerificationError, match="another system or another store"):
        follow(before, everybody(policy(signer, **change), before, signer("ana"), signer("ben")))


def test_a_signature_is_for_one_place_in_the_line(signer: Make) -> None:
    first = pinned(signer)
    weak = policy(signer, settings={"isolation": "accept-weaker"})
    signed = everybody(weak, first, signer("ana"), signer("ben"))
    second = follow(first, signed)
    third = follow(second, everybody(policy(signer), second, signer("ana"), signer("ben")))
    assert third.policy.digest == first.policy.digest
    with pytest.raises(VerificationError, match="another number"):
        follow(third, signed)
    with pytest.raises(VerificationError, match="policy 2 does not follow"):
        follow_all([third.envelopes[0], third.envelopes[2]])
    assert follow_all(third.envelopes) == third
    assert follow_all([]) is None


def test_the_subject_is_the_policys_own_digest(signer: Make) -> None:
    made = policy(signer)
    body = statement("policy", "sha256:" + "0" * 64, PREDICATE, policy_statement(made, None)["predicate"])
    with pytest.raises(VerificationError):
        follow(None, seal_envelope(body, IN_TOTO, [signer("ana")]))


def test_a_key_names_its_successor_alone_only_if_nothing_else_differs(signer: Make) -> None:
    before, ana = pinned(signer), signer("ana").key_id
    people = dict(before.policy.people)
    new = {**people, "lead": (("Ana", signer("ana-2").public),)}
    assert replaced_key(before.policy, policy(signer, people=new)) == ana
    assert follow(before, sign_policy(policy(signer, people=new), before, signer("ana"))).number == 2
    with pytest.raises(VerificationError, match="not signed by lead"):
        follow(before, sign_policy(policy(signer, people=new), before, signer("ben")))
    others = [
        policy(signer, people=new, pack="other"),
        policy(signer, people={**new, "owner": (("Ben", signer("ben-2").public),)}),
        policy(signer, people={**people, "lead": (("Eve", signer("eve").public),)}),
        policy(signer, people={**people, "lead": (("Ana", signer("ben").public),)}),
        policy(signer, people={**new, "reader": (("Ana", signer("ana").public),)}),
        policy(signer, people={**new, "guest": ()}),
        before.policy,
    ]
    for other in others:
        assert replaced_key(before.policy, other) is None
        assert lacking(other, before, [ana]) != ()


def test_a_revoked_key_signs_nothing(signer: Make) -> None:
    before = pinned(signer)
    later = policy(signer, pack="other")
    with pytest.raises(VerificationError, match="not known here"):
        follow(before, everybody(later, before, signer("ana"), signer("ben")), revoked={signer("ana").key_id})


def test_who_signs_policies_is_everybody_who_is_asked_unless_the_pack_says_otherwise() -> None:
    owner = replace(LEAD, id="owner", sign_off="product-owner", kind="conditional")
    gate = replace(GATE, items=(AUC, LEAD, owner, MAYBE))
    assert policy_roles(gate, ()) == ("technical-lead", "product-owner")
    assert policy_roles(gate, ("product-owner",)) == ("product-owner",)
    assert policy_roles(replace(GATE, items=(AUC,)), ()) == ()


KEYS: dict[str, PublicKey] = {}


@pytest.fixture(scope="session", autouse=True)
def keys(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("keys")
    for name in "abc":
        KEYS[name] = generate_key(folder / f"{name}.key")


members = st.lists(st.tuples(st.sampled_from(["Ana", "Ben"]), st.sampled_from("abc")), max_size=2, unique_by=lambda pair: pair[0])
some_policies = st.builds(
    lambda people, require, kind, answers, roles, isolation, pack, texts: Policy(
        "s", "aa" * 32, pack, f"sha256:{texts}{require}{kind}", {"auc": {"kind": kind, "require": require, "confidence": None}}, answers,
        {"isolation": isolation}, roles, {role: tuple((name, KEYS[key]) for name, key in pairs) for role, pairs in people.items()},
    ),
    st.dictionaries(st.sampled_from(["lead", "owner"]), members), st.lists(st.sampled_from(["auc > 0.9", "auc > 0.5"]), max_size=2),
    st.sampled_from(["mandatory", "optional"]), st.dictionaries(st.just("auc"), st.booleans()),
    st.sampled_from([("lead",), ("lead", "owner")]), st.sampled_from(["required", "accept-weaker"]),
    st.sampled_from(["a", "b"]), st.integers(0, 1),
)  # fmt: skip


@given(some_policies, some_policies)
def test_something_is_said_exactly_when_something_differs(old: Policy, new: Policy) -> None:
    assert bool(changes(old, new)) == (old.digest != new.digest)
    assert changes(old, old) == ()
