"""What every runtime keeps: the source library's answers, one refusal for what does not fit, no surprise from strange numbers."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

import numpy as np
import pytest

from gonogo.base import catalogue
from gonogo.errors import ModelError
from gonogo.model.predict import scores
from gonogo.model.runtime import Inspection, Loaded, inspect
from gonogo.model.schema import Feature, GraphInput, Schema
from runtime_models import RUNTIMES, Real, marked, real

pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries' own; what leaves a runtime is an answer or a ModelError

#: How far a row alone may be from the same row in a batch, and a runtime from its library: vector units add up in another order, and
#: float32 has 24 bits.
CLOSE = 1e-6
#: ONNX computes in float32 what scikit-learn computed in float64.
FROM_SOURCE = {"onnx": 1e-5}

X = np.random.default_rng(1).normal(size=(64, 3))
SMALLEST = {"float32": 1e-45, "float64": 5e-324}


@pytest.fixture(scope="module", params=[marked(name) for name in RUNTIMES])
def pair(request: Any) -> tuple[Real, Loaded]:
    model = real(request.param)
    return model, model.load()


def given(loaded: Loaded, batch: Any) -> Any:
    """The scores of the last class, float64 [rows]."""
    names = [output.name for output in loaded.outputs if "prob" in output.name]
    classes, inputs = ("0", "1"), loaded.inputs
    features = tuple(Feature(f"{i.name}{n}", "float", False, i.name, n) for i in inputs for n in range(i.width))
    return scores(Schema("binary-classification", inputs, features, classes, names[0]), loaded, batch)[:, 1]


def test_every_runtime_of_the_catalogue_is_held_to_this_contract() -> None:
    assert [name for name in catalogue.names("runtimes") if name in catalogue.CATALOGUE["runtimes"]] == RUNTIMES


def test_it_says_what_it_takes_and_gives_and_where_it_computes(pair: tuple[Real, Loaded]) -> None:
    model, loaded = pair
    assert GraphInput("x", model.dtype, 3) in loaded.inputs
    assert {item.name for item in loaded.inputs} == ({"x", "city"} if model.text else {"x"})
    assert Inspection.from_json(inspect(loaded).to_json()) == inspect(loaded)
    assert loaded.device == "cpu"


def test_the_scores_are_those_of_the_source_library(pair: tuple[Real, Loaded]) -> None:
    model, loaded = pair
    batch = model.batch(X)
    np.testing.assert_allclose(given(loaded, batch), model.predict(batch), rtol=0, atol=FROM_SOURCE.get(model.runtime, CLOSE))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, "largest", "smallest", -0.0])
def test_strange_numbers_are_judged_as_the_source_library_judges_them(pair: tuple[Real, Loaded], value: Any) -> None:
    model, loaded = pair
    number = {"largest": np.finfo(model.dtype).max, "smallest": SMALLEST[model.dtype]}.get(value, value)
    rows = X[:4].copy()
    rows[1, 1] = number
    batch = model.batch(rows)
    assert str(batch["x"][1, 1]) == str(np.dtype(model.dtype).type(number))
    try:
        expected = model.predict(batch)
    except ValueError:  # scikit-learn refuses NaN and infinity
        if model.runtime == "onnx":  # what was exported computes on
            expected = given(loaded, batch)
        else:
            with pytest.raises(ModelError, match="cannot compute"):
                given(loaded, batch)
            return
    np.testing.assert_allclose(given(loaded, batch), expected, rtol=0, atol=FROM_SOURCE.get(model.runtime, CLOSE))


def test_one_row_has_the_score_that_it_has_in_a_batch(pair: tuple[Real, Loaded]) -> None:
    model, loaded = pair
    whole = model.batch(X[:8])
    together = given(loaded, whole)
    alone = [given(loaded, {name: array[i : i + 1] for name, array in whole.items()})[0] for i in range(8)]
    np.testing.assert_allclose(alone, together, rtol=0, atol=CLOSE)


def test_a_view_that_nobody_may_write_to_is_a_batch_like_any_other(pair: tuple[Real, Loaded]) -> None:
    model, loaded = pair
    batch = model.batch(X)
    views = {name: array[::2] for name, array in batch.items()}
    for view in views.values():
        view.flags.writeable = False
    np.testing.assert_allclose(given(loaded, views), given(loaded, batch)[::2], rtol=0, atol=CLOSE)


@pytest.mark.parametrize("dtype", ["int64", "object", "float16", "complex128", "other float"])
def test_another_type_of_numbers_is_refused(pair: tuple[Real, Loaded], dtype: str) -> None:
    model, loaded = pair
    other = {"float32": "float64", "float64": "float32"}[model.dtype] if dtype == "other float" else dtype
    batch = model.batch(X)
    with pytest.raises(ModelError):
        loaded.run({**batch, "x": batch["x"].astype(other)})


@pytest.mark.parametrize("shape", [(4, 2), (4, 4), (12,), (4, 3, 1), ()], ids=str)
def test_another_shape_is_refused(pair: tuple[Real, Loaded], shape: tuple[int, ...]) -> None:
    model, loaded = pair
    with pytest.raises(ModelError):
        loaded.run({**model.batch(X[:4]), "x": np.zeros(shape, model.dtype)})


def test_an_input_too_few_or_too_many_is_refused(pair: tuple[Real, Loaded]) -> None:
    model, loaded = pair
    for batch in ({}, {**model.batch(X), "y": X}, {"y": model.batch(X)["x"]}):
        with pytest.raises(ModelError):
            loaded.run(batch)


def test_an_output_that_it_does_not_have_is_refused(pair: tuple[Real, Loaded]) -> None:
    model, loaded = pair
    with pytest.raises(ModelError):
        loaded.run(model.batch(X), ["nothing"])


def test_no_rows_give_no_scores(pair: tuple[Real, Loaded]) -> None:
    """Refused, or computed as nothing: never an answer."""
    model, loaded = pair
    with contextlib.suppress(ModelError):
        assert all(len(output) == 0 for output in loaded.run({name: array[:0] for name, array in model.batch(X).items()}).values())


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"garbage" * 100, b"PK\x03\x04" + b"\0" * 500, b"{" * 5000], ids=lambda data: repr(data[:8])
)
def test_bytes_that_are_no_model_are_refused(pair: tuple[Real, Loaded], content: bytes) -> None:
    model, _ = pair
    with pytest.raises(ModelError):
        catalogue.load("runtimes", model.runtime)().load(content, model.options)


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9])
def test_a_file_that_is_cut_short_is_refused(pair: tuple[Real, Loaded], part: float) -> None:
    model, _ = pair
    with pytest.raises(ModelError):
        catalogue.load("runtimes", model.runtime)().load(model.data[: int(len(model.data) * part)], model.options)


def test_a_device_that_is_not_there_is_an_error_when_demanded_and_the_cpu_when_not(pair: tuple[Real, Loaded]) -> None:
    model, loaded = pair
    with pytest.raises(ModelError, match="cuda"):
        model.load(device="cuda")
    anywhere = model.load(device="auto")
    assert anywhere.device == "cpu"
    np.testing.assert_array_equal(given(anywhere, model.batch(X)), given(loaded, model.batch(X)))


@pytest.mark.parametrize(
    "options",
    [
        {"device": "tpu"},
        {"inputs": [{"name": "x"}]},
        {"inputs": [{"name": "x", "dtype": "complex64", "width": 3}]},
        {"speed": "high"},
    ],
    ids=str,
)
def test_a_declaration_that_makes_no_sense_is_refused(pair: tuple[Real, Loaded], options: dict[str, Any]) -> None:
    model, _ = pair
    with pytest.raises(ModelError):
        model.load(**options)


def test_two_threads_get_the_scores_of_their_own_rows(pair: tuple[Real, Loaded]) -> None:
    model, loaded = pair
    parts = [model.batch(X[:20]), model.batch(X[20:50])]
    expected = [given(loaded, part) for part in parts]
    wrong: list[Any] = []

    def ask(part: int) -> None:
        for _ in range(20):
            found = given(loaded, parts[part])
            if found.shape != expected[part].shape or np.abs(found - expected[part]).max() > CLOSE:
                wrong.append((part, found))

    threads = [threading.Thread(target=ask, args=(part,)) for part in (0, 1, 0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_interrupt_when_nothing_runs_harms_no_later_call(pair: tuple[Real, Loaded]) -> None:
    model, loaded = pair
    batch = model.batch(X)
    before = given(loaded, batch)
    loaded.interrupt()
    loaded.interrupt()
    np.testing.assert_array_equal(given(loaded, batch), before)


def test_an_interrupt_in_the_middle_gives_scores_or_an_error_and_the_next_call_is_whole(pair: tuple[Real, Loaded]) -> None:
    model, loaded = pair
    batch = model.batch(np.tile(X, (50, 1)))
    expected, found, ends = given(loaded, batch), [], threading.Event()

    def ask() -> None:
        for _ in range(10):
            with contextlib.suppress(ModelError):
                found.append(given(loaded, batch))
        ends.set()

    thread = threading.Thread(target=ask)
    thread.start()
    while not ends.is_set():
        loaded.interrupt()
        time.sleep(0.005)
    thread.join()
    for scores_found in [*found, given(loaded, batch)]:
        np.testing.assert_allclose(scores_found, expected, rtol=0, atol=CLOSE)


@pytest.mark.parametrize("city", ["Zürich", "zu\u0308rich", "\U0001f3d9", "a" * 10_000, "\u202epar\u0000is", "", " paris"], ids=ascii)
@pytest.mark.parametrize("runtime", [marked("callable"), marked("saved_model")])
def test_text_of_any_kind_is_taken_as_it_is(runtime: str, city: str) -> None:
    model, loaded = real(runtime), real(runtime).load()
    batch = model.batch(X[:3], [city, "paris", "zürich"])
    np.testing.assert_allclose(given(loaded, batch), model.predict(batch), rtol=0, atol=CLOSE)
