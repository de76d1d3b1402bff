"""certification, cross_validation, information_drop, selection, negative_control: what they measure, and what they refuse to."""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gonogo.base.canonical import digest
from gonogo.base.table import Table
from gonogo.checklist.declarations.people import Person
from gonogo.errors import DataError, GonogoError, UsageError
from gonogo.evidence.accepted_risk import with_acceptance
from gonogo.evidence.declared import read_structured
from gonogo.evidence.memory import measure
from gonogo.evidence.record import Fact
from gonogo.model.schema import Feature, GraphInput, Schema
from gonogo.trust.signers.file import FileSigner

GREEN = {"green": ["test_accuracy >= 0.9", "cv_std <= 0.02", "p95_ms <= 35 ms"], "stable": ["test_accuracy"]}


def run(seed: int, accuracy: float = 0.95, *, train: str = "sha256:a", **more: Any) -> dict[str, Any]:
    metrics = {"test_accuracy": accuracy, "cv_std": 0.01, "p95_ms": 4.0, **more}
    return {"seed": seed, "train": train, "says": f"{seed} {train}", "metrics": metrics}


@dataclass
class Certificate:
    """A certificate as it stands, in memory."""

    runs: list[dict[str, Any]]
    metrics: dict[str, Any] = field(default_factory=lambda: {"test_accuracy": 0.95, "p95_ms": 4.0})
    voided: tuple[str, ...] = ()
    attempts: int = 1
    again: Any = field(default_factory=lambda: {"difference": 0.0})


def facts(measurement: Any) -> dict[str, Any]:
    return {name: fact.value for name, fact in measurement.facts.items()}


class TestCertification:
    def test_three_different_green_retrains_are_three_in_a_row(self) -> None:
        found = facts(measure("certification", GREEN, certificate=Certificate([run(1, 0.95), run(2, 0.96), run(3, 0.955)])))
        assert (found["consecutive_green"], found["last_green"], found["model_green"], found["voided"]) == (3, True, True, 0)
        assert found["spread"] == pytest.approx(0.01)

    def test_a_red_retrain_resets_the_count(self) -> None:
        found = facts(measure("certification", GREEN, certificate=Certificate([run(1), run(2, 0.5), run(3)])))
        assert found["consecutive_green"] == 1

    def test_the_same_seed_and_data_count_once_and_so_does_what_says_the_same(self) -> None:
        same = {**run(4), "says": "1 sha256:a"}
        found = facts(measure("certification", GREEN, certificate=Certificate([run(1), run(1), same])))
        assert (found["consecutive_green"], found["copies"]) == (1, 2)
        assert "spread" not in found

    def test_newer_data_under_the_same_seed_is_a_retrain(self) -> None:
        found = facts(measure("certification", GREEN, certificate=Certificate([run(1), run(1, train="sha256:b")])))
        assert found["consecutive_green"] == 2

    @pytest.mark.parametrize("value", ["nan", None, True, float("inf")])
    def test_a_missing_or_broken_metric_is_never_green(self, value: Any) -> None:
        found = facts(measure("certification", GREEN, certificate=Certificate([run(1, value)])))
        assert (found["last_green"], found["metrics_missing"], found["consecutive_green"]) == (False, 1, 0)

    def test_a_stable_metric_that_a_run_lacks_has_no_spread(self) -> None:
        lacking = run(2)
        del lacking["metrics"]["test_accuracy"]
        found = facts(measure("certification", GREEN, certificate=Certificate([run(1), lacking, run(3)])))
        assert math.isnan(found["spread"])

    def test_a_model_that_is_worse_than_its_retrains_is_not_green(self) -> None:
        measured = measure("certification", GREEN, certificate=Certificate([run(1)], metrics={"test_accuracy": 0.5, "p95_ms": 4.0}))
        assert facts(measured)["model_green"] is False
        assert measured.findings[0].startswith("the model: ")

    @pytest.mark.parametrize("again", [None, {}, {"difference": None}, {"difference": float("nan")}, {"difference": 0.002}])
    def test_a_model_that_its_own_training_does_not_give_again_is_not_green(self, again: Any) -> None:
        measured = measure("certification", GREEN, certificate=Certificate([run(1)], again=again))
        assert facts(measured)["model_green"] is False
        assert measured.findings[0].startswith("the model: ")
        assert ("difference" in facts(measured)) == (again == {"difference": 0.002})

    def test_how_far_apart_the_scores_may_be_is_the_items_to_say(self) -> None:
        apart = Certificate([run(1)], again={"difference": 0.002})
        assert facts(measure("certification", {**GREEN, "same_within": 0.01}, certificate=apart))["model_green"] is True

    def test_what_voids_it_is_counted_and_named(self) -> None:
        measured = measure("certification", GREEN, certificate=Certificate([run(1)], voided=("the model is another one",)))
        assert facts(measured)["voided"] == 1
        assert measured.findings == ("void: the model is another one",)

    def test_no_requirement_is_an_error_and_no_retrain_is_none(self) -> None:
        with pytest.raises(UsageError, match="no requirement"):
            measure("certification", {}, certificate=Certificate([run(1)]))
        found = facts(measure("certification", GREEN, certificate=Certificate([], metrics={})))
        assert (found["runs"], found["last_green"], found["consecutive_green"], found["model_green"]) == (0, False, 0, False)


