"""The schema of a model: from what its graph says about itself and from the table it was trained on.

Where the names of the features come from, first match counts:
1. the model's metadata entry `feature_names`: a JSON list over all columns in the order of the inputs, or a JSON map input → list;
2. `model.features` in gonogo.yaml, in the same order (when both are there they must agree);
3. inputs of one column, which are named after their feature; and for wider inputs the table's columns, without target, time and the
   ignored ones, if exactly as many are left.

An input that is no matrix, whose column of the table holds lists, or that `model.tensors` in gonogo.yaml names, is one feature by itself: a
tensor under the input's name. The lists of its column are nested as its shape is, or flat.

Types follow the graph: a float input takes float features, whatever the column looks like; int64, uint8 and the like take int, bool takes
bool, string takes text. A float or text feature is nullable when the training table has missing values in its column; the others cannot
say "missing".
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from gonogo.base.table import Column, Table
from gonogo.errors import DataError, ModelError
from gonogo.model import rows_at_once
from gonogo.model.encode import table_column
from gonogo.model.predict import ZIPMAP_HINT
from gonogo.model.runtime import GraphOutput, Inspection
from gonogo.model.schema import FLOATS, INTEGERS, DeclaredTensor, Feature, FeatureType, GraphInput, Schema, Task, Tensor

_TYPES: dict[str, FeatureType] = {**dict.fromkeys(FLOATS, "float"), **dict.fromkeys(INTEGERS, "int"), "bool": "bool", "string": "string"}
MAX_WIDTH = 100_000  #: columns of a model; more is a broken or hostile file
MAX_ELEMENTS = 1 << 22  #: of one tensor: an image of 1182 x 1182 in three colours


NUMBERS = (*FLOATS, *INTEGERS)  #: of an output beside the scores
NO_TENSORS: Mapping[str, DeclaredTensor] = {}


def derive_schema(
    inspection: Inspection,
    *,
    task: Task,
    table: Table,
    target: str,
    time: str | None,
    feature_names: Sequence[str] | None,
    classes: Sequence[str],
    threshold: float = 0.5,
    ignore: Sequence[str] = (),
    tensors: Mapping[str, DeclaredTensor] = NO_TENSORS,
    also: Sequence[str] = (),
) -> Schema:
    """The schema that model and training table agree on.

    `classes` are the labels in the order of the model's score columns; `tensors` is what is declared of inputs that are tensors, `also`
    names outputs beside the scores. Raises ModelError when names, counts, types, classes or outputs do
    not fit together; the message lists both sides.
    """
    if len(set(classes)) != len(classes) or len(classes) < 2 or (task == "binary-classification" and len(classes) != 2):
        raise ModelError(f"{task} cannot have the classes {', '.join(classes) or '(none)'}.")
    if not 0.0 < threshold < 1.0:
        raise ModelError(f"the threshold {threshold} is not between 0 and 1.")
    if len({item.name for item in inspection.inputs}) != len(inspection.inputs) or not inspection.inputs:
        raise ModelError("the model's graph has no inputs, or two of one name.")
    whole = _tensor_inputs(inspection.inputs, tensors, table)
    usable = [name for name in table.columns if name not in (target, time, *ignore, *whole)]
    plain = replace(inspection, inputs=tuple(item for item in inspection.inputs if item.name not in whole))
    inputs, named = _name_columns(plain, feature_names, usable) if plain.inputs or feature_names else ((), {})
    settled = {item.name: item for item in (*inputs, *(one for one, _ in whole.values()))}
    inputs = tuple(settled[item.name] for item in inspection.inputs)
    shapes = {name: tensor for name, (_, tensor) in whole.items()}
    features = _features(inputs, named, shapes, table, target=target, time=time)
    output = _score_output([one for one in inspection.outputs if one.name not in also], len(classes))
    _check_also(also, inspection.outputs, output)
    return Schema(task, inputs, features, tuple(classes), output, float(threshold), tuple(also), rows_at_once.of(inspection.metadata))


def _tensor_inputs(
    inputs: Sequence[GraphInput], declared: Mapping[str, DeclaredTensor], table: Table
) -> dict[str, tuple[GraphInput, Tensor]]:
    """The inputs that are tensors, by name, with their sizes settled."""
    known = {item.name: item for item in inputs}
    for name in declared:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Its inputs are: {', '.join(known)}."
            raise ModelError(f"`model.tensors` names {name!r}, which is no input of the model.", hint=hint)
    found = {}
    for item in inputs:
        if item.shape or item.name in declared or table.shapes.get(item.name):
            said = declared.get(item.name, DeclaredTensor())
            _check_readable(item.name, table)
            if item.name not in table.columns:
                raise ModelError(
                    f"the model takes a tensor {item.name!r}, and the training table has no such column.",
                    hint=f"Write one list of numbers a row, as Parquet; the table has {_list(list(table.columns))}.",
                )
            shape = _settled_shape(item, said, table)
            try:
                tensor = Tensor(shape, said.axis, said.channels, said.summaries)
            except ValueError as error:
                raise ModelError(f"`model.tensors.{item.name}`: {error}.") from error
            found[item.name] = replace(item, width=prod(shape), shape=shape if item.shape else ()), tensor
    return found


def _settled_shape(item: GraphInput, said: DeclaredTensor, table: Table) -> tuple[int, ...]:
    """The shape that graph, project and table agree on. Raises ModelError when they do not, or nobody knows it."""
    seen, column = table.shapes.get(item.name, ()), table.columns[item.name]
    width = column.shape[1] if column.ndim == 2 else 0
    fixed = item.shape
    if item.shape.count(0) == 1 and width and width % prod(size or 1 for size in item.shape) == 0:
        fixed = tuple(size or width // prod(size or 1 for size in item.shape) for size in item.shape)
    shape = said.shape or (fixed if 0 not in fixed else ()) or (() if item.shape else seen or ((item.width,) if item.width else ()))
    if item.dtype == "string":
        raise ModelError(f"input {item.name!r} takes text; a tensor holds numbers.")
    if not shape:
        raise ModelError(
            f"the shape of the tensor {item.name!r} is not known.", hint=f"Say it in gonogo.yaml: `model.tensors.{item.name}.shape`."
        )
    fits = not item.shape or (len(item.shape) == len(shape) and all(a in (0, b) for a, b in zip(item.shape, shape, strict=True)))
    if not fits or item.width not in (0, prod(shape)):
        takes = list(item.shape) or [item.width]
        raise ModelError(
            f"`model.tensors.{item.name}` has the shape {list(shape)}, but the model's input has {takes} (0 is any).",
            hint="A graph's first dimension is that of the rows, and is not counted here: export it with one.",
        )
    if prod(shape) > MAX_ELEMENTS:
        raise ModelError(f"the tensor {item.name!r} has {prod(shape):,} elements; {MAX_ELEMENTS:,} is the most.")
    return shape


def _check_readable(name: str, table: Table) -> None:
    if name in table.unreadable:
        reason = table.unreadable[name]
        raise DataError(f"training table: {reason.message}", hint=reason.hint)


def _check_also(also: Sequence[str], outputs: Sequence[GraphOutput], scores: str) -> None:
    known = {one.name: one for one in outputs}
    for name in also:
        if name in ("label", "scores"):
            raise ModelError(
                f"the output {name!r} of `model.also` has a name that answers need for themselves.", hint="Export it under another one."
            )
        if name == scores:
            raise ModelError(f"`model.also` names {name!r}, which holds the scores.")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"The outputs are: {', '.join(known)}."
            raise ModelError(f"`model.also` names {name!r}, which is no output of the model.", hint=hint)
        if known[name].dtype not in NUMBERS:
            raise ModelError(f"the output {name!r} of `model.also` holds {known[name].dtype}, not numbers.")


def _name_columns(
    inspection: Inspection, declared: Sequence[str] | None, usable: Sequence[str]
) -> tuple[tuple[GraphInput, ...], dict[str, tuple[str, ...]]]:
    """The inputs with their widths settled, and the feature names of each."""
    inputs = inspection.inputs
    in_file = _metadata_names(inspection)
    if isinstance(in_file, dict):
        if declared is not None and list(declared) != [name for item in inputs for name in in_file[item.name]]:
            raise ModelError(_contradiction([name for item in inputs for name in in_file[item.name]], declared))
        return _settled(inputs, in_file), in_file
    if in_file is not None and declared is not None and list(in_file) != list(declared):
        raise ModelError(_contradiction(in_file, declared))
    names = in_file if in_file is not None else declared
    if names is not None:
        return _spread(inputs, tuple(names), "named")
    single: dict[str, tuple[str, ...]] = {item.name: (item.name,) for item in inputs if item.width == 1 and item.name in usable}
    wide = tuple(item for item in inputs if item.name not in single)
    if not wide:
        return inputs, single
    rest = tuple(name for name in usable if name not in single)
    settled, spread = _spread(wide, rest, "columns of the training table (without target, time and ignored ones)")
    by_name = {item.name: item for item in settled}
    return tuple(by_name.get(item.name, item) for item in inputs), single | spread


def _spread(inputs: tuple[GraphInput, ...], names: tuple[str, ...], what: str) -> tuple[tuple[GraphInput, ...], dict[str, tuple[str, ...]]]:
    """Deal `names` out over the inputs, in order. An input of open width takes what the others leave, if it is the only one."""
    open_inputs = [item for item in inputs if item.width == 0]
    fixed = sum(item.width for item in inputs)
    if len(open_inputs) == 1 and len(names) > fixed:
        inputs = tuple(GraphInput(i.name, i.dtype, i.width or len(names) - fixed) for i in inputs)
        fixed = len(names)
    if fixed != len(names) or any(item.width == 0 for item in inputs):
        takes = ", ".join(f"{item.name}[{item.width or 'any'}]" for item in inputs)
        few = f"Write the tables again with every column the model was trained on; {fixed - len(names)} are missing."
        many = "Name those that are no features under `data.ignore` in gonogo.yaml, or list the model's own under `model.features`."
        raise ModelError(
            f"the model takes {fixed} columns ({takes}), but there are {len(names)} {what}: {_list(names)}.",
            hint=few if len(names) < fixed else many,
        )
    dealt, at = {}, 0
    for item in inputs:
        dealt[item.name] = names[at : at + item.width]
        at += item.width
    return inputs, dealt


def _settled(inputs: tuple[GraphInput, ...], names: dict[str, tuple[str, ...]]) -> tuple[GraphInput, ...]:
    for item in inputs:
        if item.width not in (0, len(names[item.name])) or not names[item.name]:
            raise ModelError(
                f"input {item.name!r} has {item.width} columns, but its metadata names {len(names[item.name])} features: "
                f"{_list(names[item.name])}."
            )
    return tuple(GraphInput(item.name, item.dtype, len(names[item.name])) for item in inputs)


def _metadata_names(inspection: Inspection) -> dict[str, tuple[str, ...]] | tuple[str, ...] | None:
    text = inspection.metadata.get("feature_names")
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"the model's metadata entry feature_names is not JSON: {error}.") from error
    if isinstance(value, list) and value and all(isinstance(name, str) for name in value):
        return tuple(value)
    inputs = {item.name for item in inspection.inputs}
    if (
        isinstance(value, dict)
        and value.keys() == inputs
        and all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in value.values())
    ):
        return {name: tuple(names) for name, names in value.items()}
    raise ModelError(
        "the model's metadata entry feature_names is neither a list of names nor a map from every input to its list.",
        hint=f"The inputs are: {', '.join(sorted(inputs))}.",
    )


def _features(
    inputs: tuple[GraphInput, ...],
    named: dict[str, tuple[str, ...]],
    tensors: dict[str, Tensor],
    table: Table,
    *,
    target: str,
    time: str | None,
) -> tuple[Feature, ...]:
    named = named | {name: (name,) for name in tensors}
    names = [name for item in inputs for name in named[item.name]]
    if len(names) > MAX_WIDTH:
        raise ModelError(f"the model takes {len(names)} columns; {MAX_WIDTH} is the most.")
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) != len(names) else []
    if twice:
        raise ModelError(f"two columns of the model have the same name: {_list(twice)}.")
    if target in names:
        raise ModelError(f"the model takes its own target {target!r} as a feature.", hint="Train it without the target.")
    if time is not None and time in names:
        raise ModelError(f"the model takes the time column {time!r} as a feature.", hint="Train it on parts of the time, such as the hour.")
    for name in names:
        _check_readable(name, table)
    absent = [name for name in names if name not in table.columns]
    if absent:
        raise ModelError(
            f"the model's features and the training table do not fit: the table lacks {_list(absent)}.",
            hint=f"The model takes {_list(names)}; the table has {_list(list(table.columns))}.",
        )
    return tuple(
        _feature(item, column, name, table, tensors.get(name)) for item in inputs for column, name in enumerate(named[item.name])
    )  # fmt: skip


def _feature(item: GraphInput, column: int, name: str, table: Table, tensor: Tensor | None) -> Feature:
    kind = _TYPES.get(item.dtype)
    if kind is None:
        raise ModelError(f"input {item.name!r} takes {item.dtype}, which no feature can be.")
    feature = Feature(name, kind, kind in ("float", "string"), item.name, column, tensor)
    values = table.columns[name]
    try:
        table_column(feature, item.dtype, values, table.shapes.get(name, ()))
    except ValueError as error:
        raise ModelError(
            f"column {name!r} of the training table {error} (input {item.name!r} takes {item.dtype}).",
            hint=_remedy(item, values),
        ) from error
    holes = any(value is None for value in values) if values.dtype == object else bool(np.isnan(values).any())
    return Feature(name, kind, holes and feature.nullable, item.name, column, tensor)


def _remedy(item: GraphInput, values: Column) -> str:
    """What to do about a column that the input does not take."""
    if values.dtype.kind == "M":
        return "Train it on parts of the time, such as the hour, and write those as columns."
    declared = (
        "A file that does not say its types (skops) has them declared, in its order: "
        "`model.inputs: [{name: age, dtype: float64, width: 1}, {name: plan, dtype: string, width: 1}]`."
    )
    if values.dtype == object and item.dtype != "string" and any(value is not None for value in values):
        sealed = "Seal what made numbers of the text with the model (`model.pipeline`), or write those numbers as the column."
        return f"{sealed} {declared}"
    return declared


def _score_output(outputs: Sequence[GraphOutput], classes: int) -> str:
    """The output that holds the scores: floating, one column a class (or one in a binary task), preferably called a probability."""
    widths = {classes, 1} if classes == 2 else {classes}
    fitting = [
        output for output in outputs if output.dtype in FLOATS and (output.shape[-1:] in ((None,), ()) or output.shape[-1] in widths)
    ]
    likely = [output for output in fitting if "prob" in output.name.lower()] or [
        output for output in fitting if "label" not in output.name.lower()
    ]
    exact = [output for output in likely if output.shape[-1:] == (classes,)] or likely
    if len(exact) == 1:
        return exact[0].name
    said = ", ".join(f"{o.name} ({o.dtype}{list(o.shape)})" for o in outputs) or "none"
    if not exact and any(output.dtype.startswith(("seq", "map")) for output in outputs):
        raise ModelError(f"the model gives its scores as a sequence of maps: {said}.", hint=ZIPMAP_HINT)
    problem = "more than one output could hold" if exact else "no output holds"
    raise ModelError(
        f"{problem} the scores of {classes} classes; the outputs are: {said}.",
        hint="Call the right one `probabilities`." if exact else "A classifier has one score a class. A regression is not supported.",
    )


def _contradiction(in_file: Sequence[str], declared: Sequence[str]) -> str:
    return f"the model file names its features {_list(in_file)}, but gonogo.yaml says {_list(declared)}."


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:40])
    return shown + (f", … ({len(names)} in all)" if len(names) > 40 else "") if names else "none"
