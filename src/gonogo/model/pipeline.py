"""Pre- and post-processing, sealed with the model: a closed set of declarative steps, computed in NumPy.

    {"format": "gonogo-pipeline/1",
     "features": [{"name": "age", "type": "float"}, {"name": "city", "type": "string"}],
     "before": [{"step": "standardize", "features": ["age"], "mean": [41.5], "scale": [12.25]},
                {"step": "one-hot", "features": ["city"], "categories": [["oslo", "paris"]]}],
     "inputs": {"x": ["age", "city=oslo", "city=paris"]},
     "after": [{"step": "platt", "slope": [1.7], "intercept": [-0.2]}]}

A model with a pipeline is a model whose inputs are the raw features: schema, baseline, golden requests, checks and service know nothing
else, so that nobody can compute a feature otherwise in service than in training. There is no code in a pipeline, so it may be read
anywhere. What each step does is written in `steps/`; docs/formats/pipeline.md is the specification.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gonogo.base.canonical import parse_json
from gonogo.errors import ModelError
from gonogo.model.packing import DTYPES, LARGEST, WHOLE
from gonogo.model.runtime import Array, GraphOutput, Loaded
from gonogo.model.schema import FLOATS, GraphInput
from gonogo.model.steps import arithmetic, categories, scores
from gonogo.model.steps.frame import Columns, Frame, Index, index
from gonogo.model.steps.spec import LONGEST_NAME, Spec

FORMAT = "gonogo-pipeline/1"
MOST_BYTES = 16 << 20
MOST_STEPS = 200
#: Type of a raw feature → the input that it enters, and that input's dtype.
RAW = {"float": ("numbers", "float64"), "int": ("integers", "int64"), "bool": ("flags", "bool"), "string": ("texts", "string")}
EXACT = 2**53  #: a larger whole number is not told apart from its neighbours
OUTPUT = "probabilities"


class Before(Protocol):
    """A step on features."""

    def apply(self, frame: Frame) -> None:
        """Change the frame's columns; values that cannot be used are noted with `frame.refuse`."""


class After(Protocol):
    """A step on scores."""

    def width(self, columns: int) -> int:
        """Columns that come out when so many go in. Raises ModelError when they do not fit."""

    def apply(self, scores: Array) -> Array: ...


BEFORE: dict[str, Any] = {
    "impute": arithmetic.Impute,
    "standardize": arithmetic.Standardize,
    "min-max": arithmetic.MinMax,
    "clip": arithmetic.Clip,
    "log1p": arithmetic.Log1p,
    "ordinal": categories.Ordinal,
    "one-hot": categories.OneHot,
}
AFTER: dict[str, Any] = {
    "sigmoid": scores.Sigmoid,
    "logit": scores.Logit,
    "softmax": scores.Softmax,
    "temperature": scores.Temperature,
    "platt": scores.Platt,
    "isotonic": scores.Isotonic,
    "order": scores.Order,
}


@dataclass(frozen=True)
class _Entering:
    """One input of the model: the names of its columns, and where they are."""

    names: tuple[str, ...]
    kind: str
    at: Index