@dataclass
class Data:
    target: str = "y"
    time: str | None = None
    group: str | None = None
    embargo: float | None = None
    ignore: tuple[str, ...] = ()


@dataclass
class Project:
    data: Data = field(default_factory=Data)


def folds(tmp_path: Path, content: Any) -> dict[str, Path]:
    path = tmp_path / "folds.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return {"folds": path}


def fold(train_end: float, test_start: float, score: Any = 0.9) -> dict[str, Any]:
    return {"train_start": 0, "train_end": train_end, "test_start": test_start, "test_end": test_start + 5, "score": score}


class TestCrossValidation:
    def test_folds_that_go_forward_are_in_order(self, tmp_path: Path) -> None:
        files = folds(tmp_path, [fold(10 * i, 10 * i + 2, 0.9 + i / 100) for i in range(1, 6)])
        found = facts(measure("cross_validation", files=files, project=Project()))
        assert (found["folds"], found["out_of_order"], found["not_expanding"], found["non_finite"]) == (5, 0, 0, 0)
        assert found["mean"] == pytest.approx(0.93)
        assert found["std"] == pytest.approx(np.std([0.91, 0.92, 0.93, 0.94, 0.95], ddof=1))

    def test_training_into_the_test_period_is_out_of_order(self, tmp_path: Path) -> None:
        found = facts(measure("cross_validation", files=folds(tmp_path, [fold(10, 9), fold(20, 22)]), project=Project()))
        assert found["out_of_order"] == 1

    def test_less_than_the_embargo_is_a_violation(self, tmp_path: Path) -> None:
        found = facts(measure("cross_validation", files=folds(tmp_path, [fold(10, 12), fold(20, 30)]), project=Project(Data(embargo=5.0))))
        assert found["embargo_violations"] == 1

    def test_a_fold_that_goes_back_is_not_expanding(self, tmp_path: Path) -> None:
        found = facts(measure("cross_validation", files=folds(tmp_path, [fold(20, 22), fold(10, 12)]), project=Project()))
        assert found["not_expanding"] == 1

    def test_dates_are_times(self, tmp_path: Path) -> None:
        one = {"train_start": "2026-01-01", "train_end": "2026-02-01", "test_start": "2026-02-02", "test_end": "2026-03-01", "score": 1}
        assert facts(measure("cross_validation", files=folds(tmp_path, {"folds": [one]}), project=Project()))["out_of_order"] == 0

    @pytest.mark.parametrize("score", [None, "good", True, float("nan"), float("inf")])
    def test_a_score_that_is_no_number_is_counted(self, tmp_path: Path, score: Any) -> None:
        found = facts(measure("cross_validation", files=folds(tmp_path, [fold(1, 2, score), fold(3, 8)]), project=Project()))
        assert found["non_finite"] == 1
        assert not math.isfinite(found["mean"])

    @pytest.mark.parametrize("content", ["", "[]", "{}", "[{}]", "not json", '[{"train_start": "yesterday"}]', "[1]"])
    def test_a_file_without_folds_is_an_error(self, tmp_path: Path, content: str) -> None:
        with pytest.raises(DataError):
            measure("cross_validation", files=folds(tmp_path, content), project=Project())

    def test_no_file_is_an_error(self) -> None:
        with pytest.raises(GonogoError, match="folds"):
            measure("cross_validation", files={}, project=Project())

    def test_without_a_file_the_folds_are_those_of_a_certificate_that_holds(self) -> None:
        certificate = Certificate([{**run(1), "folds": [fold(10, 12), fold(20, 30)]}])
        assert facts(measure("cross_validation", files={}, project=Project(), certificate=certificate))["folds"] == 2
        certificate.voided = ("the model is another one",)
        with pytest.raises(DataError, match="does not hold"):
            measure("cross_validation", files={}, project=Project(), certificate=certificate)


