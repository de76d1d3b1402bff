"""Files for operators: what runs the service, and what stands in front of it. Rendered from the project, checked by their own tools.

One template a kind in `templates/deployment/`; the values come from the project, the settings and the machine that renders.
"""

from __future__ import annotations

import math
import platform
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from gonogo import __version__, settings
from gonogo.errors import UsageError

#: What can be rendered, and the name of its file.
KINDS = {"systemd": "gonogo.service", "container": "Containerfile", "compose": "compose.yaml", "nginx": "nginx.conf", "caddy": "Caddyfile"}
#: What makes the reviews that are due on a host that schedules by itself, and the names of its files.
SCHEDULES = {"cron": ("gonogo-reviews.cron",), "systemd-timer": ("gonogo-reviews.service", "gonogo-reviews.timer")}
MORE_KINDS = (*SCHEDULES, "prometheus", "alertmanager", "grafana")  #: of `tools/`

_UNSAFE = re.compile(r"[\x00-\x20\"'\\;{}$#%]")


@dataclass(frozen=True)
class Deployment:
    """What the files say. `program` is the absolute path of `gonogo`; paths are absolute; `extras` are what the model's runtime needs."""

    system: str
    project: Path
    store: Path
    program: Path
    user: str
    owner: str  # "uid:gid" of whoever the store belongs to
    port: int = 8400
    public_port: int = 443
    server_name: str = "localhost"
    certificate: Path | None = None
    certificate_key: Path | None = None
    extras: tuple[str, ...] = ()
    width: int = 0  # numbers that the model takes a row, as far as it is known


def render_deployment(kind: str, deployment: Deployment) -> tuple[str, str]:
    """File name and text. Raises UsageError for an unknown kind, and for a path or name that such a file cannot hold."""
    if kind not in KINDS:
        raise UsageError(f"nothing is rendered for {kind!r}.", hint=f"Known: {', '.join([*KINDS, *MORE_KINDS])}.")
    values = _values(deployment)
    if kind == "nginx" and deployment.certificate is None:
        raise UsageError("nginx needs a certificate.", hint="Add --certificate FILE --certificate-key FILE.")
    if kind in ("container", "compose") and deployment.store.parent != deployment.project.parent:
        raise UsageError(
            f"{deployment.store} does not lie beside {deployment.project}.", hint="A container mounts the store beside the project file."
        )
    return KINDS[kind], _text(KINDS[kind], values)


def render_schedule(kind: str, deployment: Deployment) -> dict[str, str]:
    """Files by name, of a kind of `SCHEDULES`. Raises UsageError for a path or name that such a file cannot hold."""
    values = _values(deployment)
    return {name: _text(name, values) for name in SCHEDULES[kind]}


def _text(template: str, values: dict[str, Any]) -> str:
    environment = Environment(
        loader=PackageLoader("gonogo.reports", "templates/deployment"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - these files are no HTML; what goes into them was checked in `_values`
    )
    return environment.get_template(template).render(values)


def _values(deployment: Deployment) -> dict[str, Any]:
    """What the templates know. Raises UsageError for a value that such a file cannot hold."""
    values = _declared(deployment)
    for name, value in values.items():
        if isinstance(value, str) and _UNSAFE.search(value):
            raise UsageError(
                f"{name} {value!r} has spaces or signs that a configuration file would read as its own.", hint="Move or rename it."
            )
    return values


def _declared(deployment: Deployment) -> dict[str, Any]:
    paths = {"program": deployment.program, "project": deployment.project, "folder": deployment.project.parent, "store": deployment.store}
    return {
        **{name: str(path) for name, path in paths.items()},
        "certificate": str(deployment.certificate or ""),
        "certificate_key": str(deployment.certificate_key or ""),
        "project_name": deployment.project.name,
        "store_name": deployment.store.name,
        "system": deployment.system,
        "name": deployment.system.replace("-", "_"),
        "unit": f"gonogo-{deployment.system}.service",
        "user": deployment.user,
        "owner": deployment.owner,
        "port": deployment.port,
        "public_port": deployment.public_port,
        "server_name": deployment.server_name,
        "extras": f"[{','.join(deployment.extras)}]" if deployment.extras else "",
        "wheel": f"gonogo-{__version__}-py3-none-any.whl",
        "python": ".".join(platform.python_version_tuple()[:2]),
        "stop_seconds": math.ceil(settings.number("drain_seconds")) + 15,
        "body_mib": math.ceil(settings.request_body(deployment.width) / 2**20),
    }
