"""Is a named file there, and can it be read as what it is?"""

from __future__ import annotations

import csv
import gzip
import hashlib
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

from gonogo.base.canonical import parse_json
from gonogo.base.table import TableFiles
from gonogo.base.yaml_source import load_yaml
from gonogo.errors import DataError, GonogoError, UsageError
from gonogo.evidence.check import Check
from gonogo.evidence.declared import declared_path
from gonogo.evidence.record import Fact, Measurement

BLOCK = 1 << 20
AHEAD = timedelta(minutes=5)  #: by how much another machine's clock may be ahead


class File(Check):
    """Is the file of this name there, how large and how old is it, and can all of it be read in its format?

    `file` is one of those under `files:` in gonogo.yaml; `format` is json, yaml, csv, parquet, gzip, or empty for any. A file that is not
    there has neither age nor digest. Its age is counted from its time of change, which a copy or a checkout may renew.
    """

    name = "file"
    options: ClassVar = {"file": "", "format": ""}
    facts: ClassVar = {
        "exists": "whether it is there as a plain file",
        "bytes": "its size; 0 when it is not there",
        "parses": "whether all of it can be read in the format; only when one is given",
        "sha256": "digest of its bytes in hexadecimal digits",
        "age_days": "days since it was last changed",
    }

    def measure(self, files: Mapping[str, Path]) -> Measurement:
        name, form = self.chosen["file"], self.chosen["format"]
        if form and form not in READERS:
            raise UsageError(f"no file format is called {form!r}.", hint=f"Known: {', '.join(READERS)}.")
        path = declared_path(files, name)
        if not path.is_file():
            parses = {"parses": Fact(False)} if form else {}
            return Measurement({"exists": Fact(False), "bytes": Fact(0, "B"), **parses}, (f"{name}: there is no file {path.name}",))
        status = path.stat()
        age = datetime.now(UTC) - datetime.fromtimestamp(status.st_mtime, UTC)
        if age < -AHEAD:
            raise DataError(
                f"{path} was changed in the future, so its age is unknown.", hint="Set this machine's clock, or `touch` the file."
            )
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        facts = {
            "exists": Fact(True),
            "bytes": Fact(status.st_size, "B"),
            "sha256": Fact(sha256),
            "age_days": Fact(max(0.0, age / timedelta(days=1))),
        }
        problem = _problem(path, form) if form else ""
        if form:
            facts["parses"] = Fact(not problem)
        return Measurement(facts, (f"{name}: no {form}: {problem}",) if problem else ())


def _problem(path: Path, form: str) -> str:
    """Why the file cannot be read in its format, or ""."""
    try:
        READERS[form](path)
    except (GonogoError, ValueError, OSError, EOFError, RecursionError, zlib.error, csv.Error) as error:
        return str(error)
    return ""


def _json(path: Path) -> None:
    parse_json(path.read_text(encoding="utf-8"))


def _csv(path: Path) -> None:
    """Text in UTF-8 with a header, and as many fields in every line."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        lines = csv.reader(stream, strict=True)
        width = len(next(lines, ()))
        if not width:
            raise ValueError("it is empty")
        for fields in lines:
            if fields and len(fields) != width:
                raise ValueError(f"line {lines.line_num} has {len(fields)} fields, the header has {width}")


def _parquet(path: Path) -> None:
    """Every value is decoded: a file that was cut off or damaged in the middle is found."""
    if path.suffix.lower() != ".parquet":
        raise ValueError("a Parquet file is called *.parquet")
    with TableFiles(whole=path) as tables:
        columns = ", ".join(f"max({tables.column('whole', name)})" for name in tables.kinds["whole"])
        tables.ask(f"SELECT {columns} FROM whole")  # noqa: S608 - names are quoted


def _gzip(path: Path) -> None:
    if path.stat().st_size == 0:
        raise ValueError("it is empty")
    with gzip.open(path) as stream:
        while stream.read(BLOCK):
            pass


READERS: dict[str, Callable[[Path], object]] = {"json": _json, "yaml": load_yaml, "csv": _csv, "parquet": _parquet, "gzip": _gzip}
