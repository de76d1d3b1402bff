"""ONNX models through ONNX Runtime, on one thread, from bytes.

One thread and no spinning, because a worker owns one core and two spinning pools slow each other down. The bytes are outlined before the
runtime sees them, so that a truncated file is called truncated, and weights outside the file are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, ClassVar

from gonogo.errors import ModelError
from gonogo.model import rows_at_once
from gonogo.model.declared import Declared, first_line
from gonogo.model.formats import check_onnx
from gonogo.model.runtime import NO_OPTIONS, Array, GraphOutput, shaped
from gonogo.model.schema import INPUTS, GraphInput

_SHORT = {"float32": "float", "float64": "double"}  #: where ONNX Runtime has a word of its own
_DTYPES = {f"tensor({_SHORT.get(name, name)})": name for name in INPUTS}
_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_SILENT = 4  # fatal only: the errors are raised, and a worker's standard error belongs to the worker


class OnnxRuntime:
    """Loads ONNX bytes. See `gonogo.model.runtime.Runtime`."""

    name: ClassVar[str] = "onnx"

    def prepare(self) -> None: ...

    def load(self, data: bytes, options: Mapping[str, Any] = NO_OPTIONS) -> OnnxModel:
        """Load a model. Raises ModelError when the bytes are truncated, not ONNX, or a graph that cannot be served."""
        import onnxruntime as ort

        declared = Declared.read(options)
        check_onnx(data)
        device = declared.settled_device(_CUDA in ort.get_available_providers(), "ONNX Runtime")
        settings = ort.SessionOptions()
        settings.intra_op_num_threads = 1
        settings.inter_op_num_threads = 1
        settings.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        settings.log_severity_level = _SILENT
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        settings.add_session_config_entry("session.inter_op.allow_spinning", "0")
        try:
            # Operators that CUDA lacks are computed by the CPU.
            session = ort.InferenceSession(data, settings, providers=[_CUDA, _CPU] if device == "cuda" else [_CPU])
        except Exception as error:  # the runtime's errors have no common root; here they become one of ours
            missing = "NOT_IMPLEMENTED" in str(error)
            hint = "Export it with float32 inputs: some operators have no form for float64." if missing else "Export it again."
            raise ModelError(f"ONNX Runtime cannot load the model: {first_line(error)}", hint=hint) from error
        session.disable_fallback()
        session._model_bytes = None  # kept for that fallback only, and as large as the model
        if device == "cuda" and _CUDA not in session.get_providers():  # it falls back without a word
            device = declared.settled_device(False, "ONNX Runtime")
        return OnnxModel(session, ort.RunOptions, device)


class OnnxModel:
    """A session with its description. See `gonogo.model.runtime.Loaded`."""

    def __init__(self, session: Any, new_call: Callable[[], Any], device: str) -> None:
        self._run = session.run
        self._new_call = new_call
        self._call = new_call()  #: what every call under way holds, and so what ends them
        self.device = device
        self.inputs: tuple[GraphInput, ...] = tuple(_graph_input(item) for item in session.get_inputs())
        self.outputs: tuple[GraphOutput, ...] = tuple(
            GraphOutput(item.name, _DTYPES.get(item.type, item.type), _any_rows(_dimensions(item.shape))) for item in session.get_outputs()
        )
        self._rows_at_once = rows_at_once.settled([_dimensions(item.shape)[0] for item in session.get_inputs()])
        self.metadata: Mapping[str, str] = rows_at_once.described(session.get_modelmeta().custom_metadata_map, self._rows_at_once)
        self._shaped = any(item.shape for item in self.inputs)
        self._names = [output.name for output in self.outputs]
        if not self.inputs:
            raise ModelError("the model's graph has no inputs.")

    def run(self, batch: Mapping[str, Array], outputs: Sequence[str] | None = None) -> dict[str, Any]:
        """Compute the named outputs (default: all). Raises ModelError when the graph refuses the batch."""
        names = self._names if outputs is None else outputs
        try:
            given = shaped(self.inputs, batch) if self._shaped else batch
            if not self._rows_at_once:
                return dict(zip(names, self._run(names, given, self._call), strict=True))
            return rows_at_once.in_pieces(
                self._rows_at_once, given, lambda piece: dict(zip(names, self._run(names, piece, self._call), strict=True))
            )
        except ModelError:
            raise
        except Exception as error:  # as above
            raise ModelError(f"the model cannot compute this batch: {first_line(error)}") from error

    def interrupt(self) -> None:
        """End the calls under way; the next ones hold another object. See `gonogo.model.runtime.Loaded`."""
        ended, self._call = self._call, self._new_call()
        ended.terminate = True


def _graph_input(item: Any) -> GraphInput:
    dtype = _DTYPES.get(item.type)
    if dtype is None:
        raise ModelError(f"input {item.name!r} takes {item.type}.", hint=f"Export it with one of: {', '.join(INPUTS)}.")
    shape = _dimensions(item.shape)
    words = " x ".join("any" if size is None else str(size) for size in shape) or "a scalar"
    if len(shape) < 2:
        raise ModelError(
            f"input {item.name!r} has the shape {words}; a matrix of rows, or a tensor for each row, is needed.",
            hint="Export it with a first dimension for the rows and one or more beside it: [None, columns], [None, steps, channels].",
        )
    if len(shape) == 2:
        return GraphInput(item.name, dtype, shape[1] or 0)
    if dtype == "string" or shape[1:].count(None) > 1:
        raise ModelError(
            f"input {item.name!r} has the shape {words} of {dtype}; a tensor of numbers may have one free dimension beside the rows.",
            hint="Export it with fixed dimensions, [None, steps, channels].",
        )
    return GraphInput(item.name, dtype, prod(size or 0 for size in shape[1:]), tuple(size or 0 for size in shape[1:]))


def _dimensions(shape: Sequence[Any]) -> tuple[int | None, ...]:
    return tuple(size if isinstance(size, int) and size > 0 else None for size in shape)


def _any_rows(shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """An output's shape without the number of rows, which is ours to choose."""
    return (None, *shape[1:]) if shape else ()
