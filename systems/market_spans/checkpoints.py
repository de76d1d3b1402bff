"""Weights on disk: written for the CPU, read strictly, and built from what is written beside them.

A loader that forgives leaves layers at random values and says nothing. Here a network is built from the architecture in the file alone,
and takes its weights only when no key is missing, none is left over, and every shape is the same.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from networks import Shape, SpanNet


class CheckpointError(Exception):
    """A file that is no checkpoint, or the checkpoint of another network."""


def save(path: Path, module: nn.Module, shape: Shape) -> None:
    state = {name: value.detach().cpu().clone() for name, value in module.state_dict().items()}
    torch.save({"state_dict": state, "architecture": asdict(shape)}, path)


def load(path: Path) -> SpanNet:
    """The network of a checkpoint, ready to predict. Raises CheckpointError unless it fits in every key and shape."""
    content = _read(path)
    try:
        net = Shape(**content["architecture"]).build()
    except TypeError as error:
        raise CheckpointError(f"{path.name}: its architecture is not one of ours: {error}") from error
    fill(net, content["state_dict"], path.name)
    return net.eval()


def load_encoder(path: Path, net: SpanNet) -> None:
    """Put pre-trained weights into the network's encoder. Raises CheckpointError unless they are its, in every key and shape."""
    fill(net.bilstm, _read(path)["state_dict"], path.name)


def fill(module: nn.Module, state: Any, name: str) -> None:
    try:
        module.load_state_dict(state, strict=True)
    except (RuntimeError, TypeError) as error:
        raise CheckpointError(f"{name} does not fit: {str(error).splitlines()[-1].strip()}") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"there is no checkpoint {path}") from None
    except Exception as error:  # torch raises many kinds for a damaged file, none of them of one family
        raise CheckpointError(f"{path.name} cannot be read: {type(error).__name__}") from error
    if not isinstance(content, dict) or not {"state_dict", "architecture"} <= content.keys():
        raise CheckpointError(f"{path.name} is no checkpoint of ours: it lacks state_dict or architecture")
    return content
