"""Prometheus' own files from the rules in force: what it scrapes, records and alerts on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from gonogo.base.catalogue import load
from gonogo.checklist.rules import RuleDeclaration
from gonogo.reports.tools.promql import Series, Writer, job, matchers

RECORDS, ALERTS, CONFIGURATION = "gonogo-records.yml", "gonogo-alerts.yml", "prometheus.yml"
IN_SERVICE = "gonogo:in_service"
NOT_SCRAPED, NOT_WATCHED = "not-scraped", "not-watched"  #: the alerts of being blind
LONG_SECONDS, SELDOM = 3600.0, 4  #: longer windows are summed up at every fourth look only

#: What is recorded whatever the rules are, so that there is something to look at: signal, labels.
ALWAYS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("health", {}),
    ("unreachable", {}),
    *(("latency", {"quantile": quantile}) for quantile in ("p50", "p95", "p99")),
    *((signal, {}) for signal in ("error_rate", "client_error_share", "server_error_share", "psi", "score_mean_shift", "memory")),
)


def window_of(rule: RuleDeclaration) -> float:
    """Seconds: the rule's, or its signal's own."""
    return rule.window_seconds or float(load("signals", rule.signal).window_seconds)


def sayable(writer: Writer, rules: Sequence[RuleDeclaration]) -> tuple[list[tuple[RuleDeclaration, Series]], list[str]]:
    """The rules that PromQL can say, and the names of the others, with the reason where it is how seldom Prometheus looks."""
    found, left = [], []
    for rule in rules:
        series = writer.series(rule.signal, window_of(rule), rule.labels)
        if series is None or not set(rule.excepted) <= set(series.by):
            left.append(rule.name)
        elif _grows(series) and window_of(rule) <= 2 * writer.every:
            left.append(f"{rule.name} (its window of {duration(window_of(rule))} is not longer than two looks of Prometheus)")
        else:
            found.append((rule, series))
    return found, left


def _grows(series: Series) -> bool:
    """Whether it is of what counters grew by, which takes two samples in every window."""
    return any("increase(" in expression for expression in series.records.values())


def chosen(rule: RuleDeclaration, series: Series) -> dict[str, str]:
    """What tells the readings that a rule means from the others of its series."""
    excepted = {f"{name}!~": "|".join(re.escape(value) for value in values) for name, values in rule.excepted.items()}
    return {**{name: value for name, value in rule.labels.items() if name in series.by}, **excepted}


def always(writer: Writer) -> list[tuple[str, float, Series]]:
    """Signal, window and series of what is recorded without a rule."""
    windows = {signal: float(load("signals", signal).window_seconds) for signal, _ in ALWAYS}
    found = [(signal, windows[signal], writer.series(signal, windows[signal], labels)) for signal, labels in ALWAYS]
    return [(signal, window, series) for signal, window, series in found if series is not None]


def records_file(system: str, rules: Sequence[RuleDeclaration], every: int) -> str:
    """Recording rules of every signal that a rule or a panel needs."""
    writer = Writer(system, every)
    records: dict[str, str] = {IN_SERVICE: f"max by (release) ({writer.told('gonogo_route_weight')}) > 0"}
    for series in (*(series for _, _, series in always(writer)), *(series for _, series in sayable(writer, rules)[0])):
        records |= series.records
    return head("prometheus", system) + as_yaml({"groups": _record_groups(writer, records)})


def alerts_file(system: str, rules: Sequence[RuleDeclaration], every: int) -> str:
    """Alert rules. Those that PromQL cannot say are named at the top, so that nobody believes them to ring here, and those that need
    gonogo's watch."""
    writer = Writer(system, every)
    found, left = sayable(writer, rules)
    passed_on = [rule.name for rule, series in found if series.watched]
    blind = [not_scraped(writer), *([not_watched(writer)] if passed_on else [])]
    alerts = [*blind, *(alert(writer, rule, series) for rule, series in found)]
    group = {"name": f"gonogo-{system}-alerts", "interval": f"{every}s", "rules": alerts}
    notes = [f"Not here, told by gonogo's own channels only: {name}" for name in left]
    notes += [f"Measured by gonogo's watch, and passed on: {name}" for name in passed_on]
    return head("prometheus", system, notes) + as_yaml({"groups": [group]})


