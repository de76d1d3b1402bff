"""Is the model as large as it is said to be?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.declared import declared_file, read_structured
from gonogo.evidence.inputs import SandboxPort
from gonogo.evidence.record import Fact, Measurement

RECURRENT = re.compile(r"weight_ih_l(\d+)(_reverse)?$")
COUNTS = ("parameters", "total_params", "n_parameters", "num_parameters")


class Architecture(Check):
    """How many parameters has the model, and is that the number that its metadata declares?

    Parameters are counted in the weights, never copied: in the declared model, or in the file that `file` names under `files`. The
    declared number stands in files.metadata, under `architecture` or at the top, as `parameters` or `total_params`. Statistics of batch
    normalisation are no parameters. Files are read in the isolated child, on the CPU, without running the model.
    """

    name = "architecture"
    facts: ClassVar = {
        "parameters": "learnt values in the file",
        "declared_parameters": "their declared number",
        "parameters_ratio": "the first divided by the second",
        "matches": "whether they are the same",
        "layers": "learnt tensors of two or more dimensions: matrices and kernels",
        "recurrent_layers": "layers of the deepest recurrent part (LSTM, GRU), by the names PyTorch gives; 0 when there is none",
        "bidirectional": "whether one of these runs in both directions",
        "device": "where the tensors were kept when they were saved, all of them: cpu is the CPU",
    }
    options: ClassVar = {"file": ""}

    def measure(self, model_file: Path, files: Mapping[str, Path], sandbox: SandboxPort) -> Measurement:
        path = declared_file(files, self.chosen["file"]) if self.chosen["file"] else model_file
        metadata = read_structured(declared_file(files, "metadata"))
        declared = declared_architecture(metadata, "metadata")
        stated = next((value for key in COUNTS for part in (declared, metadata) if (value := part.get(key)) is not None), None)
        if isinstance(stated, bool) or not isinstance(stated, int) or stated <= 0:
            raise DataError(
                f"the metadata declares {stated!r} as the number of parameters.",
                hint="Write `architecture: {parameters: NUMBER}`, counted.",
            )
        weights, isolation = sandbox.weights(path)
        if not weights.parameters:
            raise DataError(f"{path.name} holds no weights that could be counted.")
        learnt = [tensor for tensor in weights.model() if tensor.learnt]
        recurrent = [found for tensor in learnt if (found := RECURRENT.search(tensor.name))]
        return Measurement(
            {
                "parameters": Fact(weights.parameters),
                "declared_parameters": Fact(stated),
                "parameters_ratio": Fact(weights.parameters / stated),
                "matches": Fact(weights.parameters == stated),
                "layers": Fact(sum(len(tensor.shape) >= 2 for tensor in learnt)),
                "recurrent_layers": Fact(1 + max((int(found[1]) for found in recurrent), default=-1)),
                "bidirectional": Fact(any(found[2] for found in recurrent)),
                "device": Fact(", ".join(sorted({tensor.device for tensor in learnt}))),
            },
            () if weights.parameters == stated else (f"{weights.parameters:,} parameters were counted, {stated:,} are declared",),
            isolation=isolation,
        )


def declared_architecture(metadata: Any, name: str) -> Mapping[str, Any]:
    """The map `architecture` of a metadata document; empty when there is none. Raises DataError when the document is no map."""
    if not isinstance(metadata, Mapping):
        raise DataError(f"the file {name!r} is no map of names to values.")
    found = metadata.get("architecture")
    return found if isinstance(found, Mapping) else {}
