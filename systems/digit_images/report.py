"""The documents whose figures come from a run: test results, model card, final report, and their two pictures.

The words of the card and the final report stand in `templates/`; `$name` there is a figure of the run. Nobody types a figure, so none can
be of last month. A template that asks for a figure which there is none of is an error.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

import torch

import drawings
from images import Images

TARGET = 0.80  #: accuracy that was promised, as the source has it
HERE = Path(__file__).resolve().parent


def write(
    results: Path,
    config: Mapping[str, Any],
    history: Mapping[str, Any],
    best: Mapping[str, Any],
    figures: Mapping[str, Any],
    exported: Mapping[str, Any],
    test: Images,
    parameters: int,
) -> None:
    """Write the three documents and the two pictures into the results' folder."""
    rows = [one["row"] for one in figures["failures"]]
    (results / "confusion_matrix.svg").write_text(drawings.confusion_matrix(figures["confusion_matrix"]), encoding="utf-8")
    (results / "failures.svg").write_text(drawings.gallery(test.ink[rows, 0].numpy(), figures["failures"]), encoding="utf-8")
    known = fields(config, history, best, figures, exported, parameters)
    (results / "test_results.md").write_text(test_results(figures, known), encoding="utf-8")
    for name in ("model_card.md", "final_report.md"):
        words = Template((HERE / "templates" / name).read_text(encoding="utf-8"))
        (results / name).write_text(words.substitute(known), encoding="utf-8")


def fields(
    config: Mapping[str, Any],
    history: Mapping[str, Any],
    best: Mapping[str, Any],
    figures: Mapping[str, Any],
    exported: Mapping[str, Any],
    parameters: int,
) -> dict[str, str]:
    """What a template may ask for."""
    metrics = figures["metrics"]
    stops = {"early_stopping": "early stopping", "epoch_limit": "the limit of epochs"}
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none"
    found = {name: f"{value:.4f}" for name, value in metrics.items()}
    worst = min(figures["per_class"], key=lambda one: one["f1"])
    return found | {
        "seed": str(config["seed"]),
        "width": str(config["width"]),
        "parameters": f"{parameters:,}",
        "epoch": str(best["epoch"]),
        "epochs": str(len(history["epochs"])),
        "stopped": stops[history["stop_reason"]],
        "python": platform.python_version(),
        "torch": torch.__version__,
        "gpu": gpu,
        "images": str(figures["images"]),
        "wrong": str(sum(one["said"] != one["digit"] for one in figures["failures"])),
        "worst_digit": str(worst["digit"]),
        "worst_f1": f"{worst['f1']:.4f}",
        "onnx_difference": f"{exported['onnx']['max_abs_diff']:.1e}",
        "torchscript_difference": f"{exported['torchscript']['max_abs_diff']:.1e}",
        "degraded": degraded(figures["degraded"]),
        "met": "met" if metrics["test_accuracy"] >= TARGET else "missed",
    }


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def degraded(changes: Sequence[Mapping[str, Any]]) -> str:
    """Where the network gets worse, change by change."""
    rows = [[one["change"], f"{one['right']:.1%}", f"{one['mean_confidence']:.2f}"] for one in changes]
    return table(["the test images", "still right", "mean of the largest probability"], rows)


def test_results(figures: Mapping[str, Any], known: Mapping[str, str]) -> str:
    metrics, classes = figures["metrics"], figures["per_class"]
    names = {"test_accuracy": "Test Accuracy", "test_f1": "Test F1", "test_precision": "Test Precision", "test_recall": "Test Recall"}
    gap = (metrics["validation_accuracy"] - metrics["test_accuracy"]) * 100
    digits = [str(one["digit"]) for one in classes]
    counts = [[digit, *line] for digit, line in zip(digits, figures["confusion_matrix"], strict=True)]
    each = [[one["digit"], one["images"], *(f"{one[name]:.4f}" for name in ("precision", "recall", "f1"))] for one in classes]
    wrong = [one for one in figures["failures"] if one["said"] != one["digit"]]
    mistaken = [[one["row"], one["place"], one["digit"], one["said"], f"{one['confidence']:.2f}"] for one in wrong]
    sections = {
        "Performance Metrics": "F1, precision and recall are means over the ten digits.\n\n"
        + table(["metric", "value"], [[title, f"{metrics[name]:.4f}"] for name, title in names.items()]),
        "Validation vs Test": table(
            ["table", "forms", "images", "accuracy"],
            [
                ["validation", 2, figures["validation_images"], f"{metrics['validation_accuracy']:.4f}"],
                ["test", 3, figures["images"], f"{metrics['test_accuracy']:.4f}"],
            ],
        )
        + f"\n\nValidation lies {gap:+.2f} points above the test. No form is in both, so these are the hands of other people.",
        "Per-Class Performance": table(["digit", "images", "precision", "recall", "f1"], each),
        "Confusion Matrix": "Rows are what was written, columns what the model said.\n\n"
        + table(["", *digits], counts)
        + "\n\n![The same as a picture](confusion_matrix.svg)",
        "Failure Modes": f"{len(wrong)} of {figures['images']} images are taken for another digit, the surest mistakes first. "
        + "The gallery shows them, and the right ones of which the model was least sure.\n\n"
        + (
            table(["row", "place in the package's file", "digit", "taken for", "how sure"], mistaken)
            if mistaken
            else "There is no mistake."
        )
        + "\n\n![The gallery](failures.svg)\n\nAnd what becomes of the test images when all of them are changed in one way:\n\n"
        + known["degraded"],
        "Target Achievement": f"The target of {TARGET:.0%} is {known['met']}: {metrics['test_accuracy']:.1%} of the test images are right.",
    }
    return "# Test results\n" + "".join(f"\n## {title}\n\n{text}\n" for title, text in sections.items())
