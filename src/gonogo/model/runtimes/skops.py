"""scikit-learn estimators and pipelines from skops files. Nothing is unpickled.

The types that a file would build are read before skops sees it (`skops_file.py`). Allowed are plain data, scikit-learn's own estimators,
what these keep of calibration and losses, and what the project lists under `model.trusted`. A tree ensemble needs
`sklearn.tree._tree.Tree` there: its code follows the indices of the file without a look, so that trusting it is somebody's decision.
HistGradientBoosting keeps a random generator, which no list allows; export it to ONNX.

Estimators compute on one thread, in float64 or float32 as the inputs are declared. Text goes in as objects; a ColumnTransformer that picks
columns by name is handed a pandas DataFrame.

Sources: skops 0.16 ("Secure persistence"); scikit-learn 1.9 (`predict_proba`, `feature_names_in_`).
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from gonogo.errors import ModelError
from gonogo.model.declared import Declared, first_line, library
from gonogo.model.one_output import OneOutput, numeric_inputs, one_matrix
from gonogo.model.runtime import NO_OPTIONS, Array, GraphOutput
from gonogo.model.schema import GraphInput
from gonogo.model.skops_file import PLAIN, untrusted_types

_LOSSES = ("link.HalfLogitLink", "link.IdentityLink", "link.Interval", "link.LogitLink", "link.LogLink", "link.MultinomialLogit",
           "loss.HalfBinomialLoss", "loss.HalfMultinomialLoss", "loss.ExponentialLoss", "_loss.CyHalfBinomialLoss",
           "_loss.CyHalfMultinomialLoss", "_loss.CyExponentialLoss")  # fmt: skip
#: What fitted estimators are made of beside estimators: it holds numbers and is used as such.
_PARTS = frozenset(
    {"sklearn.calibration._CalibratedClassifier", "sklearn.calibration._SigmoidCalibration", "sklearn.utils._bunch.Bunch",
     "sklearn.neural_network._stochastic_optimizers.AdamOptimizer", "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
     "numpy.random.mtrand.RandomState", *(f"sklearn._loss.{name}" for name in _LOSSES)}
)  # fmt: skip


class SkopsRuntime:
    """Loads a skops file. See `gonogo.model.runtime.Runtime`."""

    name: ClassVar[str] = "skops"

    def prepare(self) -> None: ...

    def load(self, data: bytes, options: Mapping[str, Any] = NO_OPTIONS) -> OneOutput:
        """Load a model. Raises ModelError when it would build a type that is not trusted, or gives no probabilities."""
        declared = Declared.read(options)
        skops = library("skops.io", "a skops file", "skops")
        declared.settled_device(False, "scikit-learn")
        trusted = _estimators() | _PARTS | PLAIN | set(declared.trusted)
        found = untrusted_types(io.BytesIO(data), trusted)
        if found:
            raise ModelError(
                f"the skops file would build types that nobody trusts: {', '.join(found[:20])}.",
                hint="List them under `model.trusted` in gonogo.yaml if you know them, or export the model to ONNX.",
            )
        try:
            estimator = skops.loads(data, trusted=sorted(trusted))
            names = [str(name) for name in getattr(estimator, "feature_names_in_", ())]
            columns, classes = int(estimator.n_features_in_), [_label(value) for value in estimator.classes_]
            predict = estimator.predict_proba
        except Exception as error:  # whatever the parts of the file do not fit into
            raise ModelError(
                f"the skops file holds no fitted classifier with probabilities: {first_line(error)}", hint="Fit or calibrate it first."
            ) from error
        inputs = _inputs(declared, columns, names)
        form = _form(estimator, inputs, names)
        output = GraphOutput(declared.output, "float64", (None, len(classes)))
        metadata = {"classes": json.dumps(classes)} | ({"feature_names": json.dumps(names)} if names else {})
        return OneOutput(inputs, output, lambda batch: predict(form(batch)), metadata=metadata)


def _estimators() -> set[str]:
    """scikit-learn's estimators, by the names that a skops file has for them."""
    from sklearn.utils import all_estimators  # type: ignore[import-untyped, unused-ignore]

    return {f"{kind.__module__}.{kind.__qualname__}" for _, kind in all_estimators() if kind.__module__.startswith("sklearn.")}


def _label(value: Any) -> str:
    plain = value.item() if isinstance(value, np.generic) else value
    return str(int(plain)) if isinstance(plain, float) and plain.is_integer() else str(plain)


def _inputs(declared: Declared, columns: int, names: list[str]) -> tuple[GraphInput, ...]:
    if any(item.dtype == "string" for item in declared.inputs):
        if sum(item.width for item in declared.inputs) != columns:
            raise ModelError(f"the estimator takes {columns} columns, but {sum(item.width for item in declared.inputs)} are declared.")
        return declared.inputs
    return numeric_inputs(declared.inputs, columns, names, "the estimator")


def _form(estimator: Any, inputs: tuple[GraphInput, ...], names: list[str]) -> Callable[[Mapping[str, Array]], Any]:
    """How a batch is handed to the estimator. One thread each, here as well."""
    parts = [estimator, *(value for value in estimator.get_params(deep=True).values() if hasattr(value, "get_params"))]
    estimator.set_params(**{name: 1 for name in estimator.get_params(deep=True) if name.rpartition("__")[2] == "n_jobs"})
    if names and any(_picks_by_name(part) for part in parts):
        pandas = library("pandas", "a ColumnTransformer that picks columns by name", "skops")
        return lambda batch: pandas.DataFrame(dict(zip(names, _columns(inputs, batch), strict=True)))
    for part in parts:  # otherwise it warns, at every call, that a matrix has no names
        vars(part).pop("feature_names_in_", None)
    if any(item.dtype == "string" for item in inputs):
        return lambda batch: np.concatenate([batch[item.name].astype(object) for item in inputs], axis=1)
    return one_matrix(inputs)


def _picks_by_name(part: Any) -> bool:
    """Whether it is a ColumnTransformer with names of columns in it."""
    picked = (columns for _, _, columns in getattr(part, "transformers", ()))
    return any(isinstance(name, str) for columns in picked for name in ([columns] if isinstance(columns, str) else _list(columns)))


def _list(columns: Any) -> list[Any]:
    return list(columns) if isinstance(columns, list | tuple | np.ndarray) else []


def _columns(inputs: tuple[GraphInput, ...], batch: Mapping[str, Array]) -> list[Array]:
    return [column for item in inputs for column in batch[item.name].T]
