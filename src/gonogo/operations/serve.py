"""`gonogo serve`: the service of a system in this process: supervisor, watch, reviews, and a dashboard beside them.

The first release is put into production here, by naming it. From then on production moves by rollouts only; `serve` takes up what is in
production, and after a crash the routes that were in force.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path

from gonogo import settings
from gonogo.base.names import Ref
from gonogo.errors import ConflictError, UsageError
from gonogo.operations.control_audit import ControlAudit
from gonogo.operations.duties import Duties
from gonogo.operations.status import status
from gonogo.operations.telemetry import telemetry
from gonogo.operations.verify import verify_reference
from gonogo.operations.watch import Watching
from gonogo.operations.watched import watched
from gonogo.operations.workspace import Workspace
from gonogo.service.callers.access import check_exposure, is_loopback
from gonogo.service.callers.api_keys import KeyFile
from gonogo.service.logs import Form, Requests, service_log
from gonogo.service.prediction_log.process import PredictionLog
from gonogo.service.prediction_log.writer import WriterRules
from gonogo.service.supervising.cores import usable_cores
from gonogo.service.supervising.supervisor import Supervisor
from gonogo.trust.keys import PublicKey

_log = logging.getLogger(__name__)

IN_THE_CLEAR = (
    "keys and data travel to %s in the clear: give --tls-cert and --tls-key, or end TLS in a program before this one and say --behind-proxy"
)


def serve(
    workspace: Workspace,
    reference: str | None,
    *,
    host: str = "127.0.0.1",
    port: int = 8400,
    processes: int | None = None,
    tls: tuple[Path, Path] | None = None,
    behind_proxy: bool = False,
    log: Form = "text",
    requests: Requests = "errors",
    door: AbstractContextManager[object] | None = None,
    announce: Callable[[str, str], None] = lambda release, url: None,
) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP. `announce` is told the release and the address once it answers. `tls` are certificate and key.
    `processes` of each release: as many as cores that may be used when None.

    `log` and `requests` say in which form to log, and which requests; `behind_proxy` that another program ends TLS before this one.
    `door` is what else is open while it answers.
    Raises KeyFileError when certificate or key cannot be used, VerificationError when the log was tampered with, ConflictError when
    another release is in production than the one named, UsageError when there is nothing to serve or others could ask without an API
    key, AddressInUseError when the port is taken.
    """
    check_exposure(host, KeyFile(workspace.service).load())
    workspace.check_log()
    initial, first = _initial(workspace, reference)
    # What cannot stand beside the service is told before it answers anybody: a service that ends for it would have had callers.
    beside: Sequence[AbstractContextManager[object] | None] = (Watching(workspace), Duties(workspace), telemetry(workspace), door)
    with ExitStack() as running:

        def announced(url: str) -> None:
            if first is not None:
                _put_first(workspace, first)
            for one in filter(None, beside):
                running.enter_context(one)
            announce(status(workspace)["production"]["release"], url)

        worker_log = running.enter_context(service_log(workspace.service, log, requests))
        audit = running.enter_context(ControlAudit(workspace))
        if tls is None and not behind_proxy and not is_loopback(host):
            _log.warning(IN_THE_CLEAR, host)
        supervisor = Supervisor(
            workspace.path,
            partial(_resolve, workspace),
            host=host,
            port=port,
            processes=processes or usable_cores(),
            tls=tls,
            worker_log=worker_log,
            prediction_log=_prediction_log(workspace),
            audit=audit,
            watched=lambda: watched(workspace),
        )
        asyncio.run(supervisor.serve(initial, announce=announced))


def _resolve(workspace: Workspace, release: str) -> tuple[Path, PublicKey]:
    """Folder and key of a release that may be served."""
    verified = verify_reference(workspace, release)
    schema = verified.bundle.schema
    _check_redaction(workspace, release, (*schema.feature_names, *schema.also))
    return verified.path, workspace.public_key()


def _initial(workspace: Workspace, reference: str | None) -> tuple[str | None, Ref | None]:
    """What to begin with, and the reference to put into production once it answers (None when production stands already)."""
    registry = workspace.registry()
    system = workspace.project.system
    production = registry.state().pointers.get((system, "production"))
    if production is None:
        if reference is None:
            raise UsageError(f"nothing of {system} is in production yet.", hint=f"Name the first release: gonogo serve {system}@VERSION.")
        entry = registry.resolve(Ref.parse(reference))
        return f"{system}@{entry.version}", Ref(system, str(entry.version))
    live = f"{system}@{production}"
    if reference is not None and str(registry.resolve(Ref.parse(reference)).version) != str(production):
        raise ConflictError(f"{live} is in production, not {reference}.", hint=f"Move the traffic: gonogo rollout start {reference}.")
    return (None if (workspace.service / "route.json").exists() else live), None


def _prediction_log(workspace: Workspace) -> PredictionLog | None:
    declared = workspace.project.prediction_log
    if declared is None:
        return None
    slices = workspace.project.monitor.labels.slices
    return PredictionLog(declared.sample, WriterRules(keep_days=declared.keep_days, redact=dict(declared.redact), slices=slices))


def _check_redaction(workspace: Workspace, release: str, names: Sequence[str]) -> None:
    """A name that is misspelt would be a value in the log that nobody wanted there."""
    declared = workspace.project.prediction_log
    wrong = [] if declared is None else [name for name in declared.redact if name not in names]
    if wrong:
        raise ConflictError(
            f"{release} has no feature or output {', '.join(wrong)}, which the prediction log is to redact.",
            hint="Mend `prediction_log.redact` in gonogo.yaml.",
        )


def _put_first(workspace: Workspace, first: Ref) -> None:
    registry = workspace.registry()
    entry = registry.resolve(first)
    registry.move_pointer(
        first.system,
        "production",
        entry.version,
        verdict_digest=entry.verdict_digest,
        expected=None,
        reason="first release, put into service",
        actor=settings.actor(),
    )
