"""The certificates of a store: kept in its signed log, whole, in their envelopes; the newest one counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gonogo import settings
from gonogo.base.canonical import digest
from gonogo.base.tree import file_digest
from gonogo.candidate.certificate import Certificate, read_certificate, voided
from gonogo.candidate.run_record import read_run
from gonogo.errors import NotFoundError
from gonogo.model.formats import shipped_digest

if TYPE_CHECKING:
    from gonogo.model.schema import Schema
    from gonogo.operations.workspace import Workspace

KIND, ATTEMPT = "certificate", "certification"
HINT = "Run `gonogo certify`."


@dataclass(frozen=True)
class Standing:
    """The newest certificate as it stands today: `voided` says why it does not hold, () when it does."""

    certificate: Certificate
    voided: tuple[str, ...]

    @property
    def runs(self) -> Sequence[Mapping[str, Any]]:
        return self.certificate.runs

    @property
    def metrics(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.certificate.said["metrics"]
        return found

    @property
    def attempts(self) -> int:
        return int(self.certificate.said["attempts"])

    @property
    def digest(self) -> str:
        """Changes with the certificate and with whatever makes it void, its age included."""
        return digest({"certificate": dict(self.certificate.said), "voided": list(self.voided)})


def standing(workspace: Workspace, schema: Schema) -> Standing:
    """Raises NotFoundError when the system has no certificate, VerificationError for one that the store's key has not signed."""
    envelope = newest(workspace)
    if envelope is None:
        raise NotFoundError(f"{workspace.project.system} has no certificate.", hint=HINT)
    certificate = read_certificate(envelope, workspace.public_key())
    project = workspace.project
    reasons = voided(
        certificate,
        system=project.system,
        model=shipped_digest(project.model.path),
        bound=bound_to(workspace, schema),
        now=workspace.clock.now(),
    )
    return Standing(certificate, reasons)


def newest(workspace: Workspace) -> bytes | None:
    """The envelope of the newest certificate of this system, not verified; None when there is none."""
    if not workspace.has_log():
        return None
    mine = [event for event in workspace.store().events(kinds=[KIND]) if event.body.get("system") == workspace.project.system]
    return str(mine[-1].body["envelope"]).encode() if mine else None


def bound_to(workspace: Workspace, schema: Schema) -> dict[str, str]:
    """What a certificate of today would be bound to, by `BOUND`'s names. Raises NotFoundError without a run record, DataError."""
    project = workspace.project
    if project.run_record is None:
        raise NotFoundError("the project declares no run record.", hint="Call gonogo.record_run at the end of the training script.")
    tables = {"train": project.data.train, "validation": project.data.validation, "test": project.data.test}
    return {
        "params": digest(read_run(project.run_record)["params"]),
        "schema": digest(schema.to_json()),
        "declarations": project.digest("model", "data"),
        "tables": digest({name: file_digest(path) for name, path in tables.items() if path is not None}),
    }


def record_certificate(workspace: Workspace, envelope: bytes) -> None:
    with workspace.store().transaction() as tx:
        tx.append(KIND, {"system": workspace.project.system, "envelope": envelope.decode()}, settings.actor())


def record_attempt(workspace: Workspace, state: str, more: Mapping[str, Any]) -> None:
    """An event of a certification: `state` is started, certified, not certified or failed."""
    with workspace.store().transaction() as tx:
        tx.append(ATTEMPT, {"system": workspace.project.system, "state": state, **more}, settings.actor())


def attempts(workspace: Workspace, model: str) -> int:
    """How many plans were begun to certify a model."""
    if not workspace.has_log():
        return 0
    begun = [event.body for event in workspace.store().events(kinds=[ATTEMPT]) if event.body.get("system") == workspace.project.system]
    return len({body["plan"] for body in begun if body["state"] == "started" and body["model"] == model})
