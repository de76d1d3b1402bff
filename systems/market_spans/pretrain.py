"""Pre-train the encoder on bars without labels: hide some of them, and let it say what was there.

15 % of the bars of a window are set to 0, all eleven features at once; a linear decoder on the encoder's output says them from what is
around, and pays by Huber's loss on the hidden bars alone. The decoder is thrown away.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor, nn
from torch.nn import functional

from bars import Bars
from features import FEATURES, WINDOW, features
from networks import Shape

HIDDEN = 0.15


def pretrain(shape: Shape, path: Path, epochs: int, count: int, seed: int) -> nn.LSTM:
    """The encoder of a network of this shape, after so many epochs on `count` windows drawn from the bars in the file."""
    generator = torch.Generator().manual_seed(seed)
    net = shape.build()
    decoder = nn.Linear(2 * shape.hidden_size, len(FEATURES))
    optimizer = torch.optim.Adam([*net.bilstm.parameters(), *decoder.parameters()], lr=1e-3)
    drawn = draw(path, count, seed)
    net.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(drawn), generator=generator).split(16):
            window = drawn[batch]
            masked, hidden = mask(window, generator)
            optimizer.zero_grad()
            reconstruction_loss(decoder(net.encode(masked)), window, hidden).backward()
            optimizer.step()
    return net.bilstm


def mask(window: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The windows with some bars set to 0, and which: bool [rows, steps]."""
    hidden = torch.rand(window.shape[:2], generator=generator) < HIDDEN
    return window.masked_fill(hidden.unsqueeze(2), 0.0), hidden


def reconstruction_loss(said: Tensor, window: Tensor, hidden: Tensor) -> Tensor:
    """Huber's loss on the hidden bars; bars that were seen cost nothing."""
    return functional.huber_loss(said[hidden], window[hidden])


def draw(path: Path, count: int, seed: int) -> Tensor:
    """Windows of the series in the file, each drawn by its first bar; float32 [count, 105, 11]."""
    table = pq.read_table(path)
    names = np.array(table["series"].to_pylist())
    rng = np.random.default_rng(seed)
    places: list[np.ndarray] = []
    for name in dict.fromkeys(names.tolist()):
        rows = table.filter(names == name)
        prices = [rows[column].to_numpy() for column in ("open", "high", "low", "close")]
        values = features(Bars(str(name), rows["day"].to_numpy().astype("datetime64[D]"), *prices))
        known = int(np.isnan(values).any(axis=1).sum())
        places += [values[start : start + WINDOW] for start in range(known, len(values) - WINDOW + 1)]
    chosen = rng.choice(len(places), size=min(count, len(places)), replace=False)
    return torch.from_numpy(np.stack([places[place] for place in chosen]))
