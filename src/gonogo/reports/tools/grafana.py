"""Grafana's files: a dashboard that draws every signal beside its thresholds, and what provisions it with its data source."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gonogo.base.catalogue import load
from gonogo.checklist.rules import RuleDeclaration
from gonogo.reports.tools.prometheus import always, as_yaml, chosen, head, sayable, window_of
from gonogo.reports.tools.promql import Series, Writer

DATASOURCES, DASHBOARDS = "provisioning/datasources/gonogo.yaml", "provisioning/dashboards/gonogo.yaml"
REFRESH = "30s"
COLOURS = {"critical": "#d55e00", "warning": "#e69f00", "info": "#56b4e9", "": "#009e73"}  # Okabe and Ito: apart for every eye
UNITS = {"share": "percentunit", "ms": "ms", "MB": "decmbytes", "days": "d"}
WIDTH, HEIGHT = 8, 8  #: of a panel; a row is 24 wide


@dataclass(frozen=True)
class Panel:
    """One picture: `queries` by legend (with Grafana's `{{label}}`), and the rules whose thresholds are drawn."""

    title: str
    queries: Mapping[str, str]
    unit: str = "short"
    rules: tuple[RuleDeclaration, ...] = ()
    kind: str = "timeseries"
    limits: Mapping[str, float] = field(default_factory=dict)  #: by level, where there is no rule


def grafana_files(system: str, rules: Sequence[RuleDeclaration], every: int, prometheus: str, folder: Path) -> dict[str, str]:
    """Text by path within `folder`. `prometheus` is its address as Grafana reaches it."""
    source = {"name": f"gonogo {system}", "uid": uid(system), "type": "prometheus", "access": "proxy", "url": prometheus}
    provider = {"name": f"gonogo {system}", "type": "file", "options": {"path": str(folder / "dashboards")}}
    return {
        DATASOURCES: head("grafana", system)
        + as_yaml({"apiVersion": 1, "datasources": [{**source, "jsonData": {"timeInterval": f"{every}s"}}]}),
        DASHBOARDS: head("grafana", system) + as_yaml({"apiVersion": 1, "providers": [provider]}),
        f"dashboards/gonogo-{system}.json": json.dumps(dashboard(system, panels(system, rules, every)), indent=1, ensure_ascii=False)
        + "\n",
    }


def uid(system: str) -> str:
    """At most 40 signs, as Grafana demands."""
    return f"gonogo-{system}"[:40]


def panels(system: str, rules: Sequence[RuleDeclaration], every: int) -> list[Panel]:
    """What is live, and then every signal that is recorded, each once with all rules on it."""
    writer = Writer(system, every)
    drawn: dict[str, tuple[str, float, Series, list[RuleDeclaration]]] = {}
    for signal, window, series in always(writer):
        drawn[writer.recorded(series.value)] = (signal, window, series, [])
    for rule, series in sayable(writer, rules)[0]:
        query = writer.recorded(series.value, chosen(rule, series))
        drawn.setdefault(query, (rule.signal, window_of(rule), series, []))[3].append(rule)
    signals = [_signal_panel(query, *about) for query, about in drawn.items()]
    return [*_overview(writer), *signals]


def dashboard(system: str, drawn: Sequence[Panel]) -> dict[str, Any]:
    return {
        "uid": uid(system),
        "title": f"gonogo: {system}",
        "tags": ["gonogo"],
        "timezone": "utc",
        "schemaVersion": 37,
        "refresh": REFRESH,
        "time": {"from": "now-6h", "to": "now"},
        "panels": [_panel(system, place, panel) for place, panel in enumerate(drawn)],
    }


def _overview(writer: Writer) -> list[Panel]:
    """Health and model state, the share of the traffic, the rate of requests, what rings, what was predicted."""
    firing = f'ALERTS{{alertstate="firing", system="{writer.system}"}}'
    rate = f"60 * sum by (release) (rate({writer.told('gonogo_requests_total')}[{max(60, 4 * writer.every)}s]))"
    mean = f"gonogo:score_mean:{load('signals', 'score_mean_shift').window_seconds:.0f}s"
    return [
        Panel("Reached by Prometheus", {"up": f"max({writer.told('up')})"}, kind="stat"),
        Panel("Processes with the model loaded", {"{{release}}": writer.told("gonogo_processes", state="ready")}, kind="stat"),
        Panel("Alarms that ring", {"critical": _count(firing, "critical"), "warning": _count(firing, "warning")}, kind="stat",
              limits={"critical": 1}),
        Panel("Share of the traffic", {"{{release}}": writer.told("gonogo_route_weight")}, "percentunit"),
        Panel("Requests a minute", {"{{release}}": rate}),
        Panel("Mean prediction, live and of the held-out rows", {
            "{{release}} live": writer.recorded(mean), "{{release}} held out": writer.recorded("gonogo:baseline_score_mean")}),
    ]  # fmt: skip


def _count(firing: str, level: str) -> str:
    return f"count({firing[:-1]}, severity={json.dumps(level)}}}) or vector(0)"


def _signal_panel(query: str, signal: str, window: float, series: Series, rules: Sequence[RuleDeclaration]) -> Panel:
    unit = str(load("signals", signal).unit)
    narrowed = [value for name, value in rules[0].labels.items() if name in series.by] if rules else []
    excepted = [f"without {', '.join(values)}" for values in rules[0].excepted.values()] if rules else []
    title = " ".join([signal.replace("_", " "), *series.labels.values(), *narrowed, *excepted, f"over {_span(window)}"])
    legend = " ".join(f"{{{{{name}}}}}" for name in series.by) or signal
    return Panel(title, {legend: query}, UNITS.get(unit, "short"), tuple(rules))


def _span(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def _panel(system: str, place: int, panel: Panel) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": uid(system)}
    limits = sorted([*((rule.above, rule.level) for rule in panel.rules), *((limit, level) for level, limit in panel.limits.items())])
    steps = [{"color": COLOURS[""], "value": None}, *({"color": COLOURS[level], "value": limit} for limit, level in limits)]
    custom = {"thresholdsStyle": {"mode": "line" if limits else "off"}, "spanNulls": False, "lineWidth": 1}
    return {
        "id": place + 1,
        "type": panel.kind,
        "title": panel.title,
        "description": "\n".join(f"{rule.name}: {rule.words}" for rule in panel.rules) or "No alarm is on this.",
        "datasource": source,
        "gridPos": {"x": place % 3 * WIDTH, "y": place // 3 * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": source, "expr": query, "legendFormat": legend}
            for number, (legend, query) in enumerate(panel.queries.items())
        ],
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "thresholds": {"mode": "absolute", "steps": steps},
                **({"custom": custom} if panel.kind == "timeseries" else {}),
            },
            "overrides": [],
        },
    }
