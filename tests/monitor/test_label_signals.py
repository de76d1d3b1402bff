"""Signals from labels that come late: against scikit-learn on the rows themselves, over mature cohorts only; without labels never well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score, roc_auc_score

from gonogo.base import catalogue
from gonogo.base.table import Table
from gonogo.model.schema import Feature, GraphInput, Schema
from gonogo.monitor.alarms.rule import Condition, Rule
from gonogo.monitor.counts import Counts
from gonogo.monitor.labels import LabelReader
from gonogo.monitor.signal import NoPast, Reading, Sight
from gonogo.monitor.watch import Watch
from gonogo.monitor.windows import Window
from gonogo.release.baseline import make_baseline
from gonogo.service.labels.store import Label, LabelStore
from gonogo.stats.score_table import ScoreTable, count_scores

from .conftest import BASELINE, Stand

RELEASE = "shop@1.0.0"
NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
HOUR = 3600.0
CLASSES = ("no", "yes")
FIGURES = ("accuracy_drop", "auc_drop", "cbpe_gap", "ece", "ece_trend", "f1_drop", "pr_auc_drop", "precision_drop", "recall_drop")


def rows(n: int, seed: int, bend: float = 1.0) -> tuple[Any, Any]:
    """Scores, and outcomes that come true with the chance score^bend."""
    generator = np.random.default_rng(seed)
    score = generator.beta(1, 2, size=n)
    return score, (generator.uniform(size=n) < score**bend).astype(int)


def sealed(score: Any, y: Any, threshold: float | None = 0.5) -> dict[str, Any]:
    table = ScoreTable()
    table.add(score, y)
    said = {} if threshold is None else {"threshold": threshold}
    return {"format": "gonogo-baseline/2", "features": {}, "score": {"table": table.to_json(), **said}}


@dataclass
class Kept:
    """A label store, and what was predicted into it."""

    path: Path
    number: int = 0

    def predicted(
        self, score: Sequence[float], made: datetime, labels: Mapping[int, int] | None = None, classes: Sequence[str] = CLASSES
    ) -> None:
        """Rows with their scores, of one hour, and the labels (places of classes) of those that have one."""
        self.number += 1
        names = [f"p{self.number}-{place}" for place in range(len(score))]
        of_rows = np.asarray(score, dtype=np.float64)
        both = np.stack((1 - of_rows, of_rows), axis=1) if of_rows.ndim == 1 else of_rows
        frame = {
            "kind": "predictions", "time": made.timestamp(), "release": RELEASE, "classes": list(classes), "features": [], "inputs": {},
            "ids": names, "rows": [1] * len(names), "scores": both.tobytes(),
        }  # fmt: skip
        store = LabelStore(self.path)
        store.record(f"{self.number}", [frame])
        taken = store.take([Label(names[place], classes[actual]) for place, actual in (labels or {}).items()], made.timestamp())
        store.close()
        assert taken.joined == len(labels or {})

    def labelled(self, score: Any, y: Any, made: datetime) -> None:
        self.predicted(score, made, dict(enumerate(np.asarray(y).tolist())))


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "labels.db")


@pytest.fixture
def reader(kept: Kept) -> Iterator[LabelReader]:
    made = LabelReader(kept.path, 24 * HOUR, 0.5, expected=False)
    yield made
    made.close()


def read(name: str, reader: LabelReader, baseline: Mapping[str, Any] | None, seconds: float = 0.0, counts: Counts | None = None) -> Reading:
    window = Window(300.0, {RELEASE: counts or Counts()}, (RELEASE,))
    sight = Sight(window, {} if baseline is None else {RELEASE: baseline}, {}, NOW, NoPast(), reader.look(), seconds)
    [reading] = catalogue.load("signals", name)().compute(sight)
    assert isinstance(reading, Reading)
    return reading


def test_drops_are_those_of_scikit_learn_on_the_rows(kept: Kept, reader: LabelReader) -> None:
    before, now = rows(4000, seed=1), rows(3000, seed=2, bend=1.6)
    kept.labelled(*now, NOW - timedelta(days=3))
    baseline = sealed(*before)
    asked: dict[str, Any] = {
        "auc_drop": roc_auc_score,
        "pr_auc_drop": average_precision_score,
        "precision_drop": lambda y, score: precision_score(y, score >= 0.5),
        "recall_drop": lambda y, score: recall_score(y, score >= 0.5),
        "f1_drop": lambda y, score: f1_score(y, score >= 0.5),
        "accuracy_drop": lambda y, score: float(np.mean((score >= 0.5) == y)),
    }
    for name, figure in asked.items():
        reading = read(name, reader, baseline)
        was, is_ = figure(before[1], before[0]), figure(now[1], now[0])
        assert reading.details["before"] == pytest.approx(was, abs=1e-3), name
        assert reading.details["now"] == pytest.approx(is_, abs=1e-3), name
        assert reading.value == pytest.approx(max(0.0, was - is_), abs=1e-3), name
        assert reading.low is not None
        assert reading.high is not None
        assert reading.low <= reading.value <= reading.high
        assert reading.details["coverage"] == 1.0
    assert read("precision_drop", reader, baseline).n == int((now[0] >= 0.5).sum())
    assert read("recall_drop", reader, baseline).n == int(now[1].sum())


def test_labels_that_are_turned_round_are_seen_and_a_model_that_holds_is_not_accused(kept: Kept, reader: LabelReader) -> None:
    baseline = sealed(*rows(4000, seed=1))
    kept.labelled(*rows(1000, seed=3), NOW - timedelta(hours=30))
    rule = Rule("auc-fell", "auc_drop", above=0.05, clear=0.04, min_n=500)
    assert rule.judge(read("auc_drop", reader, baseline)) is Condition.CLEAR
    score, y = rows(1000, seed=4)
    kept.labelled(score, 1 - y, NOW - timedelta(hours=30))
    reading = read("auc_drop", reader, baseline)
    assert rule.judge(reading) is Condition.BREACH
    assert reading.p_value is not None
    assert reading.p_value < 1e-9
    assert rule.judge(read("cbpe_gap", reader, baseline)) is Condition.BREACH  # the scores are the same: what they mean is not


def test_few_labels_do_not_ring_for_what_chance_does(kept: Kept, reader: LabelReader) -> None:
    score = np.random.default_rng(8).uniform(size=60)
    y = (np.random.default_rng(9).uniform(size=60) < score).astype(int)
    kept.labelled(score, y, NOW - timedelta(hours=30))
    reading = read("ece", reader, sealed(*rows(4000, seed=1)))
    assert reading.value is not None
    assert reading.value > 0.05
    assert Rule("ece", "ece", above=0.05, clear=0.04, min_n=50).judge(reading) is Condition.BETWEEN
    assert reading.details["by_chance"] > 0.05


def test_ece_by_hand(kept: Kept, reader: LabelReader) -> None:
    """Ten rows of 0.75 of which five came true, ten of 0.25 of which none did: both are 0.25 off."""
    kept.labelled([0.75] * 10 + [0.25] * 10, [1, 0] * 5 + [0] * 10, NOW - timedelta(hours=30))
    reading = read("ece", reader, sealed(*rows(4000, seed=1)))
    assert (reading.value, reading.n) == (pytest.approx(0.25), 20)


@pytest.mark.parametrize("name", FIGURES)
def test_without_labels_nothing_is_measured_and_nothing_judged(name: str, kept: Kept, reader: LabelReader) -> None:
    baseline = sealed(*rows(1000, seed=1))
    for reading in (read(name, reader, baseline), read(name, reader, None)):
        assert (reading.value, reading.n, reading.judged) == (None, 0, False)
    kept.predicted([0.2, 0.8], NOW - timedelta(hours=30))
    reading = read(name, reader, baseline)
    assert (reading.value, reading.n, reading.judged) == (None, 0, False)
    assert reading.details["coverage"] == 0.0
    declared = LabelReader(reader.path, 24 * HOUR, 0.5, expected=True)
    reading = read(name, declared, baseline)
    declared.close()
    assert (reading.value, reading.judged) == (None, True)  # labels are declared to come: unknown, not left aside
    assert Rule("r", name, above=0.1, clear=0.1, min_n=1).judge(reading) is Condition.UNKNOWN


def test_a_cohort_that_is_not_old_enough_is_not_looked_at(kept: Kept, reader: LabelReader) -> None:
    score, y = rows(1000, seed=3)
    kept.labelled(score, 1 - y, NOW - timedelta(hours=23))
    assert read("auc_drop", reader, sealed(*rows(4000, seed=1))).value is None
    kept.labelled(*rows(1000, seed=4), NOW - timedelta(hours=24))
    reading = read("auc_drop", reader, sealed(*rows(4000, seed=1)))
    assert (reading.n, reading.details["rows"]) == (1000, 1000)
    assert reading.value is not None
    assert reading.value < 0.05


def test_too_few_labels_of_many_predictions_are_no_figure(kept: Kept, reader: LabelReader) -> None:
    score, y = rows(1000, seed=3)
    kept.predicted(score, NOW - timedelta(hours=30), dict(enumerate(y[:400].tolist())))
    baseline = sealed(*rows(4000, seed=1))
    reading = read("auc_drop", reader, baseline)
    assert (reading.value, reading.n, reading.details["coverage"]) == (None, 0, 0.4)
    missing = read("label_coverage", reader, baseline)
    assert (missing.value, missing.n) == (0.6, 1000)
    store = LabelStore(kept.path)
    store.take([Label(f"p1-{place}", CLASSES[y[place]]) for place in range(400, 500)], NOW.timestamp())
    store.close()
    assert read("auc_drop", reader, baseline).n == 500  # late labels are seen as soon as they are there


@pytest.mark.parametrize("expected", [True, False])
def test_that_labels_are_missing_is_judged_without_any_prediction_where_they_are_declared(kept: Kept, expected: bool) -> None:
    """Nobody keeps a prediction that a label could be of: it is not known that labels come, and that is not well."""
    found = read("label_coverage", LabelReader(kept.path, 24 * HOUR, 0.5, expected=expected), None)
    assert (found.value, found.judged) == (None, expected)
    rule = Rule("labels-missing", "label_coverage", above=0.5, clear=0.4, min_n=500)
    assert (rule.concerns(found), rule.judge(found)) == (expected, Condition.UNKNOWN)


def test_of_one_class_there_is_no_area_and_of_nobody_told_positive_no_precision(kept: Kept, reader: LabelReader) -> None:
    kept.labelled(np.full(600, 0.3), np.zeros(600, dtype=int), NOW - timedelta(hours=30))
    baseline = sealed(*rows(4000, seed=1))
    assert "one class" in read("auc_drop", reader, baseline).details["why"]
    reading = read("precision_drop", reader, baseline)
    assert (reading.value, reading.n, reading.judged) == (None, 0, True)
    assert read("accuracy_drop", reader, baseline).value == 0.0


def test_a_release_without_a_sealed_table_is_not_compared_with_anything(kept: Kept, reader: LabelReader) -> None:
    kept.labelled(*rows(600, seed=3), NOW - timedelta(hours=30))
    old = {"format": "gonogo-baseline/1", "features": {}, "score": {}}
    for name in ("auc_drop", "accuracy_drop", "precision_drop", "cbpe_gap"):
        reading = read(name, reader, old)
        assert (reading.value, reading.judged) == (None, False)
    assert read("ece", reader, old).n == 600  # compares with nothing


def test_of_more_classes_the_highest_score_is_judged_and_figures_of_two_are_left_aside(kept: Kept, reader: LabelReader) -> None:
    generator = np.random.default_rng(3)
    scores = generator.dirichlet((1, 1, 1), size=1000)
    actual = np.array([generator.choice(3, p=p) for p in scores])
    kept.predicted(scores, NOW - timedelta(hours=30), dict(enumerate(actual.tolist())), classes=("a", "b", "c"))
    highest, right = scores.max(axis=1), (scores.argmax(axis=1) == actual).astype(int)
    baseline = sealed(highest, right, threshold=None)
    assert read("accuracy_drop", reader, baseline).details["now"] == pytest.approx(right.mean())
    assert read("auc_drop", reader, baseline).details["now"] == pytest.approx(roc_auc_score(right, highest), abs=1e-3)
    assert read("ece", reader, baseline).n == 1000
    for name in ("precision_drop", "recall_drop", "f1_drop"):
        reading = read(name, reader, baseline)
        assert (reading.value, reading.judged) == (None, False)


THREE = ("a", "b", "c")


def of_three(n: int, seed: int, spoiled: float = 0.0) -> tuple[Any, Any]:
    """Scores of three classes, and what came true with the chances that they say; a share of the rows that are "c" are told to be "a"."""
    generator = np.random.default_rng(seed)
    scores = generator.dirichlet((0.4, 0.4, 0.4), size=n)
    actual = np.array([generator.choice(3, p=p) for p in scores])
    turned = (actual == 2) & (generator.uniform(size=n) < spoiled)
    scores[turned] = scores[turned][:, [2, 1, 0]]
    return scores, actual


def sealed_three(scores: Any, actual: Any) -> dict[str, Any]:
    """What a release of three classes seals, without features."""
    schema = Schema("multiclass-classification", (GraphInput("x", "float32", 1),), (Feature("x", "float", False, "x", 0),), THREE, "p")
    return make_baseline(schema, Table({"x": np.arange(50.0)}, 50), scores, actual)


def read_all(name: str, reader: LabelReader, baseline: Mapping[str, Any]) -> dict[str, Reading]:
    """The readings of a signal by class; "" is the mean."""
    sight = Sight(Window(300.0, {RELEASE: Counts()}, (RELEASE,)), {RELEASE: baseline}, {}, NOW, NoPast(), reader.look(), 0.0)
    return {one.labels.get("class", ""): one for one in catalogue.load("signals", name)().compute(sight)}


def test_of_more_classes_means_and_every_class_are_those_of_scikit_learn(kept: Kept, reader: LabelReader) -> None:
    before, now = of_three(4000, seed=1), of_three(3000, seed=2, spoiled=0.5)
    kept.predicted(now[0], NOW - timedelta(days=3), dict(enumerate(now[1].tolist())), classes=THREE)
    asked: dict[str, Any] = {"precision_drop": precision_score, "recall_drop": recall_score, "f1_drop": f1_score}
    for name, figure in asked.items():
        found = read_all(name, reader, sealed_three(*before))
        assert list(found) == ["", *THREE]
        was, is_ = (figure(y, scores.argmax(axis=1), average="macro") for scores, y in (before, now))
        mean = found[""]
        assert (mean.details["before"], mean.details["now"]) == (pytest.approx(was), pytest.approx(is_)), name
        assert (mean.value, mean.n, mean.judged) == (pytest.approx(was - is_), 3000, True)
        assert (mean.details["classes"], mean.details["of_classes"]) == (3, 3)
        by_class = [figure(y, scores.argmax(axis=1), average=None) for scores, y in (before, now)]
        for place, one in enumerate(THREE):
            reading = found[one]
            assert reading.details["before"] == pytest.approx(by_class[0][place])
            assert reading.details["now"] == pytest.approx(by_class[1][place])
            assert reading.value == pytest.approx(max(0.0, by_class[0][place] - by_class[1][place]))
            assert reading.judged is False  # only by a rule that names it
    recall = read_all("recall_drop", reader, sealed_three(*before))
    fell = Rule("recall-fell", "recall_drop", above=0.05, clear=0.04, min_n=500)
    of_c = Rule("c-is-lost", "recall_drop", above=0.2, clear=0.1, min_n=100, labels={"class": "c"})
    assert [fell.concerns(one) for one in recall.values()] == [True, False, False, False]
    assert [of_c.concerns(one) for one in recall.values()] == [False, False, False, True]
    assert (fell.judge(recall[""]), of_c.judge(recall["c"])) == (Condition.BREACH, Condition.BREACH)


def test_of_more_classes_the_same_world_rings_nobody_and_few_labels_are_not_sure(kept: Kept, reader: LabelReader) -> None:
    baseline = sealed_three(*of_three(4000, seed=1))
    scores, actual = of_three(600, seed=5)
    kept.predicted(scores, NOW - timedelta(days=3), dict(enumerate(actual.tolist())), classes=THREE)
    for name in ("precision_drop", "recall_drop", "f1_drop", "accuracy_drop", "cbpe_gap"):
        assert Rule("fell", name, above=0.05, clear=0.04, min_n=100).judge(read_all(name, reader, baseline)[""]) is Condition.CLEAR, name
    scores, actual = of_three(25, seed=6, spoiled=0.3)
    kept.path.unlink()
    kept.predicted(scores, NOW - timedelta(days=3), dict(enumerate(actual.tolist())), classes=THREE)
    few = read_all("f1_drop", LabelReader(kept.path, 24 * HOUR, 0.5, expected=False), baseline)[""]
    assert few.value is not None
    assert few.value > 0.04
    assert Rule("fell", "f1_drop", above=0.04, clear=0.03, min_n=10).judge(few) is Condition.BETWEEN


def test_a_class_of_which_no_label_came_is_not_well_and_has_no_part_in_the_mean(kept: Kept, reader: LabelReader) -> None:
    scores, actual = of_three(900, seed=3)
    some = {place: int(one) for place, one in enumerate(actual) if one != 2}
    kept.predicted(scores, NOW - timedelta(days=3), some, classes=THREE)
    found = read_all("recall_drop", reader, sealed_three(*of_three(4000, seed=1)))
    assert (found["c"].value, found["c"].n) == (None, 0)
    assert "nothing" in found["c"].details["why"]
    assert (found[""].details["classes"], found[""].details["of_classes"]) == (2, 3)


def test_of_more_classes_the_accuracy_is_expected_of_scores(kept: Kept, reader: LabelReader) -> None:
    scores, actual = of_three(8000, seed=1)
    baseline = sealed_three(scores, actual)
    fine = tuple(int(count) for count in count_scores(of_three(5000, seed=2)[0].max(axis=1)))
    same = read("cbpe_drop", reader, baseline, counts=Counts(fine=fine))
    assert (same.unit, same.value) == ("share", pytest.approx(0.0, abs=0.02))
    right = (scores.argmax(axis=1) == actual).mean()
    assert same.details["before"] == pytest.approx(right, abs=1e-6)
    unsure = tuple(int(count) for count in count_scores(np.full(5000, 0.4)))
    fell = read("cbpe_drop", reader, baseline, counts=Counts(fine=unsure))
    assert fell.details["now"] == pytest.approx(0.4, abs=0.08)
    assert fell.value == pytest.approx(right - fell.details["now"], abs=1e-6)
    assert fell.p_value is not None
    assert fell.p_value < 1e-9
    kept.predicted(scores[:1000], NOW - timedelta(days=3), dict(enumerate(((actual[:1000] + 1) % 3).tolist())), classes=THREE)
    gap = read_all("cbpe_gap", reader, baseline)[""]  # the scores are the same: what they mean is not
    assert (gap.unit, gap.value) == (
        "share",
        pytest.approx(right - (scores[:1000].argmax(axis=1) == (actual[:1000] + 1) % 3).mean(), abs=0.03),
    )


def test_a_rising_error_is_a_trend_and_a_steady_one_is_none(kept: Kept, reader: LabelReader) -> None:
    rising, baseline = Rule("trend", "ece_trend", above=0.02, clear=0.01, min_n=500), sealed(*rows(4000, seed=1))
    for hour in range(24):
        kept.labelled(*rows(300, seed=hour), NOW - timedelta(hours=47 - hour))
    assert rising.judge(read("ece_trend", reader, baseline)) in (Condition.CLEAR, Condition.BETWEEN)
    for hour in range(24):
        kept.labelled(*rows(900, seed=hour, bend=1.0 + hour / 12), NOW - timedelta(hours=47 - hour))
    reading = read("ece_trend", reader, baseline)
    assert rising.judge(reading) is Condition.BREACH
    assert len(reading.details["points"]) == 24


def test_what_scores_are_worth_is_expected_without_any_label(reader: LabelReader) -> None:
    baseline = sealed(*rows(20_000, seed=1))
    fine = tuple(int(count) for count in count_scores(rows(5000, seed=2)[0]))
    assert read("cbpe_drop", reader, baseline, counts=Counts(fine=fine)).value == pytest.approx(0.0, abs=0.01)
    unsure = tuple(int(count) for count in count_scores(np.random.default_rng(1).uniform(0.45, 0.55, size=5000)))
    reading = read("cbpe_drop", reader, baseline, counts=Counts(fine=unsure))
    assert reading.value is not None
    assert reading.value > 0.15
    assert (reading.n, reading.details["now"]) == (5000, pytest.approx(0.52, abs=0.03))
    assert reading.p_value is not None
    assert reading.p_value < 1e-9


def test_a_label_store_that_appears_later_is_seen_and_a_damaged_one_is_told(tmp_path: Path, reader: LabelReader, kept: Kept) -> None:
    assert reader.look().counts(RELEASE, 0, 2**40) is None
    kept.labelled([0.5], [1], NOW)
    found = reader.look().counts(RELEASE, 0, 2**40)
    assert found is not None
    assert found.labelled == 1
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"no database " * 1000)
    with pytest.raises(Exception, match="damaged"):
        LabelReader(damaged, HOUR, 0.5, expected=False).look()


AUC = Rule("auc-fell", "auc_drop", above=0.05, clear=0.04, for_seconds=0.0, min_n=500)


def watch_of(stand: Stand, reader: LabelReader) -> Watch:
    return Watch(
        stand.service.observe, lambda release: stand.service.baseline, (AUC,), {"memory": stand.channel}, stand.store, system="shop",
        signals=[catalogue.load("signals", name)() for name in catalogue.names("signals")], clock=stand.clock, labels=reader.look,
    )  # fmt: skip


def test_labels_that_are_gone_end_no_alarm(stand: Stand, kept: Kept) -> None:
    stand.service.baseline = {**BASELINE, **sealed(*rows(4000, seed=1)), "features": BASELINE["features"]}
    stand.service.baseline["score"] |= BASELINE["score"]
    now = stand.clock.now()
    score, y = rows(1000, seed=4)
    kept.labelled(score, 1 - y, now - timedelta(hours=30))
    watch = watch_of(stand, LabelReader(kept.path, 24 * HOUR, 0.5, expected=True))
    stand.service.serve(100)
    assert state(watch) == "FIRING"
    for file in kept.path.parent.glob("labels.db*"):
        file.unlink()
    assert state(watch) == "UNKNOWN"
    assert stand.told == ["fired"]


def test_labels_that_cannot_be_read_blind_the_watch_and_nothing_else_stops(stand: Stand, kept: Kept) -> None:
    kept.path.write_bytes(b"no database " * 1000)
    stand.service.serve(200)
    record = watch_of(stand, LabelReader(kept.path, 24 * HOUR, 0.5, expected=True)).tick()
    assert record["problem"].startswith("the labels cannot be read: ")
    blind = [reading for reading in record["signals"] if reading["signal"] == "blind"]
    assert (blind[0]["value"], len(record["signals"]) > 20) == (1.0, True)


def state(watch: Watch) -> str:
    [found] = [alarm["state"] for alarm in watch.tick()["alarms"] if alarm["rule"] == AUC.name]
    return str(found)
