"""Small things that all tests use: a network of width 4, and images by chance."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install -r requirements.lock")
torch.set_num_threads(1)

from images import Images  # noqa: E402
from network import ResNet18  # noqa: E402


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    found = ResNet18(4)
    found.mean, found.spread = torch.tensor([5.0]), torch.tensor([6.0])
    return found.eval()


@pytest.fixture(scope="module")
def few():
    """Sixty images, six of each digit: a bright row whose height tells the digit, and noise."""
    rng = np.random.default_rng(5)
    digits = np.arange(60) % 10
    ink = rng.uniform(0, 4, (60, 1, 8, 8))
    ink[np.arange(60), 0, digits % 8, :] += 10 + digits[:, None] // 8 * -6
    return Images(torch.tensor(ink, dtype=torch.float32), torch.tensor(digits), torch.arange(60))


@pytest.fixture
def config():
    return {
        "seed": 42, "width": 4, "epochs": 4, "patience": 3, "batch": 16, "learning_rate": 0.01, "weight_decay": 0.0,
        "label_smoothing": 0.0, "augmentation": {"degrees": 5, "zoom": 0.05, "shift": 0.5},
    }  # fmt: skip
