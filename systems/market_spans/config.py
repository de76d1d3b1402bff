"""What configs/training.yaml says, checked: an unknown key, or a value that is none, ends the training before it begins."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt, ValidationError

FILE = Path(__file__).resolve().parent / "configs" / "training.yaml"


class Setting(BaseModel):
    """How long is trained. `pretrain_windows` are drawn from the unlabelled bars."""

    model_config = ConfigDict(extra="forbid", strict=True)
    epochs: PositiveInt
    patience: PositiveInt
    pretrain_epochs: PositiveInt
    pretrain_windows: PositiveInt


class Config(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", strict=True)
    seed: int
    batch_size: PositiveInt
    learning_rate: PositiveFloat
    settings: dict[Literal["small", "default", "full"], Setting]


def read_config(path: Path = FILE) -> Config:
    try:
        return Config.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise SystemExit(f"{path.name} cannot be used: {error}") from error
