"""What every runtime keeps whose files say how many rows they take: a fixed number is asked piece by piece, as a stranger exports it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gonogo.base import catalogue
from gonogo.model import rows_at_once
from gonogo.model.runtime import Loaded
from runtime_models import marked, saved_model, torch_files

pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries' own

ROWS = np.random.default_rng(2).normal(size=(7, 6)).astype(np.float32)
WEIGHTS = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)

_TORCH = f"""
import sys, torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("weights", torch.tensor({WEIGHTS.tolist()}))
    def forward(self, x: torch.Tensor):
        sums = (x * self.weights).sum(dim=2)
        return torch.softmax(sums, dim=1), sums
for rows in (1, 4):
    torch.export.save(torch.export.export(Net().eval(), (torch.zeros(rows, 2, 3),)), f"{{sys.argv[1]}}/{{rows}}.pt2")
"""


def _saved_model(rows: int) -> bytes:
    import tensorflow as tf

    class Net(tf.Module):  # type: ignore[misc, unused-ignore]
        @tf.function(input_signature=[tf.TensorSpec([rows, 2, 3], tf.float32, name="x")])  # type: ignore[untyped-decorator, unused-ignore]
        def serve(self, x: Any) -> Any:
            sums = tf.reduce_sum(x * WEIGHTS, axis=2)
            return {"probabilities": tf.nn.softmax(sums), "sums": sums}

    return saved_model(Net())


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("runtime", [marked("torch_export"), marked("saved_model")])
def test_any_number_of_rows_is_answered_though_the_file_takes_a_fixed_one(runtime: str, size: int) -> None:
    data = _saved_model(size) if runtime == "saved_model" else torch_files(_TORCH)[str(size)]
    options = {"inputs": [{"name": "x", "dtype": "float32", "shape": [2, 3]}], "also": ["sums"]}
    loaded: Loaded = catalogue.load("runtimes", runtime)().load(data, options)
    assert rows_at_once.of(loaded.metadata) == size
    sums = (ROWS.reshape(7, 2, 3) * WEIGHTS).sum(axis=2)
    wanted = np.exp(sums) / np.exp(sums).sum(axis=1, keepdims=True)
    for rows in (1, 4, 7):
        found = loaded.run({"x": ROWS[:rows]})
        np.testing.assert_allclose(found["probabilities"], wanted[:rows], atol=1e-6)
        np.testing.assert_allclose(found["sums"], sums[:rows], atol=1e-5)
