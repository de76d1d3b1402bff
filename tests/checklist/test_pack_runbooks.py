"""Where a pack sends the person who is woken: a section of a document that the same pack asks for."""

from __future__ import annotations

import re

import pytest

from gonogo.checklist.items import Pack
from gonogo.checklist.load import PACKS, load_pack
from gonogo.evidence.markdown import read_markdown

ALL = [load_pack(path.parent.name) for path in sorted(PACKS.glob("*/pack.yaml"))]
LINKED = [pack for pack in ALL if any(item.runbook for item in pack.gate.items)]
SYSTEM = PACKS.parents[3] / "systems" / "late_arrivals"


def places(pack: Pack) -> list[tuple[str, str]]:
    """(document, anchor) of every item that names a runbook."""
    return [(name, anchor) for item in pack.gate.items if item.runbook for name, _, anchor in [item.runbook.partition("#")]]


def anchor_of(heading: str) -> str:
    """A heading as code hosts write it in links."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("pack", LINKED, ids=lambda pack: pack.name)
def test_every_runbook_is_a_section_that_the_pack_itself_asks_for(pack: Pack) -> None:
    demanded: dict[str, list[str]] = {}
    for item in pack.gate.items:
        if item.check == "document":
            demanded.setdefault(str(item.options["document"]), []).extend(item.options.get("sections", []))
    for name, anchor in places(pack):
        assert name in demanded, f"{pack.name} asks for no document {name}"
        words = anchor.replace("-", " ")
        assert not anchor or any(re.search(pattern, words) for pattern in demanded[name]), f"{pack.name} asks for no section {anchor}"


@pytest.mark.parametrize("name", ["random-forest-api", "sequence-model", "tabular-service"])
def test_the_remedy_names_the_headings_that_the_links_lead_to(name: str) -> None:
    """Whoever writes the runbook from the remedy gets links that work."""
    pack = load_pack(name)
    (remedy,) = [item.remedy for item in pack.gate.items if item.options.get("document") == "runbook"]
    headings = {anchor_of(heading) for heading in re.findall("“([^”]+)”", remedy)}
    assert {anchor for document, anchor in places(pack) if document == "runbook" and anchor} <= headings


def test_the_runbook_of_the_reference_system_has_every_section_that_its_pack_links_to() -> None:
    found = {anchor_of(section.heading) for section in read_markdown(SYSTEM / "OPERATIONS_RUNBOOK.md").sections}
    linked = {anchor for document, anchor in places(load_pack("random-forest-api")) if document == "runbook" and anchor}
    assert linked
    assert linked <= found
