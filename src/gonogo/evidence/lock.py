"""A lock of packages: requirements files (pip) and environment files (conda).

    lock = read_lock(Path("requirements.lock"))
    lock.pins[0].version

Names are normalised (PEP 503): `Scikit_Learn` is scikit-learn. `name==1.2.3` and conda's `name=1.2.3` are pinned. Ranges, wildcards,
editable installs, links and other files (`-r`) are not: what they install can change without the lock changing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.markers import InvalidMarker, Marker

from gonogo.base.yaml_source import parse_yaml
from gonogo.errors import DataError, ProjectFileError

PINNED = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(\[[^\]]*\])?\s*===?\s*(?P<version>[^\s;,*]+)\s*(;\s*(?P<marker>.*))?")
CONDA = re.compile(r"(?:[\w./-]+::)?(?P<name>[A-Za-z0-9_][A-Za-z0-9._-]*)={1,2}(?P<version>[0-9][^\s=<>*,|]*)(=[^\s=]+)?")
HASH = re.compile(r"\s--hash=\S+")
OPTIONS = ("--hash", "--index-url", "--extra-index-url", "--find-links", "--no-binary", "--only-binary", "--require-hashes", "--no-index")
SHORT = ("-i ", "-f ")
#: "with Python 3.11" of pip-compile, "--python-version 3.12" of uv, "# python 3.11.4" by hand.
PYTHON = re.compile(r"^\s*#.*?python(?:-version)?[\s=:]+(?P<version>3\.\d+(?:\.\d+)?)", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True)
class Pin:
    """One package with one exact version. `marker` says on which machines it counts, "" on all."""

    name: str
    version: str
    marker: str = ""
    hashed: bool = False

    @property
    def counts(self) -> bool:
        """Whether it is meant for this machine; one whose marker nobody understands is."""
        try:
            return not self.marker or Marker(self.marker).evaluate()
        except InvalidMarker:
            return True


@dataclass(frozen=True)
class Lock:
    """`loose` are the lines that name no exact version; `python` is the version that the lock was made for, "" when it does not say."""

    pins: tuple[Pin, ...]
    loose: tuple[str, ...]
    python: str


def normalised(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(path: Path) -> Lock:
    """Raises DataError when the file cannot be read or names no package."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the lock {path.name} cannot be read: {error}.") from error
    lock = _conda(path, text) if path.suffix in (".yaml", ".yml") else _requirements(text)
    if not lock.pins and not lock.loose:
        raise DataError(f"the lock {path.name} names no package.", hint="Write one: pip freeze > requirements.lock")
    return lock


def _requirements(text: str, python: str = "") -> Lock:
    lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines()]
    pins, loose = [], []
    for line in lines:
        if not line or line.startswith((*OPTIONS, *SHORT)):
            continue
        found = PINNED.fullmatch(HASH.sub("", line).strip())
        if found:
            pins.append(Pin(normalised(found["name"]), found["version"], found["marker"] or "", HASH.search(line) is not None))
        else:
            loose.append(line)
    said = PYTHON.search(text)
    return Lock(tuple(pins), tuple(loose), python or (said["version"] if said else ""))


def _conda(path: Path, text: str) -> Lock:
    try:
        document = parse_yaml(text, path.name).data
    except ProjectFileError as error:
        raise DataError(f"the lock {path.name} cannot be read: {error}") from error
    listed = document.get("dependencies") if isinstance(document, Mapping) else None
    if not isinstance(listed, list):
        raise DataError(f"the lock {path.name} has no list `dependencies`.", hint="Write one: conda env export > environment.yml")
    pins, loose, python = [], [], ""
    from_pip: list[Any] = []
    for entry in listed:
        if isinstance(entry, Mapping) and set(entry) == {"pip"} and isinstance(entry["pip"], list):
            from_pip += entry["pip"]
            continue
        found = CONDA.fullmatch(str(entry).strip())
        if not found:
            loose.append(str(entry))
            continue
        pins.append(Pin(normalised(found["name"]), found["version"]))
        python = found["version"] if found["name"] == "python" else python
    inner = _requirements("\n".join(str(line) for line in from_pip))
    return Lock((*pins, *inner.pins), (*loose, *inner.loose), python)
