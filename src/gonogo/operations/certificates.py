"""The certificates of a store: kept in its signed log, whole, in their envelopes. Of those of a model the newest counts."""

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

if TYPE_CHECKING:
    from gonogo.model.schema import Schema
    from gonogo.operations.workspace import Workspace
    from gonogo.release.contents import Bundle

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
    def again(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.certificate.said["again"]
        return found

    @property
    def attempts(self) -> int:
        return int(self.certificate.said["attempts"])

    @property
    def digest(self) -> str:
        """Changes with the certificate and with whatever makes it void, its age included."""
        return digest({"certificate": dict(self.certificate.said), "voided": list(self.voided)})


def standing(workspace: Workspace, bundle: Bundle) -> Standing:
    """The certificate of the bundle's model; where it has none, the newest of the system, which is about another one. Raises NotFoundError
    when the system has none, VerificationError for one that the store's key has not signed."""
    project = workspace.project
    envelope = newest(workspace, bundle.model_digest) or newest(workspace)
    if envelope is None:
        raise NotFoundError(f"{project.system} has no certificate.", hint=HINT)
    certificate = read_certificate(envelope, workspace.public_key())
    bound = bound_to(workspace, bundle.schema)
    now = workspace.clock.now()
    why = voided(certificate, system=project.system, model=bundle.model_digest, bound=bound, now=now)
    red = ("the last certification of this model was not green",) if _ended_red(workspace, certificate) else ()
    return Standing(certificate, (*why, *red))


def _ended_red(workspace: Workspace, certificate: Certificate) -> bool:
    """Whether, of the certifications of the certificate's model that came to an end, the last one was not green: a red retrain ends a row
    of green ones, whenever it is made."""
    said = (event.body for event in workspace.store().events(kinds=[ATTEMPT]))
    mine = [one["state"] for one in said if (one.get("system"), one.get("model")) == (certificate.system, certificate.model)]
    return [state for state in mine if state in ("certified", "not certified")][-1:] == ["not certified"]


def newest(workspace: Workspace, model: str | None = None) -> bytes | None:
    """The envelope of the newest certificate of this system (about this model), not verified; None when there is none."""
    if not workspace.has_log():
        return None
    mine = [event.body for event in workspace.store().events(kinds=[KIND]) if event.body.get("system") == workspace.project.system]
    found = [str(body["envelope"]).encode() for body in mine if model is None or body.get("model") == model]
    return found[-1] if found else None


def bound_to(workspace: Workspace, schema: Schema) -> dict[str, str]:
    """What a certificate of today would be bound to, by `BOUND`'s names. Raises NotFoundError without a run record, DataError."""
    project = workspace.project
    if project.run_record is None:
        raise NotFoundError("the project declares no run record.", hint="Call gonogo.record_run at the end of the training script.")
    tables = {"train": project.data.train, "validation": project.data.validation, "test": project.data.test}
    return {
        "params": digest(read_run(project.run_record)["params"]),
        "pipeline": "" if project.model.pipeline is None else file_digest(project.model.pipeline),
        "schema": digest(schema.to_json()),
        "declarations": project.digest("model", "data"),
        "tables": digest({name: file_digest(path) for name, path in tables.items() if path is not None}),
    }


def record_certificate(workspace: Workspace, model: str, envelope: bytes) -> None:
    with workspace.store().transaction() as tx:
        tx.append(KIND, {"system": workspace.project.system, "model": model, "envelope": envelope.decode()}, settings.actor())


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
