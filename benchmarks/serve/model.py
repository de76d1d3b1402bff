"""The one model of the comparison: a random forest of 200 trees on scikit-learn's breast_cancer, as every server gets it.

`forest.onnx` for servers with ONNX Runtime, `forest.bin` (flat node arrays) for the C limit, `train.csv` and `test.csv` for our own
release. All are made once under `.cache/serve`, from a fixed seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.serve.environments import CACHE

FOLDER = CACHE / "serve"
TREES = 200


@dataclass(frozen=True)
class Material:
    """Where the model lies, and the rows that are sent: float64 [569, 30] as the data set writes them, the share of class 1 for each."""

    folder: Path
    names: tuple[str, ...]
    rows: np.ndarray[Any, Any]
    expected: np.ndarray[Any, Any]

    @property
    def onnx(self) -> Path:
        return self.folder / "forest.onnx"

    @property
    def flat(self) -> Path:
        return self.folder / "forest.bin"


def material() -> Material:
    """Train once, then read. Needs the extra `train`."""
    kept = FOLDER / "material.npz"
    if not kept.is_file():
        _make(FOLDER)
    found = np.load(kept)
    return Material(FOLDER, tuple(str(name) for name in found["names"]), found["rows"], found["expected"])


def _make(folder: Path) -> None:
    from skl2onnx import to_onnx
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import RandomForestClassifier

    folder.mkdir(parents=True, exist_ok=True)
    data = load_breast_cancer()
    names = tuple(str(name).replace(" ", "_") for name in data.feature_names)
    forest = RandomForestClassifier(n_estimators=TREES, random_state=1).fit(data.data.astype(np.float32), data.target)
    graph = to_onnx(forest, data.data[:1].astype(np.float32), options={"zipmap": False}, target_opset={"": 17, "ai.onnx.ml": 3})
    (folder / "forest.onnx").write_bytes(graph.SerializeToString())
    write_flat(forest, folder / "forest.bin", len(names))
    table = np.column_stack([data.data, data.target])
    order = np.random.default_rng(1).permutation(len(table))
    for name, part in (("train.csv", order[150:]), ("test.csv", order[:150])):
        lines = [",".join((*names, "benign")), *(",".join([*map(repr, row[:-1].tolist()), str(int(row[-1]))]) for row in table[part])]
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    expected = forest.predict_proba(data.data.astype(np.float32))[:, 1]
    np.savez(folder / "material.npz", names=np.array(names), rows=data.data, expected=expected)


def write_flat(forest: Any, path: Path, features: int) -> None:
    """The layout that `limit.c` describes. A float32 row goes left at `x <= threshold` (float64) exactly when it does at the largest
    float32 that is not above the threshold."""
    trees = [estimator.tree_ for estimator in forest.estimators_]
    starts = np.cumsum([0, *(tree.node_count for tree in trees)])
    whole = np.concatenate([tree.threshold for tree in trees])
    threshold = whole.astype(np.float32)
    threshold = np.where(threshold > whole, np.nextafter(threshold, np.float32(-np.inf)), threshold)
    leaf = np.concatenate([tree.children_left for tree in trees]) < 0
    feature = np.where(leaf, -1, np.concatenate([tree.feature for tree in trees]))
    left, right = (
        np.concatenate([getattr(tree, side) + start for tree, start in zip(trees, starts, strict=False)])
        for side in ("children_left", "children_right")
    )
    share = np.concatenate([tree.value[:, 0, 1] / tree.value[:, 0].sum(axis=1) for tree in trees])
    with path.open("wb") as file:
        file.write(np.array([len(trees), starts[-1], features], dtype=np.int32).tobytes())
        for array, dtype in ((starts[:-1], np.int32), (feature, np.int32), (threshold, np.float32)):
            file.write(np.ascontiguousarray(array, dtype=dtype).tobytes())
        for array, dtype in ((left, np.int32), (right, np.int32), (share, np.float32)):
            file.write(np.ascontiguousarray(array, dtype=dtype).tobytes())
