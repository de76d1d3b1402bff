"""The confusion matrix and the gallery of failures as SVG: pictures that every browser and every code host shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

CELL, PIXEL, ACROSS = 42, 11, 6
INK = "#16324f"


def confusion_matrix(counts: Sequence[Sequence[int]]) -> str:
    """Rows are what was written, columns what the model said; the darker, the larger the share of the row."""
    size = len(counts)
    shapes = []
    for row, line in enumerate(counts):
        for column, count in enumerate(line):
            x, y, share = (column + 2) * CELL, (row + 1) * CELL, count / max(sum(line), 1)
            shapes.append(f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="{INK}" fill-opacity="{share:.3f}" stroke="#ccc"/>')
            if count:
                shapes.append(_text(x + CELL / 2, y + CELL * 0.62, str(count), "#fff" if share > 0.5 else "#000"))
        shapes.append(_text(1.5 * CELL, (row + 1) * CELL + CELL * 0.62, str(row)))
        shapes.append(_text((row + 2) * CELL + CELL / 2, CELL * 0.7, str(row)))
    middle = (size / 2 + 1) * CELL
    shapes.append(_text((size / 2 + 2) * CELL, (size + 1) * CELL + 24, "what the model said"))
    shapes.append(f'<g transform="rotate(-90 18 {middle})">{_text(18, middle, "what was written")}</g>')
    return _svg((size + 3) * CELL, (size + 2) * CELL, "Confusion matrix of the test table", shapes)


def gallery(ink: np.ndarray, failures: Sequence[Mapping[str, Any]]) -> str:
    """The images [n, 8, 8] that belong to `failures`, each with its digit, what the model said, and how sure it was."""
    wide, high = 8 * PIXEL + 40, 8 * PIXEL + 56
    shapes = []
    for number, (image, one) in enumerate(zip(ink, failures, strict=True)):
        left, top = number % ACROSS * wide + 20, number // ACROSS * high + 12
        for (y, x), value in np.ndenumerate(image):
            if value > 0:
                place = f'x="{left + x * PIXEL}" y="{top + y * PIXEL}" width="{PIXEL}" height="{PIXEL}"'
                shapes.append(f'<rect {place} fill="{INK}" fill-opacity="{min(value / 16, 1):.2f}"/>')
        shapes.append(f'<rect x="{left}" y="{top}" width="{8 * PIXEL}" height="{8 * PIXEL}" fill="none" stroke="#999"/>')
        middle, below = left + 4 * PIXEL, top + 8 * PIXEL
        wrong = one["said"] != one["digit"]
        words = f"{one['digit']} taken for {one['said']}" if wrong else str(one["digit"])
        shapes.append(_text(middle, below + 16, words, "#a11" if wrong else "#000"))
        shapes.append(_text(middle, below + 32, f"{one['confidence']:.0%} sure, row {one['row']}", "#555"))
    return _svg(ACROSS * wide, -(-len(failures) // ACROSS) * high + 12, "Where the model fails, and where it nearly does", shapes)


def _text(x: float, y: float, words: str, colour: str = "#000") -> str:
    return f'<text x="{x:g}" y="{y:g}" fill="{colour}" font-size="13" font-family="sans-serif" text-anchor="middle">{words}</text>'


def _svg(width: int, height: int, title: str, shapes: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">'
    return "\n".join([head, f"<title>{title}</title>", f'<rect width="{width}" height="{height}" fill="#fff"/>', *shapes, "</svg>", ""])
