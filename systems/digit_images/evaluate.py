"""What the best network is worth, measured on the whole test table, and where it fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor
from torch.nn import functional

from images import Images, vary
from network import ResNet18

CLASSES = 10
NEARLY = 6  #: right images in the gallery, beside all mistakes
CHANGES = 9  #: seed of what is done to the images to see where the network gets worse


def evaluate(network: ResNet18, validation: Images, test: Images, results: Path, reference: Path) -> dict[str, Any]:
    """Measure, and write metrics.json and the reference scores of every test row. Returns what metrics.json holds."""
    scores = {"validation": score(network, validation.ink), "test": score(network, test.ink)}
    truth, said = test.digits.numpy(), scores["test"].argmax(axis=1)
    matrix = confusion(truth, said)
    classes = per_class(matrix)
    validation_accuracy = float((scores["validation"].argmax(axis=1) == validation.digits.numpy()).mean())
    metrics = {
        "validation_accuracy": validation_accuracy,
        "test_accuracy": float((said == truth).mean()),
        **{f"test_{name}": float(np.mean([one[name] for one in classes])) for name in ("f1", "precision", "recall")},
        "test_log_loss": float(-np.log(np.clip(scores["test"][np.arange(len(truth)), truth], 1e-15, 1)).mean()),
    }
    found = {
        "images": len(test),
        "validation_images": len(validation),
        "metrics": metrics,
        "per_class": classes,
        "confusion_matrix": matrix.tolist(),
        "failures": failures(truth, scores["test"], test.places.numpy()),
        "degraded": degraded(network, test),
    }
    results.mkdir(parents=True, exist_ok=True)
    (results / "metrics.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    columns = {"row": pa.array(np.arange(len(truth)))} | {f"score_{digit}": pa.array(scores["test"][:, digit]) for digit in range(CLASSES)}
    reference.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), reference, compression="zstd")
    return found


@torch.no_grad()
def score(network: ResNet18, ink: Tensor) -> np.ndarray:
    """Probabilities float64 [n, 10] of the network as it was trained."""
    return torch.softmax(network.eval()(ink), dim=1).double().numpy()


def confusion(truth: np.ndarray, said: np.ndarray) -> np.ndarray:
    """How often each digit (row) was taken for each (column): int64 [10, 10]."""
    matrix = np.zeros((CLASSES, CLASSES), dtype=np.int64)
    np.add.at(matrix, (truth, said), 1)
    return matrix


def per_class(matrix: np.ndarray) -> list[dict[str, float]]:
    """Precision, recall and F1 of each digit; 0 for one that is never said."""
    found = []
    for digit in range(CLASSES):
        right, truly, said = float(matrix[digit, digit]), float(matrix[digit].sum()), float(matrix[:, digit].sum())
        precision, recall = right / said if said else 0.0, right / truly if truly else 0.0
        f1 = 2 * precision * recall / (precision + recall) if right else 0.0
        found.append({"digit": digit, "images": int(truly), "precision": precision, "recall": recall, "f1": f1})
    return found


def failures(truth: np.ndarray, scores: np.ndarray, places: np.ndarray) -> list[dict[str, Any]]:
    """The test images that were taken for another digit, the surest mistakes first; then the least sure right ones."""
    said, sure = scores.argmax(axis=1), scores.max(axis=1)
    wrong = said != truth
    order = np.lexsort((np.where(wrong, -sure, sure), ~wrong))[: int(wrong.sum()) + NEARLY]
    return [
        {"row": int(row), "place": int(places[row]), "digit": int(truth[row]), "said": int(said[row]), "confidence": float(sure[row])}
        for row in order
    ]


def degraded(network: ResNet18, test: Images) -> list[dict[str, Any]]:
    """The share of test images that are still right, and how sure the network is, when all of them are changed in one way."""
    generator = torch.Generator().manual_seed(CHANGES)
    noise = torch.randn(test.ink.shape, generator=generator)
    changed = {
        "as they are": test.ink,
        "turned by up to 25 degrees": vary(test.ink, generator, degrees=25, zoom=0, shift=0),
        "moved one pixel to the right": functional.pad(test.ink, (1, 0))[..., :8],
        "moved two pixels to the right": functional.pad(test.ink, (2, 0))[..., :8],
        "half the ink": test.ink * 0.5,
        "noise of two units of ink": (test.ink + 2 * noise).clamp(0, 16),
        "noise of four units of ink": (test.ink + 4 * noise).clamp(0, 16),
        "white on black": 16 - test.ink,
        "scaled from 0 to 1 by mistake": test.ink / 16,
    }
    found = []
    for name, ink in changed.items():
        scores = score(network, ink)
        right = float((scores.argmax(axis=1) == test.digits.numpy()).mean())
        found.append({"change": name, "right": right, "mean_confidence": float(scores.max(axis=1).mean())})
    return found
