"""`gonogo doctor`: what this machine and this project have, and what to mend.

Each line has a name and says whether it is as it must be; all of them together are the exit code. Rows S0-1.4, S0-4.3b and S0-5.4 of the
requirements: python, imports, accelerator, data, model, configuration.
"""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gonogo.errors import GonogoError
from gonogo.evidence.diagnosis import accelerator, configuration_errors, installed_version

if TYPE_CHECKING:
    from gonogo.checklist.project import Project
from gonogo.operations.workspace import Workspace

LIBRARIES = ("numpy", "onnxruntime", "duckdb", "cryptography", "msgspec", "httptools", "uvloop", "yaml", "jinja2")
LEAST_PYTHON = (3, 11)
LEAST_FREE = 1 << 30
CHILD_SECONDS = 30


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `ok` False needs mending, and `detail` says how."""

    what: str
    ok: bool
    detail: str


def doctor(project: Path) -> list[Finding]:
    libraries = [_library(name) for name in LIBRARIES]
    findings = [_python(), *libraries, _imports(libraries), _isolation(), _disk(project), _cores(), _configuration()]
    if project.exists() and (project.is_file() or (project / "gonogo.yaml").exists()):
        findings += _project(project)
    else:
        findings.append(Finding("project", True, f"there is no {project}; `gonogo init` writes one"))
    return findings


def _python() -> Finding:
    ok = sys.version_info >= LEAST_PYTHON
    return Finding("python", ok, platform.python_version() + ("" if ok else ": 3.11 or newer is needed"))


def _library(name: str) -> Finding:
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        return Finding(name, False, f"cannot be imported ({error}): pip install --force-reinstall gonogo")
    version = getattr(module, "__version__", "") or installed_version({"yaml": "pyyaml"}.get(name, name))
    return Finding(name, True, version or "present")


def _imports(libraries: list[Finding]) -> Finding:
    broken = [found.what for found in libraries if not found.ok]
    return Finding("imports", not broken, f"do not work: {', '.join(broken)}" if broken else f"all {len(libraries)} libraries work")


def _isolation() -> Finding:
    """Measured in a child, as a check would run a model."""
    program = "from gonogo.model.isolation import enter_isolation; print(enter_isolation())"
    child = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=CHILD_SECONDS, check=False)
    said = (child.stdout if child.returncode == 0 else child.stderr).strip().splitlines()
    return Finding("isolation", child.returncode == 0, said[-1] if said else f"the child ended with {child.returncode}")


def _disk(project: Path) -> Finding:
    root = project if project.is_dir() else project.parent
    free = shutil.disk_usage(root if root.exists() else Path()).free
    return Finding("disk", free > LEAST_FREE, f"{free / (1 << 30):.1f} GiB free" + ("" if free > LEAST_FREE else ": free some space"))


def _cores() -> Finding:
    return Finding("cores", True, str(os.cpu_count() or 1))


def _configuration() -> Finding:
    errors = configuration_errors()
    return Finding("configuration", not errors, "; ".join(errors) or "every setting has a value that it may have")


def _project(project: Path) -> list[Finding]:
    from gonogo.checklist.load import load_pack
    from gonogo.operations.workspace import Workspace

    try:
        workspace = Workspace.open(project)
        pack = load_pack(workspace.project.pack, workspace.project)
    except GonogoError as error:
        return [Finding("project", False, str(error))]
    wanted = accelerator(workspace.project.accelerator)
    return [
        Finding("project", True, f"{workspace.project.system}, pack {pack.name} with {len(pack.gate.items)} items"),
        Finding("accelerator", wanted.ok, f"{wanted.state}: {wanted.detail}"),
        _data(workspace.project),
        _model(workspace),
        *_environment(workspace.project),
        _people(workspace.project, pack.roles),
    ]


def _data(project: Project) -> Finding:
    tables = {"train": project.data.train, "validation": project.data.validation, "test": project.data.test}
    declared = {name: path for name, path in tables.items() if path is not None}
    gone = [project.shown(path) for path in declared.values() if not (path.is_file() and path.stat().st_size)]
    return Finding("data", not gone, f"not there or empty: {', '.join(gone)}" if gone else f"{', '.join(declared)}: there")


def _model(workspace: Workspace) -> Finding:
    """Loaded as the gate loads it: in a child that can do nothing but compute."""
    from gonogo.model.source import ModelSource

    try:
        model = workspace.project.model
        inspection, isolation = workspace.sandbox().inspect(ModelSource.declared(model.path, model.options, model.pipeline))
    except GonogoError as error:
        return Finding("model", False, str(error))
    return Finding("model", True, f"loads, {len(inspection.inputs)} inputs ({isolation})")


def _environment(project: Project) -> list[Finding]:
    """How far this machine has the packages that the model was trained with. Serving needs none of them, so a difference is no fault."""
    if project.environment is None:
        return []
    from gonogo.evidence.lock import read_lock

    try:
        pins = [pin for pin in read_lock(project.environment).pins if pin.counts and pin.name != "python"]
    except GonogoError as error:
        return [Finding("environment", False, str(error))]
    apart = [f"{pin.name}=={pin.version}" for pin in pins if installed_version(pin.name) != pin.version]
    said = f"; training here needs {', '.join(apart[:5])}{' …' if len(apart) > 5 else ''}" if apart else ""
    return [Finding("environment", True, f"{len(pins) - len(apart)} of {len(pins)} packages of the lock are installed as locked{said}")]


def _people(project: Project, roles: Iterable[str]) -> Finding:
    missing = sorted(set(roles) - set(project.people))
    hint = f"nobody has the role {', '.join(missing)}: gonogo key new NAME --role {missing[0]}" if missing else "every role has a key"
    return Finding("people", not missing, hint)
