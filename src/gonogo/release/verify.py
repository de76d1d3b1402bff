"""Verification: the only place where a `VerifiedRelease` comes from. Needs the release and one public key, nothing else.

The obligations, with their numbers in the code. A release is verified when all of them are met:

 1. The release is a folder of plain files: no links, special files, names that differ only in case, no folder without a file.
    (An archive is unpacked strictly, its one top folder is named after system and version, and it is byte for byte the archive of what
    was unpacked.)
 2. `release.dsse.json` is a DSSE envelope in canonical form, signed by the given key.
 3. It holds an in-toto statement of our type whose predicate has exactly the known keys, in a format that is known here.
 4. The files that are there, dot-files too, are exactly those it lists, each with the same size and SHA-256.
 5. The tree below `bundle/` has the root digest that is the statement's subject, and is a whole bundle of that system.
 6. The statements beside the tree are readable without loss, and checklist, verdict and every piece of evidence have the digests that
    the signed statement names.
 7. The verdict is about this system and this subject, under this checklist; it has one result for each item of the checklist.
 8. The verdict's evidence digest follows from its items, and every item that was measured cites the evidence that lies here, measured
    on this bundle and meeting every requirement if the verdict says PASS.
 9. Every sign-off and waiver is signed by a person whom the statement names for the role. Every item that needs a sign-off has, at the time
    of the verdict, a live approval of exactly this subject, evidence and checklist, and no live refusal; roles that the checklist keeps
    apart were filled by different people. Every waived item failed by measurement, and each offender has a waiver in force at that time.
10. The verdict is GO, GO follows from its items, and the checklist is no draft.
11. A load test and a negative control beside it are of this bundle, and are the very ones that were judged.
12. When the checklist asks anybody to sign, the policy in force lies here, at the end of a line in which each was signed as the one before
    demands. It is for this system and for the store whose key is given, its demands are this checklist's, its people are those whom the
    statement names, and the verdict names its digest. (A release of format 1 has no policy.)

Every refusal is a VerificationError that names the file or the item. Nothing is repaired, nothing is only warned about.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from gonogo.base.canonical import digest
from gonogo.base.clock import parse_stamp
from gonogo.base.files import draft_directory, publish_directory, storage
from gonogo.base.names import SYSTEM, Version
from gonogo.base.tree import Tree, TreeFile, read_tree
from gonogo.checklist.evaluate import Judged, evaluate
from gonogo.checklist.expression import ExpressionError, parse
from gonogo.checklist.items import Item
from gonogo.errors import KeyFileError, NotFoundError, UsageError, VerificationError
from gonogo.evidence.record import Evidence
from gonogo.release.contents import Bundle
from gonogo.release.package import read_package
from gonogo.release.statements import FOLDER, LOAD_TEST, NEGATIVE_CONTROL, Statements, read_folder, read_statements
from gonogo.trust.envelope import IN_TOTO, open_envelope, read_statement
from gonogo.trust.keys import PublicKey
from gonogo.verdict.judge import decide, evidence_digest, meets
from gonogo.verdict.outcome import Decision, Outcome
from gonogo.verdict.policy import demands
from gonogo.verdict.sign_off import People, SignOff, judge_sign_offs
from gonogo.verdict.waiver import Waiver, independent, live_waivers, offenders

FORMAT = "gonogo-release/2"
FORMAT_1 = "gonogo-release/1"  #: before policies were pinned; verified for ever, sealed no more
PREDICATE = "urn:gonogo:release:v1"
SEAL = "release.dsse.json"
BUNDLE = "bundle"
CARD = "card.md"
KEYS = frozenset(
    {"format", "system", "version", "previous", "files", "checklist", "verdict", "evidence", "people", "sealed", "sealed_with"}
)

_VERIFIED = object()


@dataclass(frozen=True)
class VerifiedRelease:
    """A release whose every obligation above was met. Made by `verify` alone.

    `digest` is the bundle's root digest, `release_digest` that of the sealed statement's bytes. `path` is what was verified; when that
    was an archive, `bundle.root` is gone (use `unpack` to keep it).
    """

    system: str
    version: Version
    previous: Version | None
    digest: str
    release_digest: str
    verdict_digest: str
    sealed_at: str
    path: Path
    bundle: Bundle
    statement: Mapping[str, Any] = field(repr=False)
    statements: Statements = field(repr=False)
    key_id: str
    proof: object = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.proof is not _VERIFIED:
            raise TypeError("a VerifiedRelease is made by verify(path, key), not by hand")

    @property
    def ref(self) -> str:
        return f"{self.system}@{self.version}"

    @property
    def sign_offs(self) -> tuple[SignOff, ...]:
        return self.statements.sign_offs


def verify(path: Path, key: PublicKey) -> VerifiedRelease:
    """Verify a release's folder or its .tar.gz. Raises VerificationError naming what is wrong, NotFoundError when nothing is there."""
    if path.is_dir():
        return _verify_folder(path, path, key)
    if not path.is_file():
        raise NotFoundError(f"there is no release at {path}.", hint="Give a release's folder or its .tar.gz.")
    with tempfile.TemporaryDirectory(prefix="gonogo-verify-") as scratch:
        return _verify_unpacked(path, Path(scratch), key)


