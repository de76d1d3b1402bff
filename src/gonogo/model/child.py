"""The isolated child: `python -I -m gonogo.model.child SCRATCH`.

It reads SCRATCH/request.json, gives up what `isolation` lists, and only then opens the model. It leaves SCRATCH/result.json, written last
and in one piece, so that a child that dies on the way has left no result. Nothing heavy is imported before the isolation is in force: a
namespace needs a process of one thread.

Request: {"task", "model", "format", "options", "pipeline", "seconds", "memory_mib", "accept_weaker", "parent",
"arrays": table of contents, "request": {…}}.
Result: {"facts": {…}, "arrays": [names], "isolation": "…"} or {"error": {"kind", "message", "hint"}}.
Tasks: "inspect" → what the model says about itself; "predict" → every floating output, or the
numbers of the named ones as floats, in chunks of `request.chunk` rows (of those in `request.finite` only whether all of a row are finite,
1 or 0); "weights" → the tensors of the file, without running it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

CHUNK, CELLS = 4096, 1 << 20  #: rows that are computed together, and numbers: a window has a thousand of them


def main(scratch: Path) -> None:
    """Do one task and leave one result."""
    request = json.loads((scratch / "request.json").read_bytes())
    try:
        result = _work(scratch, request)
    except MemoryError:
        result = _error("memory", "")
    except Exception as error:  # the boundary of the child: whatever it was, the parent hears it
        result = _explain(error)
    text = json.dumps(result).encode()
    beside = scratch / "result.part"
    beside.write_bytes(text)
    os.replace(beside, scratch / "result.json")


def _work(scratch: Path, request: dict[str, Any]) -> dict[str, Any]:
    from gonogo.model.isolation import die_with_parent, enter_isolation, limit_resources

    die_with_parent(request["parent"])
    if request["task"] in ("inspect", "predict"):
        from gonogo.model.source import prepare

        prepare(request["format"])
    limits = limit_resources(seconds=request["seconds"], memory_mib=request["memory_mib"])
    entered = enter_isolation(writable=(scratch,), accept_weaker=request["accept_weaker"])

    isolation = f"process, {limits}, {entered}"
    if request["task"] == "weights":
        from gonogo.model.weights import read_weights

        return {"facts": read_weights(Path(request["model"])).to_json(), "arrays": [], "isolation": isolation}

    from gonogo.model.runtime import inspect
    from gonogo.model.source import ModelSource

    pipeline = Path(request["pipeline"]) if request["pipeline"] else None
    loaded = ModelSource(Path(request["model"]), request["format"], request["options"], pipeline).load()
    names: list[str] = []
    facts: dict[str, Any] = inspect(loaded).to_json()
    if request["task"] == "predict":
        names = _predict(scratch, loaded, request)
    elif request["task"] != "inspect":
        raise ValueError(f"no task is called {request['task']!r}")
    return {"facts": facts, "arrays": names, "isolation": isolation}


def _predict(scratch: Path, loaded: Any, request: dict[str, Any]) -> list[str]:
    import numpy as np

    from gonogo.errors import ModelError
    from gonogo.model.parcel import open_arrays, write_arrays
    from gonogo.model.schema import FLOATS, INTEGERS

    arrays = open_arrays(scratch, request["arrays"])
    rows = {array.shape[0] for array in arrays.values()}
    if len(rows) != 1 or rows == {0}:
        raise ValueError(f"the batch has inputs of {sorted(rows)} rows")
    usual = max(1, min(CHUNK, CELLS // max(1, sum(array.shape[1] for array in arrays.values()))))
    total, chunk = rows.pop(), int(request["request"].get("chunk", usual))
    floating = [output.name for output in loaded.outputs if output.dtype in FLOATS]
    wanted = request["request"].get("outputs") or floating
    numbers = {output.name for output in loaded.outputs if output.dtype in (*FLOATS, *INTEGERS)}
    if not set(wanted) <= numbers:
        raise ModelError(f"the model has no output of numbers {', '.join(sorted(set(wanted) - numbers))}.")
    told = request["request"].get("finite", ())
    parts: dict[str, list[Any]] = {name: [] for name in wanted}
    for start in range(0, total, chunk):
        batch = {name: array[start : min(start + chunk, total)] for name, array in arrays.items()}
        for name, value in loaded.run(batch, wanted).items():
            if value.shape[:1] != (min(chunk, total - start),):
                raise ModelError(f"output {name!r} has the shape {value.shape} for {min(chunk, total - start)} rows.")
            given = np.isfinite(value.reshape(len(value), -1)).all(axis=1) if name in told else value
            parts[name].append(given if given.dtype in (np.float32, np.float64) else given.astype(np.float64))
    for entry in request["arrays"]:
        (scratch / entry["file"]).unlink()
    write_arrays(scratch, {name: np.concatenate(values) for name, values in parts.items()})
    return list(parts)


def _explain(error: Exception) -> dict[str, Any]:
    from gonogo.errors import GonogoError
    from gonogo.model.encode import RowErrors

    # The runtime's own way to say MemoryError has no type of its own.
    if any(words in str(error) for words in ("bad_alloc", "Failed to allocate memory", "bad allocation")):
        return _error("memory", str(error))
    if isinstance(error, RowErrors):  # rows that were encoded well, and that the model's own pipeline refuses
        hint = 'A category that may come needs a place in the pipeline, or `"unknown": "other"`; a missing value needs an impute step.'
        return _error("ModelError", f"the model's pipeline refuses rows: {error.message}", hint)
    if isinstance(error, GonogoError):
        return _error(type(error).__name__, error.message, error.hint)
    return _error("other", f"{type(error).__name__}: {error}")


def _error(kind: str, message: str, hint: str = "") -> dict[str, Any]:
    return {"error": {"kind": kind, "message": message[:2000], "hint": hint[:500]}}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
