"""The page of alarms: every rule with its limits, how its alarms stand, how often it rings for nothing, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from markupsafe import Markup

Record = Mapping[str, Any]
ORDER = ("FIRING", "RECOVERING", "PENDING", "UNKNOWN", "OK")


def view(status: Record, rules: Sequence[Record], runbooks: Mapping[str, str], silences: Sequence[Record]) -> dict[str, Any]:
    """Rules that ring first; those that nobody has judged last."""
    ranked = sorted(rules, key=lambda rule: ORDER.index(_worst(rule)) if rule["alarms"] else len(ORDER))
    return {
        "status": status,
        "rules": [(rule, _worst(rule) if rule["alarms"] else "") for rule in ranked],
        "texts": {name: to_html(text) for name, text in runbooks.items()},
        "runbooks": set(runbooks),
        "silences": silences,
    }


def _worst(rule: Record) -> str:
    return min((str(alarm["state"]) for alarm in rule["alarms"]), key=ORDER.index, default="OK")


@lru_cache(maxsize=64)
def to_html(text: str) -> Markup:
    """A page in Markdown. HTML in it is shown as text, and links and pictures are left as words: nothing of it loads or leads anywhere."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["link", "image", "autolink"])
    tokens = reader.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 3, 6)}"  # below the headings of the page
    return Markup(reader.renderer.render(tokens, reader.options, {}))  # noqa: S704 - escaped by the renderer
