"""The policy: whose word counts and what is demanded, pinned under signatures. Pure.

A policy names the people with their keys by role, what decides each item of the checklist (the project's overrides and answers included),
and the store that it is for. The first policy of a store is believed on the word of its first signer (trust on first use); every later one
needs signatures under the one before it. So neither a swapped key nor a weakened threshold takes effect by being written down.

The obligations of a succession, with their numbers in the code:
  1. The envelope holds a statement of our type about a whole policy, whose digest is the statement's subject.
  2. It is for the same system and store, its number is the next one, and it names the digest of the policy before it.
  3. The first one is signed with a key that it names itself for one of its policy roles.
  4. A later one is signed for every policy role of the one before, with keys which that one names for them; when nothing differs but one
     person's key, the signature of the old key alone will do.
  5. Revoked keys sign nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gonogo.base.canonical import digest
from gonogo.checklist.items import Checklist, Item
from gonogo.errors import KeyFileError, VerificationError
from gonogo.trust.envelope import IN_TOTO, peek_payload, read_envelope, read_statement, seal_envelope, statement
from gonogo.trust.keys import PublicKey, Signer

PREDICATE = "urn:gonogo:policy:v1"
FORMAT = "gonogo-policy/1"
SUBJECT_NAME = "policy"
DECIDES = ("kind", "check", "options", "require", "confidence", "max_age", "sign_off", "waivable")  #: the keys of an item that decide
People = Mapping[str, Sequence[tuple[str, PublicKey]]]


@dataclass(frozen=True)
class Policy:
    """`store` is the id of the store's key; `checklist` the digest of the checklist with overrides; `items` what decides each item;
    `answers` whether an item is said to apply; `settings` other words that can weaken the gate or the watch: each alarm is one."""

    system: str
    store: str
    pack: str
    checklist: str
    items: Mapping[str, Mapping[str, Any]]
    answers: Mapping[str, bool]
    settings: Mapping[str, Any]
    policy_roles: tuple[str, ...]
    people: People

    def to_json(self) -> dict[str, Any]:
        people = {role: [{"name": name, "key": key.pem} for name, key in members] for role, members in self.people.items()}
        return {
            "format": FORMAT,
            "system": self.system,
            "store": self.store,
            "pack": self.pack,
            "checklist": self.checklist,
            "items": {item: dict(demand) for item, demand in self.items.items()},
            "answers": dict(self.answers),
            "settings": dict(self.settings),
            "policy_roles": list(self.policy_roles),
            "people": people,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Policy:
        """Inverse of `to_json`. Raises VerificationError for anything that it would not write."""
        try:
            people = {
                str(role): tuple((str(one["name"]), PublicKey.from_pem(one["key"])) for one in members)
                for role, members in data["people"].items()
            }
            plain = {key: data[key] for key in ("system", "store", "pack", "checklist", "items", "answers", "settings")}
            policy = cls(**plain, policy_roles=tuple(data["policy_roles"]), people=people)
            if policy.to_json() == data:
                return policy
        except (KeyError, TypeError, AttributeError, ValueError, KeyFileError) as error:
            raise VerificationError(f"this is no policy: {error!r}.") from error
        raise VerificationError("this is no policy: it says more than a policy does.")

    @property
    def digest(self) -> str:
        return digest(self.to_json())

    @property
    def keys(self) -> dict[str, PublicKey]:
        """Every key that it names, by id."""
        return {key.key_id: key for members in self.people.values() for _, key in members}

    def roles_of(self, key_ids: Collection[str]) -> set[str]:
        """The roles that somebody with one of these keys has."""
        return {role for role, members in self.people.items() if any(key.key_id in key_ids for _, key in members)}

    def names_of(self, key_id: str) -> str:
        """Whose key it is."""
        return " and ".join(dict.fromkeys(name for members in self.people.values() for name, key in members if key.key_id == key_id))


@dataclass(frozen=True)
class Pinned:
    """The policy in force: the last of a line of `envelopes`, each of which follows the one before it."""

    policy: Policy
    envelopes: tuple[bytes, ...]

    @property
    def number(self) -> int:
        return len(self.envelopes)


def demands(checklist: Checklist) -> dict[str, dict[str, Any]]:
    """What decides each item, without texts."""
    return {item.id: _demand(item) for item in checklist.items}


def _demand(item: Item) -> dict[str, Any]:
    written = {"waivable": True, **item.to_json()}
    return {key: list(written[key]) if key == "require" else written[key] for key in DECIDES}


def policy_roles(checklist: Checklist, named: Sequence[str]) -> tuple[str, ...]:
    """Who signs a policy: the roles that the pack names, else everybody who is asked for a sign-off. Empty when nobody ever signs."""
    asked = dict.fromkeys(item.sign_off for item in checklist.items if item.sign_off)
    return tuple(named) or tuple(asked)


def policy_statement(policy: Policy, pinned: Pinned | None) -> dict[str, Any]:
    """What is signed to make `policy` follow `pinned`."""
    previous = pinned.policy.digest if pinned else None
    number = pinned.number + 1 if pinned else 1
    return statement(SUBJECT_NAME, policy.digest, PREDICATE, {"policy": policy.to_json(), "number": number, "previous": previous})


def sign_policy(policy: Policy, pinned: Pinned | None, signer: Signer) -> bytes:
    """One person's signature. Raises VerificationError when the signer has no say in it."""
    ours = (pinned.policy if pinned else policy).keys
    if signer.key_id not in ours:
        raise VerificationError("this key is not in the policy in force, so it has no say in the next one.")
    return seal_envelope(policy_statement(policy, pinned), IN_TOTO, [signer])


