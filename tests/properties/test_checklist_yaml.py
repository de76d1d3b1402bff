"""A checklist written as YAML and loaded again is the same checklist, to the digest."""

from __future__ import annotations

import tempfile
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.checklist.items import Checklist, Item, Phase
from gonogo.checklist.load import load_pack
from gonogo.checklist.write import gate_yaml

ROLES = {"lead": "leads", "owner": "owns"}
#: Texts as people write them, and what YAML likes to take for something else.
TEXTS = st.one_of(
    st.sampled_from(["yes", "null", "1.0", "2026-01-01", "- a", "a: b", "#", "'", '"', "ä → ö", "a\nb", " x ", "{", "!tag", "0x1f", "~"]),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cf", "Co", "Cn", "Zl", "Zp")), min_size=1, max_size=30).filter(
        str.strip
    ),
)
NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,9}", fullmatch=True)


@st.composite
def items(draw: st.DrawFn, name: str, section: str, phase: str) -> Item:
    rest = {
        "id": name,
        "section": section,
        "phase": phase,
        "statement": draw(TEXTS),
        "kind": draw(st.sampled_from(["mandatory", "conditional", "optional"])),
        "why": draw(st.just("") | TEXTS),
        "remedy": draw(st.just("") | TEXTS),
        "rows": tuple(draw(st.lists(TEXTS, max_size=2))),
        "weight": draw(st.sampled_from([0.0, 1.0, 2.5, 15.0])),
        "ml_test": tuple(draw(st.lists(st.integers(1, 28), unique=True, max_size=2))),
        "waivable": draw(st.booleans()),
        "words": draw(st.dictionaries(st.sampled_from(["PASS", "FAIL"]), TEXTS)),
        "runbook": draw(st.just("") | TEXTS),
    }
    if draw(st.booleans()):
        return Item(**rest, sign_off=draw(st.sampled_from(list(ROLES))))
    return Item(
        **rest,
        check="labels",
        require=tuple(draw(st.lists(st.sampled_from(["classes >= 2", "minority_share > 1%", "classes > 1"]), min_size=1, max_size=3))),
        confidence=draw(st.sampled_from([None, 0.5, 0.95])),
        max_age=draw(st.sampled_from([None, 0.5, 60.0, 86400.0])),
    )


@st.composite
def checklists(draw: st.DrawFn) -> Checklist:
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    phases = tuple(
        Phase(name, draw(TEXTS), draw(st.sampled_from([None, 1.0, 2.5])), draw(st.sampled_from(["gate", "on_demand", "continuous"])))
        for name in draw(st.lists(NAMES, max_size=len(names), unique=True))
    )
    order = [phases[index % len(phases)].id if phases else "" for index in range(len(names))]
    chosen = tuple(draw(items(name, draw(TEXTS), phase)) for name, phase in zip(names, order, strict=True))
    return Checklist(
        draw(NAMES), draw(TEXTS), "1.2.3", "2026-01-01", chosen,
        status=draw(st.sampled_from(["draft", "ready"])), phases=phases, sign_off_days=draw(st.sampled_from([30.0, 7.5])),
    )  # fmt: skip


@settings(max_examples=60)
@given(checklists())
def test_written_and_loaded_again_it_is_the_same(checklist: Checklist) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pack.yaml").write_text(yaml.safe_dump({"name": "mine", "title": "Mine", "roles": ROLES}), encoding="utf-8")
        (Path(folder) / "gate.yaml").write_text(gate_yaml(checklist), encoding="utf-8")
        again = load_pack(folder).gate
    assert again == checklist
    assert again.digest == checklist.digest