@dataclass(frozen=True)
class Pipeline:
    """A document that was read and is sound in itself. `raw` is type → names; `inputs` is () when the model takes the features itself."""

    raw: Mapping[str, tuple[str, ...]]
    before: tuple[Before, ...]
    inputs: Mapping[str, _Entering]
    after: tuple[After, ...]
    output: str | None
    classes: tuple[str, ...] | None
    _columns: Columns

    @classmethod
    def parse(cls, data: bytes) -> Pipeline:
        """Read pipeline.json. Raises ModelError naming the place of what is wrong."""
        if len(data) > MOST_BYTES:
            raise ModelError(f"the pipeline has {len(data):,} bytes; {MOST_BYTES:,} is the most.")
        try:
            document = parse_json(data)
        except ValueError as error:
            raise ModelError(f"the pipeline is not JSON: {error}.") from error
        try:
            with np.errstate(all="ignore"):  # what overflows is judged, not warned of
                return _read(document)
        except ModelError as error:
            raise ModelError(f"the pipeline: {error.message}", hint=error.hint) from error

    @property
    def listed(self) -> dict[str, tuple[Any, ...]]:
        """The categories of each feature that takes no others."""
        encoded = [one for step in self.before for one in getattr(step, "encoded", ()) if one.refuse]
        return {one.name: tuple(one.codes) for one in encoded}

    def raw_inputs(self) -> tuple[GraphInput, ...]:
        """What goes in: the raw features, one matrix a type."""
        return tuple(GraphInput(*RAW[kind], len(names)) for kind, names in self.raw.items())

    def features(self, batch: Mapping[str, Array]) -> dict[str, Array]:
        """What enters each of the model's inputs, float64 or object [rows, width], from a batch of raw features.

        Raises RowErrors for values that a step refuses.
        """
        frame = self._columns.frame(len(next(iter(batch.values()))))
        start = 0
        for kind, names in self.raw.items():
            values = batch[RAW[kind][0]]
            if kind == "string":
                frame.texts[:, : len(names)] = values
                continue
            frame.numbers[:, start : start + len(names)] = values
            if kind == "int":
                _refuse(frame, (values > EXACT) | (values < -EXACT), names, "is too large to be told apart from its neighbours")
            start += len(names)
        for step in self.before:
            step.apply(frame)
        frame.check()
        return {name: (frame.texts if entering.kind == "text" else frame.numbers)[:, entering.at] for name, entering in self.inputs.items()}

    def entering(self, batch: Mapping[str, Array]) -> dict[str, Array]:
        """What enters the model by the columns' names, [rows] each. Raises RowErrors as `features` does."""
        made = self.features(batch)
        return {name: made[item][:, place] for item, entering in self.inputs.items() for place, name in enumerate(entering.names)}


class PipelinedModel:
    """A model behind its pipeline, which is a model itself. See `gonogo.model.runtime.Loaded`.

    `also` names outputs of the model that are given as they are, beside what becomes of its scores. Raises ModelError when the two do not
    fit together.
    """

    def __init__(self, pipeline: Pipeline, loaded: Loaded, also: Sequence[str] = ()) -> None:
        self._pipeline, self._loaded = pipeline, loaded
        self.inputs: tuple[GraphInput, ...] = pipeline.raw_inputs() if pipeline.inputs else loaded.inputs
        self.outputs: tuple[GraphOutput, ...] = loaded.outputs
        self.metadata: Mapping[str, str] = dict(loaded.metadata)
        self.device = loaded.device
        self.interrupt = loaded.interrupt
        if pipeline.inputs:
            _check_inputs(pipeline, loaded.inputs)
            self.metadata = {key: value for key, value in self.metadata.items() if key != "feature_names"}
            self.metadata["feature_names"] = json.dumps({RAW[kind][0]: names for kind, names in pipeline.raw.items()})
        if pipeline.classes is not None:
            self.metadata = {**self.metadata, "classes": json.dumps(pipeline.classes)}
        if pipeline.after:
            self._output = _output(pipeline, loaded.outputs)
            beside = tuple(output for output in loaded.outputs if output.name in also and output.name != OUTPUT)
            self.outputs = (GraphOutput(OUTPUT, "float64", (None, _width(pipeline, self._output))), *beside)

    def run(self, batch: Mapping[str, Array], outputs: Sequence[str] | None = None) -> dict[str, Any]:
        """Compute the named outputs (default: all). Raises RowErrors for values that a step refuses, else what the model raises."""
        pipeline = self._pipeline
        entering = self._enter(pipeline.features(batch)) if pipeline.inputs else batch
        if not pipeline.after:
            return self._loaded.run(entering, outputs)
        names = tuple(output.name for output in self.outputs) if outputs is None else tuple(outputs)
        unknown = sorted(set(names) - {output.name for output in self.outputs})
        if unknown:
            raise ModelError(f"behind its pipeline the model has no output {', '.join(unknown)}; its scores are {OUTPUT!r}.")
        beside = [name for name in names if name != OUTPUT]
        found = self._loaded.run(entering, (self._output.name, *beside))
        given = found.pop(self._output.name)
        if not isinstance(given, np.ndarray) or given.dtype.kind != "f" or given.ndim not in (1, 2):
            raise ModelError(f"output {self._output.name!r} is no matrix of numbers, so the pipeline cannot go on with it.")
        values = given.astype(np.float64).reshape(len(given), -1)
        for step in pipeline.after:
            step.width(values.shape[1])
            values = step.apply(values)
        return {OUTPUT: values, **found}

    def _enter(self, features: Mapping[str, Array]) -> dict[str, Array]:
        """Features as the model's inputs take them."""
        entering, judged = {}, Frame(np.empty((0, 0)), np.empty((0, 0)))
        for item in self._loaded.inputs:
            values = features[item.name]
            if (
                item.dtype not in LARGEST
                and item.dtype != "string"
                and not (np.isfinite(values).all() and (values == np.rint(values)).all())
            ):
                raise ModelError(f"the pipeline gives numbers for the {item.dtype} input {item.name!r} that are not whole.")
            with np.errstate(over="ignore", invalid="ignore"):  # judged below
                made = np.ascontiguousarray(values, dtype=DTYPES[item.dtype])
            if item.dtype in WHOLE:
                outside = (values < WHOLE[item.dtype].start) | (values >= WHOLE[item.dtype].stop)
                _refuse(judged, outside, self._pipeline.inputs[item.name].names, f"becomes too large for {item.dtype}")
            if item.dtype in LARGEST:
                _refuse(judged, np.isinf(made), self._pipeline.inputs[item.name].names, f"becomes too large for {item.dtype}")
            entering[item.name] = made
        judged.check()
        return entering