def read_policy(data: bytes, pinned: Pinned | None, revoked: Collection[str] = ()) -> tuple[Policy, tuple[str, ...]]:
    """The policy in an envelope that is to follow `pinned`, and the keys that signed it. Whether they are enough: `lacking`.

    Raises VerificationError for obligations 1, 2 and 5, and for a signature of anybody whom `pinned` does not name.
    """
    claimed = Policy.from_json(_predicate(peek_payload(data)).get("policy", {}))
    voices = (pinned.policy if pinned else claimed).keys
    opened = read_envelope(data, IN_TOTO, [key for key_id, key in voices.items() if key_id not in revoked])  # 5
    _, subject, _ = read_statement(opened.payload, PREDICATE)
    if subject != claimed.digest or opened.payload != policy_statement(claimed, pinned):  # 1, 2
        raise VerificationError("the policy is not for what is in force here now: another number, or another policy before it.")
    if pinned and (claimed.system, claimed.store) != (pinned.policy.system, pinned.policy.store):  # 2
        raise VerificationError("the policy is for another system or another store.")
    return claimed, opened.key_ids


def lacking(policy: Policy, pinned: Pinned | None, signed: Collection[str], revoked: Collection[str] = ()) -> tuple[str, ...]:
    """The roles whose signature is still missing before `policy` follows `pinned`; for a first one, all of which one will do."""
    voices = {key_id for key_id in signed if key_id not in revoked}
    if pinned is None:
        return () if policy.roles_of(voices) & set(policy.policy_roles) else policy.policy_roles  # 3
    if replaced_key(pinned.policy, policy) in voices:  # 4
        return ()
    spoken = pinned.policy.roles_of(voices)
    return tuple(role for role in pinned.policy.policy_roles if role not in spoken)  # 4


def follow(pinned: Pinned | None, data: bytes, revoked: Collection[str] = ()) -> Pinned:
    """The policy of an envelope, pinned after `pinned`. Raises VerificationError when the signatures do not suffice."""
    policy, signed = read_policy(data, pinned, revoked)
    missing = lacking(policy, pinned, signed, revoked)
    if missing:
        raise VerificationError(f"the policy is not signed by {_any_or_all(missing, pinned)}.")
    return Pinned(policy, (*(pinned.envelopes if pinned else ()), data))