def unpack(archive: Path, key: PublicKey, into: Path) -> VerifiedRelease:
    """Verify an archive and leave its release below `into`, whole or not at all. Raises as `verify`, and StorageError when it is there."""
    with storage(into, "create"):
        into.mkdir(parents=True, exist_ok=True)
    with draft_directory(into / "unpacked") as draft:
        found = _verify_unpacked(archive, draft, key)
        final = into / f"{found.system}-{found.version}"
        publish_directory(draft / final.name, final)
    return _verify_folder(final, final, key)


def _verify_unpacked(archive: Path, scratch: Path, key: PublicKey) -> VerifiedRelease:
    top = read_package(archive, scratch)  # 1
    found = _verify_folder(top, archive, key)
    if top.name != f"{found.system}-{found.version}":  # 1
        raise VerificationError(f"the archive's folder is called {top.name}, not {found.system}-{found.version}.")
    return found


def _verify_folder(root: Path, shown: Path, key: PublicKey) -> VerifiedRelease:
    with storage(root, "read"):
        _refuse_empty_folders(root)  # 1
        tree = read_tree(root, skip=frozenset({SEAL}))  # 1
        seal = root / SEAL
        if not seal.is_file():
            raise VerificationError(f"{shown}: {SEAL} is missing, so nothing vouches for the rest.")
        data = seal.read_bytes()
        try:
            payload = open_envelope(data, IN_TOTO, [key])  # 2
            name, subject, predicate = read_statement(payload, PREDICATE)  # 3
        except VerificationError as error:
            raise VerificationError(f"{SEAL}: {error.message}", hint=error.hint) from error
        system, version, previous = _names(name, predicate)  # 3
        _same_files(predicate, tree)  # 4
        bundle = _bundle(root, system, subject)  # 5
        people = _people(predicate)
        statements = read_statements(read_folder(root, tree), people)  # 6, 9
    _check_digests(predicate, statements)  # 6
    _check_verdict(statements, system, subject)  # 7, 8, 10
    _check_sign_offs(statements, subject)  # 9
    _check_waivers(statements, subject)  # 9
    _check_policy(statements, people, system, key if predicate["format"] == FORMAT else None)  # 12
    for name, kept in (("load_test", statements.load_test), ("negative_control", statements.negative_control)):
        if kept is not None and kept.get("subject") != subject:  # 11
            raise VerificationError(f"{FOLDER}/{name}.json is not of this bundle.")
    return VerifiedRelease(
        system=system,
        version=version,
        previous=previous,
        digest=subject,
        release_digest="sha256:" + hashlib.sha256(data).hexdigest(),
        verdict_digest=statements.verdict_digest,
        sealed_at=str(predicate["sealed"]),
        path=shown,
        bundle=bundle,
        statement=payload,
        statements=statements,
        key_id=key.key_id,
        proof=_VERIFIED,
    )


def _refuse_empty_folders(root: Path) -> None:
    for directory, names, files in os.walk(root):  # what cannot be listed is `read_tree`'s to refuse
        if not names and not files and Path(directory) != root:
            raise VerificationError(f"{Path(directory).relative_to(root).as_posix()}/ is an empty folder that was not sealed.")


