"""The check on monitoring: baselines, rules, channels, and the written strategy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gonogo.errors import DataError, GonogoError
from gonogo.evidence.memory import measure
from measured import values


@dataclass(frozen=True)
class Rule:
    name: str
    signal: str
    above: float
    runbook: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    excepted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


RULES = (Rule("error-share", "error_rate", 0.05), Rule("latency-p95", "latency", 1000.0))


@dataclass(frozen=True)
class Watching:
    channels: tuple[str, ...] = ("file",)
    rules: tuple[Rule, ...] = RULES


def test_a_baseline_for_every_feature_is_counted(bundle: Callable[..., Any]) -> None:
    counted = {"counts": [1, 2]}
    baseline = {"rows": 3, "features": {"x": counted, "z": counted}, "score": counted}
    facts = values(measure("monitoring", monitor=Watching(), bundle=bundle(x="float", z="float", baseline=baseline)))
    assert facts == {
        "features": 2, "baseline_features": 2, "baseline_scores": True, "baseline_rows": 3, "rules": 2, "channels": 1,
        "metrics_declared": 2, "signals_missing": 0,
    }  # fmt: skip


@pytest.mark.parametrize("entry", [{}, {"counts": []}, {"counts": [0, 0]}, {"counts": "3"}, [1, 2], {"counts": [None]}])
def test_a_baseline_that_counted_nothing_is_none(bundle: Callable[..., Any], entry: Any) -> None:
    found = measure("monitoring", monitor=Watching((), ()), bundle=bundle(x="float", baseline={"features": {"x": entry}, "score": entry}))
    facts = values(found)
    assert (facts["baseline_features"], facts["baseline_scores"], facts["rules"], facts["channels"]) == (0, False, 0, 0)
    assert found.findings == ("no baseline for 'x'",)


def test_a_rule_that_comes_with_a_runbook_needs_no_line_in_the_document(bundle: Callable[..., Any], tmp_path: Path) -> None:
    guide = tmp_path / "guide.md"
    guide.write_text("# Guide\n\nNothing about alarms.\n")
    watching = Watching(rules=(Rule("error-share", "error_rate", 0.05, "predictions-fail"), Rule("mine", "psi", 0.2)))
    found = measure("monitoring", options={"document": "guide"}, monitor=watching, bundle=bundle(x="float"), documents={"guide": guide})
    assert (values(found)["thresholds_missing"], values(found)["actions_missing"]) == (1, 1)
    assert found.findings[-1] == "guide does not say what to do about mine"


@pytest.mark.parametrize("named", [{"labels": {"feature": "charg"}}, {"excepted": {"feature": ("charge", "charg")}}])
def test_a_rule_of_a_feature_that_the_model_does_not_have_is_an_error_that_says_which_one_is_meant(
    bundle: Callable[..., Any], named: dict[str, Any]
) -> None:
    watching = Watching(rules=(*RULES, Rule("drift", "psi", 0.2, **named)))
    with pytest.raises(DataError, match="'drift' names the feature 'charg'") as refused:
        measure("monitoring", monitor=watching, bundle=bundle(charge="float"))
    assert "Did you mean 'charge'?" in refused.value.hint


@pytest.mark.parametrize("feature", ["charge", "(score)"])
def test_a_rule_of_a_feature_of_the_model_or_of_the_score_counts(bundle: Callable[..., Any], feature: str) -> None:
    watching = Watching(rules=(Rule("drift", "psi", 0.2, labels={"feature": feature}),))
    assert values(measure("monitoring", monitor=watching, bundle=bundle(charge="float", baseline={})))["rules"] == 1


STRATEGY = """# Guide

## Monitoring

See the [dashboard](https://example.invalid/board).

| metric | threshold | what to do |
|---|---|---|
| error_rate | 5 % | go back |

### Alarm: latency p95

Above 1,000 ms for half a minute. Look at the percentiles of each release; when one is slow, go back to the one before.
"""


@pytest.fixture
def watched(tmp_path: Path, bundle: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    def measured(text: str | None, **options: Any) -> dict[str, Any]:
        if text is not None:
            (tmp_path / "guide.md").write_text(text)
        given = {"documents": {"guide": tmp_path / "guide.md"}, "monitor": Watching(), "bundle": bundle(x="float", baseline={})}
        found = measure("monitoring", {"document": "guide", **options}, **given)
        wanted = ("thresholds_missing", "actions_missing", "dashboard", "signals_missing")
        return {name: found.facts[name].value for name in wanted}

    return measured


def test_a_strategy_gives_threshold_and_action_of_every_rule(watched: Callable[..., dict[str, Any]]) -> None:
    facts = watched(STRATEGY, signals=["error_rate", "latency"])
    assert facts == {"thresholds_missing": 0, "actions_missing": 0, "dashboard": True, "signals_missing": 0}


@pytest.mark.parametrize(
    ("old", "new", "fact", "expected"),
    [
        ("5 %", "4 %", "thresholds_missing", 1), ("1,000 ms", "too much", "thresholds_missing", 1),
        ("1,000 ms", "1 s", "thresholds_missing", 0),
        ("go back |", "TBD |", "actions_missing", 1), ("what to do", "owner", "actions_missing", 1),
        ("latency p95", "slow", "actions_missing", 1),
        ("error_rate", "accuracy", "actions_missing", 1), ("[dashboard](https://example.invalid/board)", "wiki", "dashboard", False),
        ("5 %", "0.05", "thresholds_missing", 0),
    ],
)  # fmt: skip
def test_what_a_strategy_leaves_out_is_counted(watched: Any, old: str, new: str, fact: str, expected: Any) -> None:
    assert watched(STRATEGY.replace(old, new))[fact] == expected


def test_without_a_strategy_everything_is_missing(watched: Callable[..., dict[str, Any]]) -> None:
    facts = watched(None, signals=["latency", "psi"])
    assert facts == {"thresholds_missing": 2, "actions_missing": 2, "dashboard": False, "signals_missing": 1}


def test_a_bundle_that_is_no_bundle_is_an_error(bundle: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(GonogoError):
        measure("model_format", model_file=tmp_path, bundle=bundle(x="float", root=tmp_path))
