"""How far the flow has come, who may sign when, and what took too long."""

from __future__ import annotations

from dataclasses import replace

from gonogo.checklist.items import Checklist, Phase
from gonogo.evidence.record import Evidence
from gonogo.verdict.outcome import ItemResult, Outcome
from gonogo.verdict.phases import open_before, overruns, phase_states

from .conftest import AUC, LEAD, NICE, at, measured

FLOW = Checklist(
    "gate",
    "Gate",
    "1.0.0",
    "2026-01-01",
    (replace(AUC, phase="model"), replace(NICE, phase="demo"), replace(LEAD, phase="sign")),
    phases=(Phase("model", "Model", 1.0), Phase("demo", "Demo", when="on_demand"), Phase("sign", "Sign")),
)


def results(*outcomes: Outcome) -> list[ItemResult]:
    return [ItemResult(item.id, outcome, "") for item, outcome in zip(FLOW.items, outcomes, strict=True)]


def test_a_phase_is_passed_open_or_waits_for_an_open_one() -> None:
    statuses = {
        (Outcome.FAIL, Outcome.PASS, Outcome.NOT_RUN): ["open", "passed", "waits"],
        (Outcome.PASS, Outcome.FAIL, Outcome.NOT_RUN): ["passed", "open", "open"],
        (Outcome.WAIVED, Outcome.NOT_APPLICABLE, Outcome.PASS): ["passed", "passed", "passed"],
    }
    for outcomes, expected in statuses.items():
        assert [state.status for state in phase_states(FLOW, results(*outcomes))] == expected
    assert phase_states(replace(FLOW, phases=()), results(Outcome.PASS, Outcome.PASS, Outcome.PASS)) == ()
    assert [state.status for state in phase_states(FLOW, [])] == ["open", "waits", "waits"]


def test_a_role_signs_when_the_gates_earlier_phases_have_passed() -> None:
    assert open_before(FLOW, results(Outcome.FAIL, Outcome.PASS, Outcome.NOT_RUN), "technical-lead") == ("Model",)
    assert open_before(FLOW, results(Outcome.PASS, Outcome.FAIL, Outcome.NOT_RUN), "technical-lead") == ()
    assert open_before(FLOW, [], "nobody") == ()


def test_a_phase_that_took_longer_than_its_budget_is_noticed() -> None:
    def took(seconds: float) -> dict[str, Evidence]:
        return {"auc": measured(AUC, started=at(-seconds), finished=at(0)), "nice": measured(NICE, started=at(-999), finished=at(0))}

    assert overruns(FLOW, took(59)) == []
    assert overruns(FLOW, took(90)) == ["the phase Model took 1.5 min to measure; its budget is 1 min"]
    assert overruns(FLOW, {"auc": measured(AUC, started="soon")}) == []
