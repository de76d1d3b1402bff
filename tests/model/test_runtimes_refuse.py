"""What single runtimes refuse or do that others have no word for."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gonogo.errors import MissingExtraError, ModelError
from gonogo.model.archives import pack
from gonogo.model.declared import library
from gonogo.model.runtimes.lightgbm import LightgbmRuntime
from gonogo.model.runtimes.onnx import OnnxRuntime
from gonogo.model.runtimes.saved_model import SavedModelRuntime
from gonogo.model.runtimes.skops import SkopsRuntime
from gonogo.model.runtimes.torchscript import TorchscriptRuntime
from gonogo.model.runtimes.xgboost import XgboostRuntime
from gonogo.model.schema import GraphInput

pytestmark = pytest.mark.filterwarnings("ignore")
RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(200, 4))
TWO, THREE = (X[:, 0] > 0).astype(int), np.digitize(X[:, 0], [-0.5, 0.5])


def needs(module: str, extra: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(module) is None and not os.environ.get("CI")
    return pytest.mark.skipif(missing, reason=f"{module} is not installed (gonogo[{extra}]); in CI it must be")


def test_a_library_that_is_not_installed_is_named_with_its_extra() -> None:
    with pytest.raises(MissingExtraError, match=r'pip install "gonogo\[xgboost\]"'):
        library("no_such_library", "an XGBoost model", "xgboost")


def test_a_library_that_is_broken_is_told_from_one_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_library.py").write_text("raise OSError('libgomp.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelError, match="libgomp"):
        library("broken_library", "a model", "lightgbm")


def test_importing_every_runtime_imports_no_library() -> None:
    """So that a process can be isolated while it has one thread, and the command line starts fast."""
    code = "import sys\nfrom gonogo.base import catalogue\nfor name in catalogue.names('runtimes'): catalogue.load('runtimes', name)\n"
    code += "print(sorted(set(sys.modules) & {'onnxruntime', 'sklearn', 'skops', 'lightgbm', 'xgboost', 'torch', 'tensorflow', 'pandas'}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


# -- onnx ---------------------------------------------------------------------------------------------------------------------------


def test_a_graph_that_never_ends_is_ended_by_an_interrupt(models: Any) -> None:
    loaded = OnnxRuntime().load(models.endless())
    said: list[str] = []

    def ask() -> None:
        try:
            loaded.run({"x": np.zeros((1, 1), np.float32)})
        except ModelError as error:
            said.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        loaded.interrupt()
        time.sleep(0.05)
    assert len(said) == 2
    assert all("terminate" in words for words in said)


# -- lightgbm -----------------------------------------------------------------------------------------------------------------------


def lightgbm_text(y: Any, **parameters: Any) -> bytes:
    import lightgbm

    data = lightgbm.Dataset(X, y, feature_name=["a", "b", "c", "d"])
    return bytes(lightgbm.train({"verbose": -1, "num_threads": 1, **parameters}, data, 5).model_to_string().encode())


def test_loading_a_lightgbm_model_imports_no_table_library_and_hides_none_afterwards(tmp_path: Path) -> None:
    (tmp_path / "model.txt").write_bytes(lightgbm_text(TWO, objective="binary"))
    code = (
        "import sys, numpy as np; from gonogo.model.runtimes.lightgbm import LightgbmRuntime as R\n"
        "loaded = R().load(open(sys.argv[1], 'rb').read()); loaded.run({'x': np.zeros((2, 4))})\n"
        "print(sorted(set(sys.modules) & {'pandas', 'sklearn', 'pyarrow'})); import sklearn, pyarrow"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "model.txt")], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("objective", ["regression", "poisson", "lambdarank"])
def test_a_lightgbm_model_that_gives_no_probabilities_is_refused(objective: str) -> None:
    text = lightgbm_text(TWO, objective="binary").replace(b"objective=binary sigmoid:1", f"objective={objective}".encode())
    with pytest.raises(ModelError, match=f"{objective}.* raw margins"):
        LightgbmRuntime().load(text)


def categorical(line: str) -> bytes:
    """A model as LightGBM saves it after training on a table of pandas."""
    text = lightgbm_text(TWO, objective="binary")
    return text[: text.rindex(b"\npandas_categorical:")] + f"\npandas_categorical:{line}\n".encode()


@pytest.mark.parametrize("line", ["[[10, 20, 30]]", "[[0, 1], [1, 2]]", "[[1, 0]]", "[[0.5, 1.5]]"])
def test_a_lightgbm_model_that_saw_other_numbers_than_its_tables_have_is_refused(line: str) -> None:
    with pytest.raises(ModelError, match="would be scored wrongly"):
        LightgbmRuntime().load(categorical(line))


@pytest.mark.parametrize("line", ["null", "[]", "[[0, 1, 2]]", '[["oslo", "paris"]]'])
def test_a_lightgbm_model_whose_codes_are_what_it_is_given_is_loaded(line: str) -> None:
    assert LightgbmRuntime().load(categorical(line)).inputs


@pytest.mark.parametrize("line", ["[", "5", "[5]"])
def test_a_lightgbm_model_whose_categories_cannot_be_read_is_refused(line: str) -> None:
    with pytest.raises(ModelError, match="no list of pandas categories"):
        LightgbmRuntime().load(categorical(line))


def test_a_lightgbm_model_with_an_objective_of_one_s_own_is_refused() -> None:
    text = lightgbm_text(TWO, objective=lambda scores, data: (scores - data.get_label(), np.ones_like(scores)))
    with pytest.raises(ModelError, match="raw margins"):
        LightgbmRuntime().load(text)


@pytest.mark.parametrize("objective", ["multiclass", "multiclassova"])
def test_three_classes_of_lightgbm_have_three_columns(objective: str) -> None:
    import lightgbm

    text = lightgbm_text(THREE, objective=objective, num_class=3)
    loaded = LightgbmRuntime().load(text)
    assert loaded.outputs[0].shape == (None, 3)
    np.testing.assert_array_equal(loaded.run({"x": X})["probabilities"], lightgbm.Booster(model_str=text.decode()).predict(X))
    assert json.loads(loaded.metadata["feature_names"]) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("cut", [1, 20, 400])
def test_a_lightgbm_text_that_lacks_only_its_end_is_refused(cut: int) -> None:
    text = lightgbm_text(TWO, objective="binary").rstrip()
    assert LightgbmRuntime().load(text).inputs[0].width == 4
    with pytest.raises(ModelError, match="not a whole"):
        LightgbmRuntime().load(text[:-cut] if cut > 1 else text.replace(b"end of trees", b""))


def test_columns_that_are_declared_in_another_order_than_the_model_s_are_refused() -> None:
    text = lightgbm_text(TWO, objective="binary")
    inputs = [{"name": name, "dtype": "float64", "width": 1} for name in "abdc"]
    with pytest.raises(ModelError, match="another order"):
        LightgbmRuntime().load(text, {"inputs": inputs})
    inputs[2], inputs[3] = inputs[3], inputs[2]
    loaded = LightgbmRuntime().load(text, {"inputs": inputs})
    split = {name: X[:, [number]] for number, name in enumerate("abcd")}
    np.testing.assert_array_equal(loaded.run(split)["probabilities"], LightgbmRuntime().load(text).run({"x": X})["probabilities"])


@pytest.mark.parametrize(("dtype", "width", "said"), [("float32", 3, "takes 4 columns"), ("string", 4, "takes numbers")])
def test_inputs_that_a_model_does_not_take_are_refused(dtype: str, width: int, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        LightgbmRuntime().load(lightgbm_text(TWO, objective="binary"), {"inputs": [{"name": "x", "dtype": dtype, "width": width}]})


# -- xgboost ------------------------------------------------------------------------------------------------------------------------


def boosted(y: Any, rounds: int = 5, **parameters: Any) -> Any:
    import xgboost

    return xgboost.train({"nthread": 1, **parameters}, xgboost.DMatrix(X, y), rounds)


@pytest.mark.parametrize("objective", ["binary:logitraw", "binary:hinge", "reg:squarederror", "multi:softmax"])
def test_an_xgboost_model_that_gives_no_probabilities_is_refused(objective: str) -> None:
    more = {"num_class": 3} if objective.startswith("multi") else {}
    model = boosted(THREE if more else TWO, objective=objective, **more)
    with pytest.raises(ModelError, match=f"{objective}.* gives no probabilities"):
        XgboostRuntime().load(bytes(model.save_raw()))


@pytest.mark.parametrize("form", ["ubj", "json"])
def test_early_stopping_is_kept_as_the_scikit_learn_classes_keep_it(form: str) -> None:
    import xgboost

    noise = RANDOM.integers(0, 2, 200)
    model = xgboost.XGBClassifier(n_estimators=60, early_stopping_rounds=3, n_jobs=1, learning_rate=1.0)
    model.fit(X, noise, eval_set=[(X[::-1], noise)], verbose=False)
    assert model.best_iteration < model.get_booster().num_boosted_rounds() - 1
    loaded = XgboostRuntime().load(bytes(model.get_booster().save_raw(form)))
    np.testing.assert_array_equal(loaded.run({"x": X})["probabilities"][:, 0], model.predict_proba(X)[:, 1])


@pytest.mark.parametrize("form", ["ubj", "json"])
def test_no_cut_of_an_xgboost_file_reaches_a_parser_that_would_end_the_process(form: str) -> None:
    data = bytes(boosted(THREE, 2, objective="multi:softprob", num_class=3, max_depth=2).save_raw(form))
    assert XgboostRuntime().load(data).outputs[0].shape == (None, 3)
    for cut in [*range(0, len(data), 13), len(data) - 1]:
        with pytest.raises(ModelError, match="not a whole XGBoost file"):
            XgboostRuntime().load(data[:cut])
    with pytest.raises(ModelError, match="not a whole XGBoost file"):
        XgboostRuntime().load(data + b"}")


@pytest.mark.parametrize("data", [b"{" + b"i\x01a[" * 100, b"{i\x01a[$d#L" + b"\x7f" * 8, b"{i\x01a[$[#i\x7f", b"{i\x81", b"{i\x01aS"])
def test_a_file_that_lies_about_its_lengths_is_refused_at_once(data: bytes) -> None:
    with pytest.raises(ModelError, match="not a whole XGBoost file"):
        XgboostRuntime().load(data)


# -- skops --------------------------------------------------------------------------------------------------------------------------


def dumped(model: Any) -> bytes:
    import skops.io

    return bytes(skops.io.dumps(model))


def test_a_tree_is_trusted_only_when_somebody_says_so() -> None:
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(5, random_state=0, n_jobs=2).fit(X, TWO)
    with pytest.raises(ModelError, match=r"sklearn\.tree\._tree\.Tree.*model\.trusted"):
        SkopsRuntime().load(dumped(model))
    loaded = SkopsRuntime().load(dumped(model), {"trusted": ["sklearn.tree._tree.Tree"]})
    np.testing.assert_array_equal(loaded.run({"x": X})["probabilities"], model.predict_proba(X))
    assert json.loads(loaded.metadata["classes"]) == ["0", "1"]


def test_what_calls_functions_is_trusted_by_no_list() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    data = dumped(make_pipeline(FunctionTransformer(os.path.join), LogisticRegression()))
    with pytest.raises(ModelError, match=r"nobody trusts: posixpath\.join"):
        SkopsRuntime().load(data)
    data = dumped(make_pipeline(FunctionTransformer(LogisticRegression().fit), LogisticRegression()))
    with pytest.raises(ModelError, match="through MethodNode"):
        SkopsRuntime().load(data, {"trusted": ["builtins.method", "sklearn.linear_model._logistic.fit"]})


def test_an_estimator_without_probabilities_is_refused() -> None:
    from sklearn.linear_model import LinearRegression
    from sklearn.svm import LinearSVC

    for model in (LinearSVC().fit(X, TWO), LinearRegression().fit(X, TWO)):
        with pytest.raises(ModelError, match="no fitted classifier with probabilities"):
            SkopsRuntime().load(dumped(model))


def test_a_calibrated_classifier_and_one_with_text_labels_are_taken() -> None:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.naive_bayes import GaussianNB

    for method in ("sigmoid", "isotonic"):
        model = CalibratedClassifierCV(GaussianNB(), method=method).fit(X, np.array(["no", "yes"])[TWO])
        loaded = SkopsRuntime().load(dumped(model))
        np.testing.assert_array_equal(loaded.run({"x": X})["probabilities"], model.predict_proba(X))
        assert json.loads(loaded.metadata["classes"]) == ["no", "yes"]


def mixed(names: bool) -> tuple[Any, Any]:
    """A pipeline that scales a number and encodes a city, which it picks by name or by position; and rows for it."""
    import pandas
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame = pandas.DataFrame({"amount": X[:, 0], "city": np.array(["paris", "zürich", "東京"], dtype=object)[THREE]})
    rows = frame if names else frame.to_numpy(dtype=object)
    encoder = OneHotEncoder(handle_unknown="ignore")
    parts = [("n", StandardScaler(), ["amount"] if names else [0]), ("c", encoder, ["city"] if names else [1])]
    return make_pipeline(ColumnTransformer(parts), LogisticRegression()).fit(rows, TWO), rows


@pytest.mark.skipif(importlib.util.find_spec("pandas") is None, reason="pandas is not installed")
@pytest.mark.parametrize("names", [True, False], ids=["by name", "by position"])
def test_a_pipeline_over_numbers_and_text_gets_its_columns(names: bool) -> None:
    model, rows = mixed(names)
    inputs = [{"name": "amount", "dtype": "float64", "width": 1}, {"name": "city", "dtype": "string", "width": 1}]
    loaded = SkopsRuntime().load(dumped(model), {"inputs": inputs})
    cities = np.array(["paris", "zürich", "東京"], dtype=object)[THREE][:, None]
    batch = {"amount": X[:, :1], "city": cities}
    np.testing.assert_allclose(loaded.run(batch)["probabilities"], model.predict_proba(rows), atol=1e-12)
    unknown = loaded.run({"amount": X[:1, :1], "city": np.array([["nowhere"]], dtype=object)})["probabilities"]
    assert np.isfinite(unknown).all()
    if names:
        assert json.loads(loaded.metadata["feature_names"]) == ["amount", "city"]


# -- torch --------------------------------------------------------------------------------------------------------------------------


def traced(forward: Callable[[Any], Any]) -> bytes:
    import torch

    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(forward, torch.zeros(2, 3), strict=False, check_trace=False), file)
    return file.getvalue()


INPUT = {"inputs": [{"name": "x", "dtype": "float32", "width": 3}]}


@needs("torch", "torch")
def test_a_script_that_opens_files_is_refused() -> None:
    def reads(x: Any) -> Any:
        import torch

        return x + torch.from_file(__file__, False, 1, dtype=torch.uint8).float()

    with pytest.raises(ModelError, match="opens files: aten::from_file"):
        TorchscriptRuntime().load(traced(reads), INPUT)


@needs("torch", "torch")
@pytest.mark.parametrize("given", ["dict", "tuple", "double"])
def test_scores_alone_first_of_several_or_by_name(given: str) -> None:
    forms: dict[str, Callable[[Any], Any]] = {
        "dict": lambda x: {"probabilities": x[:, :2].sigmoid(), "other": x},
        "tuple": lambda x: (x[:, :2].sigmoid(), x),
        "double": lambda x: x[:, :2].sigmoid().double(),
    }
    loaded = TorchscriptRuntime().load(traced(forms[given]), INPUT)
    rows = X[:5, :3].astype(np.float32)
    assert loaded.run({"x": rows})["probabilities"] == pytest.approx(1 / (1 + np.exp(-rows[:, :2])), abs=1e-6)


@needs("torch", "torch")
def test_text_and_undeclared_inputs_are_refused_before_the_program_is_read() -> None:
    for options, said in (
        ({}, "does not say what it takes"),
        ({"inputs": [{"name": "t", "dtype": "string", "width": 1}]}, "takes numbers"),
    ):
        with pytest.raises(ModelError, match=said):
            TorchscriptRuntime().load(b"", options)


# -- tensorflow ---------------------------------------------------------------------------------------------------------------------


def saved(folder: Path, body: Callable[[Any, Any], Any], shape: tuple[int | None, ...] = (None, 3), name: str = "serving_default") -> bytes:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    module = tf.Module()
    module.serve = tf.function(lambda x: body(tf, x), input_signature=[tf.TensorSpec(shape, tf.float32, name="x")])
    tf.saved_model.save(module, str(folder / "m"), signatures={name: module.serve})
    packed = io.BytesIO()
    pack(folder / "m", "tar", packed)
    return packed.getvalue()


@needs("tensorflow", "tensorflow")
@pytest.mark.parametrize(
    ("body", "more", "said"),
    [
        (lambda tf, x: {"p": x + tf.strings.to_number(tf.io.read_file("/etc/hostname"))}, {}, "more than compute: ReadFile"),
        (lambda tf, x: {"p": tf.numpy_function(lambda v: v, [x], tf.float32)}, {}, "more than compute: PyFunc"),
        (lambda tf, x: {"p": tf.cast(x, tf.int64)}, {}, "gives no scores"),
        (lambda tf, x: {"p": x, "q": x}, {}, "gives p, q.*model.output"),
        (lambda tf, x: {"p": x}, {"shape": (3,)}, r"takes float32\[3\]"),
        (lambda tf, x: {"p": x}, {"name": "other"}, "cannot load"),
    ],
    ids=["reads files", "calls Python", "whole numbers", "two outputs", "a vector", "another signature"],
)
def test_a_saved_model_that_cannot_be_served_is_refused(tmp_path: Path, body: Any, more: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        SavedModelRuntime().load(saved(tmp_path, body, **more))


@needs("tensorflow", "tensorflow")
def test_an_open_width_is_settled_by_what_is_declared(tmp_path: Path) -> None:
    data = saved(tmp_path, lambda tf, x: {"p": tf.sigmoid(x), "q": x}, (None, None))
    assert SavedModelRuntime().load(data, {"output": "p"}).inputs == (GraphInput("x", "float32", 0),)
    assert SavedModelRuntime().load(data, {"output": "p", **INPUT}).inputs == (GraphInput("x", "float32", 3),)
    with pytest.raises(ModelError, match=r"takes x .*not what is declared"):
        SavedModelRuntime().load(data, {"output": "p", "inputs": [{"name": "y", "dtype": "float32", "width": 3}]})
