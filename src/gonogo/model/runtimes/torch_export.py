"""Programs of torch.export (.pt2), in an isolated child process: PyTorch unpickles parts of such a file and resolves names in it.

The program takes one tensor for each declared input, in their order, and gives probabilities. The child has no access to a GPU.

Source: PyTorch 2.13 (`torch.export.load`: "never load data from an untrusted source").
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.errors import ModelError, UsageError
from gonogo.model import rows_at_once
from gonogo.model.declared import Declared, first_line
from gonogo.model.hosted import HostedRuntime
from gonogo.model.one_output import OneOutput
from gonogo.model.runtime import NO_OPTIONS
from gonogo.model.torch_tensors import check_inputs, served_program, torch_here


class TorchExportRuntime(HostedRuntime):
    """Hosts an exported program. See `gonogo.model.runtime.Runtime`."""

    name: ClassVar[str] = "torch_export"
    inside: ClassVar[str] = "gonogo.model.runtimes.torch_export:Inside"


class Inside:
    """What the child loads an exported program with; it is used nowhere else, since loading may run what the file says."""

    name: ClassVar[str] = "torch_export"

    def prepare(self) -> None: ...

    def load(self, data: bytes, options: Mapping[str, Any] = NO_OPTIONS) -> OneOutput:
        """Load a program. Raises ModelError when the bytes are no such program, or no inputs are declared."""
        declared = Declared.read(options)
        check_inputs(declared, "an exported program")
        declared.settled_device(False, "an isolated child")
        try:
            zipfile.ZipFile(io.BytesIO(data)).close()  # what is cut short need not wait for PyTorch
            torch = torch_here()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exported = torch.export.load(io.BytesIO(data))
                rows = rows_at_once.settled(_first_sizes(exported))
                program = exported.module()
        except UsageError:
            raise
        except Exception as error:  # whatever its reader stumbles over
            raise ModelError(
                f"PyTorch cannot load the program: {first_line(error)}", hint="Save it again with torch.export.save."
            ) from error
        return served_program(torch, program, declared, "cpu", rows)


def _first_sizes(exported: Any) -> list[int | None]:
    """The first size of each input; None where it is free."""
    taken = set(exported.graph_signature.user_inputs)
    shapes = [tuple(node.meta["val"].shape) for node in exported.graph.nodes if node.op == "placeholder" and node.name in taken]
    return [shape[0] if shape and isinstance(shape[0], int) else None for shape in shapes]
