"""How often rules ring for nothing, against simulations; and that a rule that never can ring is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import sample
from gonogo.base import catalogue
from gonogo.checklist.false_alarms import MONTH, expected_false_alarms, lint_rules, most_samples
from gonogo.checklist.load import bundled_packs, load_pack
from gonogo.checklist.rules import MonitorPolicy, RuleDeclaration
from gonogo.operations.packs import lint_packs

RANDOM = np.random.default_rng(23)
WINDOWS = 20_000
ERRORS = RuleDeclaration("errors", "error_rate", 0.05, 0.03, for_seconds=0.0, min_n=100, window_seconds=60.0)


def test_no_rule_of_our_packs_rings_more_than_once_a_month_for_nothing_or_never() -> None:
    assert {pack.name: lint_rules(pack.monitor) for pack in bundled_packs() if lint_rules(pack.monitor)} == {}


def test_the_expectation_for_shares_is_what_a_simulation_shows() -> None:
    rule = replace(ERRORS, above=0.02)
    rings = (RANDOM.binomial(100, 0.002, size=WINDOWS) / 100 > 0.02).mean()
    expected = expected_false_alarms(rule)
    assert expected is not None
    assert expected / (MONTH / 60) == pytest.approx(rings, rel=0.4)


def test_an_alarm_that_must_last_two_windows_needs_both_of_them() -> None:
    once, twice = expected_false_alarms(ERRORS), expected_false_alarms(replace(ERRORS, for_seconds=60.0))
    assert once is not None
    assert twice == pytest.approx(MONTH / 120 * (once / (MONTH / 60)) ** 2)
    assert expected_false_alarms(replace(ERRORS, times=2)) == twice


def test_a_signal_without_a_law_has_no_expectation() -> None:
    assert expected_false_alarms(replace(ERRORS, signal="latency")) is None


@pytest.mark.parametrize(
    ("signal", "min_n", "said"),
    [
        ("memory", 2, "it never rings: it asks for 2 samples, and memory has at most 1"),
        ("health", 100, "it never rings: it asks for 100 samples, and health has at most 30"),
        ("error_rate", 4, "with nothing wrong"),
    ],
)
def test_a_rule_that_never_rings_or_too_often_is_found_in_a_pack(tmp_path: Path, signal: str, min_n: int, said: str) -> None:
    """At the default, a look every two seconds, a minute has thirty looks."""
    (tmp_path / "pack.yaml").write_text("name: mine\ntitle: Mine\nextends: starter\n")
    (tmp_path / "gate.yaml").write_text("id: mine\ntitle: Mine\nversion: 1.0.0\ndate: '2026-01-01'\nstatus: ready\nsections: []\n")
    (tmp_path / "monitor.yaml").write_text(f"rules:\n  - {{name: mine, signal: {signal}, above: 0.001, min_n: {min_n}, for: 0 s}}\n")
    found = [finding for finding in lint_packs([str(tmp_path)])[str(tmp_path)] if "(mine)" in finding]
    assert len(found) == 1
    assert said in found[0]


def test_a_rule_of_a_project_is_looked_at_too(tmp_path: Path) -> None:
    sample.write_project(tmp_path, more="monitor:\n  rules:\n    - {name: mine, signal: memory, above: 1, min_n: 2}\n")
    assert lint_packs([str(tmp_path)]) == {
        str(tmp_path): ("alarms: it never rings: it asks for 2 samples, and memory has at most 1 (mine)",)
    }


def test_every_signal_that_counts_few_things_says_which() -> None:
    counted = {name: getattr(catalogue.load("signals", name), "counted", "") for name in catalogue.names("signals")}
    assert set(counted.values()) <= {"", "looks", "one"}
    rules = [rule for pack in bundled_packs() for rule in pack.monitor.rules if counted[rule.signal]]
    assert all(rule.min_n <= (most_samples(rule) or 0) for rule in rules)
    assert lint_rules(MonitorPolicy(load_pack("starter").monitor.rules)) == ()
