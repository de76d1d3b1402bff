"""The model card, written from evidence and nothing else: every number in it is a fact that was measured on the sealed bytes.

It is refused when a piece of evidence is not the one that the verdict judged, so a card can never drift from what it cites.
"""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.errors import VerificationError
from gonogo.evidence.record import Evidence, Fact
from gonogo.model.schema import Schema
from gonogo.release.contents import Bundle
from gonogo.release.statements import Statements
from gonogo.verdict.outcome import ItemResult


def render_card(bundle: Bundle, version: str, statements: Statements) -> str:
    """card.md. Raises VerificationError when evidence and verdict do not belong together."""
    verdict, checklist = statements.verdict, statements.checklist
    lines = [
        f"# {bundle.system} {version}",
        "",
        "Generated from the evidence beside it; nothing in it was typed in.",
        "",
        f"- bundle `{bundle.digest}`",
        f"- model `{bundle.model_digest}` ({bundle.manifest['model']['format']})",
        f"- verdict {verdict.decision} on {verdict.time} under {_plain(checklist.title)} {_plain(checklist.version)}",
        "",
        "## What it takes and gives",
        "",
        *_interface(bundle.schema),
        "",
        "## What was measured",
        "",
    ]
    for section in checklist.sections:
        lines += [f"### {_plain(section)}", ""]
        for item in checklist.items:
            if item.section == section:
                result = next(result for result in verdict.items if result.item == item.id)
                lines.append(f"- **{result.outcome}** {_plain(item.statement)}")
                lines += _facts(result, statements.evidence)
        lines.append("")
    lines += ["## Who signed", ""]
    lines += [f"- {_plain(one.person)}, {one.role}: {one.decision}, {one.time}" for one in statements.sign_offs] or ["- nobody had to"]
    return "\n".join(lines) + "\n"


def _interface(schema: Schema) -> list[str]:
    classes = ", ".join(_plain(name) for name in schema.classes)
    lines = [
        f"{schema.task}, classes {classes}, threshold {schema.threshold:g}.",
        "",
        "| feature | type | may be missing |",
        "|---|---|---|",
    ]
    return lines + [f"| {_plain(f.name)} | {_plain(f.kind)} | {'yes' if f.nullable else 'no'} |" for f in schema.features]


def _facts(result: ItemResult, evidence: Mapping[str, Evidence]) -> list[str]:
    if result.evidence is None:
        return []
    found = evidence.get(result.item)
    if found is None or found.digest != result.evidence:
        raise VerificationError(f"the evidence of {result.item} is not the one that was judged; no card is written from it.")
    return [f"  - {_plain(name)} {_shown(fact)}" for name, fact in sorted(found.facts.items())]


def _shown(fact: Fact) -> str:
    value = f"{fact.value:.6g}" if isinstance(fact.value, float) else _plain(str(fact.value))
    text = f"{value} {fact.unit}".rstrip()
    if fact.low is not None and fact.high is not None and fact.level is not None:
        text += f" ({fact.low:.6g} to {fact.high:.6g} at {fact.level:.0%})"
    return text + (f", n = {fact.n}" if fact.n is not None else "")


def _plain(text: str) -> str:
    """Text as text: Markdown and HTML in a name or value must not become markup."""
    for sign in "\\`*_[]<>|#":
        text = text.replace(sign, "\\" + sign)
    return " ".join(text.split())
