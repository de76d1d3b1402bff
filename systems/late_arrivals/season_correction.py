"""A last stage of the model's graph: correct the score by travel season.

The forest is fitted on the whole year at once, so within a season its mean score may be off. The stage moves the score, on the scale
of log odds, by one number per season: what the season's share of late flights was, less what the forest said on average.

`shifts` fits the numbers, `correct` applies them in NumPy, `append_to_graph` puts the same arithmetic behind the forest in the ONNX
graph, so that the model stays one pipeline in one file.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from features import SEASONS, WORDS

SMALLEST = np.float32(1e-6)  # a score of exactly 0 or 1 has no log odds


def log_odds(share):
    return np.log(share / (1 - share))


def shifts(scores, late, seasons) -> dict[str, float]:
    """One shift per season, in log odds, from the flights of that season."""
    return {season: float(log_odds(late[seasons == season].mean()) - log_odds(scores[seasons == season].mean())) for season in SEASONS}


def correct(scores, seasons, shift: dict[str, float]):
    """The corrected probability of being late, shape [rows]. A season nobody has heard of is left as it is."""
    clipped = np.clip(scores, SMALLEST, 1 - SMALLEST)
    moved = log_odds(clipped) + np.array([shift.get(season, 0.0) for season in seasons])
    return 1 / (1 + np.exp(-moved))


def rename_outputs(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    """Give what the nodes put out other names, so that a later stage can take the old ones."""
    for node in graph.node:
        for position, name in enumerate(node.output):
            node.output[position] = names.get(name, name)


def append_to_graph(model: onnx.ModelProto, shift: dict[str, float]) -> onnx.ModelProto:
    """The model with the stage behind its output `probabilities`; inputs and outputs keep their names and shapes."""
    graph = model.graph
    rename_outputs(graph, {"probabilities": "forest_probabilities", "label": "forest_label"})
    for opset in model.opset_import:
        if opset.domain == "ai.onnx.ml":
            opset.version = max(opset.version, 2)  # the first with a table from text to numbers
    constants = {
        "smallest": np.array(SMALLEST, np.float32),
        "largest": np.array(1 - SMALLEST, np.float32),
        "one": np.array(1, np.float32),
        "late_column": np.array([1], np.int64),
        "season_column": np.array([WORDS.index("season")], np.int64),
    }
    graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in constants.items())
    node = helper.make_node
    graph.node.extend([
        node("Gather", ["words", "season_column"], ["season"], axis=1),
        node(
            "LabelEncoder", ["season"], ["shift"], domain="ai.onnx.ml",
            keys_strings=list(shift), values_floats=list(shift.values()), default_float=0.0,
        ),
        node("Gather", ["forest_probabilities", "late_column"], ["forest_late"], axis=1),
        node("Clip", ["forest_late", "smallest", "largest"], ["late_share"]),
        node("Sub", ["one", "late_share"], ["in_time_share"]),
        node("Div", ["late_share", "in_time_share"], ["odds"]),
        node("Log", ["odds"], ["forest_log_odds"]),
        node("Add", ["forest_log_odds", "shift"], ["log_odds"]),
        node("Neg", ["log_odds"], ["negated"]),
        node("Exp", ["negated"], ["against"]),
        node("Add", ["one", "against"], ["total"]),
        node("Reciprocal", ["total"], ["late"]),
        node("Sub", ["one", "late"], ["in_time"]),
        node("Concat", ["in_time", "late"], ["probabilities"], axis=1),
        node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
    ])  # fmt: skip
    del graph.output[:]
    graph.output.extend([
        helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2]),
    ])  # fmt: skip
    onnx.checker.check_model(model)
    return model
