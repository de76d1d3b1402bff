"""`gonogo loadtest`: many requests at once against a bundle, a release or a URL.

What sends the requests is imported when they are sent: reading a kept result, which every check does, is quick.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gonogo.base.names import Ref
from gonogo.base.table import read_table
from gonogo.errors import DataError, NotFoundError, StorageError, UsageError
from gonogo.evidence.inputs import Endpoint
from gonogo.evidence.sealed import SealedFolder
from gonogo.model.rows import sample_rows
from gonogo.operations.workspace import Workspace
from gonogo.release.bundle import Bundle, build_bundle, find_bundle

if TYPE_CHECKING:
    from gonogo.service.loadtest import LoadResult

SAMPLE = 500


@dataclass(frozen=True)
class LoadTested:
    """The result, of what, and where it was kept (None for a URL)."""

    target: str
    result: LoadResult
    file: Path | None


def loadtest(
    workspace: Workspace, target: str | None, *, requests: int = 1000, concurrency: int = 100, allow_remote: bool = False
) -> LoadTested:
    """Load-test the bundle of the files as they are (no target), a release (`system@version`) or a running service (URL)."""
    from gonogo.service.loadtest import run_load_test
    from gonogo.service.trial import TrialServer

    if target and "://" in target:
        url = urlsplit(target)
        if url.scheme != "http" or not url.hostname:
            raise UsageError(f"{target!r} is not an http:// address.")
        rows = _rows(workspace, _bundle(workspace))
        result = run_load_test(target, rows, requests=requests, concurrency=concurrency, allow_remote=allow_remote)
        return LoadTested(target, result, None)
    bundle = _bundle(workspace) if target is None else _release(workspace, Ref.parse(target))
    with TrialServer(bundle, accept_weaker=workspace.project.isolation == "accept-weaker") as endpoint:
        result = load_test_bundle(workspace, bundle, endpoint, requests=requests, concurrency=concurrency)
    return LoadTested(target or bundle.digest, result, _file(workspace, bundle))


def load_test_bundle(workspace: Workspace, bundle: Bundle, endpoint: Endpoint, *, requests: int, concurrency: int) -> LoadResult:
    """Run the test against a booted bundle and keep the result under the bundle's digest."""
    from gonogo.service.loadtest import run_load_test

    # Each row is sent at least twice, so that there are answers to compare.
    rows = _rows(workspace, bundle)[: max(1, requests // 2)]
    result = run_load_test(endpoint.base_url, rows, requests=requests, concurrency=concurrency)
    result = replace(result, memory_mb=endpoint.peak_memory_mb())
    document: Mapping[str, Any] = {"format": "gonogo-load-test/1", "subject": bundle.digest, **result.to_json()}
    file = _file(workspace, bundle)
    SealedFolder(file.parent).write(file.name, document)
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


def _file_of(workspace: Workspace, subject: str) -> Path:
    path: Path = workspace.load_tests / f"{subject.removeprefix('sha256:')}.json"
    return path


def _file(workspace: Workspace, bundle: Bundle) -> Path:
    return _file_of(workspace, bundle.digest)


def _bundle(workspace: Workspace) -> Bundle:
    found = find_bundle(workspace.project, workspace.bundles)
    return found or build_bundle(workspace.project, workspace.sandbox(), into=workspace.bundles)


def _release(workspace: Workspace, ref: Ref) -> Bundle:
    from gonogo.operations.verify import verify_reference

    if ref.system != workspace.project.system:
        raise NotFoundError(f"{ref} is not a release of {workspace.project.system}.")
    bundle: Bundle = verify_reference(workspace, str(ref)).bundle
    return bundle


def _rows(workspace: Workspace, bundle: Bundle) -> Sequence[Mapping[str, Any]]:
    """Real rows of the test table; they are sent, never stored."""
    return sample_rows(bundle.schema, read_table(workspace.project.data.test), SAMPLE)
