"""The model card of a run: docs/model_card.md, whose words are written by hand, with the figures of the run in its braces."""

from __future__ import annotations

from pathlib import Path

from evaluate import Figures
from networks import SpanNet, parameters

TEMPLATE = Path(__file__).resolve().parent / "docs" / "model_card.md"


def write_card(path: Path, variant: str, net: SpanNet, validation: Figures, test: Figures, history: dict) -> None:
    found = {
        "variant": variant,
        "parameters": f"{parameters(net):,}",
        "epochs": len(history["epochs"]),
        "test_rows": test.rows,
        "validation_rows": validation.rows,
        "test_constant": f"{test.constant:.1%}",
    }
    for part, of in (("test", test), ("validation", validation)):
        found |= {f"{part}_{name}": f"{value:.4f}" for name, value in of.stated().items()}
        found |= {f"{part}_dice": f"{of.span_dice:.3f}", f"{part}_start_off": f"{of.start_off:.1f}", f"{part}_end_off": f"{of.end_off:.1f}"}
    path.write_text(TEMPLATE.read_text(encoding="utf-8").format_map(found), encoding="utf-8")
