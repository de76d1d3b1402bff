"""TorchScript programs, loaded from memory by PyTorch's own reader, which knows no Python objects, on one thread.

The program takes one tensor for each declared input, in their order, and gives probabilities. One that opens files is refused.

Source: PyTorch 2.13 (`torch.jit.load`, `torch.jit.export_opnames`).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.errors import ModelError
from gonogo.model.declared import Declared, first_line
from gonogo.model.one_output import OneOutput
from gonogo.model.runtime import NO_OPTIONS
from gonogo.model.torch_tensors import check_inputs, served_program, torch_here

_OPENS_FILES = frozenset({"aten::from_file", "aten::save"})


class TorchscriptRuntime:
    """Loads TorchScript bytes. See `gonogo.model.runtime.Runtime`."""

    name: ClassVar[str] = "torchscript"

    def prepare(self) -> None: ...

    def load(self, data: bytes, options: Mapping[str, Any] = NO_OPTIONS) -> OneOutput:
        """Load a model. Raises ModelError when the bytes are no TorchScript, or no inputs are declared."""
        declared = Declared.read(options)
        check_inputs(declared, "a TorchScript program")
        torch = torch_here()
        device = declared.settled_device(torch.cuda.is_available(), "PyTorch")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript itself; a release keeps its environment
                warnings.simplefilter("ignore", FutureWarning)
                program = torch.jit.load(io.BytesIO(data), map_location=device).eval()
                operators = set(torch.jit.export_opnames(program))
        except Exception as error:  # a RuntimeError mostly, whose text is long
            raise ModelError(
                f"PyTorch cannot load the TorchScript program: {first_line(error)}", hint="Save it again with torch.jit.save."
            ) from error
        if operators & _OPENS_FILES:
            raise ModelError(f"the TorchScript program opens files: {', '.join(sorted(operators & _OPENS_FILES))}.")
        return served_program(torch, program, declared, device)
