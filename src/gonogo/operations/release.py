"""`gonogo release`: seal the bundle that has a GO, enter it in the registry, write the archive."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gonogo import settings
from gonogo.base.canonical import canonical_bytes
from gonogo.base.names import Version
from gonogo.errors import StorageError
from gonogo.operations.check import Checked, check
from gonogo.operations.loadtest import kept_load_test
from gonogo.operations.negative_control import kept_negative_control
from gonogo.operations.verify import verify_reference
from gonogo.operations.workspace import Workspace
from gonogo.release.bundle import find_bundle
from gonogo.release.package import package
from gonogo.release.seal import seal
from gonogo.release.verify import VerifiedRelease
from gonogo.release.version import next_version
from gonogo.verdict.approval import approve


@dataclass(frozen=True)
class Released:
    """The sealed release and its archive. `known` is True when this very bundle had been released before (nothing was done)."""

    release: VerifiedRelease
    archive: Path
    known: bool = False


def release(workspace: Workspace, *, version: str = "auto") -> Released:
    """Judge what is measured now, without measuring; seal it when it is GO.

    Raises NotApprovedError when it is not, VerificationError when the log was tampered with.
    """
    if workspace.has_log():
        workspace.check_log()
    report = check(workspace, judge_only=True)
    approval = approve(report.verdict)
    bundle = find_bundle(workspace.project, workspace.bundles)
    if bundle is None:
        raise StorageError(f"the bundle {approval.subject} is no longer in {workspace.bundles}.", hint="Run `gonogo check` again.")
    registry = workspace.registry()
    system = workspace.project.system
    earlier = sorted((e for e in registry.state().releases.values() if e.system == system), key=lambda entry: entry.version)
    known = next((entry for entry in earlier if entry.digest == bundle.digest), None)
    if known is not None and version in ("auto", str(known.version)):
        return Released(verify_reference(workspace, known.ref), _archive_path(workspace, str(known.version)), known=True)
    latest = earlier[-1] if earlier else None
    previous = verify_reference(workspace, latest.ref) if latest else None
    number = next_version(previous, bundle) if version == "auto" else Version.parse(version)
    sealed = seal(
        bundle,
        approval,
        version=number,
        previous=latest.version if latest else None,
        signer=workspace.signer(),
        statements=_statements(workspace, report),
        people=report.people,
        into=workspace.releases,
        now=workspace.clock.now(),
    )
    archive = package(sealed.path, _archive_path(workspace, str(number)))
    registry.register(sealed, actor=settings.actor())
    return Released(sealed, archive)


def _archive_path(workspace: Workspace, version: str) -> Path:
    path: Path = workspace.releases / f"{workspace.project.system}-{version}.tar.gz"
    return path


def _statements(workspace: Workspace, report: Checked) -> dict[str, bytes]:
    """Everything that led to the verdict, as it will lie beside the tree."""
    statements = {
        "checklist.json": canonical_bytes(report.checklist.to_json()),
        "verdict.json": canonical_bytes(report.verdict.to_json()),
    }
    for item, evidence in report.evidence.items():
        statements[f"evidence/{item}.json"] = canonical_bytes(evidence.to_json())
    statements.update(report.policy.statements)
    for name, data in report.sign_offs.items():
        statements[f"sign-offs/{name}"] = data
    for name, data in report.waivers.items():
        statements[f"waivers/{name}"] = data
    load_test = kept_load_test(workspace, str(report.verdict.subject))
    if load_test is not None:
        statements["load_test.json"] = canonical_bytes(load_test)
    control = kept_negative_control(workspace, str(report.verdict.subject), report.checklist)
    if control is not None:
        statements["negative_control.json"] = canonical_bytes(control)
    return statements