def _record_groups(writer: Writer, records: Mapping[str, str]) -> list[dict[str, Any]]:
    """One for each window; the records of one are told by their suffix, and stay in their order."""
    groups: dict[int, list[dict[str, Any]]] = {}
    for name, expression in records.items():
        window = name.rpartition(":")[2].removesuffix("s")
        place = int(window) if window.isdigit() else 0
        groups.setdefault(place, []).append({"record": name, "expr": expression, "labels": {"system": writer.system}})
    return [
        {
            "name": f"gonogo-{writer.system}-{f'{window}s' if window else 'now'}",
            "interval": f"{writer.every * (SELDOM if window > LONG_SECONDS else 1)}s",
            "rules": groups[window],
        }
        for window in sorted(groups)
    ]


def alert(writer: Writer, rule: RuleDeclaration, series: Series) -> dict[str, Any]:
    """Rings above `above` when there are samples enough and it is beyond chance; while it rings, until it is at or below `clear`."""
    on = f"on ({', '.join(series.by)})"
    value = writer.recorded(series.value, chosen(rule, series))
    rings = f"({value} > {rule.above!r}) and {on} ({writer.recorded(series.n)} >= {rule.min_n})"
    rings += f" and {on} ({writer.recorded(series.sure)} == 1)" if series.sure else ""
    before = "ALERTS" + matchers({"alertname": rule.name, "alertstate": "firing", "system": writer.system})
    expression = f"({rings}) or ({value} > {rule.clear!r} and {on} {before})"
    if "release" in series.by and not series.watched:
        expression = f"({expression}) and on (release) {writer.recorded(IN_SERVICE)}"
    return {
        "alert": rule.name,
        "expr": expression,
        "for": duration(lasts(rule)),
        "keep_firing_for": duration(lasts(rule)),
        "labels": {"severity": rule.level, "signal": rule.signal, **series.labels},
        "annotations": {"summary": summary(rule, series), "runbook": f"gonogo alarms explain {rule.name}"},
    }


def summary(rule: RuleDeclaration, series: Series) -> str:
    """With Prometheus' templates for what tells the readings apart."""
    of = "".join(["{{ $labels.system }}", *(template(name) for name in series.by), *(f" {value}" for value in series.labels.values())])
    return f"{rule.name} ({of}): {rule.signal} is above {rule.above:g}"


def template(label: str) -> str:
    """A blank and the label, for those that have it."""
    return f"{{{{ with $labels.{label} }}}} {{{{ . }}}}{{{{ end }}}}"


def not_scraped(writer: Writer) -> dict[str, Any]:
    """Whoever is not asked at all cannot be unreachable: `up` is not 0 then, it is not there."""
    return {
        "alert": NOT_SCRAPED,
        "expr": f"absent({writer.told('up')})",
        "for": "2m",
        "labels": {"severity": "critical", "signal": "unreachable", "system": writer.system},
        "annotations": {"summary": f"Prometheus does not scrape {writer.system}", "runbook": f"the scrape job {job(writer.system)}"},
    }


def not_watched(writer: Writer) -> dict[str, Any]:
    """The watch has not looked for a minute, while the service can be reached: what it measured is not told any more."""
    seen = f"(max({writer.told('gonogo_watch_age_seconds')}) < 60)"
    return {
        "alert": NOT_WATCHED,
        "expr": f"(max({writer.told('up')}) == 1) unless on () {seen}",
        "for": "2m",
        "labels": {"severity": "critical", "signal": "watch", "system": writer.system},
        "annotations": {"summary": f"nobody watches {writer.system}", "runbook": "gonogo alarms; the service's log"},
    }


def lasts(rule: RuleDeclaration) -> float:
    """Seconds. So many windows in a row, which do not overlap, are all but the first one's length."""
    return (rule.times - 1) * window_of(rule) if rule.times else rule.for_seconds


def scrape_file(system: str, port: int, alertmanager: str, every: int) -> str:
    """A whole prometheus.yml for one service on this machine."""
    keys = "# A service with keys: add `authorization: {credentials_file: FILE}` to the job, with the key of a reader.\n"
    document = {
        "global": {"scrape_interval": f"{every}s", "evaluation_interval": f"{every}s", "scrape_timeout": f"{min(every, 10)}s"},
        "rule_files": [RECORDS, ALERTS],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [{"job_name": job(system), "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}],
    }
    return head("prometheus", system) + keys + as_yaml(document)


def duration(seconds: float) -> str:
    return f"{seconds:.0f}s"


def head(kind: str, system: str, notes: Sequence[str] = ()) -> str:
    said = f"# Rendered by `gonogo render {kind}` from the rules in force for {system}. Render it anew when they change.\n"
    return said + "".join(f"# {note}\n" for note in notes)


def as_yaml(document: Any) -> str:
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=140)
    return text
