"""A Python function of the project's own, in an isolated child process.

    model:
      path: scoring            # a folder with scoring.py, and what it needs beside it
      callable: scoring:predict
      inputs: [{name: x, dtype: float32, width: 30}]

    def predict(batch):        # {"x": float32 [rows, 30]}, or [rows, *shape] where a shape is declared
        return scores          # floats [rows, classes]; of two classes [rows] will do: the probability of the last one

With outputs declared as `also` the function gives them all by name: `{"probabilities": scores, "start": …}`.

The function's files are unpacked into the child's scratch folder, which is its working directory and first on its import path; what is
installed beside gonogo can be imported, too. The child has no network, starts no programs and writes nowhere else. Its memory and the time
of a call are limited (GONOGO_CHILD_MEMORY, GONOGO_CHILD_SECONDS).
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from gonogo.errors import ModelError
from gonogo.model.archives import unpack
from gonogo.model.declared import Declared
from gonogo.model.hosted import HostedRuntime
from gonogo.model.one_output import OneOutput
from gonogo.model.runtime import NO_OPTIONS, Array, GraphOutput


class CallableRuntime(HostedRuntime):
    """Hosts a function. See `gonogo.model.runtime.Runtime`."""

    name: ClassVar[str] = "callable"
    inside: ClassVar[str] = "gonogo.model.runtimes.callable:Inside"


class Inside:
    """What the child loads a function with; it is used nowhere else, since it runs whatever the archive holds."""

    name: ClassVar[str] = "callable"

    def prepare(self) -> None: ...

    def load(self, data: bytes, options: Mapping[str, Any] = NO_OPTIONS) -> OneOutput:
        """Unpack into the working directory, import, and find the function. Raises ModelError, or what the import raises."""
        declared = Declared.read(options)
        declared.settled_device(False, "an isolated child")
        inputs = declared.needed_inputs("a function")
        module, _, name = declared.callable.partition(":")
        if not module or not name:
            raise ModelError(f"{declared.callable!r} names no function.", hint="Declare `callable: module:function` in gonogo.yaml.")
        for path, content in unpack(data).items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_bytes(content)
        sys.path.insert(0, str(Path.cwd()))
        function = getattr(importlib.import_module(module), name, None)
        if not callable(function):
            raise ModelError(f"{module} has no function {name!r}.")

        def compute(batch: Mapping[str, Array]) -> Any:
            given = function(dict(batch))
            if not declared.also:
                return _scores(given)
            if not isinstance(given, dict):
                raise ModelError(f"the function gives a {type(given).__name__}, not its outputs by name.")
            missing = [name for name in (declared.output, *declared.also) if name not in given]
            if missing:
                raise ModelError(f"the function gives no {missing[0]!r}.")
            return {declared.output: _scores(given[declared.output])} | {name: np.asarray(given[name]) for name in declared.also}

        also = tuple(GraphOutput(name, "float64", ()) for name in declared.also)
        return OneOutput(inputs, GraphOutput(declared.output, "float64", ()), compute, also=also)


def _scores(given: Any) -> Array:
    scores = np.asarray(given)
    # Whole numbers are numbers; what is text, complex or an object is left for the one who checks outputs to refuse.
    return scores.astype(np.float64) if scores.dtype.kind in "iu" or scores.dtype == np.float16 else scores
