"""Alarm rules of packs and projects: what they must say, what a project may have otherwise, and that all of it stays visible."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gonogo.base import catalogue
from gonogo.checklist.items import Pack
from gonogo.checklist.load import bundled_packs, load_pack
from gonogo.checklist.project import load_project
from gonogo.checklist.rules import RUNBOOKS, EscalationStep, MonitorPolicy, RuleDeclaration
from gonogo.cli import VERBS
from gonogo.errors import ProjectFileError

Write = Callable[[str], Path]

ABOUT = "name: mine\ntitle: Mine\nroles: {lead: leads}\n"
GATE = (
    "id: mine\ntitle: Mine\nversion: 1.0.0\ndate: '2026-01-01'\nstatus: ready\nsections:\n- title: All\n  items:\n"
    "  - {id: labels, statement: Labels., check: labels, require: classes >= 2}\n"
)
PACKS = bundled_packs()
RULES = [pytest.param(pack, rule, id=f"{pack.name}/{rule.name}") for pack in PACKS for rule in pack.monitor.rules]


def write_pack(folder: Path, monitor: str = "", about: str = ABOUT, gate: str = GATE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pack.yaml").write_text(about)
    (folder / "gate.yaml").write_text(gate)
    if monitor:
        (folder / "monitor.yaml").write_text(monitor)
    return folder


def policy(path: Path, text: str = "") -> MonitorPolicy:
    """The rules in force of a project on the starter pack."""
    project = load_project(path)
    return load_pack(project.pack, project).monitor


@pytest.mark.parametrize(("pack", "rule"), RULES)
def test_every_rule_of_a_pack_watches_a_signal_that_there_is_and_says_what_to_do(pack: Pack, rule: RuleDeclaration) -> None:
    assert rule.signal in catalogue.CATALOGUE["signals"]
    assert pack.monitor.page(rule.runbook), f"{rule.name} has no runbook"
    assert rule.clear <= rule.above


def test_a_project_that_says_nothing_has_the_three_alarms_of_the_starter_pack(write_project: Write) -> None:
    """Errors above 5 %, a P95 above a second, drift: rows S4-11f, S4-11g and S4-11h."""
    found = policy(write_project(""))
    assert [replace(rule, runbook="") for rule in found.rules] == [
        RuleDeclaration("error-share", "error_rate", 0.05, 0.03),
        RuleDeclaration("latency-p95", "latency", 1000.0, 800.0),
        RuleDeclaration("drift", "psi", 0.2, 0.1, for_seconds=60.0, min_n=500, level="warning"),
    ]
    assert (found.overrides, found.escalation) == ({}, ())


def test_a_pack_without_alarms_of_its_own_has_those_of_the_starter_pack(tmp_path: Path) -> None:
    assert load_pack(write_pack(tmp_path / "mine")).monitor.rules == load_pack("starter").monitor.rules


def test_a_project_adds_changes_and_leaves_out_rules_and_all_of_it_is_visible(write_project: Write) -> None:
    text = (
        "monitor:\n  rules:\n    - {name: drift, above: 0.3, times: 2, window: 1 h}\n    - {name: mine, signal: error_rate, above: 0.5}\n"
        "    - {name: latency-p95, leave_out: nobody waits for it}\n"
    )
    found = policy(write_project(text))
    assert [rule.name for rule in found.rules] == ["error-share", "drift", "mine"]
    drift = found.rule("drift")
    assert drift is not None
    assert (drift.above, drift.clear, drift.times, drift.window_seconds, drift.runbook) == (0.3, 0.1, 2, 3600.0, "drift")
    assert found.overrides == {
        "latency-p95": ("left out: nobody waits for it",),
        "drift": ("above 0.3 instead of 0.2", "times 2 instead of 0", "window 1 h instead of none"),
        "mine": ("added",),
    }


def test_a_project_excepts_what_is_different_every_day(write_project: Write) -> None:
    found = policy(write_project("monitor:\n  rules:\n    - {name: drift, except: {feature: [weekday, season]}}\n"))
    drift = found.rule("drift")
    assert drift is not None
    assert drift.excepted == {"feature": ("weekday", "season")}
    assert "psi except feature weekday, season above 0.2" in drift.words
    assert found.overrides == {"drift": ("excepted feature weekday season instead of nothing",)}


LABELS = "prediction_log: {}\nmonitor:\n  labels: {least_coverage: 0.3, slices: {plan: [basic, gold]}}\n  rules:\n"


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("{name: drift, above: 0.3}", {"labels-missing": 0.7}),
        ("{name: labels-missing, above: 0.9}", {"labels-missing": 0.9}),
        ("{name: labels-missing, leave_out: they never come}", {}),
        ("{name: mine, signal: label_coverage, above: 0.5}", {"mine": 0.5}),
    ],
)
def test_where_labels_are_declared_to_come_a_rule_rings_when_they_do_not(write_project: Write, rule: str, found: dict[str, float]) -> None:
    """Above the share that may be missing for there to be figures, unless the project says otherwise."""
    told = policy(write_project(f"{LABELS}    - {rule}\n"))
    assert {one.name: one.above for one in told.rules if one.signal == "label_coverage"} == found
    assert "labels-missing" not in told.overrides or "labels-missing" in rule
    missing = told.rule("labels-missing")
    assert missing is None or told.page(missing.runbook)


@pytest.mark.parametrize("key", ["labels: {slice: plan=bsic}", "except: {slice: [plan=basic, plan=bsic]}"])
def test_a_rule_of_a_slice_that_is_not_declared_is_an_error(write_project: Write, key: str) -> None:
    with pytest.raises(ProjectFileError, match="no slice 'plan=bsic'") as refused:
        policy(write_project(f"{LABELS}    - {{name: of-slice, signal: auc_drop, above: 1, {key}}}\n"))
    assert "Did you mean 'plan=basic'?" in refused.value.hint
    assert policy(write_project(f"{LABELS}    - {{name: of-slice, signal: auc_drop, above: 1, labels: {{slice: plan=gold}}}}\n")).rules


def test_an_override_that_says_the_same_is_no_override(write_project: Write) -> None:
    assert policy(write_project("monitor:\n  rules:\n    - {name: drift, above: 0.2}\n")).overrides == {}


def test_a_rule_that_lasts_again_is_not_counted_any_more(tmp_path: Path) -> None:
    write_pack(tmp_path / "base", "rules:\n  - {name: a, signal: psi, above: 1, times: 3}\n")
    child = write_pack(
        tmp_path / "child",
        "rules:\n  - {name: a, for: 5 min}\n",
        about="name: c\ntitle: C\nextends: ../base\n",
        gate=GATE.replace("id: labels", "id: more"),
    )
    (rule,) = load_pack(child).monitor.rules
    assert (rule.times, rule.for_seconds) == (0, 300.0)


def test_the_ladder_of_s3_is_in_its_pack_and_a_project_may_name_its_own(write_project: Write) -> None:
    assert [step.after_seconds / 60 for step in load_pack("tabular-service").monitor.escalation] == [0, 15, 30, 60]
    text = "monitor:\n  escalation:\n    - {after: 5 min, to: Ana}\n    - {after: 1 h, to: Bo}\n"
    assert policy(write_project(text)).escalation == (EscalationStep(300.0, "Ana"), EscalationStep(3600.0, "Bo"))


def test_a_rule_goes_back_only_where_it_says_so_and_the_policy_has_it_in_words(write_project: Write) -> None:
    found = policy(write_project("monitor:\n  rules:\n    - {name: error-share, then: rollback}\n"))
    rule = found.rule("error-share")
    assert rule is not None
    assert (rule.then, rule.words.endswith("from 100 samples, then rollback")) == ("rollback", True)
    assert found.overrides == {"error-share": ("then rollback instead of nothing",)}
    assert {rule.name for pack in PACKS for rule in pack.monitor.rules if rule.then} == {
        "not-healthy",
        "failures-in-a-row",
        "latency-spike",
    }
    stopped = "pack: sequence-model\nmonitor:\n  rules:\n    - {name: latency-spike, then: nothing}\n"
    file = write_project("")
    file.write_text(file.read_text().replace("pack: starter\n", stopped))
    assert [rule.name for rule in policy(file).rules if rule.then] == ["not-healthy", "failures-in-a-row"]


def test_a_project_says_when_an_alarm_is_told_again(write_project: Write) -> None:
    assert policy(write_project("")).repeat_seconds == 3600.0
    assert policy(write_project("monitor: {repeat: 15 min}\n")).repeat_seconds == 900.0


@pytest.mark.parametrize(
    ("rule", "column", "said", "hint"),
    [
        ("{name: e, signal: error_rat, above: 1}", 17, "no signal is called", "'error_rate'"),
        ("{name: e, signal: error_rate, above: 1, clear: 2}", 47, "must not lie above", ""),
        ("{name: drift, clear: 2}", 21, "must not lie above", ""),
        ("{name: drift, above: 0.05}", 21, "must not lie above", "clear"),
        ("{name: drift, signal: latency}", 21, "watches psi", "name of its own"),
        ("{name: e, above: 1}", 7, "'signal' is missing", "signal"),
        ("{name: e, signal: psi}", 7, "'above' is missing", "above"),
        ("{name: e, signal: psi, above: 1, for: 2 s, times: 2}", 50, "lasts and is counted", ""),
        ("{name: e, signal: psi, above: 1, runbook: drfit}", 40, "no runbook 'drfit'", "'drift'"),
        ("{name: drfit, leave_out: never}", 8, "no rule 'drfit'", "'drift'"),
        ("{name: drift, leave_out: never, above: 1}", 39, "left out and changed", ""),
        ("{name: drift, abov: 1}", 21, "unknown key 'abov'", "'above'"),
        ("{name: drift, level: loud}", 21, "cannot be 'loud'", "critical"),
        ("{name: drift, then: rollback}", 21, "goes back, and is only of level warning", "level: critical"),
        ("{name: error-share, then: rollback, level: info}", 27, "goes back, and is only of level info", "then: nothing"),
        ("{name: error-share, then: page}", 27, "cannot be 'page'", "rollback"),
        ("{name: drift, window: 0 s}", 21, "no time at all", "10 min"),
    ],
)
def test_a_mistake_in_a_rule_is_pointed_at(write_project: Write, rule: str, column: int, said: str, hint: str) -> None:
    with pytest.raises(ProjectFileError) as caught:
        policy(write_project(f"monitor:\n  rules:\n    - {rule}\n"))
    assert (caught.value.line, caught.value.column) == (11, column)
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_two_rules_of_one_name_and_a_ladder_that_goes_down_are_refused(write_project: Write, tmp_path: Path) -> None:
    with pytest.raises(ProjectFileError, match="two rules are called 'drift'"):
        policy(write_project("monitor:\n  rules:\n    - {name: drift, above: 1}\n    - {name: drift, above: 2}\n"))
    with pytest.raises(ProjectFileError, match="later than the one before"):
        policy(write_project("monitor:\n  escalation:\n    - {after: 5 min, to: Ana}\n    - {after: 5 min, to: Bo}\n"))
    with pytest.raises(ProjectFileError, match=r"monitor\.yaml:1:11: unknown key 'nam'"):
        load_pack(write_pack(tmp_path / "mine", "rules: [{ nam: a}]\n"))


def test_a_pack_brings_pages_of_its_own_before_ours(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "mine", "rules:\n  - {name: a, signal: psi, above: 1, runbook: drift}\n")
    (folder / "runbooks").mkdir()
    (folder / "runbooks" / "drift.md").write_text("# Ours\n")
    assert load_pack(folder).monitor.page("drift") == folder / "runbooks" / "drift.md"
    assert load_pack("starter").monitor.page("drift") == RUNBOOKS / "drift.md"
    assert load_pack("starter").monitor.page("nothing") is None


PAGES = sorted(RUNBOOKS.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_runbook_says_what_is_seen_how_to_look_and_what_to_do_with_commands_that_there_are(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert [text.find(part) > 0 for part in ("**Seen.**", "**Look**", "**Do**, in this order")] == [True] * 3
    verbs = set(re.findall(r"`gonogo ([a-z]+)", text))
    assert verbs <= set(VERBS), verbs - set(VERBS)
    others = set(re.findall(r"(?:page|see) `([a-z-]+)`", text))
    assert others <= {other.stem for other in PAGES}


@pytest.mark.parametrize(("level", "signal", "least"), [("warning", "latency", 100.0), ("critical", "latency", 200.0)])
def test_the_bands_of_s3_are_as_its_table_says(level: str, signal: str, least: float) -> None:
    rules = [rule for rule in load_pack("tabular-service").monitor.rules if (rule.level, rule.signal) == (level, signal)]
    assert any(rule.above == least and rule.labels == {"quantile": "p95"} and rule.for_seconds == 300 for rule in rules)