def schema_of(names: tuple[str, ...]) -> Schema:
    inputs = tuple(GraphInput(name, "float32", 1) for name in names)
    features = tuple(Feature(name, "float", True, name, 0) for name in names)
    return Schema("binary-classification", inputs, features, ("0", "1"), "p")


@dataclass
class Bundle:
    schema: Schema


def informative(n: int = 4000) -> Table:
    random = np.random.default_rng(5)
    y = (random.random(n) < 0.5).astype(float)
    strong = y + random.normal(0, 0.5, n)
    word = np.where(random.random(n) < 0.8, np.where(y == 1, "yes", "no"), "maybe").astype(object)
    return Table({"strong": strong, "noise": random.normal(size=n), "word": word, "y": y}, n)


class TestInformationDrop:
    def test_dropping_noise_drops_next_to_nothing(self) -> None:
        found = facts(measure("information_drop", train=informative(), project=Project(), bundle=Bundle(schema_of(("strong", "word")))))
        assert 0 <= found["information_drop"] < 0.01
        assert (found["features_all"], found["features_kept"]) == (3, 2)

    def test_dropping_the_strongest_feature_is_seen_and_named(self) -> None:
        measured = measure("information_drop", train=informative(), project=Project(), bundle=Bundle(schema_of(("noise", "word"))))
        assert facts(measured)["information_drop"] > 0.3
        assert measured.findings[0].startswith("removed: strong")

    def test_excluded_columns_are_not_compared(self) -> None:
        measured = measure(
            "information_drop", {"exclude": ["strong"]}, train=informative(), project=Project(), bundle=Bundle(schema_of(("word",)))
        )
        assert facts(measured)["information_drop"] < 0.01

    def test_columns_that_say_nothing_and_tiny_tables_are_errors(self) -> None:
        constant = Table({"x": np.ones(100), "y": np.arange(100) % 2.0}, 100)
        with pytest.raises(DataError, match="no column says anything"):
            measure("information_drop", train=constant, project=Project(), bundle=Bundle(schema_of(("x",))))
        with pytest.raises(DataError, match="3 rows"):
            measure("information_drop", train=informative().take(np.arange(3)), project=Project(), bundle=Bundle(schema_of(("word",))))


LEDGER: list[dict[str, Any]] = [
    {"seed": 1, "metrics": {"f1_macro": 0.3, "accuracy": 0.8}, "data": {}},
    {"seed": 2, "metrics": {"f1_macro": 0.25}, "data": {}},
]
RUNS = [digest(one) for one in LEDGER]


@dataclass
class Standing:
    """A run as it stands, in memory: what it recorded is what it is worth."""

    run: dict[str, Any]

    @property
    def ready(self) -> bool:
        return bool((self.run.get("status") or "CANDIDATE") == "CANDIDATE")

    @property
    def figures(self) -> dict[str, Fact]:
        return {name: Fact(value) for name, value in self.run["metrics"].items()}

    notes: tuple[str, ...] = ()


@dataclass
class Candidates:
    candidates: dict[str, Standing]
    logged: str


