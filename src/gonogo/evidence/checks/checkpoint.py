"""Can the saved weights be read, and do they hold what they should?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from gonogo.errors import ModelError
from gonogo.evidence.check import Check
from gonogo.evidence.declared import declared_path
from gonogo.evidence.inputs import SandboxPort
from gonogo.evidence.record import Fact, Measurement


class Checkpoint(Check):
    """Is the checkpoint there, readable, whole, and free of NaN?

    The file that `file` names under `files` in gonogo.yaml: written by torch.save (1.6 or newer) or torch.jit.save, safetensors or ONNX.
    It is read in the isolated child by a reader that knows tensors and nothing else; a checkpoint that needs more is not readable.
    """

    name = "checkpoint"
    facts: ClassVar = {
        "exists": "whether the file is there",
        "readable": "whether it could be read to its end",
        "keys_missing": "entries of `keys` that it lacks; all of them when it cannot be read",
        "format": "its format, told by its content",
        "tensors": "tensors in it",
        "non_finite_tensors": "those in whose storage there is NaN or infinity",
        "parameters": "learnt values of the model in it",
    }
    options: ClassVar = {"file": "checkpoint_best", "keys": []}

    def measure(self, files: Mapping[str, Path], sandbox: SandboxPort) -> Measurement:
        name, keys = self.chosen["file"], list(self.chosen["keys"])
        path = declared_path(files, name)
        unread = {"exists": Fact(path.is_file()), "readable": Fact(False), "keys_missing": Fact(len(keys))}
        if not path.is_file():
            return Measurement(unread, (f"{name}: there is no file {path.name}",))
        try:
            weights, isolation = sandbox.weights(path)
        except ModelError as error:
            return Measurement(
                unread, (f"{name}: {error.message}", "restore it from a copy, go back to the version before, or train again")
            )
        missing = [key for key in keys if key not in weights.keys]
        broken = [tensor for tensor in weights.tensors if tensor.non_finite]
        return Measurement(
            {
                "exists": Fact(True),
                "readable": Fact(bool(weights.tensors)),
                "keys_missing": Fact(len(missing)),
                "format": Fact(weights.format),
                "tensors": Fact(len(weights.tensors)),
                "non_finite_tensors": Fact(len(broken)),
                "parameters": Fact(weights.parameters),
            },
            (
                *(f"{name}: the entry {key!r} is missing" for key in missing),
                *(f"{name}: {tensor.name} holds {tensor.non_finite} values that are NaN or infinite" for tensor in broken),
                *([] if weights.tensors else [f"{name}: it holds no tensors"]),
            ),
            isolation=isolation,
        )
