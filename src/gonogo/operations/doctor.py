"""`gonogo doctor`: what this machine and this project have, and what to mend."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from gonogo.errors import GonogoError

LIBRARIES = ("numpy", "onnxruntime", "duckdb", "cryptography", "msgspec", "httptools", "uvloop", "yaml", "jinja2")
LEAST_FREE = 1 << 30
CHILD_SECONDS = 30


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `ok` False needs mending, and `detail` says how."""

    what: str
    ok: bool
    detail: str


def doctor(project: Path) -> list[Finding]:
    findings = [_python(), *(_library(name) for name in LIBRARIES), _isolation(), _disk(project), _cores()]
    if project.exists() and (project.is_file() or (project / "gonogo.yaml").exists()):
        findings += _project(project)
    else:
        findings.append(Finding("project", True, f"there is no {project}; `gonogo init` writes one"))
    return findings


def _python() -> Finding:
    ok = sys.version_info >= (3, 11)
    return Finding("python", ok, platform.python_version() + ("" if ok else ": 3.11 or newer is needed"))


def _library(name: str) -> Finding:
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        return Finding(name, False, f"cannot be imported ({error}): pip install --force-reinstall gonogo")
    version = getattr(module, "__version__", "") or _distribution_version(name)
    return Finding(name, True, version)


def _distribution_version(name: str) -> str:
    try:
        return importlib.metadata.version({"yaml": "pyyaml"}.get(name, name))
    except importlib.metadata.PackageNotFoundError:
        return "present"


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


def _project(project: Path) -> list[Finding]:
    from gonogo.checklist.load import load_pack
    from gonogo.operations.workspace import Workspace

    try:
        workspace = Workspace.open(project)
        pack = load_pack(workspace.project.pack, workspace.project)
    except GonogoError as error:
        return [Finding("project", False, str(error))]
    found = [Finding("project", True, f"{workspace.project.system}, pack {pack.name} with {len(pack.gate.items)} items")]
    declared = {"model": workspace.project.model.path, "test table": workspace.project.data.test}
    found += [Finding(what, path.exists(), str(path) + ("" if path.exists() else " is not there")) for what, path in declared.items()]
    missing = sorted(set(pack.roles) - set(workspace.project.people))
    hint = f"nobody has the role {', '.join(missing)}: gonogo key new NAME --role {missing[0]}" if missing else "every role has a key"
    found.append(Finding("people", not missing, hint))
    return found
