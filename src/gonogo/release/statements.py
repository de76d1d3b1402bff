"""What lies beside the tree and led to the GO: checklist, verdict, evidence, sign-offs, the load test; read back strictly.

    statements/checklist.json          what was demanded
    statements/verdict.json            what followed
    statements/evidence/ITEM.json      what was measured, one for each item with a check
    statements/policy/NNNN.dsse.json   whose word counts and what is demanded: the line of policies, the last one in force
    statements/sign-offs/*.dsse.json   who said yes, in their own envelopes
    statements/waivers/*.dsse.json     who excused what, in their own envelopes
    statements/load_test.json          the load test with its latency histogram, when there was one
    statements/negative_control.json   what the gate said to spoiled copies, when it was asked

A document counts only if reading it and writing it again gives the same bytes: nothing in it can be overlooked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gonogo.base.canonical import canonical_bytes, digest, parse_json
from gonogo.base.tree import Tree
from gonogo.checklist.items import Checklist, Item, Phase
from gonogo.errors import VerificationError
from gonogo.evidence.record import Evidence
from gonogo.verdict.apart import Someone
from gonogo.verdict.outcome import Decision, ItemResult, Outcome, Verdict
from gonogo.verdict.policy import Pinned, follow_all
from gonogo.verdict.sign_off import People, SignOff, read_sign_off
from gonogo.verdict.waiver import Waiver, read_waiver

FOLDER = "statements"
CHECKLIST, VERDICT = "checklist.json", "verdict.json"
LOAD_TEST, NEGATIVE_CONTROL = "load_test.json", "negative_control.json"
NAME = re.compile(
    r"(checklist|verdict|load_test|negative_control|evidence/[A-Za-z0-9._-]+)\.json|(policy|sign-offs|waivers)/[A-Za-z0-9._-]+\.dsse\.json"
)
T = TypeVar("T")


@dataclass(frozen=True)
class Statements:
    """The documents beside a tree, read. `evidence` is by item."""

    checklist: Checklist
    verdict: Verdict
    evidence: Mapping[str, Evidence]
    sign_offs: tuple[SignOff, ...]
    load_test: Mapping[str, Any] | None
    negative_control: Mapping[str, Any] | None
    policy: Pinned | None
    waivers: tuple[Waiver, ...] = ()

    @property
    def verdict_digest(self) -> str:
        return digest(self.verdict.to_json())


def read_statements(documents: Mapping[str, bytes], people: People) -> Statements:
    """The documents by name, as above without the folder. Raises VerificationError naming the first that is not what it must be."""
    for name in (CHECKLIST, VERDICT):
        if name not in documents:
            raise VerificationError(f"{FOLDER}/{name} is missing.")
    for name in documents:
        if not NAME.fullmatch(name):
            raise VerificationError(f"{FOLDER}/{name} is no statement that a release can carry.")
    evidence = {}
    for name in sorted(documents):
        if name.startswith("evidence/"):
            item = name.removeprefix("evidence/").removesuffix(".json")
            evidence[item] = _read(name, documents[name], Evidence.from_json, Evidence.to_json)
            if evidence[item].item != item:
                raise VerificationError(f"{FOLDER}/{name} is evidence of another item: {evidence[item].item}.")
    signed = [name for name in sorted(documents) if name.startswith("sign-offs/")]
    return Statements(
        _read(CHECKLIST, documents[CHECKLIST], checklist_from_json, Checklist.to_json),
        _read(VERDICT, documents[VERDICT], verdict_from_json, Verdict.to_json),
        evidence,
        tuple(_signed(name, documents[name], people, read_sign_off) for name in signed),
        _read(LOAD_TEST, documents[LOAD_TEST], dict, dict) if LOAD_TEST in documents else None,
        _read(NEGATIVE_CONTROL, documents[NEGATIVE_CONTROL], dict, dict) if NEGATIVE_CONTROL in documents else None,
        _policy([documents[name] for name in sorted(documents) if name.startswith("policy/")]),
        tuple(_signed(name, documents[name], people, read_waiver) for name in sorted(documents) if name.startswith("waivers/")),
    )


def read_folder(root: Path, tree: Tree) -> dict[str, bytes]:
    """The bytes of the statements of a release's tree, by name without the folder. Raises VerificationError as `Tree.read`."""
    prefix = f"{FOLDER}/"
    return {file.path.removeprefix(prefix): tree.read(root, file.path) for file in tree.files if file.path.startswith(prefix)}


def checklist_from_json(data: Mapping[str, Any]) -> Checklist:
    """Inverse of `Checklist.to_json`. Raises ValueError, KeyError or TypeError for anything else."""
    if data["format"] != "gonogo-checklist/1":
        raise ValueError(f"the format is {data['format']!r}")
    rest = {key: value for key, value in data.items() if key != "format"}
    items = tuple(_item(item) for item in data["items"])
    overrides = {key: tuple(names) for key, names in data["overrides"].items()}
    phases = tuple(Phase(**phase) for phase in data.get("phases", ()))
    apart = tuple(tuple(group) for group in data.get("apart", ()))
    return Checklist(**{**rest, "items": items, "overrides": overrides, "phases": phases, "apart": apart})


def _item(data: Mapping[str, Any]) -> Item:
    return Item(**{**data, **{key: tuple(data[key]) for key in ("require", "rows", "ml_test") if key in data}})


def verdict_from_json(data: Mapping[str, Any]) -> Verdict:
    """Inverse of `Verdict.to_json`. Raises ValueError, KeyError or TypeError for anything else."""
    if data["format"] != "gonogo-verdict/1":
        raise ValueError(f"the format is {data['format']!r}")
    items = tuple(
        ItemResult(
            item["item"],
            Outcome(item["outcome"]),
            item["reason"],
            tuple(item["requirements"]),
            item["evidence"],
            bool(item["mandatory"]),
            tuple(item.get("offenders", ())),
        )
        for item in data["items"]
    )
    return Verdict(
        system=data["system"],
        decision=Decision(data["verdict"]),
        subject=data["subject"],
        checklist_digest=data["checklist"],
        evidence_digest=data["evidence"],
        items=items,
        time=data["time"],
        notes=tuple(data["notes"]),
        policy=data.get("policy"),
        blocked=tuple(data.get("blocked", ())),
        author=Someone(**data["author"]) if "author" in data else None,
    )


def _read(name: str, data: bytes, read: Callable[[Any], T], write: Callable[[T], Any]) -> T:
    try:
        value = read(parse_json(data))
        if canonical_bytes(write(value)) == data:
            return value
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise VerificationError(f"{FOLDER}/{name} is malformed: {error}.") from error
    raise VerificationError(f"{FOLDER}/{name} is not in canonical form.")


def _policy(envelopes: list[bytes]) -> Pinned | None:
    try:
        return follow_all(envelopes)
    except VerificationError as error:
        raise VerificationError(f"{FOLDER}/policy: {error.message}") from error


def _signed(name: str, data: bytes, people: People, read: Callable[[bytes, People], T]) -> T:
    try:
        return read(data, people)
    except VerificationError as error:
        raise VerificationError(f"{FOLDER}/{name}: {error.message}") from error