def selection(files: dict[str, Path], ledger: list[dict[str, Any]], run_record: dict[str, Any], logged: str = "", **more: Any) -> Any:
    """The check, with the decision of `files` in the log unless another one is said to be there."""
    with contextlib.suppress(GonogoError, ValueError):
        logged = logged or digest(read_structured(files["decision"]))
    candidates = Candidates({digest(one): Standing(one) for one in ledger}, logged)
    return measure("selection", files=files, ledger=ledger, run_record=run_record, candidates=candidates, **more)


def decision(tmp_path: Path, **changes: Any) -> dict[str, Path]:
    content = {
        "recommended": "first",
        "fallback": "second",
        "reason": "it is better by two points",
        "risk": "LOW",
        "candidates": [
            {"name": "first", "status": "CANDIDATE", "run": RUNS[0]},
            {"name": "second", "status": "CANDIDATE", "run": RUNS[1], "reason": "simple"},
        ],
    } | changes
    path = tmp_path / "decision.yaml"
    path.write_text(json.dumps(content))
    return {"decision": path}


class TestSelection:
    def test_a_whole_decision_about_this_model(self, tmp_path: Path) -> None:
        found = facts(selection(files=decision(tmp_path), ledger=LEDGER, run_record=LEDGER[0]))
        assert [found[name] for name in ("recommended_ready", "recommended_is_this", "fallback_ready")] == [True, True, True]
        assert (found["candidates"], found["unknown_runs"], found["alternatives"], found["risk"]) == (2, 0, 1, "LOW")
        assert found["f1_macro"] == 0.3
        assert "recall" not in found
        assert found["metrics_missing"] == 5

    @pytest.mark.parametrize("logged", ["none", "sha256:" + 64 * "0"])
    def test_under_a_decision_that_the_log_does_not_have_nothing_is_ready_and_nothing_measured(self, tmp_path: Path, logged: str) -> None:
        measured = selection(files=decision(tmp_path), ledger=LEDGER, run_record=LEDGER[0], logged=logged)
        found = facts(measured)
        assert [found[name] for name in ("logged", "recommended_ready", "fallback_ready")] == [False, False, False]
        assert "f1_macro" not in found
        assert measured.findings[0].startswith("the signed log has another decision, or none")

    def test_another_model_than_the_recommended_one_is_seen(self, tmp_path: Path) -> None:
        assert facts(selection(files=decision(tmp_path), ledger=LEDGER, run_record=LEDGER[1]))["recommended_is_this"] is False

    @pytest.mark.parametrize("status", ["IN_PROGRESS", "REJECTED", "great", None])
    def test_only_a_candidate_can_be_recommended(self, tmp_path: Path, status: Any) -> None:
        files = decision(tmp_path, candidates=[{"name": "first", "status": status, "run": RUNS[0]}])
        found = facts(selection(files=files, ledger=LEDGER, run_record=LEDGER[0]))
        assert found["recommended_ready"] is False
        assert found["fallback_ready"] is False

    @pytest.mark.parametrize("status", ["IN_PROGRESS", "REJECTED"])
    def test_what_the_ledger_calls_rejected_or_in_progress_is_not_ready_whatever_the_decision_says(
        self, tmp_path: Path, status: str
    ) -> None:
        ledger = [{**one, "status": status} for one in LEDGER]
        names = ("first", "second")
        candidates = [{"name": name, "status": "CANDIDATE", "run": digest(run)} for name, run in zip(names, ledger, strict=True)]
        files = decision(tmp_path, candidates=candidates)
        found = facts(selection(files=files, ledger=ledger, run_record=ledger[0]))
        assert (found["unknown_runs"], found["recommended_ready"], found["fallback_ready"]) == (0, False, False)

    def test_a_fallback_that_is_the_run_of_the_chosen_one_under_another_name_is_none(self, tmp_path: Path) -> None:
        candidates = [{"name": name, "status": "CANDIDATE", "run": RUNS[0]} for name in ("first", "second")]
        files = decision(tmp_path, candidates=candidates)
        assert facts(selection(files=files, ledger=LEDGER, run_record=LEDGER[0]))["fallback_ready"] is False

    def test_a_high_risk_needs_a_second_person_over_this_very_decision(self, tmp_path: Path, ana: FileSigner, ben: FileSigner) -> None:
        (tmp_path / "ana.pub").write_text(ana.public.pem)
        people = {"reviewer": (Person("Ana", tmp_path / "ana.pub"),)}
        files = decision(tmp_path, risk="HIGH", by="Tom")

        def second(record: dict[str, Any]) -> Any:
            files["decision"].write_text(json.dumps(record))
            return facts(selection(files=files, ledger=LEDGER, run_record=LEDGER[0], people=people))["second_approver"]

        record = json.loads(files["decision"].read_text())
        assert second(record) is False
        accepted = with_acceptance(record, role="reviewer", person="Ana", signer=ana)
        assert second(accepted) is True
        assert second({**accepted, "reason": "because I say so"}) is False
        assert second(with_acceptance(record, role="reviewer", person="Ana", signer=ben)) is False
        assert second(with_acceptance(record, role="owner", person="Ana", signer=ana)) is False
        assert second(with_acceptance({**record, "by": "Ana"}, role="reviewer", person="Ana", signer=ana)) is False
        assert second({**record, "accepted": "yes"}) is False
        assert second({**record, "risk": "LOW"}) is True
        assert second({**record, "risk": "none"}) is False

    def test_a_run_of_another_ledger_is_told_by_its_models_bytes(self, tmp_path: Path) -> None:
        ours = {"seed": 1, "data": {"model": {"digest": "sha256:1", "path": "m.onnx"}}}
        theirs = {"format": "mlflow", "metrics": {}, "data": {"model": {"digest": "sha256:1", "path": "/a/m.onnx"}}}
        files = decision(tmp_path, candidates=[{"name": "first", "status": "CANDIDATE", "run": digest(theirs)}])
        assert facts(selection(files=files, ledger=[theirs], run_record=ours))["recommended_is_this"] is True
        ours["data"]["model"]["digest"] = "sha256:2"  # type: ignore[index]
        assert facts(selection(files=files, ledger=[theirs], run_record=ours))["recommended_is_this"] is False

    def test_the_fallback_is_another_model(self, tmp_path: Path) -> None:
        files = decision(tmp_path, fallback="first")
        assert facts(selection(files=files, ledger=LEDGER, run_record=LEDGER[0]))["fallback_ready"] is False

    def test_a_decision_that_no_json_can_say_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no JSON can say"):
            selection(files=decision(tmp_path, seed=10**30), ledger=LEDGER, run_record=LEDGER[0], logged="none")

    def test_a_run_that_nobody_recorded_is_unknown(self, tmp_path: Path) -> None:
        files = decision(tmp_path, candidates=[{"name": "first", "status": "CANDIDATE", "run": "sha256:" + 64 * "0"}])
        found = facts(selection(files=files, ledger=LEDGER, run_record=LEDGER[0]))
        assert (found["unknown_runs"], found["recommended_ready"], found["recommended_is_this"]) == (1, False, False)

    @pytest.mark.parametrize("content", [{"candidates": []}, {"candidates": "first"}, {"candidates": [1]}, {"candidates": [{"name": ""}]}])
    def test_a_decision_without_candidates_is_an_error(self, tmp_path: Path, content: dict[str, Any]) -> None:
        with pytest.raises(DataError, match="names no candidates"):
            selection(files=decision(tmp_path, **content), ledger=LEDGER, run_record=LEDGER[0])


class TestNegativeControl:
    def test_what_no_item_refused_is_missed_and_named(self) -> None:
        control = {
            "spoilings": [{"name": "a", "what": "labels beside other rows", "by": ["quality"]}, {"name": "b", "what": "signs", "by": []}]
        }
        measured = measure("negative_control", negative_control=control)
        assert facts(measured) == {"spoilings": 2, "caught": 1, "missed": 1}
        assert measured.findings == ("not noticed: signs", "noticed: labels beside other rows (by quality)")
