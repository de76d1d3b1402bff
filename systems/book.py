"""The book of the five systems: `python systems/book.py`, after their walks (`make systems` does both).

A walk leaves in `.demo/` what its last GO was: `NAME.check.json` (the verdict with its evidence), `NAME.report.html` and `NAME.story.json`
(chapters and their seconds). The book is `docs/systems.md` with the pictures of the reports beside it; no figure in it was typed.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

SYSTEMS = Path(__file__).resolve().parent
ROOT = SYSTEMS.parent
ORDER = ("market_spans", "digit_images", "visibility_watch", "departure_delays", "late_arrivals")
PICTURES = ("Confusion matrix", "Does a score keep its promise?", "Latency by percentile")
#: The checks whose figures are told, in this order: how good, how sure, how fast.
TOLD = ("quality", "gap", "certification", "cross_validation", "parity", "export_parity", "slices", "latency", "load")
METRICS = {"accuracy": "accuracy", "macro_f1": "macro-F1", "roc_auc": "ROC-AUC", "pr_auc": "PR-AUC", "ece": "ECE", "brier": "Brier score"}

Record = Mapping[str, Any]


class Missing(Exception):
    """A system has not been walked through."""


def chapter(name: str, left: Path, pictures: Path) -> str:
    """What is said of one system; its pictures are written. Raises Missing when its walk has left nothing whole."""
    try:
        check = json.loads((left / f"{name}.check.json").read_text(encoding="utf-8"))
        story = json.loads((left / f"{name}.story.json").read_text(encoding="utf-8"))
        page = (left / f"{name}.report.html").read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise Missing(f"{name}: {error}. Run `make demo SYSTEM={name}` first.") from error
    readme = (SYSTEMS / name / "README.md").read_text(encoding="utf-8")
    parts = [f"## {name}", introduction(readme), _verdict(check, story), *_overrides(check), _metrics(check), _figures(check)]
    parts += [f"![{title} of {name}]({pictures.name}/{file})" for title, file in draw(name, page, pictures)]
    source = (SYSTEMS / name / "SOURCE.md").read_text(encoding="utf-8")
    parts.append("### " + source.removeprefix("# ").strip())
    parts.append(_walked(story))
    return "\n\n".join(part for part in parts if part)


def introduction(readme: str) -> str:
    """The first paragraph of a README."""
    return readme.partition("\n")[2].strip().partition("\n\n")[0]


def _verdict(check: Record, story: Record) -> str:
    counted = ", ".join(f"{count} {word}" for word, count in check["counts"].items())
    scores = "; ".join(f"{one['name']} {one['total']:g} of {one['most']:g}" for one in check["scores"])
    return (
        f"**{check['verdict']}** by `{check['checklist_id']}` {check['checklist_version']}: {check['headline']} ({counted})"
        + (f". Scores, which open nothing: {scores}" if scores else "")
        + f". Setting: {story['setting']}."
    )


def _overrides(check: Record) -> Iterator[str]:
    """Where the system demands something else than its pack: both demands, and the reason that was signed."""
    rows = [
        f"| `{item['item']}` | {_cell(item['pack_demand'])} | {_cell(_required(item))} | {_cell(item['override_reason'])} |"
        for item in check["items"]
        if item.get("override_reason")
    ]
    if rows:
        yield "\n".join(
            ("Otherwise than its pack, with a reason that is signed:", "", "| item | the pack | here | why |", "|---|---|---|---|", *rows)
        )


def _metrics(check: Record) -> str:
    facts = next((item["measurement"]["facts"] for item in check["items"] if item["check"] == "quality" and item["measurement"]), {})
    rows = [
        f"| {words} | {fact['value']:.4f} | {_interval(fact)} | {fact.get('n', 0):,} |"
        for key, words in METRICS.items()
        if (fact := facts.get(key)) and isinstance(fact["value"], float)
    ]
    return "\n".join(("| on the test table | measured | 95 % interval | n |", "|---|---:|---|---:|", *rows)) if rows else ""


def _figures(check: Record) -> str:
    items = [item for item in check["items"] if item["check"] in TOLD and item["outcome"] == "PASS"]
    rows = [
        f"| `{item['item']}` | {_cell(one['required'])} | {_cell(one['measured'])} |"
        for item in sorted(items, key=lambda item: TOLD.index(item["check"]))
        for one in item["requirements"]
    ]
    return "\n".join(("| item | required | measured |", "|---|---|---|", *rows))


def draw(name: str, page: str, pictures: Path) -> list[tuple[str, str]]:
    """Pictures of a report as files of their own, with the report's own style: their titles and names."""
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    drawn = []
    for svg in re.findall(r"<svg .*?</svg>", page, re.DOTALL):
        title = re.search(r'aria-label="([^"]*)"', svg)
        if title is None or title[1] not in PICTURES or title[1] in [known for known, _ in drawn]:
            continue
        head, _, rest = svg.partition(">")
        size = re.search(r'viewBox="0 0 (\S+) (\S+)"', head)
        sized = head.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[1]}" height="{size[2]}" ' if size else "<svg ")
        file = f"{name}-{re.sub('[^a-z]+', '-', title[1].lower()).strip('-')}.svg"
        pictures.mkdir(parents=True, exist_ok=True)
        whole = f"{sized}><style>{style[1] if style else ''} svg {{ background: var(--card); }}</style>{rest}\n"
        (pictures / file).write_text(whole, encoding="utf-8")
        drawn.append((title[1], file))
    return drawn


def _walked(story: Record) -> str:
    steps = "\n".join(f"{number}. {one['text']} ({one['seconds']:.0f} s)" for number, one in enumerate(story["chapters"], 1))
    return f"### Its walk, {story['seconds']:.0f} s on {story['machine']}\n\n{steps}"


def _required(item: Record) -> str:
    return "; ".join(one["required"] for one in item["requirements"])


def _interval(fact: Record) -> str:
    return f"{fact['low']:.4f} to {fact['high']:.4f}" if "low" in fact else "–"


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def book(names: Sequence[str], left: Path, pictures: Path) -> str:
    head = """# The five systems

Made by `python systems/book.py` from the evidence that five walks have left in `.demo/`; see [how a walk goes](../systems/walk.py). Each
chapter names the setting of its walk: `make demo SYSTEM=…` walks in the small one, `make systems` in the full one. Each system is a user's
project of its own, with the pack of the checklist that it comes from."""
    return "\n\n".join((head, *(chapter(name, left, pictures) for name in names))) + "\n"


def main() -> int:
    try:
        text = book(ORDER, ROOT / ".demo", ROOT / "docs" / "systems")
    except Missing as error:
        print(f"the book cannot be written: {error}", file=sys.stderr)
        return 1
    (ROOT / "docs" / "systems.md").write_text(text, encoding="utf-8")
    print("wrote docs/systems.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
