"""A certification in words: the document is that of `gonogo certify --json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]
FIRST = ("cv_mean", "cv_std", "bootstrap_low", "permutation_p", "test_accuracy", "p95_ms")
MOVES = 0.85  #: a last fold below this is worth a word


def render_certification(document: Document) -> str:
    """The verdict, a row for the model and one for each retrain, what was asked besides, and why not."""
    verdict = f"certified until {document['valid_until']}" if document["certified"] else "not certified"
    lines = [f"{document['system']}: {verdict}", *_table(document), *_conditions(document)]
    lines += [f"  ✗ {reason}" for reason in document["reasons"]]
    last = [run["metrics"]["cv_last"] for run in document["runs"] if "cv_last" in run["metrics"]]
    if last and min(last) < MOVES:
        lines.append(f"  the last fold scores {min(last):.3f}: the world may have moved (decision U03)")
    if document["attempts"] > 1:
        lines.append(f"  this model was tried {document['attempts']} times")
    return "\n".join([*lines, "next: gonogo check" if document["certified"] else "next: mend what is short, train, certify again"])


def render_standing(document: Document) -> str:
    """Whether the newest certificate holds today."""
    head = "no longer holds" if document["voided"] else f"holds until {document['valid_until']}"
    lines = [f"{document['system']}: the certificate of {document['issued']} {head}", *_table(document), *_conditions(document)]
    return "\n".join([*lines, *(f"  ✗ {reason}" for reason in document["voided"])])


def _table(document: Document) -> list[str]:
    rows = [("model", document["seed"], document["metrics"])]
    rows += [(f"retrain {number}", run["seed"], run["metrics"]) for number, run in enumerate(document["runs"], 1)]
    names = [name for name in FIRST if any(name in metrics for _, _, metrics in rows)]
    widths = [max(len(name), 8) for name in names]
    head = "  ".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True))
    lines = [f"  {'':<10} {'seed':>8}  {head}"]
    for title, seed, metrics in rows:
        cells = "  ".join(f"{_shown(metrics.get(name)):>{width}}" for name, width in zip(names, widths, strict=True))
        lines.append(f"  {title:<10} {seed!s:>8}  {cells}")
    again = document["again"]
    return lines if again is None else [*lines, f"  its own training again: no score is more than {again['difference']:.2g} apart"]


def _conditions(document: Document) -> list[str]:
    said: Sequence[Document] = document["conditions"]
    return [f"  {one['item']}: {one['outcome']}, {one['reason']}" for one in said]


def _shown(value: Any) -> str:
    """A figure; a dash for one that was not measured."""
    return "–" if value is None else f"{value:.4f}".rstrip("0").rstrip(".")
