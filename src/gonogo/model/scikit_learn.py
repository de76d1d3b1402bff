"""A pipeline's document from fitted scikit-learn objects, so that nobody writes its numbers by hand.

    gonogo.write_pipeline(
        "models/pipeline.json",
        features={"age": "float", "income": "float", "city": "string"},
        before=[(SimpleImputer().fit(ages), ["age"]), (scaler, ["age", "income"]), (encoder, ["city"])],
        inputs={"x": ["age", "income", "city"]},
        after=[IsotonicRegression(out_of_bounds="clip").fit(scores, labels)],
    )

Each step is a fitted object with the names of the columns that it was fitted on, or a dict as docs/formats/pipeline.md has it. In `inputs`
the name of an encoded feature stands for the columns that its encoder made. scikit-learn itself is not imported here: the objects are
known by their class and read by their fitted attributes. What a step cannot say is refused, never approximated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gonogo.base.files import write_atomic
from gonogo.errors import ModelError
from gonogo.model.pipeline import FORMAT, Pipeline
from gonogo.model.steps.categories import category_text

Step = dict[str, Any]


def write_pipeline(
    path: str | Path,
    *,
    features: Mapping[str, str] | None = None,
    before: Sequence[Any] = (),
    inputs: Mapping[str, Sequence[str]] | None = None,
    after: Sequence[Any] = (),
    output: str | None = None,
    classes: Sequence[str] | None = None,
) -> None:
    """Write a pipeline's document.

    `features`: name → float, int, bool or string. `before`: (fitted object, names) or dicts. `inputs`: name of the model's input → columns
    in its order. `after`: fitted IsotonicRegression, LogisticRegression (Platt scaling of one column) or CalibratedClassifierCV with one
    model, whose own model must give what the calibrator was fitted on; or dicts. `output`: the model's output that `after` begins with.
    `classes`: the labels in the order of the columns at the end.

    Raises ModelError for an object that cannot be written as a step, and for a document that is not sound; StorageError.
    """
    document: dict[str, Any] = {"format": FORMAT}
    if features is not None:
        made: dict[str, list[str]] = {}
        document["features"] = [{"name": name, "type": kind} for name, kind in features.items()]
        document["before"] = [_before(entry, made) for entry in before]
        document["inputs"] = {
            name: [column for one in columns for column in made.get(one, [one])] for name, columns in (inputs or {}).items()
        }
    document["after"] = [entry if isinstance(entry, dict) else _after(entry) for entry in after]
    document |= {key: value for key, value in (("output", output), ("classes", classes and list(classes))) if value is not None}
    data = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode()
    Pipeline.parse(data)
    write_atomic(Path(path), data + b"\n")


def _before(entry: Any, made: dict[str, list[str]]) -> Step:
    """One step; what an encoder makes of a feature goes to `made`."""
    if isinstance(entry, dict):
        return entry
    fitted, names = entry
    kind = type(fitted).__name__
    if kind not in _BEFORE:
        raise ModelError(f"{kind} cannot be written as a step.", hint=f"Known: {', '.join(_BEFORE)}, and dicts.")
    names = list(names)
    if getattr(fitted, "n_features_in_", None) != len(names):
        raise ModelError(f"{kind} was fitted on {getattr(fitted, 'n_features_in_', 'no')} columns, not on {len(names)}.")
    return _BEFORE[kind](fitted, names, made)


def _standardize(fitted: Any, names: list[str], made: dict[str, list[str]]) -> Step:
    mean = [0.0] * len(names) if fitted.mean_ is None or not fitted.with_mean else fitted.mean_.tolist()
    scale = [1.0] * len(names) if fitted.scale_ is None else fitted.scale_.tolist()
    return {"step": "standardize", "features": names, "mean": mean, "scale": scale}


def _min_max(fitted: Any, names: list[str], made: dict[str, list[str]]) -> Step:
    start, end = map(float, fitted.feature_range)
    if fitted.clip:
        raise ModelError("MinMaxScaler(clip=True) cannot be written as one step.", hint="Add a clip step of your own after it.")
    low = np.asarray(fitted.data_min_, dtype=np.float64)
    high = low + (end - start) / np.asarray(fitted.scale_, dtype=np.float64)
    return {"step": "min-max", "features": names, "low": low.tolist(), "high": high.tolist(), "to": [start, end]}


def _impute(fitted: Any, names: list[str], made: dict[str, list[str]]) -> Step:
    if getattr(fitted, "add_indicator", False):
        raise ModelError("SimpleImputer(add_indicator=True) makes columns that no step makes.", hint="Use add_indicator=False.")
    values = [value.item() if isinstance(value, np.generic) else value for value in fitted.statistics_]
    empty = [name for name, value in zip(names, values, strict=True) if value is None or value != value]  # noqa: PLR0124 - NaN
    if empty:
        raise ModelError(f"SimpleImputer has no value for {empty[0]!r}, which was empty in training.", hint="Leave the feature out.")
    return {"step": "impute", "values": dict(zip(names, values, strict=True))}


def _one_hot(fitted: Any, names: list[str], made: dict[str, list[str]]) -> Step:
    if getattr(fitted, "infrequent_categories_", None) and any(one is not None for one in fitted.infrequent_categories_):
        raise ModelError("OneHotEncoder with infrequent categories cannot be written as a step.", hint="Group them in the data.")
    lists = [_categories(found) for found in fitted.categories_]
    dropped = [None] * len(names) if fitted.drop_idx_ is None else list(fitted.drop_idx_)
    for name, found, drop in zip(names, lists, dropped, strict=True):
        made[name] = [f"{name}={category_text(value)}" for place, value in enumerate(found) if place != drop]
    unknown = {"error": "refuse", "ignore": "other"}.get(fitted.handle_unknown)
    if unknown is None:
        raise ModelError(f"OneHotEncoder(handle_unknown={fitted.handle_unknown!r}) cannot be written as a step.", hint="error or ignore.")
    return {"step": "one-hot", "features": names, "categories": lists, "unknown": unknown}


def _ordinal(fitted: Any, names: list[str], made: dict[str, list[str]]) -> Step:
    step: Step = {"step": "ordinal", "features": names, "categories": [_categories(found) for found in fitted.categories_]}
    if fitted.handle_unknown == "use_encoded_value":
        step |= {"unknown": "other", "other": float(fitted.unknown_value)}
    for name in names:
        made[name] = [f"{name}#"]
    return step


def _categories(found: Any) -> list[Any]:
    values = [value.item() if isinstance(value, np.generic) else value for value in found]
    if any(value is None or value != value for value in values):  # noqa: PLR0124 - NaN
        raise ModelError("an encoder has a missing value as a category.", hint="Impute before encoding.")
    return values


_BEFORE: dict[str, Callable[[Any, list[str], dict[str, list[str]]], Step]] = {
    "StandardScaler": _standardize,
    "MinMaxScaler": _min_max,
    "SimpleImputer": _impute,
    "OneHotEncoder": _one_hot,
    "OrdinalEncoder": _ordinal,
}


def _after(fitted: Any) -> Step:
    kind, parts = type(fitted).__name__, [fitted]
    if kind == "CalibratedClassifierCV":
        if len(fitted.calibrated_classifiers_) != 1:
            raise ModelError(f"CalibratedClassifierCV holds {len(fitted.calibrated_classifiers_)} models.", hint="Use ensemble=False.")
        parts = list(fitted.calibrated_classifiers_[0].calibrators)
        kind = type(parts[0]).__name__
    if kind == "IsotonicRegression":
        return {"step": "isotonic", "curves": [_curve(part) for part in parts]}
    if kind == "_SigmoidCalibration":  # the same line with the other sign
        return {"step": "platt", "slope": [-float(part.a_) for part in parts], "intercept": [-float(part.b_) for part in parts]}
    if kind == "LogisticRegression" and np.shape(fitted.coef_) == (1, 1):
        return {"step": "platt", "slope": fitted.coef_[0].tolist(), "intercept": fitted.intercept_.tolist()}
    known = "IsotonicRegression, LogisticRegression on one column, CalibratedClassifierCV with one model, and dicts"
    raise ModelError(f"{kind} cannot be written as a step after the model.", hint=f"Known: {known}.")


def _curve(fitted: Any) -> dict[str, list[float]]:
    if fitted.out_of_bounds != "clip":
        raise ModelError(f"IsotonicRegression(out_of_bounds={fitted.out_of_bounds!r}) cannot be written.", hint='Use "clip".')
    return {
        name: np.asarray(values, dtype=np.float64).tolist() for name, values in (("x", fitted.X_thresholds_), ("y", fitted.y_thresholds_))
    }
