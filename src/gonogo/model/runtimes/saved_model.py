"""TensorFlow SavedModels from one tar, on one thread, through the signature `serving_default`.

Its files go into TensorFlow's file system in memory (`ram://`) while it is loaded, so that nothing is written to a disk and nothing is left
behind. Programs that read, write or list files while they compute, or call Python, are refused before they are loaded.

Sources: TensorFlow 2.21 (`tf.saved_model.load`, core/platform/ram_file_system.h, saved_model.proto).
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from math import prod
from typing import Any, ClassVar

import numpy as np

from gonogo.errors import ModelError
from gonogo.model import rows_at_once
from gonogo.model.archives import unpack
from gonogo.model.declared import Declared, first_line, library
from gonogo.model.one_output import OneOutput
from gonogo.model.runtime import NO_OPTIONS, Array, GraphOutput
from gonogo.model.schema import INPUTS, GraphInput

SIGNATURE = "serving_default"
_REFUSED = frozenset(
    {"ReadFile", "WriteFile", "MatchingFiles", "PyFunc", "PyFuncStateless", "EagerPyFunc", "PrintV2", "WholeFileReaderV2",
     "TextLineReaderV2", "TFRecordReaderV2", "TextLineDataset", "TFRecordDataset", "FixedLengthRecordDatasetV2"}
)  # fmt: skip
_FOLDERS = itertools.count()


class SavedModelRuntime:
    """Loads a SavedModel. See `gonogo.model.runtime.Runtime`."""

    name: ClassVar[str] = "saved_model"

    def prepare(self) -> None:
        """Find the folder for temporary files: TensorFlow asks for it when it is imported, and an isolated process finds none."""
        tempfile.gettempdir()

    def load(self, data: bytes, options: Mapping[str, Any] = NO_OPTIONS) -> OneOutput:
        """Load a model. Raises ModelError when the tar is no SavedModel, or its signature takes or gives no matrices."""
        declared = Declared.read(options)
        files = unpack(data)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # what goes wrong is raised
        tf = library("tensorflow", "a TensorFlow SavedModel", "tensorflow")
        _one_thread(tf)
        device = declared.settled_device(bool(tf.config.list_physical_devices("GPU")), "TensorFlow")
        try:
            _check_operators(files)
            model = _load(tf, files, "/GPU:0" if device == "cuda" else "/CPU:0")
            signature = model.signatures[SIGNATURE]
            specs = signature.structured_input_signature[1]
            inputs = tuple(_input(name, spec) for name, spec in specs.items())
            rows = rows_at_once.settled([spec.shape[0] for spec in specs.values()])
            every = dict(signature.structured_outputs)
            given = {name: spec for name, spec in every.items() if spec.dtype.is_floating and name not in declared.also}
        except ModelError:
            raise
        except Exception as error:  # TensorFlow's errors have no common root; here they become one of ours
            raise ModelError(f"TensorFlow cannot load the SavedModel: {first_line(error)}", hint="Save it again.") from error
        if declared.inputs:
            inputs = _agreed(declared.inputs, inputs)
        name = declared.output if declared.output in given else next(iter(given), "")
        if not name or (len(given) > 1 and name != declared.output):
            raise ModelError(
                f"the signature gives {', '.join(sorted(given)) or 'no scores'}.", hint="Name the scores as `model.output` in gonogo.yaml."
            )
        missing = [one for one in declared.also if one not in every]
        if missing:
            raise ModelError(f"the signature gives no {missing[0]!r}.", hint=f"It gives {', '.join(sorted(every))}: mend `model.also`.")

        def compute(batch: Mapping[str, Array], model: Any = model) -> Any:  # the signature does not keep the model alive
            with tf.device("/GPU:0" if device == "cuda" else "/CPU:0"):
                found = signature(**{key: tf.constant(array) for key, array in batch.items()})
            scores = found[name].numpy()
            scores = scores if scores.dtype == np.float64 else scores.astype(np.float32, copy=False)
            return {name: scores} | {one: found[one].numpy() for one in declared.also} if declared.also else scores

        also = tuple(_output(one, every[one]) for one in declared.also)
        return OneOutput(inputs, _output(name, given[name]), compute, device=device, also=also, rows=rows)


def _one_thread(tf: Any) -> None:
    with suppress(RuntimeError):  # can be set before the first computation only
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)


def _check_operators(files: Mapping[str, bytes]) -> None:
    """Raises ModelError for a program that would do more than compute."""
    messages = library("tensorflow.core.protobuf.saved_model_pb2", "a TensorFlow SavedModel", "tensorflow")
    if "saved_model.pb" not in files:
        raise ModelError("the packed model is no SavedModel: it has no saved_model.pb.")
    saved = messages.SavedModel.FromString(files["saved_model.pb"])
    operators: set[str] = set()
    for graph in (meta.graph_def for meta in saved.meta_graphs):
        operators.update(node.op for node in graph.node)
        operators.update(node.op for function in graph.library.function for node in function.node_def)
    if operators & _REFUSED:
        raise ModelError(f"the SavedModel does more than compute: {', '.join(sorted(operators & _REFUSED))}.")


def _load(tf: Any, files: Mapping[str, bytes], place: str) -> Any:
    folder = f"ram://gonogo-{next(_FOLDERS)}"
    try:
        for path, content in files.items():
            tf.io.gfile.makedirs(f"{folder}/{path}".rpartition("/")[0])
            with tf.io.gfile.GFile(f"{folder}/{path}", "wb") as file:
                file.write(content)
        with tf.device(place):
            return tf.saved_model.load(folder)
    finally:
        tf.io.gfile.rmtree(folder)


def _input(name: str, spec: Any) -> GraphInput:
    dtype, shape = spec.dtype.name if spec.dtype.name in INPUTS else None, spec.shape.as_list() if spec.shape.rank is not None else []
    tensor = len(shape) > 2 and dtype != "string" and shape[1:].count(None) <= 1
    if dtype is None or not (len(shape) == 2 or tensor):
        raise ModelError(
            f"input {name!r} takes {spec.dtype.name}{shape}.",
            hint=f"Save a signature that takes [None, columns] of {', '.join(INPUTS)}, or a tensor of numbers with fixed sizes.",
        )
    sizes = tuple(size or 0 for size in shape[1:])
    return GraphInput(name, dtype, prod(sizes), sizes if tensor else ())


def _output(name: str, spec: Any) -> GraphOutput:
    dtype = "float64" if spec.dtype.name == "float64" else "float32" if spec.dtype.is_floating else spec.dtype.name
    return GraphOutput(name, dtype, (None, *spec.shape.as_list()[1:]) if spec.shape.rank else ())


def _agreed(declared: tuple[GraphInput, ...], found: tuple[GraphInput, ...]) -> tuple[GraphInput, ...]:
    """The declared inputs, in their order. Raises ModelError when the signature has others."""
    own = {item.name: item for item in found}
    if own.keys() != {item.name for item in declared} or any(
        own[item.name].dtype != item.dtype
        or own[item.name].width not in (0, item.width)
        or len(own[item.name].shape) != len(item.shape)
        or any(fixed not in (0, size) for fixed, size in zip(own[item.name].shape, item.shape, strict=True))
        for item in declared
    ):
        words = ", ".join(f"{item.name} ({item.dtype}, {list(item.shape) or item.width or 'any'})" for item in found)
        raise ModelError(f"the signature {SIGNATURE} takes {words}, not what is declared.")
    return declared
