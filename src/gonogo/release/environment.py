"""The environment lock: with what exactly the bundle was made and is meant to be served.

Two parts in one text file: our own runtime (the Python version, and every distribution that gonogo needs to serve, exactly), and, when
the project declares a lock of its own, that lock word for word.
"""

from __future__ import annotations

import platform
import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from gonogo.errors import DataError, UsageError

FORMAT = "gonogo-environment/1"


def make_environment(declared: Path | None, extra: str = "") -> str:
    """The lock's text; `extra` is the extra of gonogo that the model's runtime needs.

    Raises DataError when the declared lock cannot be read, UsageError when gonogo is not installed.
    """
    lines = [f"# {FORMAT}", f"# python {platform.python_version()} ({platform.python_implementation()}, {platform.machine()})"]
    lines += [f"{name}=={version}" for name, version in sorted(runtime_packages(extra).items())]
    if declared is not None:
        try:
            text = declared.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"the environment lock {declared} cannot be read: {error}.", hint="Mend `environment` in gonogo.yaml."
            ) from error
        lines += ["", "# the project's own lock, word for word", *text.splitlines()]
    return "\n".join(lines) + "\n"


def runtime_packages(extra: str = "", root: str = "gonogo") -> dict[str, str]:
    """Name → version of what is needed to serve: `root` and, recursively, whatever it requires and is installed. Of the extras only
    `extra` counts, the one that the model's runtime needs."""
    found: dict[str, str] = {}
    waiting = [(root, extra)]
    while waiting:
        name, chosen = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in found:
            continue
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            if name == root:
                raise UsageError(f"{root} is not installed in this Python.", hint="Install it: pip install gonogo") from None
            continue  # needed on another platform only
        found[key] = distribution.version
        for text in distribution.requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": chosen}):
                waiting.append((requirement.name, ""))
    return found
