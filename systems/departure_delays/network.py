"""The network: each category becomes a few learned numbers, and beside the other numbers they go through two dense layers to one logit.

Importing this imports TensorFlow, which takes seconds; the rest of the system does without.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np
import tensorflow as tf

from features import CATEGORIES, NUMBERS

Batch = Mapping[str, np.ndarray]
OUTPUT = "logit"


@dataclass(frozen=True)
class Setting:
    """How long and how wide. Training stops early when the validation loss has not fallen for `patience` epochs."""

    hidden: tuple[int, ...]
    epochs: int
    batch_size: int
    learning_rate: float
    dropout: float = 0.5
    patience: int = 3


SETTINGS = {
    "small": Setting(hidden=(64, 32), epochs=10, batch_size=512, learning_rate=0.0005),
    "full": Setting(hidden=(128, 64), epochs=20, batch_size=1024, learning_rate=0.0005),
}


def steady(seed: int) -> None:
    """One thread and a seed: the same tables give the same weights."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def build(sizes: tuple[int, ...], hidden: tuple[int, ...], dropout: float) -> keras.Model:
    """`sizes` has the number of known values of each category. Place -1, a value that training did not have, has numbers of its own."""
    numbers = keras.Input((len(NUMBERS),), dtype="float32", name="numbers")
    codes = keras.Input((len(CATEGORIES),), dtype="int64", name="codes")
    joined = [numbers]
    for place, (feature, size) in enumerate(zip(CATEGORIES, sizes, strict=True)):
        embedding = keras.layers.Embedding(size + 1, feature.width, name=f"{feature.name}_embedding")
        joined.append(embedding(codes[:, place] + 1))
    x = keras.layers.Concatenate()(joined)
    for width in hidden:
        x = keras.layers.Dense(width, activation="relu")(x)
        x = keras.layers.Dropout(dropout)(x)
    return keras.Model({"numbers": numbers, "codes": codes}, {OUTPUT: keras.layers.Dense(1)(x)}, name="departure_delays")


def fit(train: tuple[Batch, np.ndarray], validation: tuple[Batch, np.ndarray], sizes: tuple[int, ...], setting: Setting) -> keras.Model:
    model = build(sizes, setting.hidden, setting.dropout)
    model.compile(keras.optimizers.Adam(setting.learning_rate), loss={OUTPUT: keras.losses.BinaryCrossentropy(from_logits=True)})
    x, y = train
    held, truth = validation
    stop = keras.callbacks.EarlyStopping(patience=setting.patience, restore_best_weights=True)
    model.fit(
        x, {OUTPUT: y[:, None].astype(np.float32)}, batch_size=setting.batch_size, epochs=setting.epochs, verbose=0, callbacks=[stop],
        validation_data=(held, {OUTPUT: truth[:, None].astype(np.float32)}), validation_batch_size=8192,
    )  # fmt: skip
    return model


def export(model: keras.Model, folder: Path) -> None:
    """The SavedModel: inputs `numbers` [rows, 9] float32 and `codes` [rows, 5] int64, output the logit [rows, 1]."""
    shutil.rmtree(folder, ignore_errors=True)
    model.export(folder, verbose=False)


def logits(folder: Path, batch: Batch) -> np.ndarray:
    """float64 [rows], from what was exported: what ships is what is calibrated and judged."""
    serving = tf.saved_model.load(str(folder)).signatures["serving_default"]
    found = []
    for start in range(0, len(batch["codes"]), 8192):
        part = {name: tf.constant(values[start : start + 8192]) for name, values in batch.items()}
        found.append(next(iter(serving(**part).values())).numpy())
    return np.concatenate(found).astype(np.float64).ravel()
