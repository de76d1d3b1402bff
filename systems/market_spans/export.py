"""A network as one ONNX file: `window` float32 [rows, 105, 11] in, `probabilities` [rows, 2], `start` and `end` [rows, 1] out.

Start and end are bars of the window, 0 to 104, start never after end. Any number of rows; everything is in the one file.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from networks import LAST, SpanNet

OPSET = 17
AGREE = 1e-4  #: probabilities of the file and of the network are never further apart


class Served(nn.Module):
    """What a caller wants of a network."""

    def __init__(self, net: SpanNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, window: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        found = self.net(window)
        bars = (found["pointers"] * LAST).round().clamp(0, LAST)
        return found["probabilities"], bars[:, 0:1], bars[:, 1:2]


def export(net: SpanNet, path: Path, examples: Tensor) -> float:
    """Write the file and give the largest difference of a probability between it and the network; more than AGREE ends the training."""
    served = Served(net.eval()).eval()
    outputs = ["probabilities", "start", "end"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package is called the old one, and says so
        torch.onnx.export(
            served,
            (examples[:2],),
            path,
            input_names=["window"],
            output_names=outputs,
            dynamic_axes={name: {0: "rows"} for name in ("window", *outputs)},
            opset_version=OPSET,
            dynamo=False,
        )
    gap = difference(served, path, examples)
    if not gap <= AGREE:
        raise SystemExit(f"the exported file says otherwise than the network, by {gap:.3g}")
    return gap


def run(path: Path, window: Tensor) -> list[np.ndarray]:
    """What the file says: probabilities, start, end."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(["probabilities", "start", "end"], {"window": window.numpy()})


def difference(served: Served, path: Path, window: Tensor) -> float:
    """The largest difference of a probability; infinite where the file points elsewhere than the network."""
    with torch.inference_mode():
        wanted = [value.numpy() for value in served(window)]
    found = run(path, window)
    if any(np.abs(a - b).max() > 1 for a, b in zip(found[1:], wanted[1:], strict=True)):
        return float("inf")
    return float(np.abs(found[0] - wanted[0]).max())
