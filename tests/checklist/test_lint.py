"""The lint finds the contradictions that the sources really contain, and none in the packs that were made from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gonogo.base.yaml_source import load_yaml
from gonogo.checklist.items import Checklist, Item
from gonogo.checklist.lint import bilstm_parameters, lint
from gonogo.checklist.load import bundled_packs, load_pack
from gonogo.operations.packs import lint_packs

AS_WRITTEN = Path(__file__).parent / "as_written"


def found(tmp_path: Path, name: str) -> list[str]:
    (tmp_path / "pack.yaml").write_text("name: as-written\ntitle: As written\nroles: {lead: leads}\n")
    (tmp_path / "gate.yaml").write_text((AS_WRITTEN / f"{name}.yaml").read_text())
    pack = load_pack(tmp_path)
    return [str(finding) for finding in lint(pack.gate, pack.claims)]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("sequence-model", "feasibility: accuracy of 0.75 in two classes means macro_f1 of 0.429 at least, not 0.22 (f1, accuracy"),
        ("sequence-model", "size: 100,000 parameters are announced, the architecture has 540,676"),
        ("sequence-model", "size: 0.4 MB are announced, 540,676 float32 parameters are 2.16 MB"),
        ("sequence-model", "count: 120 minutes are announced, the phases take 135"),
        ("image-classifier", "count: 24 items are announced, 3 are there"),
        ("image-classifier", "size: 80 to 100 MB are announced, 11,178,564 float32 parameters are 44.7 MB"),
        ("image-classifier", "limits: p95 has two limits: p95 < 100 ms and p95 < 50 ms (latency, target)"),
        ("certified-model", "limits: p99 has two limits: p99 < 100 ms and p99 < 50 ms (load, production)"),
        ("certified-model", "measured: p95 is said to be 0.03546, which does not meet p95 < 35 ms (production)"),
        ("certified-model", "weights: the weights are 80 in all, not 100"),
    ],
)
def test_what_a_source_says_against_itself_is_found(tmp_path: Path, source: str, said: str) -> None:
    assert any(finding.startswith(said) for finding in found(tmp_path, source)), found(tmp_path, source)


@pytest.mark.parametrize("pack", bundled_packs(), ids=lambda pack: pack.name)
def test_no_ready_made_pack_contradicts_itself(pack: Any) -> None:
    assert lint(pack.gate, pack.claims) == ()


def checklist(*requirements: str, check: str = "quality", **changes: Any) -> Checklist:
    items = tuple(Item(f"item-{index}", "s", "s", check=check, require=(text,), **changes) for index, text in enumerate(requirements))
    return Checklist("c", "c", "1.0.0", "2026-01-01", items)


def rules(*requirements: str, claims: dict[str, Any] | None = None, **changes: Any) -> set[str]:
    return {finding.rule for finding in lint(checklist(*requirements, **changes), claims or {})}


@pytest.mark.parametrize(
    ("requirements", "rule"),
    [
        (("roc_auc > 0.9", "roc_auc < 0.8"), "bounds"),
        (("roc_auc > 0.9", "roc_auc <= 90%"), "bounds"),
        (("roc_auc == 1", "0.5 > roc_auc"), "bounds"),
        (("p50 < 100 ms", "p95 < 0.05 s"), "percentiles"),
        (("latency_p99_ms < 10", "latency_p95_ms < 20"), "percentiles"),
        (("p95 < 1 s", "p95 < 2 s"), "limits"),
        (("precision >= 0.5", "recall >= 0.5", "f1 < 0.4"), "feasibility"),
        (("accuracy >= 0.9", "macro_f1 <= 0.3"), "feasibility"),
    ],
)
def test_each_rule_finds_its_contradiction(requirements: tuple[str, ...], rule: str) -> None:
    assert rule in rules(*requirements)


@pytest.mark.parametrize(
    "requirements",
    [
        ("roc_auc > 0.8", "roc_auc < 0.9"),
        ("roc_auc >= 0.9", "roc_auc <= 90%"),
        ("p50 < 30 ms", "p95 < 50 ms", "p99 < 100 ms"),
        ("precision >= 0.5", "recall >= 0.5", "f1 >= 0.5"),
        ("abs(validation_roc_auc - test_roc_auc) < 5 pp", "roc_auc > 0.5"),
    ],
)
def test_what_can_be_met_is_no_contradiction(requirements: tuple[str, ...]) -> None:
    assert rules(*requirements) == set()


def test_a_conditional_item_may_ask_for_more_but_not_for_less() -> None:
    """The harder one is a second policy; an easier one beside a mandatory item would say nothing."""
    floor, second = checklist("f1_macro >= 0.20").items[0], checklist("f1_macro >= 0.25", kind="conditional").items[0]
    assert lint(replace(checklist("n > 0"), items=(floor, replace(second, id="second"))), {}) == ()
    easier = replace(second, id="second", require=("f1_macro >= 0.1",))
    assert {one.rule for one in lint(replace(checklist("n > 0"), items=(floor, easier)), {})} == {"limits"}


def test_the_same_name_in_another_check_is_another_figure() -> None:
    one, other = checklist("p99 < 100 ms", check="load").items[0], checklist("p99 < 50 ms", check="latency").items[0]
    assert lint(replace(checklist("n > 0"), items=(one, replace(other, id="other"))), {}) == ()


def test_the_parameters_of_the_stated_network_are_counted() -> None:
    assert bilstm_parameters(input=11, hidden=128, layers=1, outputs=0) == 144_384
    assert bilstm_parameters(input=11, hidden=128, layers=2, outputs=2) == 540_162
    assert bilstm_parameters(input=11, hidden=128, layers=2, outputs=4) == 540_676


def test_a_pack_that_cannot_be_loaded_is_a_finding_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "pack.yaml").write_text("name: mine\ntitle: Mine\nroles: {lead: leads}\n")
    text = (AS_WRITTEN / "certified-model.yaml").read_text().replace("check: load", "check: laod", 1)
    (tmp_path / "gate.yaml").write_text(text)
    [finding] = lint_packs([str(tmp_path)])[str(tmp_path)]
    assert "laod" in finding
    assert "gate.yaml:12" in finding


def test_the_files_as_written_say_that_they_are_drafts() -> None:
    assert {load_yaml(path).data["status"] for path in AS_WRITTEN.glob("*.yaml")} == {"draft"}
