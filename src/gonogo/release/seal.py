"""Sealing: an approved bundle becomes a release, whole or not at all.

The release is put together in a draft, the signed statement last; the draft is verified with the same code that a stranger uses; then one
rename makes it a release. A full disk, a crash or a kill before that leaves a hidden draft that nobody looks at; a draft is cleared away
by the next sealing.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from gonogo import __version__
from gonogo.base.clock import stamp
from gonogo.base.files import draft_directory, publish_directory, storage, write_atomic
from gonogo.base.names import Version
from gonogo.base.tree import read_tree
from gonogo.errors import ConflictError, GonogoError, NotApprovedError, UsageError
from gonogo.release.card import render_card
from gonogo.release.contents import Bundle
from gonogo.release.drafts import clear_drafts
from gonogo.release.statements import FOLDER, Statements, read_statements
from gonogo.release.verify import BUNDLE, CARD, FORMAT, PREDICATE, SEAL, VerifiedRelease, verify
from gonogo.trust.envelope import IN_TOTO, seal_envelope, statement
from gonogo.trust.keys import Signer
from gonogo.verdict.approval import Approval
from gonogo.verdict.sign_off import People


def seal(
    bundle: Bundle,
    approval: Approval,
    *,
    version: Version,
    previous: Version | None,
    signer: Signer,
    statements: Mapping[str, bytes],
    people: People,
    into: Path,
    now: datetime,
) -> VerifiedRelease:
    """Seal `bundle` as `into`/SYSTEM-VERSION and give back what verification says of it.

    `statements` maps names (see `statements.py`) to bytes; `people` maps each role to its person's name and public key. Sealing the same
    bundle under the same version again gives the release that is there.

    Raises NotApprovedError when the approval is for something else, VerificationError when the bundle was changed or the statements do not
    prove the GO, ConflictError when the version is another release, StorageError when the disk refuses; then nothing is left.
    """
    if (approval.system, approval.subject) != (bundle.system, bundle.digest):
        hint = "Run `gonogo check`; an approval is for one bundle only."
        raise NotApprovedError(
            f"the approval is for {approval.system} {approval.subject}, not for {bundle.system} {bundle.digest}.", hint=hint
        )
    fresh = Bundle.open(bundle.root, expected=approval.subject)  # hashed again, whatever was known before
    read = read_statements(statements, people)
    if read.verdict_digest != approval.verdict_digest:
        raise NotApprovedError("the verdict among the statements is not the one that was approved.", hint="Run `gonogo check` again.")
    if previous is not None and version <= previous:
        raise UsageError(f"{version} does not come after {previous}.", hint="Leave the version out; the rule finds the next one.")
    final = into / f"{bundle.system}-{version}"
    with storage(into, "create"):
        into.mkdir(parents=True, exist_ok=True)
    clear_drafts(into)
    if final.exists():
        return _known(final, fresh, signer)
    with draft_directory(final) as draft:
        _fill(draft, fresh, version, statements, read)
        predicate = _predicate(draft, fresh, version, previous, read, people, now)
        envelope = seal_envelope(statement(final.name, fresh.digest, PREDICATE, predicate), IN_TOTO, [signer])
        write_atomic(draft / SEAL, envelope)
        verify(draft, signer.public)
        publish_directory(draft, final)
    return verify(final, signer.public)


def _known(final: Path, bundle: Bundle, signer: Signer) -> VerifiedRelease:
    """The release that lies there already: left by a sealing that was killed before anybody was told, or simply sealed before."""
    hint = f"A version is used once. Seal under the next one, or move {final} away if nobody has it."
    try:
        found = verify(final, signer.public)
    except GonogoError as error:
        raise ConflictError(f"{final} is there, and does not verify: {error.message}", hint=hint) from error
    if found.digest != bundle.digest:
        raise ConflictError(f"{found.ref} is sealed already, and is another bundle.", hint=hint)
    return found


def _fill(draft: Path, bundle: Bundle, version: Version, statements: Mapping[str, bytes], read: Statements) -> None:
    with storage(draft, "write to"):
        for file in bundle.tree.files:
            place = draft / BUNDLE / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bundle.root / file.path, place)
        for name, data in statements.items():
            place = draft / FOLDER / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        (draft / CARD).write_text(render_card(bundle, str(version), read), encoding="utf-8")


def _predicate(
    draft: Path, bundle: Bundle, version: Version, previous: Version | None, read: Statements, people: People, now: datetime
) -> dict[str, object]:
    return {
        "format": FORMAT,
        "system": bundle.system,
        "version": str(version),
        "previous": None if previous is None else str(previous),
        "files": read_tree(draft).to_json(),
        "checklist": read.checklist.digest,
        "verdict": read.verdict_digest,
        "evidence": {item: evidence.digest for item, evidence in read.evidence.items()},
        "people": {role: [{"name": name, "key": key.pem} for name, key in persons] for role, persons in people.items()},
        "sealed": stamp(now),
        "sealed_with": f"gonogo {__version__}",
    }
