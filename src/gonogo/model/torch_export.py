"""TorchScript and torch.export files, run in the isolated child. PyTorch is an extra: `pip install gonogo[torch]`.

Such a file is a program, and its archive may hold pickles, so it is loaded in the child only, never in this process.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from gonogo.errors import MissingExtraError, ModelError

CHUNK = 1024  #: rows computed together


def require_torch() -> None:
    """Raises MissingExtraError when PyTorch is not installed; it is not imported here."""
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError("running a PyTorch file", "torch")


def run_in_child(scratch: Path, request: dict[str, Any]) -> list[str]:
    """Load the file, compute the batch, leave the array "output" [rows, columns]. Raises ModelError when the program fails."""
    import numpy as np

    from gonogo.model.parcel import open_arrays, write_arrays

    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(1)
    arrays = open_arrays(scratch, request["arrays"])
    rows = {array.shape[0] for array in arrays.values()}
    if len(rows) != 1:
        raise ModelError(f"the batch has inputs of {sorted(rows)} rows.")
    total, parts = rows.pop(), []
    try:
        program = _load(torch, request["model"])
        with torch.inference_mode():
            for start in range(0, total, CHUNK):
                batch = [torch.from_numpy(np.array(array[start : start + CHUNK])) for array in arrays.values()]
                output = program(*batch)
                parts.append(np.asarray((output[0] if isinstance(output, tuple | list) else output).to(torch.float64).cpu()))
    except ModelError:
        raise
    except Exception as error:  # PyTorch's errors have no common root; here they become one of ours
        raise ModelError(f"the PyTorch program cannot compute this batch: {(str(error).splitlines() or [''])[0][:300]}") from error
    result = np.concatenate(parts)
    if result.ndim == 1:
        result = result[:, None]
    if result.ndim != 2 or len(result) != total:
        raise ModelError(f"the PyTorch program gives the shape {result.shape} for {total} rows.")
    for entry in request["arrays"]:
        (scratch / entry["file"]).unlink()
    write_arrays(scratch, {"output": result})
    return ["output"]


def _load(torch: Any, path: str) -> Any:
    """TorchScript has its code in the archive; the other kind is torch.export's."""
    import zipfile

    with zipfile.ZipFile(path) as archive:
        scripted = any("/code/" in name for name in archive.namelist())
    if scripted:
        return torch.jit.load(path, map_location="cpu").eval()
    return torch.export.load(path).module()