def _refuse(frame: Frame, bad: Array, names: Sequence[str], message: str) -> None:
    """Note the values of a matrix that are `bad`; `names` are those of its columns."""
    for column in np.flatnonzero(bad.any(axis=0)).tolist():
        frame.refuse(np.flatnonzero(bad[:, column]), names[column], "range", lambda _: message)


def _read(document: Any) -> Pipeline:
    keys = ("format", "features", "before", "inputs", "after", "output", "classes")
    spec = Spec(document, "", known=keys, required=("format",))
    if spec.data["format"] != FORMAT:
        raise spec.error("format", f"must be {FORMAT!r}")
    for key in ("before", "after"):
        if key in spec.data and (not isinstance(spec.data[key], list) or len(spec.data[key]) > MOST_STEPS):
            raise spec.error(key, f"must be a list of at most {MOST_STEPS} steps")
    columns = Columns()
    raw: Mapping[str, tuple[str, ...]] = {}
    before: tuple[Before, ...] = ()
    inputs: dict[str, _Entering] = {}
    if not {"features", "before", "inputs"}.isdisjoint(spec.data):
        for key in ("features", "inputs"):
            if key not in spec.data:
                raise spec.error(key, "is missing")
        raw = _raw(spec, columns)
        before = tuple(_step(BEFORE, place, data).read(data, place, columns) for place, data in spec.objects("before"))
        inputs = _inputs(spec, columns)
        idle = [name for names in raw.values() for name in names if name not in columns.used]
        if idle:
            raise spec.error("features", f"declares {idle[0]!r}, which nothing uses")
    after = tuple(_step(AFTER, place, data).read(data, place) for place, data in spec.objects("after"))
    if not before and not inputs and not after:
        raise spec.error("", "has no step", hint="Remove `model.pipeline` from gonogo.yaml.")
    output = spec.data.get("output")
    if output is not None and (not isinstance(output, str) or not after):
        raise spec.error("output", "is the name of the output that `after` begins with")
    classes = spec.names("classes") if "classes" in spec.data else None
    if classes is None and any(isinstance(step, scores.Order) for step in after):
        raise spec.error("classes", "is missing: after another order of the columns the labels must be said")
    return Pipeline(raw, before, inputs, after, output, classes, columns)


