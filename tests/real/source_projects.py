"""Two projects that have all that the gates of the sequence model (S0) and of the image classifier (S1) ask for.

The models are small: what is real is every file that a check reads, from the checkpoints to the run record and the git repository.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from gonogo.base.canonical import digest
from gonogo.candidate.run_record import record_run
from gonogo.evidence.declared import read_structured
from gonogo.operations.workspace import Workspace
from gonogo.trust.keys import generate_key
from torch_file import TorchFile, fraction, mapping, number

Array = np.ndarray[Any, np.dtype[np.float32]]
START = datetime(2025, 1, 1)
PICTURES = """
system: pictures
pack: image-classifier
model: {path: models/model.onnx, task: multiclass-classification, reference: models/reference.csv}
data: {train: data/train.csv, validation: data/validation.csv, test: data/test.csv, target: label}
run_record: models/run.json
environment: requirements.txt
isolation: accept-weaker
files:
  training_log: training.log
  history: history.json
  metrics: metrics.json
  checkpoint_best: models/best.pt
  checkpoint_last: models/last.pt
  config: final_config.yaml
  issues: issues.yaml
documents: {deployment_guide: guide.md, test_results: test_results.md, card: card.md, final_report: final_report.md}
code: {paths: [src], security: ruff check --select S src}
monitor: {channels: [file]}
author: {name: Tom}
people:
  technical-lead: {name: Ana, key: keys/ana.pub}
  product-owner: {name: Ben, key: keys/ben.pub}
items:
  export-torchscript: {applies: false, reason: only ONNX ships}
  latency-target: {applies: false, reason: the machine of a test is busy}
  inference-latency: {require: p95 < 5 s}
  no-shared-groups: {applies: false, reason: every picture is made by itself}
  code-review: {applies: true, reason: code of our own}
  code-review-scope: {applies: true, reason: code of our own}
  code-security: {applies: true, reason: code of our own}
  error-handling: {applies: true, reason: it has a service}
  product-approval: {applies: true, reason: it is a product}
  compliance-approval: {applies: false, reason: nobody is in the pictures}
"""
BARS = """
system: bars
pack: sequence-model
model: {path: models/model.onnx, task: binary-classification}
data: {train: data/train.csv, validation: data/validation.csv, test: data/test.csv, target: label, time: end}
run_record: models/run.json
environment: requirements.txt
isolation: accept-weaker
files:
  metadata: metadata.json
  decision: decision.yaml
  checkpoint_best: models/best.pt
  history: history.json
  training_log: training.log
  splits: splits.json
  config: final_config.yaml
documents: {deployment: DEPLOYMENT.md, runbook: RUNBOOK.md, card: card.md}
code: {paths: [src, tests, hooks.py], tests: python -m pytest -q tests, hooks: python hooks.py}
author: {name: Tom}
people:
  deployer: {name: Dana, key: keys/dana.pub}
  reviewer: {name: Ravi, key: keys/ravi.pub}
  approver: {name: Ana, key: keys/ana.pub}
items:
  hooks-pass: {applies: true, reason: we have hooks}
  unlabelled-bars: {applies: false, reason: no pre-training}
  no-shared-groups: {applies: false, reason: one series}
  parameter-count: {applies: false, reason: a small stand-in}
  pretrained-encoder: {applies: false, reason: from scratch}
  reproduced: {applies: false, reason: the stand-in is not trained}
  quality-floor: {applies: true, reason: quality decides}
  span-f1: {applies: false, reason: labels whole windows}
  alerts: {applies: true, reason: told to a file}
  device-latency: {applies: false, reason: served on the CPU}
  batch-latency: {require: batch_mean <= 5 s}
  torch-installed: {options: {packages: [numpy]}}
  pandas-installed: {options: {packages: [numpy]}}
  critical-packages: {options: {packages: [numpy]}}
  diagnosis: {options: {packages: [numpy]}}
"""
GUIDE = """
```python
import numpy
import onnxruntime

session = onnxruntime.InferenceSession("models/model.onnx")
print(session.run(None, {"input": numpy.zeros((1, 16), dtype=numpy.float32)}))
```

