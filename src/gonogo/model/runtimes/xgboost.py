"""XGBoost models from their own JSON or UBJSON form, on one thread.

The score is a probability or the model is refused: `binary:logistic` gives that of the last class, `multi:softprob` one for each class.
`binary:logitraw` gives raw margins (which start from another intercept, too), `multi:softmax` labels, and so on. A model that was trained
with early stopping uses the trees up to its best iteration, as XGBClassifier does. Missing is NaN; another
marker (`missing=-999`) is not saved in the file, so encode it before.

The bytes are walked to their end before the library sees them: its parsers end the process on some of those that are cut short.

Sources: XGBoost 3.2 (`Booster.inplace_predict`, "Introduction to Model IO"); UBJSON, draft 12.
"""

from __future__ import annotations

import json
import struct
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from gonogo.errors import ModelError
from gonogo.model.declared import Declared, first_line, library
from gonogo.model.one_output import OneOutput, numeric_inputs, one_matrix
from gonogo.model.runtime import NO_OPTIONS, GraphOutput

_PROBABILITIES = ("binary:logistic", "multi:softprob")


class XgboostRuntime:
    """Loads an XGBoost model. See `gonogo.model.runtime.Runtime`."""

    name: ClassVar[str] = "xgboost"

    def prepare(self) -> None: ...

    def load(self, data: bytes, options: Mapping[str, Any] = NO_OPTIONS) -> OneOutput:
        """Load a model. Raises ModelError when the bytes are not whole, or its objective gives no probabilities."""
        declared = Declared.read(options)
        xgboost = library("xgboost", "an XGBoost model", "xgboost")
        _check_whole(data)
        try:
            booster = xgboost.Booster(model_file=bytearray(data))
            device = declared.settled_device(declared.device != "cpu" and _computes_on_cuda(xgboost, booster), "XGBoost")
            booster.set_param({"nthread": 1, "device": device})
            learner = json.loads(booster.save_config())["learner"]
            objective, classes = str(learner["objective"]["name"]), int(learner["learner_model_param"]["num_class"])
            columns, names, best = booster.num_features(), booster.feature_names, booster.attr("best_iteration")
            rounds = (0, 0 if best is None else int(best) + 1)
        except ModelError:
            raise
        except Exception as error:  # an XGBoostError, or a configuration that is none
            raise ModelError(f"XGBoost cannot load the model: {first_line(error)}", hint="Save it again.") from error
        if objective not in _PROBABILITIES:
            raise ModelError(
                f"the objective {objective!r} gives no probabilities.", hint="Train with the objective binary:logistic or multi:softprob."
            )
        inputs = numeric_inputs(declared.inputs, columns, names or (), "the XGBoost model")
        matrix, predict = one_matrix(inputs), booster.inplace_predict
        output = GraphOutput(declared.output, "float32", (None, max(1, classes)))
        return OneOutput(
            inputs,
            output,
            lambda batch: predict(matrix(batch), iteration_range=rounds, validate_features=False),
            metadata={"feature_names": json.dumps(names)} if names else {},
            device=device,
        )


def _computes_on_cuda(xgboost: Any, booster: Any) -> bool:
    """Whether a first computation stays on the GPU. XGBoost goes on with the CPU where there is none, and says so in a warning."""
    if not xgboost.build_info().get("USE_CUDA"):
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        booster.set_param({"device": "cuda"})
        booster.inplace_predict(np.zeros((1, booster.num_features()), np.float32), validate_features=False)
    return str(json.loads(booster.save_config())["learner"]["generic_param"]["device"]).startswith("cuda")


def _check_whole(data: bytes) -> None:
    """Raises ModelError when the bytes are neither one JSON object nor one UBJSON object, to their last byte."""
    try:
        if data[:1] == b"{" and data[1:2] in (b'"', b" ", b"\n", b"\r", b"\t"):
            json.loads(data)
        elif _end_of_ubjson(data) != len(data):
            raise ValueError
    except (ValueError, IndexError, KeyError, struct.error, RecursionError) as error:
        raise ModelError(
            "the model is not a whole XGBoost file.", hint="Save it with booster.save_model('model.ubj'), or copy it again."
        ) from error


_FIXED = {b"Z": 0, b"T": 0, b"F": 0, b"i": 1, b"U": 1, b"C": 1, b"I": 2, b"l": 4, b"d": 4, b"L": 8, b"D": 8}  #: bytes of a value
_INTEGER = {b"i": ">b", b"U": ">B", b"I": ">h", b"l": ">i", b"L": ">q"}
MOST_DEPTH = 64


def _end_of_ubjson(data: bytes) -> int:
    """The position after the object with which `data` begins. Raises IndexError, KeyError, ValueError or struct.error."""
    if data[:1] != b"{":
        raise ValueError
    return _after(data, 1, b"{", 0)


def _after(data: bytes, at: int, kind: bytes, depth: int) -> int:
    """The position after a value of a kind whose marker has been read."""
    if kind in _FIXED:
        at += _FIXED[kind]
    elif kind in (b"S", b"H"):
        size, at = _integer(data, at)
        at += size
    elif kind in (b"[", b"{"):
        if depth == MOST_DEPTH:
            raise ValueError
        at = _after_container(data, at, kind, depth + 1)
    else:
        raise KeyError(kind)
    if at > len(data):
        raise IndexError
    return at


def _after_container(data: bytes, at: int, kind: bytes, depth: int) -> int:
    typed, count, closing = b"", -1, b"]" if kind == b"[" else b"}"
    if data[at : at + 1] == b"$":
        typed, at = data[at + 1 : at + 2], at + 2
    if data[at : at + 1] == b"#":
        count, at = _integer(data, at + 1)
    elif typed:
        raise ValueError
    if typed in _FIXED and kind == b"[":
        return at + count * _FIXED[typed]
    while count:
        if count < 0 and data[at : at + 1] == closing:
            return at + 1
        if kind == b"{":
            size, at = _integer(data, at)
            at += size
        at, inner = (at, typed) if typed else (at + 1, data[at : at + 1])
        at = _after(data, at, inner, depth)
        count -= 1
    return at


def _integer(data: bytes, at: int) -> tuple[int, int]:
    form = _INTEGER[data[at : at + 1]]
    value = struct.unpack_from(form, data, at + 1)[0]
    if value < 0:
        raise ValueError
    return value, at + 1 + struct.calcsize(form)
