"""The packs of the sequence model and of the image classifier say what their sources say, with the contradictions resolved."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from gonogo.checklist.expression import parse
from gonogo.checklist.items import Item
from gonogo.checklist.load import PACKS, load_pack
from gonogo.errors import ProjectFileError

SEQUENCE = load_pack("sequence-model")
IMAGES = load_pack("image-classifier")
BOX = re.compile(r"S1-([1-7][a-d])")


def item(name: str) -> Item:
    """The item "pack/item"."""
    pack, _, found = name.partition("/")
    return {"sequence-model": SEQUENCE, "image-classifier": IMAGES}[pack].gate.item(found)


def test_the_sequence_gate_runs_in_the_eight_phases_of_its_source() -> None:
    phases = SEQUENCE.gate.phases
    assert [phase.minutes for phase in phases] == [30, 45, 15, 15, 20, 10, None, None]
    assert sum(phase.minutes or 0 for phase in phases) == 135
    assert [phase.when for phase in phases] == ["gate"] * 6 + ["on_demand", "continuous"]
    order = [phase.id for phase in phases]
    used = [order.index(item.phase) for item in SEQUENCE.gate.items]
    assert used == sorted(used)
    assert set(used) == set(range(8))


def test_the_image_gate_stands_between_training_and_production() -> None:
    assert IMAGES.gate.title == "Gate: phase 5 of training to production"
    (phase,) = IMAGES.gate.phases
    assert (phase.minutes, phase.when) == (30, "gate")


def test_the_image_gate_has_the_21_boxes_of_its_source_in_seven_categories() -> None:
    boxes = [(item, found[1]) for item in IMAGES.gate.items if (found := BOX.fullmatch(item.rows[0]))]
    first = {box: item for item, box in reversed(boxes)}  # another item of a box is the rest of what the box asks for
    assert len(first) == 21
    assert Counter(item.section for item in first.values()) == {
        "Training Completion": 3,
        "Test Set Evaluation": 4,
        "Model Export": 3,
        "Documentation": 4,
        "Reproducibility": 2,
        "Quality Assurance": 2,
        "Stakeholder Approval": 3,
    }
    assert Counter(item.kind for item in first.values()) == {"mandatory": 17, "optional": 1, "conditional": 3}
    assert {box for box, item in first.items() if item.kind == "optional"} == {"4c"}
    assert {box for box, item in first.items() if item.kind == "conditional"} == {"6b", "7b", "7c"}


@pytest.mark.parametrize("key", ["version", "date", "status"])
def test_a_gate_without_version_date_or_status_is_refused(tmp_path: Path, key: str) -> None:
    gate = yaml.safe_load((PACKS / "sequence-model" / "gate.yaml").read_text())
    del gate[key]
    (tmp_path / "pack.yaml").write_text((PACKS / "sequence-model" / "pack.yaml").read_text())
    (tmp_path / "gate.yaml").write_text(yaml.safe_dump(gate))
    with pytest.raises(ProjectFileError, match=key):
        load_pack(tmp_path)


@pytest.mark.parametrize(
    ("name", "require"),
    [
        ("sequence-model/sample-count", "rows_expected_difference == 0"),
        ("sequence-model/f1-floor", "f1_macro >= 0.2"),
        ("sequence-model/accuracy-floor", "accuracy >= 75%"),
        ("sequence-model/recall-floor", "minority_recall >= 0.4"),
        ("sequence-model/precision-floor", "precision >= 0.3"),
        ("sequence-model/label-balance", "minority_share >= 35%"),
        ("sequence-model/batch-latency", "batch_mean <= 100 ms"),
        ("sequence-model/single-latency", "p99 < 5 s"),
        ("sequence-model/f1-measured", "macro_f1 >= 0.2"),
        ("sequence-model/accuracy-measured", "accuracy >= 75%"),
        ("image-classifier/test-accuracy", "accuracy >= 80%"),
        ("image-classifier/validation-test-gap", "abs(validation_accuracy - test_accuracy) < 5 pp"),
        ("image-classifier/confusion-matrix", "worst_class_f1 > 0.7"),
        ("image-classifier/confusion-matrix", "worst_class_recall >= 50%"),
        ("image-classifier/export", "size_ratio <= 1.2"),
        ("image-classifier/export-accuracy", "accuracy_delta < 0.5 pp"),
        ("image-classifier/inference-latency", "p95 < 100 ms"),
        ("image-classifier/latency-target", "p95 < 50 ms"),
    ],
)
def test_the_thresholds_are_those_of_the_sources(name: str, require: str) -> None:
    assert str(parse(require)) in {str(parse(text)) for text in item(name).require}


def test_the_verdict_words_are_those_of_the_source() -> None:
    words = {
        "hooks-pass": ("PASS", "FAIL"), "tests-pass": ("PASS", "FAIL"), "tree-clean": ("CLEAN", "DIRTY"),
        "version-committed": ("YES", "NO"),
        "training-table": ("VALID", "INVALID"), "columns-present": ("PRESENT", "MISSING"), "label-balance": ("BALANCED", "IMBALANCED"),
        "splits-in-order": ("CONFIRMED", "SUSPECTED"), "architecture": ("SUCCESS", "FAIL"), "pretrained-encoder": ("VALID", "INVALID"),
        "weights-load": ("SUCCESS", "FAIL"), "torch-installed": ("INSTALLED", "MISSING"), "critical-packages": ("PRESENT", "MISSING"),
    }  # fmt: skip
    for name, (good, bad) in words.items():
        said = SEQUENCE.gate.item(name).words
        assert (said.get("PASS", "PASS"), said.get("FAIL", "FAIL")) == (good, bad), name
    assert SEQUENCE.gate.item("hooks-pass").words["NOT_APPLICABLE"] == "N/A"
    assert SEQUENCE.gate.item("pretrained-encoder").words["NOT_APPLICABLE"] == "NOT_USED"


def test_who_writes_the_model_does_not_approve_it() -> None:
    assert SEQUENCE.apart == (("deployer", "reviewer", "approver"), ("author", "approver"))
    assert IMAGES.apart == (("technical-lead", "product-owner"), ("author", "technical-lead"))
    assert SEQUENCE.policy_roles == ("reviewer", "approver")
    assert IMAGES.policy_roles == ("technical-lead", "product-owner")
