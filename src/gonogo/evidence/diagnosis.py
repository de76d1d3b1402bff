"""What this machine has: the parts of a diagnosis that `gonogo doctor` and the check of that name share."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from gonogo import settings
from gonogo.errors import ChildError, UsageError
from gonogo.evidence.commands import MARK, run_command
from gonogo.evidence.lock import normalised

IMPORT_SECONDS = 120.0
PROBE_SECONDS = 30.0
#: Variables that our own processes hand to each other; they are no settings.
INTERNAL = frozenset({MARK, "GONOGO_FAILPOINT"})
#: Asks the driver itself, as every CUDA program does; a card that is there but cannot be used is none.
_CUDA = """
import ctypes
cuda, count = ctypes.CDLL("libcuda.so.1"), ctypes.c_int()
assert cuda.cuInit(0) == 0 and cuda.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
name = ctypes.create_string_buffer(100)
assert cuda.cuDeviceGetName(name, 100, 0) == 0
print(f"{count.value} x {name.value.decode()}")
"""


@dataclass(frozen=True)
class Accelerator:
    """`state` is present, absent or not needed; `ok` is whether that is what was asked for."""

    state: str
    ok: bool
    detail: str


def python_is(wanted: str) -> bool:
    """Whether this Python meets a specifier such as ">=3.10". Raises UsageError when it is none."""
    try:
        return SpecifierSet(wanted).contains(platform.python_version(), prereleases=True)
    except InvalidSpecifier:
        raise UsageError(f"{wanted!r} says nothing about a version.", hint='Write, for example, ">=3.10".') from None


def installed_version(package: str) -> str:
    """The version of a package as it is installed here, "" when it is not."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def package_troubles(wanted: Sequence[str]) -> dict[str, str]:
    """What is wrong with packages such as "numpy>=1.20", by package: not installed, too old, or it cannot be imported.

    They are imported in a child process: a package may do anything when it is imported. Raises UsageError for what is no requirement.
    """
    requirements = [requirement(text) for text in wanted]
    owners = metadata.packages_distributions()
    troubles, modules = {}, {}
    for one in requirements:
        version = installed_version(one.name)
        if not version:
            troubles[one.name] = "is not installed"
            continue
        if not one.specifier.contains(version, prereleases=True):
            troubles[one.name] = f"is {version}, not {one.specifier}"
            continue
        names = [name for name, owned in owners.items() if normalised(one.name) in map(normalised, owned) and name.isidentifier()]
        # The module that is called like the package says whether it works; the others are its parts.
        like = [name for name in names if normalised(name) == normalised(one.name)]
        modules[one.name] = like or [name for name in names if not name.startswith("_")]
    if not _import_trouble([name for found in modules.values() for name in found]):
        return troubles
    return troubles | {name: trouble for name, found in modules.items() if (trouble := _import_trouble(found))}


def requirement(text: str) -> Requirement:
    """A package such as "numpy>=1.20". Raises UsageError when it is none."""
    try:
        return Requirement(text)
    except InvalidRequirement:
        raise UsageError(f"{text!r} is no package.", hint='Write, for example, "numpy>=1.20".') from None


def _import_trouble(modules: Sequence[str]) -> str:
    if not modules:
        return ""  # it is installed and brings nothing to import: a command, or types
    try:
        done = run_command([sys.executable, "-I", "-c", f"import {', '.join(modules)}"], folder=Path.cwd(), seconds=IMPORT_SECONDS)
    except ChildError as error:
        return f"cannot be imported: {error}"
    return "" if done.exit_code == 0 else f"cannot be imported: {done.last_words}"


def configuration_errors(environment: Mapping[str, str] | None = None) -> list[str]:
    """Variables that start with GONOGO_ and are no setting, and settings whose value is none."""
    given = os.environ if environment is None else environment
    known = {setting.env: setting for setting in settings.SETTINGS}
    found = [f"{name} is no setting" for name in sorted(given) if name.startswith("GONOGO_") and name not in {*known, *INTERNAL}]
    for setting in known.values():
        if isinstance(setting.default, float) and setting.env in given:
            try:
                settings.number(setting.name, given)
            except UsageError as error:
                found.append(str(error))
    return found


def accelerator(wanted: str) -> Accelerator:
    """Whether an accelerator can be used through CUDA; `wanted` is required, optional or none (then nothing is asked)."""
    if wanted == "none":
        return Accelerator("not needed", True, "the project asks for none")
    try:
        done = run_command([sys.executable, "-I", "-c", _CUDA], folder=Path.cwd(), seconds=PROBE_SECONDS)
    except ChildError as error:
        return Accelerator("absent", wanted == "optional", str(error))
    if done.exit_code == 0:
        return Accelerator("present", True, done.last_words)
    return Accelerator(
        "absent", wanted == "optional", "no card that CUDA can use" + ("" if wanted == "optional" else ": install its driver")
    )