def _step(known: Mapping[str, Any], place: str, data: Mapping[str, Any]) -> Any:
    name = data.get("step")
    if not isinstance(name, str) or name not in known:
        near = difflib.get_close_matches(str(name)[:60], list(known), n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}."
        raise ModelError(f"{place}.step is {str(name)[:60]!r}, which is no step here.", hint=hint)
    return known[name]


def _raw(spec: Spec, columns: Columns) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {kind: [] for kind in RAW}
    entries = spec.items("features")
    for place, data in spec.objects("features"):
        feature = Spec(data, place, known=("name", "type"), required=("name", "type"))
        kind = feature.choice("type", tuple(RAW), "")
        name = feature.data["name"]
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
            raise feature.error("name", "must be a name")
        found[kind].append(name)
    for kind in RAW:  # numbers lie as they enter: floats, then whole numbers, then flags
        for name in found[kind]:
            try:
                columns.add(name, "text" if kind == "string" else "number")
            except ModelError:
                last = max(number for number, entry in enumerate(entries) if entry["name"] == name)
                raise spec.error(f"features[{last}]", f"names {name!r} again") from None
    return {kind: tuple(names) for kind, names in found.items() if names}


def _inputs(spec: Spec, columns: Columns) -> dict[str, _Entering]:
    declared = Spec(spec.data["inputs"], "inputs", known=spec.data["inputs"])
    if not declared.data:
        raise spec.error("inputs", "names no input of the model")
    found = {}
    for name in declared.data:
        places = [columns.find(declared, f"{name}[{number}]", column) for number, column in enumerate(declared.names(name))]
        kinds = {kind for kind, _ in places}
        if len(kinds) > 1:
            raise declared.error(name, "mixes text and numbers")
        found[name] = _Entering(declared.names(name), kinds.pop(), index([position for _, position in places]))
    return found


def _check_inputs(pipeline: Pipeline, inputs: Sequence[GraphInput]) -> None:
    if pipeline.inputs.keys() != {item.name for item in inputs}:
        takes = ", ".join(f"{item.name}[{item.width or 'any'}]" for item in inputs)
        raise ModelError(f"the model takes {takes}, but the pipeline's `inputs` are {', '.join(pipeline.inputs)}.")
    for item in inputs:
        if item.shape:
            raise ModelError(
                f"input {item.name!r} of the model takes tensors of the shape {list(item.shape)}; the steps before a model are for "
                "features that are single values.",
                hint="Put scalers over channels into the model's graph, so that they ship with it; steps after the model may stay.",
            )
        entering = pipeline.inputs[item.name]
        if item.width not in (0, len(entering.names)):
            raise ModelError(f"input {item.name!r} of the model takes {item.width} columns; the pipeline gives it {len(entering.names)}.")
        if (entering.kind == "text") != (item.dtype == "string"):
            raise ModelError(f"input {item.name!r} of the model takes {item.dtype}; the pipeline gives it {entering.kind}s.")


def _output(pipeline: Pipeline, outputs: Sequence[GraphOutput]) -> GraphOutput:
    """The output that the steps after the model begin with."""
    floating = [output for output in outputs if output.dtype in FLOATS]
    fitting = [output for output in floating if pipeline.output in (None, output.name)]
    if len(fitting) != 1:
        said = ", ".join(output.name for output in outputs) or "none"
        wanted = "one floating output" if pipeline.output is None else f"a floating output {pipeline.output!r}"
        raise ModelError(f"the pipeline goes on with {wanted}; the model's outputs are: {said}.", hint="Name it in the pipeline: `output`.")
    return fitting[0]


def _width(pipeline: Pipeline, output: GraphOutput) -> int | None:
    """Columns at the end, as far as the model says how many it gives."""
    width = 1 if len(output.shape) == 1 else output.shape[-1] if output.shape else None
    for step in pipeline.after:
        width = step.width(width) if width is not None else None
    return width
