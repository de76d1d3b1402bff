"""The registry: releases are registered once and never edited; pointers move by compare-and-swap, and only with a GO.

    registry = Registry(store)
    registry.register(release, actor="ana")
    registry.move_pointer("credit-risk", "production", Version(1, 0, 0), verdict_digest=…, expected=None, reason="first", actor="ana")
    registry.resolve(Ref.parse("credit-risk@production")).version

Every method that changes something takes an open transaction as `tx`, so that a rollout can move the pointer in the same
transaction in which it writes its own state; without one it makes its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from gonogo.base.names import POINTERS, Ref, Version
from gonogo.errors import ConflictError, NotApprovedError, NotFoundError, UsageError, VerificationError
from gonogo.registry.fold import KINDS, POINTER_MOVED, RELEASE_REGISTERED, RegistryState, ReleaseEntry, fold, move_body, release_body
from gonogo.registry.store import Store, Transaction
from gonogo.release.verify import VerifiedRelease


class Located(Store, Protocol):
    """A store that knows its place, which paths of releases are told from."""

    path: Path


class Registry:
    """Releases and pointers of every system in one store."""

    def __init__(self, store: Located) -> None:
        self._store = store
        self._folder = store.path.resolve().parent

    def state(self, tx: Transaction | None = None) -> RegistryState:
        return fold((tx or self._store).events(kinds=KINDS))

    def latest(self, system: str) -> ReleaseEntry | None:
        """The release with the highest version, whether it is in service or not."""
        found = [entry for entry in self.state().releases.values() if entry.system == system]
        return max(found, key=lambda entry: entry.version, default=None)

    def register(
        self,
        release: VerifiedRelease,
        *,
        actor: str,
        path: Path | None = None,
        verdict_digest: str | None = None,
        tx: Transaction | None = None,
    ) -> ReleaseEntry:
        """Enter a verified release. The very same release again changes nothing; another one of that version is a ConflictError.

        `path` is where it lies, relative to the registry's folder; by default the place where it was verified. A `verdict_digest`, when
        given, must be the release's own (NotApprovedError).
        """
        if verdict_digest not in (None, release.verdict_digest):
            raise NotApprovedError(f"{release.ref} was sealed on another verdict than the one given.", hint="Register it on its own.")
        entry = ReleaseEntry(
            release.system,
            release.version,
            release.digest,
            release.release_digest,
            release.verdict_digest,
            self._relative(release.path if path is None else self._folder / path),
            release.sealed_at,
            actor,
        )
        with self._transaction(tx) as inside:
            known = self.state(inside).releases.get((entry.system, entry.version))
            if known is None:
                inside.append(RELEASE_REGISTERED, release_body(entry), actor)
                return entry
            if known.release_digest != entry.release_digest:
                hint = "A version is used once. Seal it under the next one."
                raise ConflictError(f"{entry.ref} is registered already, and is another release.", hint=hint)
            return known

    def move_pointer(
        self,
        system: str,
        pointer: str,
        version: Version,
        *,
        verdict_digest: str,
        expected: Version | None,
        reason: str,
        actor: str,
        tx: Transaction | None = None,
    ) -> ReleaseEntry:
        """Move a pointer from `expected` (None: from nowhere) to `version`.

        Raises NotFoundError when the version is not registered, NotApprovedError when the digest is not that of its GO, ConflictError
        when the pointer does not stand where it is expected to.
        """
        if pointer not in POINTERS:
            raise UsageError(f"{pointer!r} is no pointer.", hint=f"Pointers: {', '.join(POINTERS)}.")
        with self._transaction(tx) as inside:
            state = self.state(inside)
            entry = _find(state, system, version)
            if entry.verdict_digest != verdict_digest:
                raise NotApprovedError(f"{entry.ref} has no GO with the digest {verdict_digest}.", hint="Only its own verdict moves it.")
            origin = state.pointers.get((system, pointer))
            if origin != expected:
                said = "nowhere" if origin is None else f"at {origin}"
                wanted = "nowhere" if expected is None else f"at {expected}"
                raise ConflictError(f"{system}@{pointer} stands {said}, not {wanted}: somebody else moved it.", hint="Look again.")
            inside.append(POINTER_MOVED, move_body(system, pointer, origin, entry, reason), actor)
        return entry

    def resolve(self, ref: Ref) -> ReleaseEntry:
        """The release that a reference names now. Raises NotFoundError."""
        state = self.state()
        if not ref.is_pointer:
            return _find(state, ref.system, Version.parse(ref.target))
        version = state.pointers.get((ref.system, ref.target))
        if version is None:
            raise NotFoundError(f"{ref} stands nowhere: nothing was put there yet.", hint="See `gonogo releases`.")
        return _find(state, ref.system, version)

    def place(self, entry: ReleaseEntry) -> Path:
        """Where the release's folder is. Raises VerificationError when the entry names a place it may not."""
        path = Path(entry.path)
        if ".." in path.parts:
            raise VerificationError(f"{entry.ref}: the registered path {entry.path!r} leaves the store.")
        return self._folder / path  # an absolute path stays what it is

    def _relative(self, path: Path) -> str:
        whole = path.resolve()
        return whole.relative_to(self._folder).as_posix() if whole.is_relative_to(self._folder) else whole.as_posix()

    @contextmanager
    def _transaction(self, tx: Transaction | None) -> Iterator[Transaction]:
        if tx is not None:
            yield tx
            return
        with self._store.transaction() as own:
            yield own


def _find(state: RegistryState, system: str, version: Version) -> ReleaseEntry:
    entry = state.releases.get((system, version))
    if entry is None:
        known = ", ".join(str(number) for number in state.versions(system))
        hint = f"Known: {known}." if known else f"No release of {system} is registered. See `gonogo releases`."
        raise NotFoundError(f"there is no release {system}@{version}.", hint=hint)
    return entry
