"""A model as it is handed to a runtime, and the one way to load it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gonogo.base import catalogue
from gonogo.errors import ModelError
from gonogo.model.formats import Shippable, check_options, model_kind, ship, sniff
from gonogo.model.pipeline import MOST_BYTES, Pipeline, PipelinedModel
from gonogo.model.runtime import Loaded


@dataclass(frozen=True)
class ModelSource:
    """The file (or folder) of a model, its format, and what the project declares for the runtime.

    `options` has only what was declared: inputs [{name, dtype, width or shape}], output, also (outputs beside it), device (cpu, cuda or
    auto), trusted (types that a skops file may build), callable ("module:function"). `pipeline` is the file of its pipeline, when it has
    one.
    """

    path: Path
    format: str = "onnx"
    options: Mapping[str, Any] = field(default_factory=dict)
    pipeline: Path | None = None

    @classmethod
    def declared(cls, path: Path, options: Mapping[str, Any], pipeline: Path | None) -> ModelSource:
        """What a project declares; whether it can be shipped is found by `check`. Raises ModelError when there is nothing to look at."""
        return cls(path, sniff(path), options, pipeline)

    def check(self) -> Shippable:
        """Its format. Raises ModelError when it cannot be shipped, or the options lack what the format needs."""
        kind = model_kind(self.path)
        check_options(kind, self.options)
        return kind

    def load(self) -> Loaded:
        """Load it into this process. Raises what `check` and `load_model` raise."""
        return load_model(self.check(), self.read(), self.options, None if self.pipeline is None else read_pipeline(self.pipeline))

    def read(self) -> bytes:
        """The bytes that a bundle holds of it; a folder is packed. Raises ModelError."""
        whole = io.BytesIO()
        ship(self.path, whole)
        return whole.getvalue()


def prepare(kind: str) -> None:
    """Start what a model of this format needs and what an isolated process could not start; `load_model` finds it.

    An unknown format needs nothing: loading it will say what is wrong.
    """
    if kind in catalogue.names("runtimes"):
        catalogue.load("runtimes", kind)().prepare()


def load_model(kind: str, data: bytes, options: Mapping[str, Any], pipeline: bytes | None = None) -> Loaded:
    """Load a model's bytes with the runtime of its format, behind its pipeline when it has one. Raises ModelError."""
    loaded: Loaded = catalogue.load("runtimes", kind)().load(data, options)
    return loaded if pipeline is None else PipelinedModel(Pipeline.parse(pipeline), loaded, tuple(options.get("also") or ()))


def read_pipeline(path: Path) -> bytes:
    """The bytes of a pipeline's file, no more than a pipeline may have. Raises ModelError."""
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ModelError(f"the pipeline {path} cannot be read: {error.strerror or error}.", hint="Mend `model.pipeline`.") from error