def _names(name: str, predicate: Mapping[str, Any]) -> tuple[str, Version, Version | None]:
    if predicate.get("format") not in (FORMAT, FORMAT_1):
        raise VerificationError(f"{SEAL}: the format {predicate.get('format')!r} is not known here.", hint="Use a newer gonogo.")
    if predicate.keys() != KEYS:
        raise VerificationError(f"{SEAL}: unexpected or missing: {', '.join(sorted(predicate.keys() ^ KEYS))}.")
    system, version, previous = predicate["system"], predicate["version"], predicate["previous"]
    try:
        if not SYSTEM.fullmatch(system) or name != f"{system}-{version}":
            raise ValueError(f"{name!r} is not the release {version!r} of {system!r}")
        parse_stamp(predicate["sealed"])
        return system, Version.parse(version), None if previous is None else Version.parse(previous)
    except (ValueError, TypeError, AttributeError, UsageError) as error:
        raise VerificationError(f"{SEAL}: {error}.") from error


def _same_files(predicate: Mapping[str, Any], tree: Tree) -> None:
    try:
        sealed = Tree(tuple(TreeFile(file["path"], file["size"], file["sha256"]) for file in predicate["files"]["files"]))
        if sealed.to_json() != predicate["files"]:
            raise ValueError("it says more than a list of files")
    except (KeyError, TypeError, ValueError) as error:
        raise VerificationError(f"{SEAL}: the list of files is malformed: {error}.") from error
    differences = sealed.differences(tree)
    if differences:
        raise VerificationError(f"the files are not the ones that were sealed: {'; '.join(differences)}.")


def _bundle(root: Path, system: str, subject: str) -> Bundle:
    if not (root / BUNDLE).is_dir():
        raise VerificationError(f"{BUNDLE}/ is missing.")
    bundle = Bundle.open(root / BUNDLE, expected=subject)
    if bundle.system != system:
        raise VerificationError(f"{BUNDLE}/bundle.json is of the system {bundle.system}, not of {system}.")
    return bundle


def _people(predicate: Mapping[str, Any]) -> People:
    """By role; in older releases a single person instead of a list of them."""
    try:
        listed = {str(role): found if isinstance(found, list) else [found] for role, found in predicate["people"].items()}
        return {
            role: tuple((str(person["name"]), PublicKey.from_pem(person["key"])) for person in persons) for role, persons in listed.items()
        }
    except (KeyError, TypeError, AttributeError, KeyFileError) as error:
        raise VerificationError(f"{SEAL}: the list of people is malformed: {error}.") from error


def _check_digests(predicate: Mapping[str, Any], found: Statements) -> None:
    expected = {"checklist": predicate["checklist"], "verdict": predicate["verdict"]}
    actual = {"checklist": found.checklist.digest, "verdict": found.verdict_digest}
    wrong = [name for name in expected if expected[name] != actual[name]]
    evidence = {item: evidence.digest for item, evidence in found.evidence.items()}
    if wrong or evidence != predicate["evidence"]:
        raise VerificationError(f"{FOLDER}: {', '.join(wrong) or 'evidence'} is not what the sealed statement names.")


def _check_verdict(found: Statements, system: str, subject: str) -> None:
    verdict, checklist = found.verdict, found.checklist
    if (verdict.system, verdict.subject, verdict.checklist_digest) != (system, subject, checklist.digest):  # 7
        raise VerificationError(f"{FOLDER}/verdict.json is about another system, bundle or checklist.")
    if [result.item for result in verdict.items] != [item.id for item in checklist.items] or not checklist.items:  # 7
        raise VerificationError(f"{FOLDER}/verdict.json does not have exactly one result for each item of the checklist.")
    for item, result in zip(checklist.items, verdict.items, strict=True):
        if result.mandatory != (item.kind == "mandatory"):  # 7
            raise VerificationError(f"{FOLDER}/verdict.json says otherwise than the checklist whether {item.id} is mandatory.")
        if item.check is None or result.outcome is Outcome.NOT_APPLICABLE:
            continue
        evidence = found.evidence.get(item.id)
        if evidence is None or evidence.digest != result.evidence:  # 8
            raise VerificationError(f"{FOLDER}/evidence/{item.id}.json is not the evidence that the verdict judged.")
        if (
            evidence.inputs.get("bundle", subject) != subject or evidence.check != item.check or evidence.options != digest(item.options)
        ):  # 8
            raise VerificationError(f"{FOLDER}/evidence/{item.id}.json was measured on another bundle or by another check.")
        if result.outcome is Outcome.PASS and not meets(item, evidence):  # 8
            raise VerificationError(f"{FOLDER}/verdict.json says PASS for {item.id}, but its evidence does not meet every requirement.")
        for name, kept, file in (
            ("load_result", found.load_test, LOAD_TEST),
            ("negative_control", found.negative_control, NEGATIVE_CONTROL),
        ):
            if name in evidence.inputs and evidence.inputs[name] != digest(kept):  # 11
                raise VerificationError(f"{FOLDER}/{file} is not the one that {item.id} was judged by.")
    if evidence_digest(checklist, verdict.items, verdict.author) != verdict.evidence_digest:  # 8
        raise VerificationError(f"{FOLDER}/verdict.json names another evidence digest than its items give.")
    if (
        verdict.decision is not Decision.GO
        or decide(verdict.items, subject, verdict.blocked) is not Decision.GO
        or checklist.status != "ready"
    ):  # 10
        raise VerificationError(f"{FOLDER}/verdict.json is not a GO.")


