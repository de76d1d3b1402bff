"""The page of alarms: every rule with its limits, how its alarms stand, how often it rings for nothing, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from markupsafe import Markup

from gonogo.base.clock import parse_stamp
from gonogo.reports.timeline import Limit, Point, Timeline, draw_timeline

Record = Mapping[str, Any]
ORDER = ("FIRING", "RECOVERING", "PENDING", "UNKNOWN", "OK")


def view(status: Record, rules: Sequence[Record], runbooks: Mapping[str, str], silences: Sequence[Record], over: Record) -> dict[str, Any]:
    """Rules that ring first; those that nobody has judged last. `over` is what each rule judged over a day."""
    ranked = sorted(rules, key=lambda rule: ORDER.index(_worst(rule)) if rule["alarms"] else len(ORDER))
    return {
        "status": status,
        "rules": [(rule, _worst(rule) if rule["alarms"] else "") for rule in ranked],
        "texts": {name: to_html(text) for name, text in runbooks.items()},
        "runbooks": set(runbooks),
        "pictures": {rule["name"]: _picture(rule, over) for rule in rules},
        "over": over,
        "silences": silences,
    }


def _worst(rule: Record) -> str:
    return min((str(alarm["state"]) for alarm in rule["alarms"]), key=ORDER.index, default="OK")


def _picture(rule: Record, over: Record) -> Timeline:
    """The series that a rule judges, with its limit and where it is over."""
    record = over["rules"].get(rule["name"], {"series": {}, "unit": ""})
    lines = {of: [Point.of(point) for point in points] for of, points in record["series"].items()}
    limits = [Limit("rings above", rule["above"], rule["level"])]
    if rule["clear"] != rule["above"]:
        limits.append(Limit("over at", rule["clear"], says="is"))
    since, until = parse_stamp(over["since"]), parse_stamp(over["until"])
    return draw_timeline(rule["signal"], lines, limits, since=since, until=until, unit=record["unit"], to_scale=True)


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
