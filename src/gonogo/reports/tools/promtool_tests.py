"""Unit tests of the rendered rules, for `promtool test rules`: each alert rings when it must, and only then; PSI is what gonogo says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gonogo.checklist.rules import RuleDeclaration
from gonogo.reports.tools.prometheus import (
    ALERTS,
    IN_SERVICE,
    RECORDS,
    SELDOM,
    alert,
    always,
    as_yaml,
    head,
    lasts,
    sayable,
    template,
    window_of,
)
from gonogo.reports.tools.promql import Series, Writer, job, matchers
from gonogo.service.reference import SCORE
from gonogo.stats.drift import psi

RECORDS_TEST, ALERTS_TEST = "gonogo-records-test.yml", "gonogo-alerts-test.yml"
BEFORE, NOW = (400, 300, 200, 90, 10), (100, 150, 300, 400, 50)  #: rows by bin, of the baseline and live


@dataclass(frozen=True)
class Case:
    """What is recorded for one release, as promtool writes it, all of it `looks` long; `name` says why it must stay quiet, "" rings."""

    name: str
    value: str
    n: int
    sure: int = 1
    in_service: bool = True
    excepted: Mapping[str, str] = field(default_factory=dict)

    @property
    def release(self) -> str:
        return f"{self.name or 'rings'}@1.0.0"


def alerts_test_file(system: str, rules: Sequence[RuleDeclaration], every: int) -> str:
    """One test for each alert, of releases that differ in what is wrong with them."""
    writer = Writer(system, every)
    found, _ = sayable(writer, rules)
    return _file(writer, ALERTS, _merged([test for rule, series in found for test in _tests(writer, rule, series)]))


def records_test_file(system: str, rules: Sequence[RuleDeclaration], every: int) -> str:
    """PSI over every window that is recorded."""
    writer = Writer(system, every)
    found, _ = sayable(writer, rules)
    windows = {window for signal, window, _ in always(writer) if signal == "psi"}
    return _file(
        writer, RECORDS, [_psi(writer, window) for window in sorted(windows | {window_of(r) for r, _ in found if r.signal == "psi"})]
    )


def _file(writer: Writer, rules: str, tests: Sequence[Mapping[str, Any]]) -> str:
    document = {"rule_files": [rules], "evaluation_interval": f"{writer.every}s", "tests": list(tests)}
    return head("prometheus", writer.system) + as_yaml(document)


def _merged(tests: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tests that feed in other records run as one: each costs an evaluation of all alerts at every look."""
    found: list[dict[str, Any]] = []
    for test in tests:
        fed = {series.partition("{")[0] for series in test["inputs"]} - {IN_SERVICE}
        into = next((other for other in found if not fed & other["fed"]), None)
        if into is None:
            into = {"names": [], "fed": set(), "inputs": {}, "alert_rule_test": []}
            found.append(into)
        into["names"].append(test["name"])
        into["fed"] |= fed
        for series, values in test["inputs"].items():  # of what is fed in by several, the longest
            into["inputs"][series] = max(into["inputs"].get(series, values), values, key=lambda text: int(text.rpartition("x")[2]))
        into["alert_rule_test"] += test["alert_rule_test"]
    return [
        {
            "name": "; ".join(each["names"]),
            "interval": tests[0]["interval"],
            "input_series": [{"series": series, "values": values} for series, values in each["inputs"].items()],
            "alert_rule_test": each["alert_rule_test"],
        }
        for each in found
    ]


