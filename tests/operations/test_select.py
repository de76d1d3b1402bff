"""Candidates of a real ledger, with predictions they kept; a choice that the gate's own check holds to."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gonogo
import sample
from choosing import write_choosing
from gonogo.base.canonical import canonical_bytes, digest
from gonogo.candidate.ledger import append_run
from gonogo.errors import DataError, NotFoundError, ProjectFileError, RefusedError, UsageError
from gonogo.evidence.memory import measure
from gonogo.operations.candidates import compare
from gonogo.operations.inputs import ProjectInputs
from gonogo.operations.select import accept_risk, recommend, select, survey
from gonogo.operations.workspace import Workspace
from gonogo.reports.candidates import render_candidates_html, render_candidates_markdown, render_candidates_text, render_sheet_text
from mlflow_database import write_tracking

ITEMS = """
{id: f1-floor, statement: It finds them., check: selection, require: f1_macro >= 0.20}
{id: quality-floor, statement: It finds many., kind: conditional, check: selection, require: f1_macro >= 0.99}
{id: no-overfitting, statement: It generalises., kind: optional, check: selection, require: validation_loss - train_loss < 0}
{id: technical, statement: The lead agrees., sign_off: lead}
"""
MORE = """
run_record: position.json
candidates: {expected: {crf: {f1_macro: [0.26, 0.28]}, position: {f1_macro: [0.1, 0.2]}}}
items: {quality-floor: {applies: false, reason: a baseline will do}}
"""
LABEL = np.random.default_rng(0).integers(0, 2, 300)


@dataclass
class Spans:
    folder: Path
    keys: Path

    def workspace(self) -> Workspace:
        return Workspace.open(self.folder)

    def record(self, name: str, right: float, *, weight: float = 1.5, keep: bool = True, **more: Any) -> dict[str, Any]:
        """A run whose answers are right that often, with a model of its own."""
        (self.folder / f"{name}.onnx").write_bytes(sample.model_bytes(weight))
        said = np.where(np.random.default_rng(len(name)).random(len(LABEL)) < right, LABEL, 1 - LABEL)
        lines = [f"{row},{label},{answer}" for row, (label, answer) in enumerate(zip(LABEL, said, strict=True))]
        (self.folder / f"{name}.csv").write_text("\n".join(["row,label,predicted", *lines]) + "\n")
        data = {"model": self.folder / f"{name}.onnx"} | ({"predictions": self.folder / f"{name}.csv"} if keep else {})
        metrics = {"f1_macro": round(right, 3), "accuracy": round(float((said == LABEL).mean()), 6)}
        given: dict[str, Any] = {"params": {"width": 128}, "metrics": metrics, "data": data, "seed": 17, "name": name, **more}
        return gonogo.record_run(self.folder / f"{name}.json", **given)

    def edit(self, old: str, new: str) -> None:
        text = (self.folder / "gonogo.yaml").read_text()
        assert old in text
        (self.folder / "gonogo.yaml").write_text(text.replace(old, new))


@pytest.fixture
def spans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spans:
    spans = Spans(tmp_path / "project", tmp_path / "keys")
    people = {"lead": "ana", "owner": "ben"}
    write_choosing(spans.folder, spans.keys, model="position.onnx", people=people, items=ITEMS, more=MORE)
    monkeypatch.setenv("GONOGO_KEYS", str(spans.keys))
    spans.record("stones", 0.3, status="REJECTED", reason="sees half of the input")
    spans.record("plain", 0.5, weight=2.0)
    spans.record("position", 0.8, weight=1.5, family="bilstm", epochs=30, seconds=12.5)
    spans.record("crf", 0.8, weight=3.0, family="bilstm", status="IN_PROGRESS", keep=False)
    return spans


def at_the_gate(workspace: Workspace) -> dict[str, Any]:
    """The facts of the check `selection`, by name."""
    with ProjectInputs(workspace, build=True, progress=lambda what, part, whole: None) as inputs:
        asked = {name: inputs.get(name) for name in ("files", "ledger", "candidates", "run_record", "people")}
        return {name: fact.value for name, fact in measure("selection", **asked).facts.items()}


def test_figures_come_with_intervals_from_the_predictions_and_sizes_from_the_files(spans: Spans) -> None:
    comparison = compare(spans.workspace())
    assert [one.name for one in comparison.candidates] == ["crf", "position", "plain", "stones"]
    position = comparison.candidates[1]
    found = position.figures["accuracy"]
    assert found.n == 300
    assert found.recorded == pytest.approx(found.value)
    assert found.low is not None
    assert found.low < found.value
    assert position.size == (spans.folder / "position.onnx").stat().st_size
    assert (position.epochs, position.seconds, position.seed) == (30, 12.5, 17)
    assert "recall" in position.figures, "counted, though the training did not record it"
    assert "recall" not in comparison.candidates[0].figures, "the one that kept no predictions has what it recorded, and no more"


def test_a_figure_that_the_predictions_contradict_and_lost_predictions_are_noted(spans: Spans) -> None:
    spans.record("liar", 0.6, metrics={"accuracy": 0.99})
    liar = compare(spans.workspace()).candidates[0]
    assert liar.notes[0].startswith("accuracy was recorded as 0.99, its own predictions say 0.")
    assert liar.figures["accuracy"].value < 0.8
    (spans.folder / "liar.csv").write_text("row,label,predicted\n0,1,1\n")
    assert "no intervals: the predictions liar.csv are gone" in compare(spans.workspace()).candidates[0].notes[0]


def test_the_report_shows_dashes_expectations_and_a_picture(spans: Spans) -> None:
    document = survey(spans.workspace())
    text = render_candidates_text(document)
    assert text.splitlines()[0].split() == ["model", "F1", "accuracy", "precision", "recall", "params", "size", "MB", "status"]
    assert "0.0" not in next(line for line in text.splitlines() if line.startswith("crf")).split()[3:6], "missing is a dash"
    assert "position: f1_macro" in text
    assert "expected 0.1 to 0.2: above" in text
    assert "stones was rejected: sees half of the input" in text
    assert "best bilstm by f1_macro: " in text
    page = render_candidates_html(document)
    assert "<svg" in page
    assert "<script" not in page
    assert "## position" in render_candidates_markdown(document)
    sheet = render_sheet_text(document["candidates"][1])
    assert "training time        12.5 s" in sheet
    assert "epochs               30" in sheet


def test_markup_in_a_name_stays_text(spans: Spans) -> None:
    spans.record("b", 0.5, reason="<script>alert(1)</script>")
    document = survey(spans.workspace())
    assert "<script>alert" not in render_candidates_html(document)
    assert "`<script>alert(1)</script>`" in render_candidates_markdown(document), "a code span makes no markup"


def test_the_choice_is_what_the_check_at_the_gate_reads(spans: Spans) -> None:
    workspace = spans.workspace()
    _, found = recommend(workspace)
    assert found.name == "position"
    done = select(workspace, None, reason="best on validation by far", risk="LOW", fallback="plain")
    assert done.next == ()
    assert done.record["criteria"] == {"f1-floor": "f1_macro >= 0.20", "no-overfitting": "validation_loss - train_loss < 0"}
    facts = at_the_gate(workspace)
    wanted = ("recommended_ready", "recommended_is_this", "second_approver", "fallback_ready")
    assert [facts[name] for name in wanted] == [True] * 4
    assert (facts["unknown_runs"], facts["alternatives"], facts["rejected_without_reason"]) == (0, 3, 0)
    (event,) = workspace.store().events(kinds=["selection"])
    assert (event.body["recommended"], event.body["risk"]) == ("position", "LOW")
    assert compare(workspace).named("position").status == "CHOSEN"  # type: ignore[union-attr]


def test_what_a_training_says_counts_for_nothing_where_it_kept_what_it_answered(spans: Spans) -> None:
    spans.record("position", 0.8, metrics={"f1_macro": 0.999, "accuracy": 0.999})
    workspace = spans.workspace()
    seen = compare(workspace).named("position").figures["f1_macro"]  # type: ignore[union-attr]
    select(workspace, "position", reason="best on validation by far", risk="LOW", fallback="plain")
    facts = at_the_gate(workspace)
    assert (facts["f1_macro"], seen.recorded) == (seen.value, 0.999), "the verb and the gate compute the same"
    assert facts["f1_macro"] < 0.9


def test_a_decision_or_a_ledger_that_was_edited_afterwards_is_no_pass(spans: Spans) -> None:
    workspace = spans.workspace()
    done = select(workspace, "position", reason="best on validation by far", risk="LOW", fallback="plain")
    assert at_the_gate(workspace)["logged"] is True
    text = done.file.read_text()
    done.file.write_text(text.replace("best on validation by far", "somebody else wrote this"))
    facts = at_the_gate(workspace)
    assert (facts["logged"], facts["recommended_ready"], "f1_macro" in facts) == (False, False, False)
    ledger = spans.folder / "runs.jsonl"  # a ledger and a decision that agree with each other, and not with the log
    lines = [json.loads(line)["run"] for line in ledger.read_text().splitlines()]
    forged = [{**run, "metrics": {**run["metrics"], "f1_macro": 1.0}} for run in lines]
    for old, new in zip(lines, forged, strict=True):
        text = text.replace(digest(old), digest(new))
    ledger.write_bytes(b"".join(canonical_bytes({"digest": digest(run), "run": run}) + b"\n" for run in forged))
    done.file.write_text(text)
    facts = at_the_gate(workspace)
    assert (facts["unknown_runs"], facts["logged"], facts["recommended_ready"], "f1_macro" in facts) == (0, False, False, False)


def test_a_choice_that_is_not_the_model_of_gonogo_yaml_says_what_to_change(spans: Spans) -> None:
    done = select(spans.workspace(), "plain", reason="it is the simplest one", risk="LOW", fallback="position")
    assert done.next == ("model: {path: plain.onnx}",)


def overwritten(spans: Spans) -> None:
    (spans.folder / "plain.onnx").write_bytes(sample.model_bytes(9.0))


@pytest.mark.parametrize(
    ("spoil", "name", "fallback", "why"),
    [
        (lambda spans: None, "crf", "position", "it is in progress"),
        (lambda spans: None, "stones", "position", "it was rejected"),
        (lambda spans: (spans.folder / "plain.onnx").unlink(), "plain", "position", "the model is gone"),
        (overwritten, "position", "plain", "plain.onnx is another by now"),
        (lambda spans: spans.edit("applies: false", "applies: true"), "position", "plain", "quality-floor"),
    ],
)
def test_what_may_not_be_chosen_writes_nothing(spans: Spans, spoil: Callable[[Spans], None], name: str, fallback: str, why: str) -> None:
    spoil(spans)
    with pytest.raises(RefusedError, match=why):
        select(spans.workspace(), name, reason="because I like it", risk="LOW", fallback=fallback)
    assert not (spans.folder / "decision.json").exists()


def test_criteria_that_nobody_can_meet_choose_nobody(spans: Spans) -> None:
    gate = spans.folder / "pack" / "gate.yaml"
    more = "      - {id: f1-roof, statement: Not too many., check: selection, require: f1_macro < 0.1}\n      - {id: technical,"
    gate.write_text(gate.read_text().replace("      - {id: technical,", more))
    with pytest.raises(RefusedError, match="nobody can meet the pack's criteria: bounds"):
        select(spans.workspace(), "position", reason="best on validation by far", risk="LOW", fallback="plain")


def test_a_high_risk_is_accepted_by_a_second_person_and_by_nobody_else(spans: Spans) -> None:
    select(spans.workspace(), "position", reason="best on validation by far", risk="HIGH", fallback="plain")
    decision = spans.folder / "decision.json"
    spans.edit("people:", "author: {name: ana}\npeople:")
    with pytest.raises(RefusedError, match="decided it, or made the model"):
        accept_risk(spans.workspace(), "lead")
    accept_risk(spans.workspace(), "owner")
    record = json.loads(decision.read_text())
    assert "accepted" in record
    assert [event.body.get("accepted") for event in spans.workspace().store().events(kinds=["selection"])] == [None, "ben"]
    select(spans.workspace(), "position", reason="best on validation by far", risk="LOW", fallback="plain")
    with pytest.raises(RefusedError, match="no decision of a high risk"):
        accept_risk(spans.workspace(), "owner")


def test_runs_of_an_mlflow_database_are_compared_chosen_and_held_to(spans: Spans, tmp_path: Path) -> None:
    spans.edit("candidates: {", "candidates: {ledger: sqlite:///mlruns.db, experiment: forest, ")
    write_tracking(spans.folder / "mlruns.db", tmp_path / "artifacts")
    with sqlite3.connect(spans.folder / "mlruns.db") as connection:  # a second finished run, of the model that lies there
        (tmp_path / "second").mkdir()
        (tmp_path / "second" / "model.onnx").write_bytes((spans.folder / "position.onnx").read_bytes())
        run = ("ffff", "lstm", "LOCAL", "FINISHED", 1_767_225_700_000, 1_767_225_800_000, "active", str(tmp_path / "second"), 1)
        connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", run)
        connection.execute("INSERT INTO latest_metrics VALUES ('f1_macro', 0.4, 0, 0, 0, 'ffff')")
    workspace = spans.workspace()
    comparison = compare(workspace)
    assert {one.name: (one.status, one.gone) for one in comparison.candidates} == {
        "lstm": ("CANDIDATE", ""),
        "odd": ("REJECTED", "its record names no model"),
        "crf": ("IN_PROGRESS", ""),
        "wide-1": ("CANDIDATE", ""),
    }
    select(workspace, "lstm", reason="best on validation by far", risk="LOW", fallback="wide-1")
    facts = at_the_gate(workspace)
    assert (facts["recommended_is_this"], facts["fallback_ready"], facts["unknown_runs"]) == (True, True, 0)


def test_no_run_is_no_results_and_a_copied_line_is_named(spans: Spans) -> None:
    ledger = spans.folder / "runs.jsonl"
    lines = ledger.read_text().splitlines()
    ledger.write_text("\n".join([*lines, lines[1]]) + "\n")
    with pytest.raises(DataError, match="line 5 is the run of line 2 again"):
        compare(spans.workspace())
    ledger.unlink()
    with pytest.raises(RefusedError, match="NO_RESULTS"):
        compare(spans.workspace())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda run: "trained",
        lambda run: {},
        lambda run: {**run, "metrics": []},
        lambda run: {**run, "params": None},
        lambda run: {**run, "data": {"model": "position.onnx"}},
        lambda run: {**run, "examples": "100"},
        lambda run: {**run, "examples": -5},
        lambda run: {**run, "seconds": "long"},
        lambda run: {**run, "features": 5},
    ],
    ids=["text", "nothing", "metrics", "params", "model", "examples", "less-than-none", "seconds", "features"],
)
def test_a_line_that_is_whole_and_no_run_is_named(spans: Spans, spoil: Callable[[dict[str, Any]], Any]) -> None:
    run = spoil(json.loads((spans.folder / "position.json").read_text()))
    ledger = spans.folder / "runs.jsonl"
    ledger.write_bytes(ledger.read_bytes() + canonical_bytes({"digest": digest(run), "run": run}) + b"\n")
    with pytest.raises(DataError, match=f"runs.jsonl: the run {digest(run)[7:15]} is malformed"):
        survey(spans.workspace())


def test_a_path_that_no_file_can_have_is_a_model_that_is_gone(spans: Spans) -> None:
    run = json.loads((spans.folder / "position.json").read_text())
    run["data"] = {name: {"path": 5000 * "x", "digest": "sha256:1"} for name in ("model", "predictions")}
    append_run(spans.folder / "runs.jsonl", {**run, "name": "far"})
    far = compare(spans.workspace()).named("far")
    assert far is not None
    assert (far.gone, far.ready) == ("the model is gone", False)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE params SET value = '²' WHERE key = 'seed'",
        "UPDATE params SET value = '--5' WHERE key = 'seed'",
        "UPDATE runs SET artifact_uri = 'http://[::1'",
        "UPDATE latest_metrics SET value = NULL WHERE key = 'accuracy'",
        "UPDATE latest_metrics SET value = 9e999 WHERE key = 'accuracy'",
    ],
    ids=["superscript", "two-signs", "address", "null", "infinite"],
)
def test_what_one_run_of_a_tracking_database_has_that_is_no_value_is_missing(spans: Spans, tmp_path: Path, change: str) -> None:
    spans.edit("candidates: {", "candidates: {ledger: sqlite:///mlruns.db, experiment: forest, ")
    write_tracking(spans.folder / "mlruns.db", tmp_path / "artifacts")
    with sqlite3.connect(spans.folder / "mlruns.db") as connection:
        connection.execute(change)
    found = compare(spans.workspace()).named("wide-1")
    assert found is not None
    assert [found.seed, found.figure("accuracy"), found.gone].count(None) + (found.gone != "") == 1


@pytest.mark.parametrize("time", ["'soon'", "99999999999999999"])
def test_a_time_that_is_none_in_a_tracking_database_is_told(spans: Spans, tmp_path: Path, time: str) -> None:
    spans.edit("candidates: {", "candidates: {ledger: sqlite:///mlruns.db, experiment: forest, ")
    write_tracking(spans.folder / "mlruns.db", tmp_path / "artifacts")
    with sqlite3.connect(spans.folder / "mlruns.db") as connection:
        connection.execute(f"UPDATE runs SET start_time = {time}")
    with pytest.raises(DataError, match="the run aaaa cannot be read"):
        compare(spans.workspace())


def test_the_newest_run_of_a_name_is_its_candidate(spans: Spans) -> None:
    spans.record("crf", 0.9, weight=3.0, family="bilstm")
    names = [one.name for one in compare(spans.workspace()).candidates]
    assert names[0] == "crf"
    assert names[1].startswith("crf@")


def test_an_expectation_that_is_no_range_and_half_a_tracking_database_are_refused(spans: Spans) -> None:
    spans.edit("[0.26, 0.28]", "[0.28, 0.26]")
    with pytest.raises(ProjectFileError, match="is from and to"):
        spans.workspace()
    spans.edit("{expected: {crf: {f1_macro: [0.28, 0.26]}, position: {f1_macro: [0.1, 0.2]}}}", "{ledger: sqlite:///mlruns.db}")
    with pytest.raises(ProjectFileError, match="go together"):
        spans.workspace()
    spans.edit("{ledger: sqlite:///mlruns.db}", "{ledger: sqlite:///mlruns.db, experiment: spans}")
    with pytest.raises(NotFoundError, match="no tracking database"):
        compare(spans.workspace())


@pytest.mark.parametrize("more", [{"status": "GREAT"}, {"epochs": 1.5}, {"seconds": -1}, {"family": 3}, {"examples": True}])
def test_a_run_is_not_recorded_with_what_its_keys_do_not_take(spans: Spans, more: dict[str, Any]) -> None:
    before = (spans.folder / "runs.jsonl").read_bytes()
    with pytest.raises(UsageError, match="cannot be recorded"):
        spans.record("odd", 0.5, **more)
    assert (spans.folder / "runs.jsonl").read_bytes() == before
