"""Export the best network to ONNX and to TorchScript, and prove that both say what it says.

Both files take `image` float32 [rows, 1, 8, 8] in ink (0 to 16) and give `probabilities` [rows, 10]; scaling and softmax are inside.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from images import SHAPE, Images
from network import Probabilities, ResNet18

ONNX, TORCHSCRIPT = "production_model.onnx", "production_model.pt"
OPSET = 13
TOLERANCE = 1e-4  #: largest difference of a probability; float32 arithmetic in another order stays far below it
TIMED = 200
Scorer = Callable[[np.ndarray], np.ndarray]


def export(network: ResNet18, test: Images, models: Path) -> dict[str, Any]:
    """Write both files and export.json with what was compared. Stops when one of them says anything else than the network."""
    models.mkdir(parents=True, exist_ok=True)
    model, example = Probabilities(network).eval(), torch.zeros(1, *SHAPE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter and TorchScript announce their successors
        torch.onnx.export(
            model, (example,), str(models / ONNX), opset_version=OPSET, dynamo=False, input_names=["image"],
            output_names=["probabilities"], dynamic_axes={"image": {0: "rows"}, "probabilities": {0: "rows"}},
        )  # fmt: skip
        torch.jit.script(model).save(str(models / TORCHSCRIPT))
    return prove(network, test, models)


def prove(network: ResNet18, test: Images, models: Path) -> dict[str, Any]:
    """Compare the two files with the network on the whole test table and on odd images, alone and together."""
    model = Probabilities(network).eval()
    ink, truth = np.concatenate([test.ink.numpy(), odd_images()]), test.digits.numpy()
    expected = eager(model)(ink)
    accuracy = float((expected[: len(truth)].argmax(axis=1) == truth).mean())
    compared: dict[str, Any] = {"rows": len(ink), "accuracy": accuracy, "single_image_p50_ms": {"eager": timed(eager(model), ink)}}
    for name, scorer in (("onnx", onnx_scorer(models / ONNX)), ("torchscript", torchscript_scorer(models / TORCHSCRIPT))):
        given = scorer(ink)
        alone = np.concatenate([scorer(ink[row : row + 1]) for row in range(0, len(ink), 10)])
        difference = float(np.abs(given - expected).max())
        compared[name] = {
            "max_abs_diff": difference,
            "label_flips": int((given.argmax(axis=1) != expected.argmax(axis=1)).sum()),
            "accuracy_delta": abs(float((given[: len(truth)].argmax(axis=1) == truth).mean()) - accuracy),
            "alone_and_together": float(np.abs(alone - given[::10]).max()),
            "bytes": (models / (ONNX if name == "onnx" else TORCHSCRIPT)).stat().st_size,
        }
        compared["single_image_p50_ms"][name] = timed(scorer, ink)
        if not difference <= TOLERANCE:  # a NaN is no small difference
            raise SystemExit(f"the {name} file differs from the network by {difference:.3g}; nothing is recorded")
    (models / "export.json").write_text(json.dumps(compared, indent=2) + "\n", encoding="utf-8")
    return compared


def odd_images() -> np.ndarray:
    """Images that no form holds: white, black, one dot, a chessboard, and noise far beyond the ink there is."""
    board = np.indices((8, 8)).sum(axis=0) % 2 * 16.0
    dot = np.zeros((8, 8))
    dot[3, 4] = 16
    noise = np.random.default_rng(7).normal(0, 100, (8, 8))
    return np.stack([np.zeros((8, 8)), np.full((8, 8), 16.0), dot, board, noise]).astype(np.float32)[:, None]


def eager(model: Probabilities) -> Scorer:
    def scores(ink: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(torch.from_numpy(ink)).numpy()

    return scores


def onnx_scorer(path: Path) -> Scorer:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda ink: np.asarray(session.run(["probabilities"], {"image": ink})[0])


def torchscript_scorer(path: Path) -> Scorer:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eager(torch.jit.load(str(path)))


def timed(scorer: Scorer, ink: np.ndarray) -> float:
    """Median milliseconds of one image alone, after a warm-up."""
    took = []
    for number in range(TIMED + 20):
        one = ink[number % len(ink)][None]
        started = time.perf_counter()
        scorer(one)
        took.append((time.perf_counter() - started) * 1000)
    return round(float(np.median(took[20:])), 3)
