"""Checkpoints: a dictionary with `model_state_dict`, `epoch`, `val_acc`, `val_loss`, the width of the network, and what resuming needs.

They are read as weights only, so that a file from elsewhere cannot run anything, and strictly: a tensor too many, too few or of another
shape is an error, never a network that is half filled.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from network import ResNet18


def save(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    os.replace(partial, path)


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint. Stops when it is missing or damaged, or holds anything but weights and numbers."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes the reader stumble in ways that it does not name
        raise SystemExit(f"the checkpoint {path} cannot be read: {error}") from error
    if not isinstance(content, dict) or not {"model_state_dict", "epoch", "val_acc", "width"} <= content.keys():
        raise SystemExit(f"the checkpoint {path} lacks model_state_dict, epoch, val_acc or width")
    return content


def network_of(content: dict[str, Any]) -> ResNet18:
    """The network of a checkpoint, ready to answer. Stops unless every tensor fits."""
    network = ResNet18(int(content["width"]))
    try:
        network.load_state_dict(content["model_state_dict"], strict=True)
    except RuntimeError as error:
        raise SystemExit(f"the checkpoint is not one of this network: {error}") from error
    return network.eval()