def _check_waivers(found: Statements, subject: str) -> None:
    free = independent(found.waivers, found.checklist, found.verdict.author)
    for item, result in zip(found.checklist.items, found.verdict.items, strict=True):
        if result.outcome is not Outcome.WAIVED:
            continue
        evidence = found.evidence.get(item.id)
        if evidence is None or not _excused(item, evidence, subject, free, parse_stamp(found.verdict.time)):
            raise VerificationError(f"{FOLDER}/waivers: nothing excuses that {item.id} failed.")


def _excused(item: Item, evidence: Evidence, subject: str, waivers: Sequence[Waiver], moment: datetime) -> bool:
    """Whether the item was measured, nothing but its requirements failed, and every offender has a waiver in force at that moment."""
    judged = _judged(item, evidence)
    failed = [one.required for one in judged if not one.met]
    if evidence.status != "measured" or not failed or any(one.error for one in judged):
        return False
    return bool(live_waivers(item, subject, offenders(item, evidence, failed), waivers, moment))


def _judged(item: Item, evidence: Evidence) -> list[Judged]:
    try:
        return [evaluate(parse(text), evidence.facts, item.confidence) for text in item.require]
    except ExpressionError as error:
        return [Judged(False, "", "", str(error), error=True)]


def _check_sign_offs(found: Statements, subject: str) -> None:
    verdict, checklist = found.verdict, found.checklist
    pairs = zip(checklist.items, verdict.items, strict=True)
    outcomes = {item.id: result.outcome for item, result in pairs if item.check is None and result.outcome is not Outcome.NOT_APPLICABLE}
    given = judge_sign_offs(
        checklist,
        [item for item in checklist.items if item.id in outcomes],
        subject=subject,
        evidence_digest=verdict.evidence_digest,
        sign_offs=found.sign_offs,
        now=parse_stamp(verdict.time),
        author=verdict.author,
    )
    for item, outcome in outcomes.items():
        if given[item].outcome is not Outcome.PASS or outcome is not Outcome.PASS:
            raise VerificationError(f"{FOLDER}/sign-offs: the item {item} is not signed for: {given[item].reason}.")


def _check_policy(found: Statements, people: People, system: str, key: PublicKey | None) -> None:
    if found.policy is None:
        if found.verdict.policy is not None or (key is not None and any(item.sign_off for item in found.checklist.items)):
            raise VerificationError(f"{FOLDER}/policy is missing, so nothing says whose signatures count.")
        return
    if key is None:
        raise VerificationError(f"{FOLDER}/policy: a release of format 1 has none.")
    policy = found.policy.policy
    wrong = {
        "another system": policy.system != system,
        "another store": policy.store != key.key_id,
        "another checklist": policy.checklist != found.checklist.digest or policy.items != demands(found.checklist),
        "other answers": any(
            result.outcome is Outcome.NOT_APPLICABLE and policy.answers.get(result.item) is not False for result in found.verdict.items
        ),
        "other people": _plain(policy.people) != _plain(people),
    }
    if any(wrong.values()):
        raise VerificationError(f"{FOLDER}/policy is for {' and '.join(what for what, true in wrong.items() if true)}.")
    if found.verdict.policy != policy.digest:
        raise VerificationError(f"{FOLDER}/verdict.json was judged under another policy than the one that lies here.")


def _plain(people: People) -> dict[str, list[tuple[str, str]]]:
    return {role: [(name, key.key_id) for name, key in members] for role, members in people.items()}
