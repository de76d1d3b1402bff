"""The scores: what counts, what does not, and that neither opens the gate."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gonogo.checklist.items import Checklist, Item
from gonogo.verdict.outcome import Decision, ItemResult, Outcome, Verdict
from gonogo.verdict.score import ml_test_score, readiness, scores

P95 = Item("p95", "Latency", "P95", check="load", require=("p95 < 35 ms",), weight=10)
P99 = Item("p99", "Latency", "P99", check="load", require=("p99 < 50 ms",), weight=10)
MEMORY = Item("memory", "Latency", "Memory", kind="conditional", check="load", require=("peak < 2 GB",))
CERTIFIED = Item("certified", "Certification", "Certified", check="quality", require=("auc > 0.9",), weight=80)
TEXT = Item("text", "Documents", "A text without weight", check="document", require=("words > 1",))
ITEMS = (CERTIFIED, P95, P99, MEMORY, TEXT)


def judged(items: tuple[Item, ...], **outcomes: Outcome) -> tuple[Checklist, Verdict]:
    """A verdict in which every item has passed, but for those that are named."""
    checklist = Checklist("gate", "Gate", "1.0.0", "2026-01-01", items)
    results = tuple(ItemResult(item.id, outcomes.get(item.id, Outcome.PASS), "", mandatory=item.kind == "mandatory") for item in items)
    return checklist, Verdict("s", Decision.NO_GO, "sha256:0", checklist.digest, "sha256:1", results, "2026-01-01T00:00:00.000Z")


def points(items: tuple[Item, ...] = ITEMS, **outcomes: Outcome) -> dict[str, float]:
    score = readiness(*judged(items, **outcomes))
    assert score is not None
    return {part.name: part.points for part in score.parts} | {"total": score.total}


def test_everything_passed_is_all_the_points() -> None:
    assert points() == {"Certification": 80, "Latency": 20, "total": 100}


@pytest.mark.parametrize("outcome", [one for one in Outcome if one not in (Outcome.PASS, Outcome.NOT_APPLICABLE)])
def test_a_section_with_anything_but_passes_scores_nothing_of_it(outcome: Outcome) -> None:
    assert points(p99=outcome) == {"Certification": 80, "Latency": 0, "total": 80}
    assert points(memory=outcome)["Latency"] == 0


def test_what_does_not_apply_takes_nothing_and_earns_nothing() -> None:
    assert points(memory=Outcome.NOT_APPLICABLE)["Latency"] == 20
    everything = dict.fromkeys(("p95", "p99", "memory"), Outcome.NOT_APPLICABLE)
    assert points(**everything)["Latency"] == 0


def test_without_weights_there_is_no_readiness_and_without_ids_no_ml_test_score() -> None:
    assert readiness(*judged((TEXT,))) is None
    assert ml_test_score(*judged(ITEMS)) is None
    assert scores(*judged((TEXT,))) == ()


def test_an_item_that_the_verdict_does_not_know_has_not_passed() -> None:
    checklist, verdict = judged(ITEMS)
    score = readiness(checklist, replace(verdict, items=verdict.items[:1]))
    assert score is not None
    assert score.total == 80


def automatic(*tests: int) -> tuple[Item, ...]:
    return tuple(Item(f"t{test}", "S", "s", check="tests", require=("failed == 0",), ml_test=(test,)) for test in tests)


def ml(items: tuple[Item, ...], **outcomes: Outcome) -> tuple[float, list[float]]:
    score = ml_test_score(*judged(items, **outcomes))
    assert score is not None
    return score.total, [part.points for part in score.parts]


def test_the_ml_test_score_is_the_smallest_of_the_four_sums() -> None:
    assert ml(automatic(*range(1, 29))) == (7, [7, 7, 7, 7])
    assert ml(automatic(*range(1, 24))) == (2, [7, 7, 7, 2])
    assert ml(automatic(*range(1, 22))) == (0, [7, 7, 7, 0])


def test_what_a_person_vouches_for_scores_half() -> None:
    by_hand = tuple(Item(f"h{test}", "S", "s", sign_off="owner", ml_test=(test,)) for test in range(1, 29))
    assert ml(by_hand) == (3.5, [3.5] * 4)


def test_a_test_of_several_items_scores_what_the_weakest_does_and_an_item_may_answer_several() -> None:
    both = (*automatic(1), Item("h1", "S", "s", sign_off="owner", ml_test=(1, 2)))
    assert ml(both)[1] == [1.0, 0, 0, 0]
    assert ml(both, h1=Outcome.STALE)[1] == [0, 0, 0, 0]


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.PASS])
def test_only_a_pass_scores(outcome: Outcome) -> None:
    assert ml(automatic(1, 2), t1=outcome)[1] == [1, 0, 0, 0]


def test_a_line_says_the_parts_and_that_it_opens_nothing() -> None:
    (score,) = scores(*judged(ITEMS, p99=Outcome.FAIL))
    assert score.line == (
        "Readiness 80 of 100 (Certification 80/80, Latency 0/20): not ready, Latency comes first. It never opens the gate."
    )
