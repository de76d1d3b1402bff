"""The schema of a model: from what its graph says about itself and from the table it was trained on.

Where the names of the features come from, first match counts:
1. the model's metadata entry `feature_names`: a JSON list over all columns in the order of the inputs, or a JSON map input → list;
2. `model.features` in gonogo.yaml, in the same order (when both are there they must agree);
3. inputs of one column, which are named after their feature; and for wider inputs the table's columns, without target, time and the
   ignored ones, if exactly as many are left.

Types follow the graph: a float input takes float features, whatever the column looks like; int64 takes int, bool takes bool, string takes
text. A float or text feature is nullable when the training table has missing values in its column; int64 and bool cannot say "missing".
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from gonogo.base.table import Table
from gonogo.errors import ModelError
from gonogo.model.encode import table_column
from gonogo.model.predict import ZIPMAP_HINT
from gonogo.model.runtime import GraphOutput, Inspection
from gonogo.model.schema import Feature, FeatureType, GraphInput, Schema, Task

_TYPES: dict[str, FeatureType] = {"float32": "float", "float64": "float", "int64": "int", "bool": "bool", "string": "string"}
MAX_WIDTH = 100_000  #: columns of a model; more is a broken or hostile file


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
) -> Schema:
    """The schema that model and training table agree on.

    `classes` are the labels in the order of the model's score columns. Raises ModelError when names, counts, types, classes or outputs do
    not fit together; the message lists both sides.
    """
    if len(set(classes)) != len(classes) or len(classes) < 2 or (task == "binary-classification" and len(classes) != 2):
        raise ModelError(f"{task} cannot have the classes {', '.join(classes) or '(none)'}.")
    if not 0.0 < threshold < 1.0:
        raise ModelError(f"the threshold {threshold} is not between 0 and 1.")
    if len({item.name for item in inspection.inputs}) != len(inspection.inputs) or not inspection.inputs:
        raise ModelError("the model's graph has no inputs, or two of one name.")
    usable = [name for name in table.columns if name not in (target, time, *ignore)]
    inputs, named = _name_columns(inspection, feature_names, usable, target)
    features = _features(inputs, named, table, target=target, time=time)
    output = _score_output(inspection.outputs, len(classes))
    return Schema(task, inputs, features, tuple(classes), output, float(threshold))


def _name_columns(
    inspection: Inspection, declared: Sequence[str] | None, usable: Sequence[str], target: str
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
    inputs: tuple[GraphInput, ...], named: dict[str, tuple[str, ...]], table: Table, *, target: str, time: str | None
) -> tuple[Feature, ...]:
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
    absent = [name for name in names if name not in table.columns]
    if absent:
        raise ModelError(
            f"the model's features and the training table do not fit: the table lacks {_list(absent)}.",
            hint=f"The model takes {_list(names)}; the table has {_list(list(table.columns))}.",
        )
    return tuple(
        _feature(item, column, name, table) for item in inputs for column, name in enumerate(named[item.name])
    )  # fmt: skip


def _feature(item: GraphInput, column: int, name: str, table: Table) -> Feature:
    kind = _TYPES.get(item.dtype)
    if kind is None:
        raise ModelError(f"input {item.name!r} takes {item.dtype}, which no feature can be.")
    feature = Feature(name, kind, kind in ("float", "string"), item.name, column)
    values = table.columns[name]
    try:
        table_column(feature, item.dtype, values)
    except ValueError as error:
        raise ModelError(f"column {name!r} of the training table {error} (input {item.name!r} takes {item.dtype}).") from error
    holes = any(value is None for value in values) if values.dtype == object else bool(np.isnan(values).any())
    return Feature(name, kind, holes and feature.nullable, item.name, column)


def _score_output(outputs: Sequence[GraphOutput], classes: int) -> str:
    """The output that holds the scores: floating, one column a class (or one in a binary task), preferably called a probability."""
    widths = {classes, 1} if classes == 2 else {classes}
    fitting = [
        output
        for output in outputs
        if output.dtype in ("float32", "float64", "float16") and (output.shape[-1:] in ((None,), ()) or output.shape[-1] in widths)
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
