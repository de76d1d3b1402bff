"""Candidates side by side: as text, Markdown and one self-contained page. The document is that of `gonogo candidates --json`.

A figure that is missing is a dash, never 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gonogo.reports.html import environment
from gonogo.reports.markdown import code, prose
from gonogo.reports.pictures import draw
from gonogo.reports.report import joined, printable
from gonogo.reports.svg import Drawn

HEADS = {
    "model": "model", "f1": "F1", "accuracy": "accuracy", "precision": "precision", "recall": "recall", "params": "params",
    "size_mb": "size MB", "status": "status",
}  # fmt: skip
NEWEST = 10
MISSING = "–"

Document = Mapping[str, Any]


def render_candidates_text(document: Document, *, everything: bool = False) -> str:
    """The table (the newest ten, or all), the best of each kind, what is recommended, and what is odd."""
    return joined(printable(line) for line in _text(document, None if everything else NEWEST))


def render_candidates_markdown(document: Document) -> str:
    """The same as Markdown, with the intervals in words."""
    lines = [f"# {prose(document['system'])}: {len(document['candidates'])} candidates", ""]
    lines += ["| " + " | ".join(HEADS.values()) + " |", "|---" * len(HEADS) + "|"]
    lines += ["| " + " | ".join(prose(cell) for cell in _row(one)) + " |" for one in document["candidates"]]
    lines += ["", *(f"- {prose(line)}" for line in _said(document, None)), "", f"In words: {prose(_picture(document).words)}", ""]
    for one in document["candidates"]:
        lines += [f"## {prose(one['model'])}", "", *(f"- {prose(name)}: {code(value)}" for name, value in sheet(one)), ""]
    return "\n".join(lines)


def render_candidates_html(document: Document) -> str:
    """The page."""
    return (
        environment()
        .get_template("candidates.html")
        .render(
            document=document,
            heads=list(HEADS.values()),
            rows=[_row(one) for one in document["candidates"]],
            said=list(_said(document, None)),
            picture=_picture(document),
            sheets=[(one["model"], sheet(one)) for one in document["candidates"]],
        )
    )


def render_sheet_text(one: Document) -> str:
    """All about one candidate."""
    width = max(len(name) for name, _ in sheet(one))
    return joined(printable(f"{name:<{width}}  {value}") for name, value in sheet(one))


def sheet(one: Document) -> list[tuple[str, str]]:
    """What stands on a candidate's sheet, name and value; a dash for what nobody measured."""
    expected, measured = one["expected"], one["metrics"]
    rows = [("model", one["model"]), ("kind", one["family"]), ("status", one["status"]), ("reason", one["reason"] or MISSING)]
    rows += [(name, figure_text(figure, expected.get(name))) for name, figure in measured.items()]
    rows += [(name, figure_text(None, bounds)) for name, bounds in expected.items() if name not in measured]
    rows += [
        ("epochs", _number(one["epochs"])),
        ("training time", MISSING if one["seconds"] is None else f"{one['seconds']:,.1f} s"),
        ("parameters, counted", _number(one["params"])),
        ("bytes, counted", _number(one["bytes"])),
        ("seed", MISSING if one["seed"] is None else str(one["seed"])),
        ("settings", ", ".join(f"{name}={value}" for name, value in one["settings"].items()) or MISSING),
        ("trained", one["time"] or MISSING),
        ("run", one["run"]),
    ]
    return rows + ([("cannot be had", one["gone"])] if one["gone"] else []) + [("note", note) for note in one["notes"]]


def figure_text(figure: Document | None, expected: Sequence[float] | None) -> str:
    """A figure with its interval, and how it lies to what was expected; a dash for one that was not measured."""
    low, high = expected or (0.0, 0.0)
    if figure is None:
        return f"{MISSING} (expected {low:g} to {high:g})" if expected else MISSING
    value = figure["value"]
    text = f"{value:.4f}"
    if "low" in figure and "high" in figure:
        text += f" ({figure['low']:.4f} to {figure['high']:.4f}, n = {figure['n']:,})"
    if expected:
        text += f", expected {low:g} to {high:g}: {'below' if value < low else 'above' if value > high else 'as expected'}"
    return text


def _text(document: Document, most: int | None) -> Iterator[str]:
    shown = document["candidates"][:most]
    yield from _aligned([list(HEADS.values()), *(_row(one) for one in shown)])
    if len(shown) < len(document["candidates"]):
        yield f"… and {len(document['candidates']) - len(shown)} older ones: --all"
    yield ""
    newest = [[one["run"][7:19], one["model"], *_row(one)[1:3], one["time"] or MISSING] for one in shown]
    yield from _aligned([["run", "model", "F1", "accuracy", "trained"], *newest])
    yield ""
    yield from _said(document, most)


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns as wide as they need: the first and the last to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        sides = ["<", *">" * (len(row) - 2), "<"]
        yield "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True))


def _said(document: Document, most: int | None) -> Iterator[str]:
    """What follows from the table, a sentence each."""
    by_name = {one["model"]: one for one in document["candidates"]}
    metric = document["metric"]
    for family, name in document["best"].items():
        f1, accuracy, precision, recall = _row(by_name[name])[1:5]
        found = figure_text(by_name[name]["metrics"].get(metric), None)
        yield f"best {family} by {metric}: {name}, {found}; F1 {f1}, accuracy {accuracy}, precision {precision}, recall {recall}"
    for one in document["candidates"][:most]:
        for name, bounds in one["expected"].items():
            yield f"{one['model']}: {name} {figure_text(one['metrics'].get(name), bounds)}"
        if one["status"] == "REJECTED":
            yield f"{one['model']} was rejected: {one['reason'] or 'without a reason'}"
        if one["gone"]:
            yield f"{one['model']} cannot be chosen: {one['gone']}"
        yield from (f"{one['model']}: {note}" for note in one["notes"])
    yield from (f"the criteria contradict each other: {problem}" for problem in document["problems"])
    yield from (f"{name} does not meet {'; '.join(shorts)}" for name, shorts in document["shortfalls"].items())
    found = document["recommendation"]
    yield f"recommended: {found['name'] or MISSING}: {found['why']}"
    yield from (f"  not told apart from it: {name}" for name in found["ties"])


def _row(one: Document) -> list[str]:
    figures = [MISSING if one[name] is None else f"{one[name]:.3f}" for name in ("f1", "accuracy", "precision", "recall")]
    size = MISSING if one["size_mb"] is None else f"{one['size_mb']:.2f}" if one["size_mb"] >= 0.1 else f"{one['size_mb']:.2g}"
    return [one["model"], *figures, _number(one["params"]), size, one["status"]]


def _number(value: int | float | None) -> str:
    return MISSING if value is None else f"{value:,}"


def _picture(document: Document) -> Drawn:
    metric = document["metric"]
    shown = [(one["model"], one["metrics"].get(metric)) for one in document["candidates"][:NEWEST]]
    items = [{"name": name, **{key: figure[key] for key in ("value", "low", "high") if key in figure}} for name, figure in shown if figure]
    return draw("candidates", {"kind": "intervals", "title": f"{metric or 'no metric'}, with 95 % intervals", "items": items})
