"""How good a network is: the figures of its class, and those of its span."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor

from features import FEATURES, WINDOW
from networks import LAST, SpanNet


@dataclass(frozen=True)
class Windows:
    """A table of windows: float32 [rows, 105, 11], labels int64 [rows], spans int64 [rows, 2] (first and last bar, both included)."""

    window: Tensor
    label: Tensor
    span: Tensor


@dataclass(frozen=True)
class Figures:
    """`constant` is the share that always saying the larger class gets right, `span_dice` the F1 of the time steps in the span, `start_off`
    and `end_off` are mean distances in bars."""

    rows: int
    constant: float
    accuracy: float
    f1_macro: float
    precision: float
    recall: float
    minority_recall: float
    span_dice: float
    start_off: float
    end_off: float

    def stated(self) -> dict[str, float]:
        """What metadata state of the class: to four digits."""
        return {name: round(getattr(self, name), 4) for name in ("accuracy", "f1_macro", "precision", "recall")}

    def recorded(self) -> dict[str, float]:
        names = ("accuracy", "f1_macro", "precision", "recall", "minority_recall", "span_dice", "start_off", "end_off")
        return {name: round(getattr(self, name), 6) for name in names}


def read(path: Path) -> Windows:
    """The windows of a table. Exits in words when it is not there or its windows are not [105, 11]."""
    if not path.is_file():
        raise SystemExit(f"{path} is not there: run `python prepare.py` first")
    table = pq.read_table(path)
    flat = table["window"].combine_chunks().flatten().flatten().to_numpy()
    if len(flat) != len(table) * WINDOW * len(FEATURES):
        raise SystemExit(f"{path}: its windows are not {WINDOW} bars of {len(FEATURES)} features")
    window = flat.astype(np.float32).reshape(len(table), WINDOW, len(FEATURES))
    span = np.stack([table["span_start"].to_numpy(), table["span_end"].to_numpy()], axis=1)
    return Windows(
        torch.from_numpy(window), torch.from_numpy(table["label"].to_numpy().astype(np.int64)), torch.from_numpy(span.astype(np.int64))
    )


@torch.inference_mode()
def predict(net: SpanNet, window: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities [rows, 2], and spans int64 [rows, 2] as first and last bar."""
    net.eval()
    parts = [net(part) for part in window.split(256)]
    pointers = torch.cat([part["pointers"] for part in parts])
    return torch.cat([part["probabilities"] for part in parts]), bars_of(pointers)


def bars_of(pointers: Tensor) -> Tensor:
    """Pointers (shares of the window) as bars 0 to 104."""
    return (pointers * LAST).round().long()


def figures(net: SpanNet, windows: Windows) -> Figures:
    probabilities, spans = predict(net, windows.window)
    said, truth = (probabilities[:, 1] >= 0.5).long(), windows.label
    right = said == truth
    precision, recall, _ = zip(*(one_class(said == label, truth == label) for label in (0, 1)), strict=True)
    rarer = int(truth.float().mean() < 0.5)
    off = (spans - windows.span).abs().float().mean(dim=0)
    return Figures(
        rows=len(truth),
        constant=torch.bincount(truth).max().item() / len(truth),
        accuracy=right.float().mean().item(),
        f1_macro=macro_f1(said, truth),
        precision=precision[1],
        recall=recall[1],
        minority_recall=recall[rarer],
        span_dice=span_dice(spans, windows.span),
        start_off=off[0].item(),
        end_off=off[1].item(),
    )


def macro_f1(said: Tensor, true: Tensor) -> float:
    return sum(one_class(said == label, true == label)[2] for label in (0, 1)) / 2


def one_class(said: Tensor, true: Tensor) -> tuple[float, float, float]:
    """Precision, recall and F1 of one class; 0 where it was never said."""
    hits = (said & true).sum().item()
    precision, recall = hits / max(said.sum().item(), 1), hits / max(true.sum().item(), 1)
    return precision, recall, 2 * precision * recall / (precision + recall) if hits else 0.0


def span_dice(said: Tensor, true: Tensor) -> float:
    """F1 over the time steps of all windows: twice the shared steps over the steps of both."""
    shared = (torch.minimum(said[:, 1], true[:, 1]) - torch.maximum(said[:, 0], true[:, 0]) + 1).clamp(min=0).sum().item()
    return 2 * shared / ((said[:, 1] - said[:, 0] + 1).sum() + (true[:, 1] - true[:, 0] + 1).sum()).item()
