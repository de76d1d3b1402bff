"""`gonogo loadtest`: many requests at once against a bundle, a release or a URL.

What sends the requests is imported when they are sent: reading a kept result, which every check does, is quick.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gonogo.base.names import Ref
from gonogo.base.table import read_table
from gonogo.errors import DataError, KeyFileError, NotFoundError, StorageError
from gonogo.evidence.inputs import Endpoint
from gonogo.evidence.sealed import SealedFolder
from gonogo.model.rows import sample_rows
from gonogo.operations.workspace import Workspace
from gonogo.release.bundle import Bundle, build_bundle, find_bundle
from gonogo.release.verify import VerifiedRelease

if TYPE_CHECKING:
    from gonogo.service.loadtest.result import LoadResult
    from gonogo.service.loadtest.target import Target

SAMPLE = 500
FORMAT = "gonogo-load-test/1"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Load:
    """How much is sent: `rate` None is a closed loop of `concurrency` clients, else so many requests a second by a schedule."""

    requests: int = 1000
    concurrency: int = 100
    rate: float | None = None


@dataclass(frozen=True)
class LoadTested:
    """The result, and of what. `release` answered. `file` is where the result was kept: a closed loop on a bundle, nothing else.
    `baseline` is the load test that was sealed with the release, where this store has that release."""

    target: str
    release: str
    result: LoadResult
    file: Path | None = None
    baseline: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "target": self.target,
            "release": self.release,
            "good": self.result.good,
            "baseline": self.baseline,
            **self.result.to_json(),
        }


def loadtest(
    workspace: Workspace,
    target: str | None,
    load: Load,
    *,
    allow_remote: bool = False,
    api_key: str | None = None,
    progress: Progress = lambda what, done, total: None,
) -> LoadTested:
    """Load-test the bundle of the files as they are (no target), a release (`system@version`) or a running service (URL)."""
    from gonogo.service.trial import TrialServer

    if target and "://" in target:
        return _service(workspace, target, load, allow_remote=allow_remote, api_key=api_key, progress=progress)
    released = None if target is None else _release(workspace, Ref.parse(target))
    bundle = _bundle(workspace) if released is None else released.bundle
    with TrialServer(bundle, accept_weaker=workspace.project.isolation == "accept-weaker") as endpoint:
        result = load_test_bundle(workspace, bundle, endpoint, load, progress=progress)
    release = f"{bundle.system}@trial" if released is None else released.ref
    file = _file_of(workspace, bundle.digest) if load.rate is None else None
    return LoadTested(target or bundle.digest, release, result, file, None if released is None else released.statements.load_test)


def load_test_bundle(
    workspace: Workspace, bundle: Bundle, endpoint: Endpoint, load: Load, *, progress: Progress = lambda what, done, total: None
) -> LoadResult:
    """Run the test against a booted bundle. A closed loop's result is kept under the bundle's digest: checks read it, and a release seals
    it. One by a schedule is not: what it says depends on the rate that somebody chose."""
    from gonogo.service.loadtest.target import Target

    result = _run(workspace, bundle, Target.of(endpoint.base_url), load, progress)
    result = replace(result, memory_mb=endpoint.peak_memory_mb())
    if load.rate is None:
        file = _file_of(workspace, bundle.digest)
        SealedFolder(file.parent).write(file.name, {"format": FORMAT, "subject": bundle.digest, **result.to_json()})
    return result


def kept_load_test(workspace: Workspace, subject: str) -> dict[str, Any] | None:
    """The load test of a bundle, or None. Raises DataError when the file cannot be believed: edited, cut, of another bundle or store."""
    file = _file_of(workspace, subject)
    try:
        found = SealedFolder(file.parent).read(file.name)
        if found is not None and found["subject"] != subject:
            raise ValueError("it is of another bundle")
    except (OSError, ValueError, KeyError, TypeError, StorageError) as error:
        raise DataError(f"{file} is not used: {error}.", hint="Run `gonogo loadtest` again.") from error
    return None if found is None else dict(found)


def read_api_key(file: Path | None) -> str | None:
    """The key that a file holds, or GONOGO_API_KEY when there is no file; a key is never an argument. Raises KeyFileError."""
    if file is None:
        return os.environ.get("GONOGO_API_KEY")
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(f"{file} cannot be read as the file of an API key: {error}.") from error


def _service(workspace: Workspace, url: str, load: Load, *, allow_remote: bool, api_key: str | None, progress: Progress) -> LoadTested:
    """A running service. Golden requests and the baseline are those of the release that answers, where this store has it."""
    from gonogo.service.loadtest.memory import listeners_memory_mb
    from gonogo.service.loadtest.run import who_answers
    from gonogo.service.loadtest.target import Target

    target = Target.of(url, allow_remote=allow_remote, api_key=api_key)
    release = who_answers(target)
    try:
        known: VerifiedRelease | None = _release(workspace, Ref.parse(release))
    except NotFoundError:
        known = None
    bundle = known.bundle if known else _bundle(workspace)
    result = _run(workspace, bundle, target, load, progress, golden=known is not None)
    result = replace(result, memory_mb=listeners_memory_mb(target.port) if target.here else None)
    return LoadTested(url, release, result, baseline=known.statements.load_test if known else None)


def _run(workspace: Workspace, bundle: Bundle, target: Target, load: Load, progress: Progress, *, golden: bool = True) -> LoadResult:
    """Real rows of the test table; they are sent, never stored. Each at least twice, so that there are answers to compare."""
    from gonogo.service.loadtest.requests import Golden
    from gonogo.service.loadtest.run import run_load_test

    rows = sample_rows(bundle.schema, read_table(workspace.project.data.test), SAMPLE)[: max(1, load.requests // 3)]
    return run_load_test(
        target,
        rows,
        golden=Golden.of_document(bundle.golden) if golden else None,
        requests=load.requests,
        concurrency=load.concurrency,
        rate=load.rate,
        progress=progress,
    )


def _file_of(workspace: Workspace, subject: str) -> Path:
    path: Path = workspace.load_tests / f"{subject.removeprefix('sha256:')}.json"
    return path


def _bundle(workspace: Workspace) -> Bundle:
    found = find_bundle(workspace.project, workspace.bundles)
    return found or build_bundle(workspace.project, workspace.sandbox(), into=workspace.bundles)


def _release(workspace: Workspace, ref: Ref) -> VerifiedRelease:
    from gonogo.operations.verify import verify_reference

    if ref.system != workspace.project.system:
        raise NotFoundError(f"{ref} is not a release of {workspace.project.system}.")
    return verify_reference(workspace, str(ref))
