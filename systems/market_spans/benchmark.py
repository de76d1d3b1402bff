"""How long a batch takes: `python benchmark.py [--variant position]`. Writes models/VARIANT.benchmark.json.

The source's protocol: 16 windows of 105 × 11, the mean of 100 passes after 10 that are not counted, one thread; on the CPU with PyTorch and
with the exported file, and on a CUDA device where there is one, the clock stopped only after the device is done. Where there is none, the
file says so and why; nobody can take that for a measurement.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import torch

from checkpoints import load
from networks import VARIANTS

BATCH, PASSES, WARM_UP = 16, 100, 10


def mean_ms(one_pass: Callable[[], object], settle: Callable[[], object] = lambda: None) -> float:
    """Mean time of a pass in ms. `settle` waits until the device is done."""
    for _ in range(WARM_UP):
        one_pass()
    settle()
    begun = time.perf_counter()
    for _ in range(PASSES):
        one_pass()
    settle()
    return (time.perf_counter() - begun) * 1000 / PASSES


def measure(variant: str, folder: Path) -> dict[str, object]:
    torch.manual_seed(17)
    window = torch.randn(BATCH, 105, 11)
    net, model = load(folder / f"{variant}.pt"), folder / f"{variant}.onnx"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        cpu = mean_ms(lambda: net(window))
        found: dict[str, object] = {
            "model": f"sha256:{hashlib.sha256(model.read_bytes()).hexdigest()}",
            "batch": BATCH,
            "passes": PASSES,
            "cpu_ms": round(cpu, 3),
            "cpu_exported_ms": round(mean_ms(lambda: session.run(["probabilities"], {"window": window.numpy()})), 3),
        }
        if not torch.cuda.is_available():
            built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no CUDA"
            return {
                **found,
                "cuda_skipped": f"torch {torch.__version__} is built with {built} and sees {torch.cuda.device_count()} devices",
            }
        there, on_device = window.cuda(), net.cuda()
        cuda = mean_ms(lambda: on_device(there), torch.cuda.synchronize)
    return {**found, "cuda_device": torch.cuda.get_device_name(0), "cuda_ms": round(cuda, 3), "speedup": round(cpu / cuda, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time a batch of 16 windows.")
    parser.add_argument("--variant", choices=sorted(VARIANTS), default="position")
    parser.add_argument("--models", type=Path, default=Path("models"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = measure(arguments.variant, arguments.models)
    (arguments.models / f"{arguments.variant}.benchmark.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