def _tests(writer: Writer, rule: RuleDeclaration, series: Series) -> list[dict[str, Any]]:
    """High for its duration: it rings, not a look before. Between the limits it rings on. Low for its duration: it is over."""
    looks, high = math.ceil(lasts(rule) / writer.every), rule.above + max(1.0, abs(rule.above))
    between = (rule.above + rule.clear) / 2 if rule.clear < rule.above else high
    parts = [(high, looks + 2), (between, looks + 2), (rule.clear, looks + 4)]
    last, whole = 2 * looks + 3, sum(count for _, count in parts)  # the last look at which it is not low
    checks = [(looks + 1, True), (last, True), (last + looks + 2, False)]
    checks += [(looks - 1, False), (last + 1, True)] if looks else []
    rings = Case("", " ".join(f"{value!r}x{count - 1}" for value, count in parts), rule.min_n)
    ever = f"{high!r}x{whole}"
    quiet = [Case("few", ever, rule.min_n - 1), Case("at-the-limit", f"{rule.above!r}x{whole}", rule.min_n)]
    quiet += [Case("by-chance", ever, rule.min_n, sure=0)] if series.sure else []
    if "release" not in series.by:  # there is one reading only
        return [
            _test(writer, rule, series, f"{rule.name} rings and is over", [rings], whole, checks),
            *(_test(writer, rule, series, f"{rule.name}: {case.name}", [case], whole, [(whole, False)]) for case in quiet),
        ]
    quiet += [] if series.watched else [Case("idle", ever, rule.min_n, in_service=False)]
    quiet += [Case("excepted", ever, rule.min_n, excepted={name: values[0]}) for name, values in rule.excepted.items()]
    return [_test(writer, rule, series, f"{rule.name} rings and is over", [rings, *quiet], whole, checks)]


def _test(
    writer: Writer, rule: RuleDeclaration, series: Series, name: str, cases: Sequence[Case], looks: int, checks: Sequence[tuple[int, bool]]
) -> dict[str, Any]:
    """What is recorded is fed in as if it had been recorded; whether it is recorded rightly is another test's matter."""
    inputs: dict[str, str] = {}
    for case in cases:
        labels = _labels(rule, series, case)
        inputs[writer.recorded(series.value, labels)] = case.value
        inputs[writer.recorded(series.n, labels)] = f"{case.n}x{looks}"
        inputs |= {writer.recorded(series.sure, labels): f"{case.sure}x{looks}"} if series.sure else {}
        if case.in_service:
            inputs[writer.recorded(IN_SERVICE, {"release": case.release})] = f"1x{looks}"
    wanted, labels = alert(writer, rule, series), _labels(rule, series, cases[0])
    about = dict(wanted["annotations"])
    about["summary"] = about["summary"].replace("{{ $labels.system }}", writer.system)
    for each in series.by:
        about["summary"] = about["summary"].replace(template(each), f" {labels[each]}")
    told = {"exp_labels": {**labels, **wanted["labels"], "system": writer.system}, "exp_annotations": about}
    return {
        "name": name,
        "interval": f"{writer.every}s",
        "inputs": inputs,
        "alert_rule_test": [
            {"eval_time": f"{look * writer.every}s", "alertname": rule.name, **({"exp_alerts": [told]} if rings else {})}
            for look, rings in checks
        ],
    }


def _labels(rule: RuleDeclaration, series: Series, case: Case) -> dict[str, str]:
    labels = {"release": case.release, "feature": "example", "slice": "example", "class": "example", **rule.labels, **case.excepted}
    return {name: value for name, value in labels.items() if name in series.by}


def _psi(writer: Writer, window: float) -> dict[str, Any]:
    """From raw counters that grew from 0 between the last looks, so within any window of more than two, to what gonogo's own PSI is of the
    same rows."""
    looks = 3 * SELDOM  # long windows are summed up at every so many looks only
    wanted = psi(np.array(BEFORE), np.array(NOW))
    series = writer.series("psi", window, {})
    assert series is not None
    of = {"release": "example@1.0.0", "feature": SCORE}

    def given(metric: str, values: Mapping[str, str]) -> list[dict[str, str]]:
        raw = {place: matchers({"job": job(writer.system), **of, "bin": place}) for place in values}
        return [{"series": metric + raw[place], "values": text} for place, text in values.items()]

    live = {str(place): f"0x{looks - 2} {rows}x1" for place, rows in enumerate(NOW)}
    before = {str(place): f"{rows}x{looks}" for place, rows in enumerate(BEFORE)}
    difference = f"abs({writer.recorded(series.value, of)} / {wanted!r} - 1) < bool 1e-9"
    return {
        "name": f"PSI over {window:g} s is gonogo's",
        "interval": f"{writer.every}s",
        "input_series": [*given("gonogo_drift_rows_total", live), *given("gonogo_baseline_rows", before)],
        "promql_expr_test": [
            {
                "expr": difference,
                "eval_time": f"{looks * writer.every}s",
                "exp_samples": [{"labels": matchers({**of, "system": writer.system}), "value": 1}],
            }
        ],
    }
