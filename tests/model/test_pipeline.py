"""A model behind its pipeline computes what scikit-learn's own objects compute, and refuses what it has no rule for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

from gonogo import write_pipeline
from gonogo.errors import ModelError
from gonogo.model.encode import RowErrors
from gonogo.model.pipeline import OUTPUT, Pipeline, PipelinedModel
from gonogo.model.runtimes.onnx import OnnxRuntime

CITIES = ["lima", "oslo", "paris"]


def parsed(path: Path) -> Pipeline:
    return Pipeline.parse(path.read_bytes())


def document(**parts: Any) -> bytes:
    return json.dumps({"format": "gonogo-pipeline/1", **parts}).encode()


def numbers(*names: str) -> list[dict[str, str]]:
    return [{"name": name, "type": "float"} for name in names]


def behind(models: Any, **parts: Any) -> PipelinedModel:
    return PipelinedModel(Pipeline.parse(document(**parts)), OnnxRuntime().load(models.logistic()))


# -- against scikit-learn -----------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(1e-3, 1e6), holes=st.sampled_from([0.0, 0.3]))
def test_features_are_those_of_scikit_learn(tmp_path_factory: pytest.TempPathFactory, seed: int, size: float, holes: float) -> None:
    random = np.random.default_rng(seed)
    train, served = (random.normal(random.normal(), size, (60, 3)) for _ in range(2))
    for table in (train, served):
        table[random.random(table.shape) < holes] = np.nan
    train[0] = 1.0
    cities, asked = (random.choice(CITIES, (60, 2)).astype(object) for _ in range(2))
    cities[:3] = np.array([CITIES, CITIES]).T
    imputer = SimpleImputer(strategy="median").fit(train)
    filled = imputer.transform(train)
    scaler, ranger = StandardScaler().fit(filled[:, :2]), MinMaxScaler((-1, 3)).fit(filled[:, 2:])
    hot = OneHotEncoder(drop="first" if seed % 2 else None).fit(cities[:, :1])
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(cities[:2, 1:])
    path = tmp_path_factory.mktemp("p") / "pipeline.json"
    write_pipeline(
        path,
        features={"a": "float", "city": "string", "b": "float", "c": "float", "town": "string"},
        before=[(imputer, ["a", "b", "c"]), (scaler, ["a", "b"]), (ranger, ["c"]), (hot, ["city"]), (ordinal, ["town"])],
        inputs={"x": ["town", "a", "b", "c", "city"]},
    )
    ours = parsed(path).features({"numbers": served, "texts": asked})["x"]
    again = imputer.transform(served)
    theirs = [
        ordinal.transform(asked[:, 1:]),
        scaler.transform(again[:, :2]),
        ranger.transform(again[:, 2:]),
        hot.transform(asked[:, :1]).toarray(),
    ]
    np.testing.assert_allclose(ours, np.concatenate(theirs, axis=1), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("classes", [2, 3])
def test_a_calibrator_gives_what_scikit_learns_gives(tmp_path: Path, method: str, classes: int) -> None:
    random = np.random.default_rng(3)
    x = random.normal(size=(400, 4))
    y = np.digitize(x[:, 0] + random.normal(size=400), [0.0] if classes == 2 else [-0.5, 0.5])
    model = LogisticRegression().fit(x[:200], y[:200])
    calibrated = CalibratedClassifierCV(FrozenEstimator(model), method=method, ensemble=False).fit(x[200:], y[200:])
    write_pipeline(tmp_path / "p.json", after=[calibrated])
    values = np.asarray(model.decision_function(x), dtype=np.float64).reshape(len(x), -1)
    for step in parsed(tmp_path / "p.json").after:
        values = step.apply(values)
    wanted = calibrated.predict_proba(x)
    np.testing.assert_allclose(values, wanted if classes > 2 else wanted[:, 1:], atol=1e-6)


def test_platt_and_isotonic_on_one_column_are_those_of_scikit_learn(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    scores = random.random(300)
    labels = (random.random(300) < scores**2).astype(int)
    platt, isotonic = LogisticRegression().fit(scores[:, None], labels), IsotonicRegression(out_of_bounds="clip").fit(scores, labels)
    asked = np.linspace(-0.5, 1.5, 101)
    for fitted, wanted in ((platt, platt.predict_proba(asked[:, None])[:, 1]), (isotonic, isotonic.predict(asked))):
        write_pipeline(tmp_path / "p.json", after=[fitted])
        (step,) = parsed(tmp_path / "p.json").after
        for columns in (asked[:, None], np.stack([1 - asked, asked], axis=1)):  # one column, or that of the last class
            np.testing.assert_allclose(step.apply(columns)[:, 0], wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("fitted", "said"),
    [
        (OneHotEncoder(min_frequency=2).fit([["a"], ["a"], ["b"]]), "infrequent"),
        (OneHotEncoder().fit([["a"], [None]]), "missing value as a category"),
        (MinMaxScaler(clip=True).fit([[0.0], [1.0]]), "clip"),
        (SimpleImputer(add_indicator=True).fit([[1.0], [np.nan]]), "add_indicator"),
        (StandardScaler().fit([[0.0, 1.0]]), "2 columns, not on 1"),
        (LogisticRegression(), "LogisticRegression cannot be written"),
    ],
)
def test_what_no_step_can_say_is_refused(tmp_path: Path, fitted: Any, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        write_pipeline(tmp_path / "p.json", features={"a": "string"}, before=[(fitted, ["a"])], inputs={"x": ["a"]})
    assert not list(tmp_path.iterdir())


# -- as a model ---------------------------------------------------------------------------------------------------------------------


def test_the_model_takes_raw_features_and_gives_calibrated_scores(models: Any) -> None:
    plain = OnnxRuntime().load(models.logistic())
    loaded = behind(
        models,
        features=[*numbers("a", "b"), {"name": "city", "type": "string"}],
        before=[
            {"step": "impute", "values": {"a": 2.0, "city": "oslo"}},
            {"step": "standardize", "features": ["a", "b"], "mean": [1.0, 0.0], "scale": [2.0, 4.0]},
            {"step": "ordinal", "features": ["city"], "categories": [CITIES]},
        ],
        inputs={"x": ["b", "city#", "a"]},
        after=[{"step": "logit"}, {"step": "temperature", "temperature": 2.0}, {"step": "sigmoid"}],
    )
    assert [(item.name, item.dtype, item.width) for item in loaded.inputs] == [("numbers", "float64", 2), ("texts", "string", 1)]
    assert json.loads(loaded.metadata["feature_names"]) == {"numbers": ["a", "b"], "texts": ["city"]}
    batch = {"numbers": np.array([[3.0, 8.0], [np.nan, 0.0]]), "texts": np.array([["paris"], [""]], dtype=object)}
    given = plain.run({"x": np.array([[2.0, 2.0, 1.0], [0.0, 1.0, 0.5]], dtype=np.float32)})["probabilities"].astype(np.float64)
    wanted = 1 / (1 + np.exp(-np.log(given / (1 - given)) / 2))
    np.testing.assert_allclose(loaded.run(batch)[OUTPUT], wanted, atol=1e-6)
    assert loaded.outputs[0].shape == (None, 2)


def test_a_calibrator_alone_leaves_the_inputs_as_they_are(models: Any) -> None:
    plain = OnnxRuntime().load(models.logistic(names=["a", "b", "c"]))
    loaded = PipelinedModel(Pipeline.parse(document(after=[{"step": "platt", "slope": [2.0], "intercept": [-1.0]}])), plain)
    assert loaded.inputs == plain.inputs
    assert loaded.metadata == plain.metadata
    assert loaded.outputs[0].shape == (None, 1)


def test_columns_in_another_order_have_the_declared_labels(models: Any) -> None:
    loaded = behind(models, after=[{"step": "order", "columns": [1, 0]}], classes=["late", "punctual"])
    batch = {"x": np.ones((1, 3), dtype=np.float32)}
    given = OnnxRuntime().load(models.logistic()).run(batch)["probabilities"]
    np.testing.assert_allclose(loaded.run(batch)[OUTPUT], given[:, ::-1])
    assert json.loads(loaded.metadata["classes"]) == ["late", "punctual"]


def test_every_value_without_a_rule_is_named_with_its_row(models: Any) -> None:
    loaded = behind(
        models,
        features=[*numbers("a"), {"name": "n", "type": "int"}, {"name": "city", "type": "string"}],
        before=[
            {"step": "log1p", "features": ["a"]},
            {"step": "ordinal", "features": ["city"], "categories": [CITIES]},
        ],
        inputs={"x": ["a", "n", "city#"]},
    )
    batch = {
        "numbers": np.array([[0.0], [-1.0], [0.0]]),
        "integers": np.array([[0], [0], [2**60]]),
        "texts": np.array([["rome"], [""], ["oslo"]], dtype=object),
    }
    with pytest.raises(RowErrors) as caught:
        loaded.run(batch)
    assert {(one["row"], one["feature"], one["problem"]) for one in caught.value.errors} == {
        (0, "city", "category"), (1, "a", "range"), (1, "city", "category"), (2, "n", "range"),
    }  # fmt: skip
    assert "'city' must be one of 'lima', 'oslo', 'paris', not 'rome'" in [one["message"] for one in caught.value.errors]


def test_another_category_is_zeros_where_the_document_says_so(models: Any) -> None:
    before = [{"step": "one-hot", "features": ["city"], "categories": [CITIES], "unknown": "other"}]
    loaded = behind(models, features=[{"name": "city", "type": "string"}], before=before, inputs={"x": [f"city={one}" for one in CITIES]})
    batch = {"texts": np.array([["rome"], ["oslo"]], dtype=object)}
    entering = Pipeline.parse(
        document(features=[{"name": "city", "type": "string"}], before=before, inputs={"x": [f"city={one}" for one in CITIES]})
    ).features(batch)
    np.testing.assert_array_equal(entering["x"], [[0, 0, 0], [0, 1, 0]])
    assert loaded.run(batch)["probabilities"].shape == (2, 2)


def test_a_number_that_becomes_too_large_is_refused(models: Any) -> None:
    before = [{"step": "standardize", "features": ["a"], "mean": [0.0], "scale": [1e-30]}]
    loaded = behind(models, features=numbers("a", "b", "c"), before=before, inputs={"x": ["a", "b", "c"]})
    with pytest.raises(RowErrors, match="'a' becomes too large for float32"):
        loaded.run({"numbers": np.array([[1e30, 0.0, 0.0]])})


@pytest.mark.parametrize("given", [1.5, -0.25, np.inf, np.nan])
def test_a_number_that_is_no_probability_has_no_logit_and_becomes_no_certainty(given: float) -> None:
    pipeline = Pipeline.parse(document(after=[{"step": "logit"}, {"step": "temperature", "temperature": 2.0}, {"step": "sigmoid"}]))
    values = np.array([[given], [0.25], [1 + 5e-7]])
    for step in pipeline.after:
        values = step.apply(values)
    assert np.isnan(values[0, 0])
    assert 0 < values[1, 0] < 0.5 < values[2, 0] <= 1


# -- hostile and broken documents ---------------------------------------------------------------------------------------------------

AB = {"features": numbers("a", "b"), "inputs": {"x": ["a", "b"]}}
BROKEN: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"{", "is not JSON"),
    "NaN": (b'{"format": "gonogo-pipeline/1", "after": [{"step": "temperature", "temperature": NaN}]}', "NaN is not JSON"),
    "a key twice": (b'{"format": "gonogo-pipeline/1", "format": "gonogo-pipeline/1"}', "twice"),
    "deep": (b'{"format": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
    "huge": (b" " * (17 << 20), "is the most"),
    "a list": (b"[]", "must be an object"),
    "another format": (b'{"format": "gonogo-pipeline/9"}', "format must be"),
    "no step": (document(), "has no step"),
    "an unknown key": (document(befor=[]), "Did you mean 'before'"),
    "an unknown step": (document(after=[{"step": "sigmod"}]), r"after\[0\].step .* Did you mean 'sigmoid'"),
    "steps that are no list": (document(after={"step": "sigmoid"}), "after must be a list"),
    "endless steps": (document(after=[{"step": "sigmoid"}] * 201), "at most 200"),
    "a feature twice": (document(features=numbers("a", "a"), inputs={"x": ["a"]}), r"features\[1\] names 'a' again"),
    "an unknown feature": (document(**AB | {"inputs": {"x": ["a", "c"]}}), r"inputs.x\[1\] names 'c'"),
    "an unused feature": (document(**AB | {"inputs": {"x": ["a"]}}), "declares 'b', which nothing uses"),
    "no inputs": (document(features=numbers("a")), "inputs is missing"),
    "a short list": (
        document(**AB, before=[{"step": "standardize", "features": ["a", "b"], "mean": [1.0], "scale": [1.0, 1.0]}]),
        r"before\[0\].mean has 1 numbers; 2 are needed",
    ),
    "a scale of zero": (
        document(**AB, before=[{"step": "standardize", "features": ["a"], "mean": [0], "scale": [0]}]),
        r"before\[0\].scale\[0\] must be more than 0",
    ),
    "a number in quotes": (
        document(**AB, before=[{"step": "clip", "features": ["a"], "low": ["0"], "high": [1]}]),
        r"before\[0\].low\[0\] must be a finite number",
    ),
    "a number without end": (document(after=[{"step": "temperature", "temperature": 10**400}]), "must be a finite number"),
    "true for a number": (document(after=[{"step": "temperature", "temperature": True}]), "must be a finite number"),
    "crossed limits": (
        document(**AB, before=[{"step": "clip", "features": ["a"], "low": [2], "high": [1]}]),
        r"before\[0\].high\[0\] must not be less",
    ),
    "a category twice": (
        document(features=[{"name": "c", "type": "string"}], before=[{"step": "ordinal", "features": ["c"], "categories": [["x", "x"]]}],
                 inputs={"x": ["c#"]}),
        r"categories\[0\]\[1\] names 'x' again",
    ),
    "a number among texts": (
        document(features=[{"name": "c", "type": "string"}], before=[{"step": "one-hot", "features": ["c"], "categories": [["x", 1]]}],
                 inputs={"x": ["c=x"]}),
        r"categories\[0\]\[1\] must be a text",
    ),
    "a category without end": (
        document(**AB | {"inputs": {"x": ["a", "b", "a#"]}}, before=[{"step": "ordinal", "features": ["a"], "categories": [[10**400]]}]),
        r"categories\[0\]\[0\] must be a finite number",
    ),
    "an infinite category": (
        document(**AB | {"inputs": {"x": ["a", "b", "a#"]}}, before=[{"step": "ordinal", "features": ["a"], "categories": [["@"]]}])
        .replace(b'"@"', b"1e400"),
        r"categories\[0\]\[0\] must be a finite number",
    ),
    "a range that nothing can be made of": (
        document(**AB, before=[{"step": "min-max", "features": ["a"], "low": [0], "high": [5e-324], "to": [-1e308, 1e308]}]),
        r"before\[0\].high lies so near to low",
    ),
    "limits further apart than numbers reach": (
        document(**AB, before=[{"step": "min-max", "features": ["a"], "low": [-1e308], "high": [1e308]}]), r"before\[0\].high\[0\]",
    ),
    "an endless key": (document(**AB, **{"x" * 100_000: 1}), "is no key"),
    "an endless name": (document(features=numbers("a" * 100_000), inputs={"x": ["a"]}), r"features\[0\].name must be a name"),
    "too many categories": (
        document(features=[{"name": "c", "type": "string"}], before=[
            {"step": "ordinal", "features": ["c"], "categories": [[str(n) for n in range(100_001)]]}
        ], inputs={"x": ["c#"]}),
        "100,000 is the most",
    ),
    "text as a number": (
        document(features=[{"name": "c", "type": "string"}], before=[{"step": "log1p", "features": ["c"]}], inputs={"x": ["c"]}),
        "which is text",
    ),
    "a falling curve": (document(after=[{"step": "isotonic", "curves": [{"x": [0, 1], "y": [1, 0]}]}]), r"curves\[0\].y\[1\]"),
    "a curve that stands still": (document(after=[{"step": "isotonic", "curves": [{"x": [0, 0], "y": [0, 1]}]}]), r"curves\[0\].x\[1\]"),
    "a curve beyond 1": (document(after=[{"step": "isotonic", "curves": [{"x": [0, 1], "y": [0, 2]}]}]), "between 0 and 1"),
    "an order without labels": (document(after=[{"step": "order", "columns": [1, 0]}]), "classes is missing"),
    "an order that is none": (document(after=[{"step": "order", "columns": [0, 0]}], classes=["a", "b"]), "each of the positions"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_document_is_refused_with_its_place(case: str) -> None:
    data, said = BROKEN[case]
    with pytest.raises(ModelError, match=said) as caught:
        Pipeline.parse(data)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"features": numbers("a"), "inputs": {"x": ["a"]}}, "takes 3 columns; the pipeline gives it 1"),
        ({"features": numbers("a"), "inputs": {"y": ["a"]}}, r"takes x\[3\], but the pipeline's `inputs` are y"),
        ({"features": [{"name": n, "type": "string"} for n in "abc"], "inputs": {"x": ["a", "b", "c"]}}, "takes float32"),
        ({"after": [{"step": "sigmoid"}], "output": "logits"}, "a floating output 'logits'"),
        ({"after": [{"step": "platt", "slope": [1, 1, 1], "intercept": [0, 0, 0]}]}, "parameters for 3 classes"),
    ],
)
def test_a_pipeline_that_does_not_fit_the_model_is_refused(models: Any, parts: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        behind(models, **parts)


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["step", "impute", "a", "sigmoid", "gonogo-pipeline/1"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["step", "features", "values", "name", "type", "curves", "categories", "x", "a"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    ),
    st.sampled_from(["features", "before", "inputs", "after", "output", "classes"]),
)
def test_whatever_the_document_holds_it_is_read_or_refused(value: Any, key: str) -> None:
    data = {"format": "gonogo-pipeline/1", **AB, "after": [{"step": "sigmoid"}], key: value}
    found: Pipeline | str
    try:
        found = Pipeline.parse(json.dumps(data).encode())
    except ModelError as error:
        found = str(error)
    assert isinstance(found, Pipeline) or 0 < len(found) < 500