def follow_all(envelopes: Sequence[bytes]) -> Pinned | None:
    """The policy at the end of a line of envelopes; None when there are none. Raises VerificationError saying which does not follow."""
    pinned = None
    for number, data in enumerate(envelopes, 1):
        try:
            pinned = follow(pinned, data)
        except VerificationError as error:
            raise VerificationError(f"policy {number} does not follow: {error.message}", hint=error.hint) from error
    return pinned


def replaced_key(old: Policy, new: Policy) -> str | None:
    """The id of the one key that `new` replaces by another one of the same person everywhere, when nothing else differs; else None."""
    pairs: set[tuple[str, str]] = set()
    for role, members in old.people.items():
        later = new.people.get(role, ())
        if [name for name, _ in members] != [name for name, _ in later]:
            return None
        pairs |= {(a.key_id, b.key_id) for (_, a), (_, b) in zip(members, later, strict=True) if a.key_id != b.key_id}
    rest = [{**policy.to_json(), "people": sorted(policy.people)} for policy in (old, new)]
    if rest[0] != rest[1] or len(pairs) != 1:
        return None
    [(gone, came)] = pairs
    return gone if gone not in new.keys and came not in old.keys else None


def changes(old: Policy, new: Policy) -> tuple[str, ...]:
    """What `new` says otherwise than `old`, one sentence each; empty exactly when they are the same."""
    found = [*_people_changes(old.people, new.people)]
    found += _differing("the pack is", {"": old.pack}, {"": new.pack})
    found += _differing("policies are signed by", {"": ", ".join(old.policy_roles)}, {"": ", ".join(new.policy_roles)})
    demanded = [*_item_changes(old.items, new.items)]
    found += demanded
    if old.checklist != new.checklist and not demanded:
        found.append("the checklist's texts, order, phases or separations are others")
    found += _differing("whether {} applies:", old.answers, new.answers, {True: "yes", False: "no", None: "no answer"}.__getitem__)
    found += _differing("{}:", old.settings, new.settings, _shown)
    found += _differing("it is for the system", {"": old.system}, {"": new.system})
    found += _differing("it is for the store", {"": old.store[:16]}, {"": new.store[:16]})
    return tuple(found) if found or old.to_json() == new.to_json() else ("it is written otherwise",)


def _people_changes(old: People, new: People) -> Iterator[str]:
    for role in dict.fromkeys([*old, *new]):
        before, after = dict(old.get(role, ())), dict(new.get(role, ()))
        for name in dict.fromkeys([*before, *after]):
            if name not in after:
                yield f"{name} no longer has the role {role}"
            elif name not in before:
                yield f"{name} (key {after[name].key_id[:16]}) was given the role {role}"
            elif before[name].key_id != after[name].key_id:
                yield f"{name}'s key in the role {role} is another one ({before[name].key_id[:16]} → {after[name].key_id[:16]})"


def _item_changes(old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for item in dict.fromkeys([*old, *new]):
        if item not in new:
            yield f"{item} is no longer demanded"
        elif item not in old:
            yield f"{item} is new"
        else:
            for key in dict.fromkeys([*old[item], *new[item]]):
                before, after = old[item].get(key), new[item].get(key)
                if before != after:
                    yield f"{item}: {key} {_shown(before)} → {_shown(after)}"


def _differing(what: str, old: Mapping[str, Any], new: Mapping[str, Any], said: Callable[[Any], str] = str) -> Iterator[str]:
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield f"{what.format(name)} {said(old.get(name))} → {said(new.get(name))}"


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(one) for one in value) or "nothing"
    return "nothing" if value is None else str(value)


def _any_or_all(roles: Iterable[str], pinned: Pinned | None) -> str:
    return (" and " if pinned else " or ").join(roles)


def _predicate(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    _, _, predicate = read_statement(payload, PREDICATE)
    return predicate
