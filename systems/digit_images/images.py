"""The tables as tensors, and pictures that are a little different each time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor
from torch.nn import functional

SHAPE = (1, 8, 8)


@dataclass(frozen=True)
class Images:
    """Ink float32 [n, 1, 8, 8], digits int64 [n], and the place of each image in the file of the package."""

    ink: Tensor
    digits: Tensor
    places: Tensor

    def __len__(self) -> int:
        return len(self.digits)


def read(path: Path) -> Images:
    """A table of `prepare.py`. Stops when it is missing or holds anything but images of 8 × 8."""
    if not path.is_file():
        raise SystemExit(f"there is no table {path}: run `python prepare.py` first")
    columns = pq.read_table(path).to_pydict()
    try:
        ink = np.asarray(columns["image"], dtype=np.float32)
    except ValueError as error:
        raise SystemExit(f"{path.name} holds images of different shapes: {error}") from error
    if ink.shape[1:] != SHAPE or not np.isfinite(ink).all():
        raise SystemExit(f"{path.name} holds images of shape {ink.shape[1:]}, or pixels that are no numbers; {SHAPE} is needed")
    return Images(torch.from_numpy(ink), torch.tensor(columns["digit"]), torch.tensor(columns["place"]))


def vary(ink: Tensor, generator: torch.Generator, *, degrees: float, zoom: float, shift: float) -> Tensor:
    """Each image turned, enlarged and moved by chance, at most by so many degrees, such a share, so many pixels; white comes in."""
    rows, side = len(ink), ink.shape[-1]

    def chance(most: float) -> Tensor:
        return (torch.rand(rows, generator=generator) * 2 - 1) * most

    angle, size = chance(math.radians(degrees)), 1 + chance(zoom)
    turn = torch.stack([torch.cos(angle), -torch.sin(angle), torch.sin(angle), torch.cos(angle)], dim=1).reshape(rows, 2, 2)
    move = torch.stack([chance(2 * shift / side), chance(2 * shift / side)], dim=1)
    grid = functional.affine_grid(torch.cat([turn * size[:, None, None], move[:, :, None]], dim=2), list(ink.shape), align_corners=False)
    return functional.grid_sample(ink, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