```python no-run
model = torch.jit.load("models/model.pt")
```
"""
ALARMS = """
The dashboard is at [stats](http://127.0.0.1:8000/stats).

| alarm | threshold | action |
|---|---|---|
| error-share | 5 % | go back to the release before |
| latency | 1 s | look at the load, then go back |
| drift | 0.2 | compare with the pictures of the training |
"""


def pictures(folder: Path, keys: Path) -> None:
    """An image classifier with four classes on sixteen numbers a picture; about 94 % of the test are right."""
    rng = np.random.default_rng(42)
    centres = rng.normal(size=(4, 16)) * 1.1
    for name in ("data", "models", "src"):
        (folder / name).mkdir(parents=True)
    tables = {}
    for seed, (name, rows) in enumerate({"train": 2000, "validation": 1200, "test": 1500}.items()):
        truth = np.random.default_rng(seed).permutation(np.arange(rows) % 4)
        x = (centres[truth] + np.random.default_rng(seed + 9).normal(size=(rows, 16))).round(4).astype(np.float32)
        tables[name] = (x, truth)
        _table(folder / f"data/{name}.csv", [f"p{i}" for i in range(16)], x, {"label": truth.tolist()})
    first, shift = (rng.normal(size=(16, 256)) / 4).astype(np.float32), rng.normal(size=256).astype(np.float32)
    hidden = np.maximum(tables["train"][0] @ first + shift, 0)
    second = np.linalg.solve(hidden.T @ hidden + 50 * np.eye(256), hidden.T @ (np.eye(4)[tables["train"][1]] * 4 - 1)).astype(np.float32)
    weights = {"w1": first, "b1": shift, "w2": second}
    nodes = [("MatMul", ["input", "w1"], "m"), ("Add", ["m", "b1"], "a"), ("Relu", ["a"], "h"), ("MatMul", ["h", "w2"], "z")]
    _onnx(folder / "models/model.onnx", 16, 4, "input", nodes, weights)
    for name in ("best", "last"):
        file = TorchFile()
        state = mapping(**{f"fc__{key}": file.tensor(value) for key, value in weights.items()})
        file.write(folder / f"models/{name}.pt", mapping(model_state_dict=state, epoch=number(45), val_acc=fraction(0.94)))
    x, truth = tables["test"]
    scores = np.exp(np.maximum(x @ first + shift, 0) @ second)
    scores /= scores.sum(axis=1, keepdims=True)
    lines = [f"{row}," + ",".join(f"{score:.8f}" for score in line) for row, line in enumerate(scores)]
    (folder / "models/reference.csv").write_text("row,score_0,score_1,score_2,score_3\n" + "\n".join(lines) + "\n")
    files = {"config": "final_config.yaml"}
    _common(folder, "seed: 42\n", keys, ("ana", "ben"))
    _write(
        folder,
        {
            "metrics.json": '{"accuracy": 0.94}',
            "issues.yaml": "- {id: BUG-7, severity: P2, status: open, workaround: resize the picture first}\n",
            "test_results.md": _results(_matrix(truth, scores.argmax(axis=1), 4)),
            "guide.md": "# Guide\n" + _sections(
                {
                    "Overview": "Four kinds.", "Input Specification": "Sixteen numbers.", "Output Specification": "Four shares.",
                    "Inference API": GUIDE, "Performance": "Latency 2 ms, throughput 500 pictures a second, memory 120 MB.",
                    "Monitoring Recommendations": ALARMS, "Environments": "Python 3.11.", "Troubleshooting": "Begin with the log.",
                }
            ),
            "card.md": "# Card\n" + _sections(
                dict.fromkeys(("Intended use", "Training data", "Performance and limits", "Ethics", "Bias"), "Dark pictures are hard.")
            ),
            "final_report.md": "# Final report\n" + _sections(
                {
                    "Reproducibility": "Seed 42, config final_config.yaml, checkpoint best.pt (epoch 45), Python 3.11, GPU none.",
                    "Known issues": "BUG-7: resize large pictures first.", "Edge cases": "Dark ones.", "Degradation": "Fog rings drift.",
                }
            ),
            "gonogo.yaml": PICTURES,
        },
    )  # fmt: skip
    _record(folder, "run.json", 42, {"accuracy": 0.94}, [f"p{i}" for i in range(16)], files=files)
    _commit(folder, "Pictures\n\nReviewed-by: Ravi <ravi@example.org>")


def bars(folder: Path, keys: Path) -> None:
    """A sequence model on 174 windows of eleven features, four hours apart; about 94 % of the test are right."""
    for name in ("data", "models", "src", "tests"):
        (folder / name).mkdir(parents=True)
    features = [f"f{i}" for i in range(11)]
    tables = {}
    for seed, (name, rows, day) in enumerate((("train", 110, 0), ("validation", 30, 30), ("test", 34, 60)), start=1):
        rng = np.random.default_rng(seed)
        truth = rng.permutation(np.arange(rows) % 2)
        x = (rng.normal(size=(rows, 11)) + (truth[:, None] * 2 - 1) * 0.55).round(4).astype(np.float32)
        tables[name] = (x, truth)
        ends = [(START + timedelta(days=day, hours=4 * row)).isoformat() for row in range(rows)]
        _table(folder / f"data/{name}.csv", features, x, {"label": truth.tolist(), "end": ends})
    column = np.full((11, 1), 0.55, dtype=np.float32)
    weights = {"w1": np.eye(11, dtype=np.float32), "w2": np.concatenate([-column, column], axis=1)}
    _onnx(folder / "models/model.onnx", 11, 2, "window", [("MatMul", ["window", "w1"], "h"), ("MatMul", ["h", "w2"], "z")], weights)
    file = TorchFile()
    state = mapping(**{f"fc__{key}": file.tensor(value) for key, value in weights.items()})
    file.write(folder / "models/best.pt", mapping(state_dict=state))
    x, truth = tables["validation"]
    precision, recall, f1, accuracy = _figures(_matrix(truth, (x @ weights["w2"]).argmax(axis=1), 2))
    stated = {"f1_macro": float(f1.mean()), "accuracy": accuracy, "precision": float(precision[1]), "recall": float(recall[1])}
    recorded = {**stated, "minority_recall": float(recall[1]), "train_loss": 0.5, "validation_loss": 0.48}
    training = {"epochs": 60, "batch_size": 16, "learning_rate": 0.001}
    shape = {"input_size": 11, "hidden_size": 128, "num_layers": 2, "num_classes": 2, "total_params": 11 * 11 + 11 * 2}
    _common(folder, "seed: 17\n", keys, ("ana", "ravi", "dana"))
    steps = ("Log in to the host", "Copy the release", "Switch to it", "Verify with the diagnosis", "Run inference")
    _write(
        folder,
        {
            "metadata.json": json.dumps(
                {
                    "version": "1.0", "deployment_date": "2026-01-05", "model_type": "stand-in",
                    "architecture": {**shape, "tensors": {"fc.w1": [11, 11], "fc.w2": [11, 2]}},
                    "training": {"dataset": "train.csv", **training, "seed": 17}, "validation_metrics": stated, "notes": "small",
                }
            ),
            "splits.json": '{"train_end": "2025-01-25T00:00:00", "val_end": "2025-02-20T00:00:00", "test_end": "2025-03-30T00:00:00"}',
            "tests/test_train.py": "def test_one() -> None:\n    assert 1 + 1 == 2\n",
            "hooks.py": "for name in ('black', 'ruff', 'isort', 'python-tree', 'pip-tree'):\n    print(name + '.' * 40 + 'Passed')\n",
            "DEPLOYMENT.md": "# Deployment\n" + _sections(dict.fromkeys(steps, "With care."))
            + _sections({"Rollback": "When it does not load:\n\n```bash\ngonogo rollback\n```"}),
            "RUNBOOK.md": "# Runbook\n" + _sections(
                dict.fromkeys(("Predictions are not a number", "Inference is slow", "Weight file damaged"), "Look, then go back.")
            ),
            "card.md": "# Card\n" + _sections(dict.fromkeys(("Strengths", "Weaknesses", "When to use it"), "Some words.")),
            "gonogo.yaml": BARS,
        },
    )  # fmt: skip
    names = {"baseline": "REJECTED", "position": "CANDIDATE", "crf": "IN_PROGRESS", "chosen": "CANDIDATE"}
    entries = ""
    for seed, (name, status) in enumerate(names.items(), start=14):
        run = _record(folder, "run.json" if name == "chosen" else f"{name}.json", seed, recorded, features, params=training)
        entries += f'- {{name: {name}, status: {status}, run: "{digest(run)}", reason: compared on validation}}\n'
    decision = "recommended: chosen\nreason: best on validation by far\nrisk: LOW\nfallback: position\n"
    _write(folder, {"decision.yaml": f"candidates:\n{entries}{decision}"})
    _commit(folder, "Bars")
    with Workspace.open(folder).store().transaction() as tx:  # as `gonogo select` leaves it
        tx.append("selection", {"system": "bars", "decision": digest(read_structured(folder / "decision.yaml"))}, "ana")


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        (folder / name).write_text(content)


def _sections(bodies: Mapping[str, str]) -> str:
    return "".join(f"\n## {heading}\n\n{body.strip()}\n" for heading, body in bodies.items())


def _table(path: Path, names: list[str], x: Array, more: Mapping[str, list[Any]]) -> None:
    lines = [
        ",".join([*(f"{value:.4f}" for value in row), *map(str, rest)])
        for row, rest in zip(x, zip(*more.values(), strict=True), strict=True)
    ]
    path.write_text(",".join([*names, *more]) + "\n" + "\n".join(lines) + "\n")


def _onnx(path: Path, width: int, classes: int, name: str, nodes: list[tuple[str, list[str], str]], weights: Mapping[str, Array]) -> None:
    """A graph from `nodes` (operator, inputs, output), whose last output `z` becomes probabilities."""
    made = [helper.make_node(operator, inputs, [output]) for operator, inputs, output in nodes]
    made.append(helper.make_node("Softmax", ["z"], ["probabilities"], axis=1))
    graph = helper.make_graph(
        made, "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, classes])],
        [numpy_helper.from_array(value, key) for key, value in weights.items()],
    )  # fmt: skip
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString())


def _matrix(truth: Any, predicted: Any, classes: int) -> Any:
    matrix = np.zeros((classes, classes))
    np.add.at(matrix, (truth, predicted), 1)
    return matrix


def _figures(matrix: Any) -> tuple[Any, Any, Any, float]:
    """Precision, recall and F1 of each class, and accuracy."""
    precision, recall = matrix.diagonal() / matrix.sum(axis=0), matrix.diagonal() / matrix.sum(axis=1)
    return precision, recall, 2 * precision * recall / (precision + recall), float(matrix.trace() / matrix.sum())


def _results(matrix: Any) -> str:
    """The test report of a confusion matrix."""
    precision, recall, f1, accuracy = _figures(matrix)
    overall = {"Test Accuracy": accuracy, "Test F1": f1.mean(), "Test Precision": precision.mean(), "Test Recall": recall.mean()}
    classes = "\n".join(f"| {k} | {precision[k]:.4f} | {recall[k]:.4f} | {f1[k]:.4f} |" for k in range(len(matrix)))
    counts = "\n".join(f"| {k} | " + " | ".join(f"{count:.0f}" for count in row) + " |" for k, row in enumerate(matrix))
    return "# Test results\n" + _sections(
        {
            "Performance Metrics": "| metric | value |\n|---|---|\n" + "\n".join(f"| {name} | {v:.4f} |" for name, v in overall.items()),
            "Validation vs Test": "Both are of one kind and one season.",
            "Per-Class Performance": f"| class | precision | recall | f1 |\n|---|---|---|---|\n{classes}",
            "Confusion Matrix": f"| | 0 | 1 | 2 | 3 |\n|---|---|---|---|---|\n{counts}",
            "Failure Modes": "Dark pictures of one class are taken for another.",
            "Target Achievement": "The target of 80 % is met.",
        }
    )


def _common(folder: Path, config: str, keys: Path, people: tuple[str, ...]) -> None:
    """Configuration, environment, log, losses and a training script; and a key pair for each person, the private half in `keys`."""
    losses = [{"epoch": epoch, "train_loss": 1 / epoch, "val_loss": 1.02 / epoch} for epoch in range(1, 46)]
    _write(
        folder,
        {
            "final_config.yaml": config,
            "requirements.txt": f"numpy=={version('numpy')}\n",
            "training.log": "epoch 45\nTraining complete\n",
            "history.json": json.dumps({"stop_reason": "early_stopping", "epochs": losses}),
            "src/train.py": "import random\n\nrandom.seed(42)\n",
            ".gitignore": ".gonogo\n__pycache__\n.pytest_cache\n",
        },
    )
    (folder / "keys").mkdir()
    keys.mkdir()
    for name in people:
        generate_key(keys / f"{name}.key")
        (folder / f"keys/{name}.pub").write_bytes((keys / f"{name}.pub").read_bytes())


def _record(
    folder: Path, name: str, seed: int, metrics: Mapping[str, float], features: list[str], *, params: Mapping[str, Any] | None = None,
    files: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    data = {"train": "data/train.csv", "model": "models/model.onnx", **(files or {})}
    return record_run(
        folder / "models" / name, params=params or {}, metrics=metrics, seed=seed, features=features, version="1",
        data={key: folder / path for key, path in data.items()},
    )  # fmt: skip


def _commit(folder: Path, message: str) -> None:
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", message]):
        subprocess.run(["git", "-c", "user.name=Tom", "-c", "user.email=tom@example.org", *words], cwd=folder, check=True)
