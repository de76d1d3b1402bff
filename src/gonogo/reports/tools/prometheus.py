"""Prometheus' own files from the rules in force: what it scrapes, records and alerts on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from gonogo.checklist.rules import RuleDeclaration
from gonogo.reports.tools.promql import Series, Writer, matchers

EVERY = "15s"  #: how often Prometheus looks
RULES, CONFIGURATION = "gonogo-rules.yml", "prometheus.yml"
IN_SERVICE = "gonogo:in_service"


def rules_file(system: str, rules: Sequence[RuleDeclaration]) -> str:
    """Recording and alert rules; signals that PromQL cannot say are named at the top."""
    writer = Writer(system)
    found = [(rule, series) for rule in rules if (series := writer.series(rule)) is not None]
    left = sorted({rule.signal for rule in rules} - {rule.signal for rule, _ in found})
    records: dict[str, str] = {IN_SERVICE: f"max by (release) ({writer.told('gonogo_route_weight')}) > 0"}
    for _, series in found:
        records |= series.records
    groups = [
        {
            "name": f"gonogo-{system}-records",
            "interval": EVERY,
            "rules": [{"record": name, "expr": expression, "labels": {"system": system}} for name, expression in records.items()],
        },
        {"name": f"gonogo-{system}-alerts", "interval": EVERY, "rules": [alert(writer, rule, series) for rule, series in found]},
    ]
    return head(system, left) + as_yaml({"groups": groups})


def alert(writer: Writer, rule: RuleDeclaration, series: Series) -> dict[str, Any]:
    """Rings above `above` when there are samples enough and it is beyond chance; while it rings, until it is at or below `clear`."""
    on = f"on ({', '.join(series.by)})"
    chosen = {name: value for name, value in rule.labels.items() if name in series.by}
    value = writer.recorded(series.value, **chosen)
    rings = f"({value} > {rule.above!r}) and {on} ({writer.recorded(series.n)} >= {rule.min_n})"
    rings += f" and {on} ({writer.recorded(series.sure)} == 1)" if series.sure else ""
    before = "ALERTS" + matchers({"alertname": rule.name, "alertstate": "firing", "system": writer.system})
    expression = f"({rings}) or ({value} > {rule.clear!r} and {on} {before})"
    if "release" in series.by:
        expression = f"({expression}) and on (release) {writer.recorded(IN_SERVICE)}"
    return {
        "alert": rule.name,
        "expr": expression,
        "for": duration(lasts(rule)),
        "keep_firing_for": duration(lasts(rule)),
        "labels": {"severity": rule.level, "signal": rule.signal, **rule.labels},
        "annotations": said_of(rule),
    }


def said_of(rule: RuleDeclaration) -> dict[str, str]:
    said = {
        "summary": f"{rule.name} ({{{{ $labels.release }}}} {{{{ $labels.feature }}}}): {rule.signal} is above {rule.above:g}",
        "value": '{{ $value | printf "%.4g" }}',
    }
    return {**said, **({"runbook": f"gonogo alarms explain {rule.name}"} if rule.runbook else {})}


def lasts(rule: RuleDeclaration) -> float:
    """Seconds. So many windows in a row, which do not overlap, are all but the first one's length."""
    from gonogo.base.catalogue import load

    window = rule.window_seconds or load("signals", rule.signal).window_seconds
    return (rule.times - 1) * window if rule.times else rule.for_seconds


def scrape_file(system: str, port: int, alertmanager: str) -> str:
    """A whole prometheus.yml for one service on this machine."""
    job = {"job_name": f"gonogo-{system}", "scrape_interval": EVERY, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    keys = "# A service with keys: add `authorization: {credentials_file: FILE}` to the job, with the key of a reader.\n"
    return keys + as_yaml(
        {
            "global": {"scrape_interval": EVERY, "evaluation_interval": EVERY},
            "rule_files": [RULES],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
            "scrape_configs": [job],
        }
    )


def duration(seconds: float) -> str:
    return f"{seconds:.0f}s"


def head(system: str, left: Sequence[str]) -> str:
    said = f"# Rendered by `gonogo render prometheus` from the rules in force for {system}. Render it anew when they change.\n"
    return said + (f"# Not here, and watched by gonogo itself only: {', '.join(left)}.\n" if left else "")


def as_yaml(document: Any) -> str:
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=140)
    return text
