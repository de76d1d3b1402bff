"""The run record: what was trained how, on which bytes, with what. The one thing of ours that a training script calls.

    gonogo.record_run("models/run.json", params={"trees": 40}, metrics={"roc_auc": 0.97},
                      data={"train": "data/train.parquet", "model": "models/forest.onnx"}, seed=17)

The record is written by the training side and is a claim: metrics are measured again from the model's bytes, and digests are compared
with the files that are there. It holds no rows, no absolute path and nothing of the environment but names and versions of packages and
the kind of machine.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from gonogo.base.canonical import canonical_bytes, parse_json
from gonogo.base.clock import parse_stamp, stamp
from gonogo.base.files import write_atomic
from gonogo.base.numbers import is_finite_number
from gonogo.candidate.ledger import append_run
from gonogo.errors import DataError, UsageError
from gonogo.model.formats import shipped_digest

FORMAT = "gonogo-run/1"
LEDGER = "runs.jsonl"
TEXTS = ("notes", "framework", "version", "python", "started", "finished")
MAPS = ("params", "metrics", "data", "packages")
KEYS = frozenset({"format", "seed", "features", *TEXTS, *MAPS})
STATUSES = ("CANDIDATE", "IN_PROGRESS", "REJECTED")
#: Keys that came to the format later: records without them stay readable.
LATER_TEXTS = ("hardware", "name", "family", "status", "reason")
LATER_NUMBERS = ("epochs", "seconds", "examples")
LATER = frozenset({*LATER_TEXTS, *LATER_NUMBERS})


def record_run(
    path: str | os.PathLike[str],
    *,
    params: Mapping[str, Any],
    metrics: Mapping[str, float],
    data: Mapping[str, str | os.PathLike[str]],
    seed: int | None,
    notes: str | None = None,
    features: Sequence[str] | None = None,
    framework: str | None = None,
    version: str | None = None,
    started: datetime | None = None,
    name: str | None = None,
    family: str | None = None,
    status: Literal["CANDIDATE", "IN_PROGRESS", "REJECTED"] | None = None,
    reason: str | None = None,
    epochs: int | None = None,
    seconds: float | None = None,
    examples: int | None = None,
) -> dict[str, Any]:
    """Write the record of a run to `path` and a line to `runs.jsonl` beside it, and give the record back.

    `data` names files (tables, and the model itself): each is entered with its digest and its path relative to the record. A model that is
    a folder has the digest of the file that it is packed to. `version` is the training code's (a commit, say).

    What `gonogo candidates` tells runs apart by: `name`, `family` (the kind of model), `status` and its `reason`, `epochs` and `seconds` of
    the training, `examples` that the metrics were measured on. `data["predictions"]` is a table of what the run said of each of them:
    columns `label`, `predicted`, and `row` to compare two runs on the same ones.

    Raises DataError when a file is not there, ModelError for a folder that is no model, UsageError when a value is no JSON (NaN, say) or
    not what its key takes.
    """
    place = Path(path)
    record: dict[str, Any] = {
        "format": FORMAT,
        "params": dict(params),
        "metrics": dict(metrics),
        "data": {name: _file(Path(file), place, name) for name, file in data.items()},
        "seed": seed,
        "notes": notes or "",
        "features": None if features is None else list(features),
        "framework": framework or "",
        "version": version or "",
        "python": platform.python_version(),
        "packages": _packages(),
        "hardware": _hardware(),
        "started": "" if started is None else stamp(started),
        "finished": stamp(datetime.now(UTC)),
    }
    later = {"name": name, "family": family, "status": status, "reason": reason, "epochs": epochs, "seconds": seconds, "examples": examples}
    record |= {key: value for key, value in later.items() if value is not None}
    try:
        text = canonical_bytes(record)
        _check_later(record)
    except ValueError as error:
        raise UsageError(f"the run cannot be recorded: {error}.", hint="Give plain numbers and texts; leave out what is NaN.") from error
    write_atomic(place, text + b"\n")
    append_run(place.with_name(LEDGER), record)
    return record


def read_run(path: Path) -> dict[str, Any]:
    """Read a record. Raises DataError when it is missing, damaged or of another format."""
    try:
        record = parse_json(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"there is no run record at {path}.", hint="Call gonogo.record_run at the end of the training script.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"the run record {path} cannot be read: {error}.", hint="Train again, or remove it.") from error
    try:
        check_run(record)
    except ValueError as error:
        raise DataError(f"the run record {path} is malformed: {error}.", hint="Train again, or remove it.") from error
    return dict(record)


def check_run(record: Any) -> None:
    """Raises ValueError unless the value is a record of this format, with every key and of the right types."""
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ValueError(f"not a {FORMAT} document")
    if record.keys() - LATER != KEYS:
        raise ValueError(f"unexpected or missing keys: {', '.join(sorted(record.keys() - LATER ^ KEYS))}")
    wrong = [key for key in MAPS if not isinstance(record[key], dict)] + [key for key in TEXTS if not isinstance(record[key], str)]
    if wrong:
        raise ValueError(f"wrong type: {', '.join(wrong)}")
    _check_later(record)
    for name, entry in record["data"].items():
        if not isinstance(entry, dict) or entry.keys() != {"path", "digest"} or not all(isinstance(text, str) for text in entry.values()):
            raise ValueError(f"data.{name} needs a path and a digest")
    features = record["features"]
    if features is not None and not (isinstance(features, list) and all(isinstance(name, str) for name in features)):
        raise ValueError("features must be a list of names")
    parse_stamp(record["finished"])


def _check_later(record: Mapping[str, Any]) -> None:
    wrong = [key for key in LATER_TEXTS if key in record and not isinstance(record[key], str)]
    wrong += [key for key in LATER_NUMBERS if key in record and not (is_finite_number(record[key]) and record[key] >= 0)]
    wrong += [key for key in ("epochs", "examples") if key in record and not isinstance(record[key], int)]
    if wrong:
        raise ValueError(f"wrong type: {', '.join(wrong)}")
    if record.get("status", STATUSES[0]) not in STATUSES:
        raise ValueError(f"the status is none of {', '.join(STATUSES)}")


def _file(file: Path, place: Path, name: str) -> dict[str, str]:
    if not file.exists():
        raise DataError(f"the run's file {name!r} is not at {file}.", hint="Write it before recording the run.")
    return {"path": Path(os.path.relpath(file, place.parent)).as_posix(), "digest": shipped_digest(file)}


def _packages() -> dict[str, str]:
    """Name → version of every distribution that this process has really imported something of."""
    loaded = {module.partition(".")[0] for module in sys.modules}
    owners = {owner for module, names in metadata.packages_distributions().items() if module in loaded for owner in names}
    return {name: metadata.version(name) for name in sorted(owners)}


def _hardware() -> str:
    """The machine in words, such as "x86_64, 8 cores, no accelerator". An accelerator is asked for only where the training used torch."""
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    if torch is None:
        accelerator = "accelerator not asked for (no torch)"
    elif cuda is not None and cuda.is_available():
        accelerator = f"{cuda.device_count()} × {cuda.get_device_name(0)}"
    else:
        accelerator = "no accelerator"
    return f"{platform.machine() or 'unknown machine'}, {os.cpu_count() or '?'} cores, {accelerator}"
