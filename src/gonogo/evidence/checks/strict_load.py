"""Do the weights fit the architecture?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.checks.architecture import declared_architecture
from gonogo.evidence.declared import declared_file, read_structured
from gonogo.evidence.inputs import SandboxPort
from gonogo.evidence.record import Fact, Measurement

Shapes = Mapping[str, tuple[int, ...]]


class StrictLoad(Check):
    """Would the checkpoint load strictly: has it every tensor of the architecture, in the same shape, and no other?

    What is expected is declared in files.metadata as `architecture: {tensors: {NAME: [ROWS, COLUMNS]}}`, or is what the file that `against`
    names holds (the last checkpoint, an export of the same module). Names and shapes are compared in the isolated child's answer; the
    model's framework is not needed.
    """

    name = "strict_load"
    facts: ClassVar = {
        "expected": "tensors of the architecture",
        "missing_keys": "those that the checkpoint lacks",
        "unexpected_keys": "tensors of the checkpoint that the architecture has not",
        "shape_mismatches": "tensors of another shape",
    }
    options: ClassVar = {"file": "checkpoint_best", "against": ""}

    def measure(self, files: Mapping[str, Path], sandbox: SandboxPort) -> Measurement:
        path = declared_file(files, self.chosen["file"])
        found, isolation = _shapes(path, sandbox)
        if self.chosen["against"]:
            expected, _ = _shapes(declared_file(files, self.chosen["against"]), sandbox)
        else:
            expected = _declared(read_structured(declared_file(files, "metadata")))
        missing, unexpected = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
        other = [name for name in sorted(expected.keys() & found.keys()) if expected[name] != found[name]]
        return Measurement(
            {
                "expected": Fact(len(expected)),
                "missing_keys": Fact(len(missing)),
                "unexpected_keys": Fact(len(unexpected)),
                "shape_mismatches": Fact(len(other)),
            },
            (
                *(f"missing: {name}" for name in missing),
                *(f"unexpected: {name}" for name in unexpected),
                *(f"{name} has the shape {list(found[name])}, not {list(expected[name])}" for name in other),
            ),
            isolation=isolation,
        )


def _shapes(path: Path, sandbox: SandboxPort) -> tuple[Shapes, str]:
    weights, isolation = sandbox.weights(path)
    tensors = weights.model()
    if not tensors:
        raise DataError(f"{path.name} holds no tensors of a model.")
    return {tensor.name: tensor.shape for tensor in tensors}, isolation


def _declared(metadata: Any) -> Shapes:
    tensors = declared_architecture(metadata, "metadata").get("tensors")
    if not isinstance(tensors, Mapping) or not tensors:
        raise DataError(
            "the metadata declares no tensors.",
            hint="Write `architecture: {tensors: {NAME: [ROWS, COLUMNS]}}`, or set the option `against`.",
        )
    if not all(isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape) for shape in tensors.values()):
        raise DataError("a shape in the metadata is no list of whole numbers.")
    return {str(name): tuple(shape) for name, shape in tensors.items()}
