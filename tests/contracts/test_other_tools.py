"""What is rendered for Prometheus, Alertmanager and Grafana, under their own tools: syntax, unit tests, routes, inhibition."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml
from click.testing import CliRunner

import sample
from gonogo.base.catalogue import names
from gonogo.checklist.load import bundled_packs, load_pack
from gonogo.cli import main
from gonogo.reports.tools.prometheus import ALERTS, records_file, sayable
from gonogo.reports.tools.promql import WRITERS, Writer
from prometheus_server import checked
from receivers import Alertmanager, started
from waiting import until

CHANNELS = """
monitor:
  channels:
    - file
    - {channel: pagerduty, options: {routing_key: {env: PAGER_KEY}}}
    - {channel: slack, options: {url: {file: secrets/slack}}}
    - channel: email
      levels: [warning]
      options: {host: smtp.example.com, sender: a@example.com, to: [b@example.com], user: ops, password: {env: MAIL}}
    - {channel: webhook, levels: [critical, info], options: {url: "https://ops.example.com/alarms", key: {env: HOOK}}}
"""
PACKS = [pack.name for pack in bundled_packs()]


def project(folder: Path, pack: str = "starter", more: str = "") -> Path:
    sample.write_project(folder)
    text = (folder / "gonogo.yaml").read_text().replace("pack: starter", f"pack: {pack}")
    (folder / "gonogo.yaml").write_text(text + more)
    return folder


def rendered(folder: Path, kind: str, *words: str) -> Path:
    done = CliRunner().invoke(main, ["render", kind, "--project", str(folder), "--out", str(folder / kind), *words])
    assert done.exit_code == 0, done.output
    return folder / kind


@pytest.mark.parametrize("pack", PACKS)
def test_promtool_accepts_the_files_of_every_pack_and_its_alerts_ring_when_they_must_and_only_then(tmp_path: Path, pack: str) -> None:
    folder = rendered(project(tmp_path / "project", pack), "prometheus")
    assert "SUCCESS" in checked("promtool", "check", "config", folder / "prometheus.yml")
    checked("promtool", "test", "rules", *folder.glob("*-test.yml"))


@pytest.mark.parametrize(("window", "every", "said"), [("45s", 15, True), ("3min", 15, True), ("3min", 60, True), ("2min", 60, False)])
def test_a_short_window_is_tested_and_one_of_two_looks_is_named_as_not_watched(tmp_path: Path, window: str, every: int, said: bool) -> None:
    more = f"\nmonitor:\n  rules:\n    - {{name: quick-drift, signal: psi, above: 0.2, for: 1min, window: {window}}}\n"
    folder = rendered(project(tmp_path / "project", more=more), "prometheus", "--every", str(every))
    text = (folder / ALERTS).read_text()
    assert ("alert: quick-drift" in text) is said
    assert ("quick-drift (its window of 120s is not longer than two looks of Prometheus)" in text) is not said
    checked("promtool", "test", "rules", *folder.glob("*-test.yml"))


def test_the_unit_tests_fail_when_a_rule_is_not_what_gonogo_says(tmp_path: Path) -> None:
    folder = rendered(project(tmp_path / "project"), "prometheus")
    right = (folder / ALERTS).read_text()
    for old, new in (
        ("> 0.2)", "> 2.2)"),  # another threshold
        (">= 500", ">= 5"),  # fewer samples
        ('_sure:900s{system="small"} == 1', '_sure:900s{system="small"} >= 0'),  # one key only
        ("> 0.1 and", "> 0.2 and"),  # no hysteresis
        ('and on (release) gonogo:in_service{system="small"}', ""),  # releases without traffic
        ("for: 60s", "for: 0s"),
        ("severity: warning", "severity: info"),
    ):
        assert old in right, old
        (folder / ALERTS).write_text(right.replace(old, new))
        checked("promtool", "test", "rules", folder / "gonogo-alerts-test.yml", expect=1)
    records = folder / "gonogo-records.yml"
    records.write_text(records.read_text().replace("+ 0.5)", "+ 0.4)"))
    checked("promtool", "test", "rules", folder / "gonogo-records-test.yml", expect=1)


def test_every_rule_of_a_pack_is_an_alert_and_what_only_the_watch_can_measure_is_named(tmp_path: Path) -> None:
    policy = load_pack("tabular-service").monitor
    folder = rendered(project(tmp_path / "project", "tabular-service"), "prometheus")
    text = (folder / ALERTS).read_text()
    alerts = {rule["alert"]: rule for rule in yaml.safe_load(text)["groups"][0]["rules"]}
    assert alerts.keys() == {rule.name for rule in policy.rules} | {"not-scraped", "not-watched"}
    for rule in policy.rules:
        assert alerts[rule.name]["labels"]["severity"] == rule.level
        assert f"> {rule.above!r}" in alerts[rule.name]["expr"]
    passed_on = {line.rpartition(" ")[2] for line in text.splitlines() if line.startswith("# Measured by gonogo's watch")}
    assert passed_on == {rule.name for rule in policy.rules if rule.signal not in WRITERS}
    assert {"calibration", "auc-fell"} <= passed_on


def test_a_rule_on_labels_that_prometheus_does_not_have_is_named_and_is_no_alert(tmp_path: Path) -> None:
    more = "monitor:\n  rules:\n    - {name: odd, signal: psi, above: 0.5, labels: {version: a}}\n"
    text = (rendered(project(tmp_path / "project", more=more), "prometheus") / ALERTS).read_text()
    assert "# Not here, told by gonogo's own channels only: odd\n" in text
    assert "odd" not in [rule["alert"] for rule in yaml.safe_load(text)["groups"][0]["rules"]]


def test_what_the_watch_measured_rings_with_its_own_two_keys_and_a_watch_that_stopped_rings_itself(tmp_path: Path) -> None:
    """Of two releases one is surely miscalibrated; a signal that knows no chance needs the first key only; later nobody looks."""
    folder = rendered(project(tmp_path / "project", "tabular-service"), "prometheus")
    series = []
    for release, chance in (("a@1.0.0", 1e-6), ("b@1.0.0", 0.2)):
        labels = f'job="gonogo-small", signal="ece", window="86400s", judged="yes", release="{release}"'
        values = (("gonogo_signal", 0.2), ("gonogo_signal_samples", 5000), ("gonogo_signal_chance", chance))
        series += [{"series": f"{name}{{{labels}}}", "values": f"{value}x52 stale"} for name, value in values]
    routes = 'job="gonogo-small", signal="weights", window="60s", judged="yes"'
    series += [
        {"series": f"gonogo_signal{{{routes}}}", "values": "1x60"},
        {"series": f"gonogo_signal_samples{{{routes}}}", "values": "1x60"},
    ]
    series += [{"series": 'gonogo_watch_age_seconds{job="gonogo-small"}', "values": "2x52 stale"}]
    series += [{"series": 'up{job="gonogo-small"}', "values": "1x120"}]
    count = 'count by (alertname, release) (ALERTS{alertstate="firing", alertname=~"calibration-high|routes|not-watched"}) * 0 + 1'
    calibration, routes_ring, blind = (f"{{{labels}}}" for labels in (
        'alertname="calibration-high", release="a@1.0.0"', 'alertname="routes"', 'alertname="not-watched"'))  # fmt: skip
    checks = {
        "12m": [calibration, routes_ring],
        "26m": [blind],
    }
    tests = {
        "rule_files": ["gonogo-records.yml", "gonogo-alerts.yml"],
        "evaluation_interval": "15s",
        "tests": [{
            "interval": "15s",
            "input_series": series,
            "promql_expr_test": [
                {"expr": count, "eval_time": moment, "exp_samples": [{"labels": labels, "value": 1} for labels in wanted]}
                for moment, wanted in checks.items()
            ],
        }],
    }  # fmt: skip
    (folder / "watched-test.yml").write_text(yaml.safe_dump(tests))
    checked("promtool", "test", "rules", folder / "watched-test.yml")


def test_every_signal_that_is_said_in_promql_is_one_of_the_watch() -> None:
    assert set(WRITERS) <= set(names("signals"))


def test_labels_that_a_signal_has_not_in_prometheus_leave_its_rule_out() -> None:
    writer = Writer("small", 15)
    assert writer.series("psi", 900, {"feature": "a"}) is not None
    assert writer.series("psi", 900, {"slice": "a"}) is None
    assert writer.series("recall_drop", 604_800, {"class": "a"}) is not None
    assert writer.series("latency", 60, {"quantile": "p999"}) is None
    assert writer.series("psi_many", 900, {"level": "1) or vector(1"}) is None
    assert sayable(writer, []) == ([], [])


def test_a_label_cannot_break_out_of_its_quotes(tmp_path: Path) -> None:
    odd = 'a"} or vector(1) #\\\n'
    more = f"monitor:\n  rules:\n    - {{name: odd, signal: psi, above: 0.5, labels: {{feature: {json.dumps(odd)}}}}}\n"
    more += f"    - {{name: drift, except: {{feature: [{json.dumps(odd)}, 'b.*']}}}}\n"
    folder = rendered(project(tmp_path / "project", more=more), "prometheus")
    checked("promtool", "check", "rules", folder / ALERTS)
    checked("promtool", "test", "rules", folder / "gonogo-alerts-test.yml")


def test_volume_is_compared_with_what_was_usual(tmp_path: Path) -> None:
    """Six hours of two requests a second, then half of them for ten minutes: expected 600 in five minutes, a drop of a half."""
    rules = [rule for rule in load_pack("tabular-service").monitor.rules if rule.signal == "volume_drop"]
    (tmp_path / "records.yml").write_text(records_file("small", rules, 60))
    labels = '{job="gonogo-small", release="small@1.0.0", status="2xx"}'
    tests = {
        "rule_files": ["records.yml"],
        "evaluation_interval": "60s",
        "tests": [
            {
                "interval": "60s",
                "input_series": [
                    {"series": f"gonogo_requests_total{labels}", "values": "0+120x360 43260+60x9"},
                    {"series": 'up{job="gonogo-small"}', "values": "1x371"},
                ],
                "promql_expr_test": [
                    {
                        "expr": f"abs({name}{{system='small'}} - {wanted}) < bool {within}",
                        "eval_time": "6h10m",
                        "exp_samples": [{"labels": '{system="small"}', "value": 1}],
                    }
                    for name, wanted, within in (
                        ("gonogo:volume:300s", 300, 1),
                        ("gonogo:volume_expected:300s", 600, 10),
                        ("gonogo:volume_drop:300s", 0.5, 0.01),
                        ("gonogo:volume_drop_sure:300s", 1, 0.1),
                    )
                ],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(tests))
    checked("promtool", "test", "rules", tmp_path / "test.yml")


def test_a_counter_that_began_anew_is_counted_on_and_a_service_that_nobody_scrapes_rings(tmp_path: Path) -> None:
    """Two rows a look; after 20 looks the service restarts: 39 looks are 78 rows, but for what `increase` extrapolates."""
    folder = rendered(project(tmp_path / "project"), "prometheus")
    labels = 'release="small@1.0.0", feature="amount", bin="0"'
    tests = {
        "rule_files": ["gonogo-records.yml", "gonogo-alerts.yml"],
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "15s",
                "input_series": [
                    {"series": f'gonogo_drift_rows_total{{job="gonogo-small", {labels}}}', "values": "0+2x20 2+2x18"},
                    {"series": f'gonogo_baseline_rows{{job="gonogo-small", {labels}}}', "values": "10x39"},
                ],
                "promql_expr_test": [
                    {
                        "expr": "abs(gonogo:drift_rows:900s / 78 - 1) < bool 0.03",
                        "eval_time": "585s",
                        "exp_samples": [{"labels": f"{{{labels}, system='small'}}", "value": 1}],
                    }
                ],
                "alert_rule_test": [
                    {"eval_time": "105s", "alertname": "not-scraped"},
                    {
                        "eval_time": "135s",
                        "alertname": "not-scraped",
                        "exp_alerts": [
                            {
                                "exp_labels": {"severity": "critical", "signal": "unreachable", "system": "small", "job": "gonogo-small"},
                                "exp_annotations": {
                                    "summary": "Prometheus does not scrape small",
                                    "runbook": "the scrape job gonogo-small",
                                },
                            }
                        ],
                    },
                ],
            }
        ],
    }
    (folder / "anew-test.yml").write_text(yaml.safe_dump(tests))
    checked("promtool", "test", "rules", folder / "anew-test.yml")


def test_amtool_accepts_the_file_and_each_level_goes_where_the_sources_say(tmp_path: Path) -> None:
    """Rows S3-6f, S3-6g, S3-6h: critical to the pager, a warning to the chat, info to nobody."""
    folder = rendered(project(tmp_path / "project", more=CHANNELS), "alertmanager")
    file = folder / "alertmanager.yml"
    assert "SUCCESS" in checked("amtool", "check-config", file)
    for level, receiver in {"critical": "pager", "warning": "chat", "info": "nobody", "unheard-of": "pager"}.items():
        said = checked("amtool", "config", "routes", "test", f"--config.file={file}", f"severity={level}", "system=small")
        assert said.split()[-1] == receiver
    receivers = {each["name"]: set(each) - {"name"} for each in yaml.safe_load(file.read_text())["receivers"]}
    assert receivers == {
        "pager": {"pagerduty_configs", "slack_configs", "webhook_configs"},
        "chat": {"slack_configs", "email_configs"},
        "nobody": set(),
    }


def test_no_secret_is_rendered_and_where_each_must_be_put_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER_KEY", "hush-hush")
    folder = project(tmp_path / "project", more=CHANNELS)
    (folder / "secrets").mkdir()
    (folder / "secrets" / "slack").write_text("https://hooks.example.com/hush-hush")
    text = (rendered(folder, "alertmanager") / "alertmanager.yml").read_text()
    assert "hush-hush" not in text
    assert "# Put $PAGER_KEY into /etc/alertmanager/secrets/PAGER_KEY" in text
    assert f"api_url_file: {folder / 'secrets' / 'slack'}" in text


def test_a_level_that_nobody_is_told_of_is_said_in_the_file(tmp_path: Path) -> None:
    text = (rendered(project(tmp_path / "project"), "alertmanager") / "alertmanager.yml").read_text()
    assert "# Nobody is told of what is critical" in text
    assert "# Nobody is told of what is warning" in text


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    folder = rendered(project(tmp_path_factory.mktemp("inhibiting") / "project"), "alertmanager")
    with started(Alertmanager(folder, (folder / "alertmanager.yml").read_text())) as server:
        yield server


def of(level: str, signal: str, **labels: str) -> dict[str, str]:
    return {"severity": level, "signal": signal, **labels}


A, B = {"release": "a"}, {"release": "b"}
#: what rings, what else rings, whether the second is inhibited
CASES: dict[str, tuple[dict[str, str], dict[str, str], bool]] = {
    "critical before warning": (of("critical", "psi", feature="x", **A), of("warning", "psi", feature="x", **A), True),
    "warning before info": (of("warning", "psi"), of("info", "psi"), True),
    "another feature": (of("critical", "psi", feature="x"), of("warning", "psi", feature="y"), False),
    "another quantile": (of("critical", "latency", quantile="p95"), of("warning", "latency", quantile="p99"), False),
    "another signal": (of("critical", "psi"), of("warning", "ks"), False),
    "another release": (of("critical", "psi", **A), of("warning", "psi", **B), False),
    "not upwards": (of("warning", "psi"), of("critical", "psi"), False),
    "unreachable before everything": (of("critical", "unreachable"), of("critical", "psi", **A), True),
    "unreachable before health": (of("critical", "unreachable"), of("critical", "health", **A), True),
    "a release that is down": (of("critical", "health", **A), of("critical", "psi", **A), True),
    "not the other release": (of("critical", "health", **A), of("critical", "psi", **B), False),
    "health is not before unreachable": (of("critical", "health", **A), of("critical", "unreachable"), False),
}


def test_alertmanager_inhibits_what_gonogo_inhibits(alertmanager: Alertmanager) -> None:
    """Each case in a system of its own; another system is never inhibited."""
    until_then = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    alerts = []
    for name, (source, target, _) in CASES.items():
        for part, labels, system in (("source", source, name), ("target", target, name), ("target", target, f"not {name}")):
            alerts.append({"labels": {"alertname": part, "system": system, **labels}, "endsAt": until_then})
    request = Request(f"{alertmanager.url}/api/v2/alerts", json.dumps(alerts).encode(), {"Content-Type": "application/json"})
    urlopen(request, timeout=10).close()

    wanted = {name: inhibits for name, (_, _, inhibits) in CASES.items()}

    def inhibited() -> dict[str, bool]:
        found: list[dict[str, Any]] = alertmanager.alerts(alertname="target")
        return {alert["labels"]["system"]: bool(alert["status"]["inhibitedBy"]) for alert in found}

    until(lambda: len(state := inhibited()) == 2 * len(CASES) and all(state[name] for name in CASES if wanted[name]))
    assert inhibited() == {**wanted, **dict.fromkeys((f"not {name}" for name in CASES), False)}


def test_the_dashboard_has_every_panel_of_the_source_with_its_thresholds_and_follows_every_30_seconds(tmp_path: Path) -> None:
    """Rows S3-7a to S3-7f, as far as Prometheus knows of them."""
    folder = rendered(project(tmp_path / "project", "tabular-service"), "grafana")
    board = json.loads((folder / "dashboards" / "gonogo-small.json").read_text())
    assert board["refresh"] == "30s"
    titles = [panel["title"] for panel in board["panels"]]
    for part in (
        "Reached by Prometheus", "Processes with the model loaded", "latency p50", "latency p95", "latency p99", "Requests a minute",
        "psi", "ece", "Mean prediction", "client error share", "server error share", "Share of the traffic", "Alarms that ring",
    ):  # fmt: skip
        assert any(title.startswith(part) for title in titles), part
    assert len(set(titles)) == len(titles)
    assert len({panel["id"] for panel in board["panels"]}) == len(titles)
    rules = load_pack("tabular-service").monitor.rules
    drawn = {
        (rule.name, rule.above)
        for rule in rules
        for panel in board["panels"]
        if f"{rule.name}: " in panel["description"]
        and rule.above in [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
    }
    assert drawn == {(rule.name, rule.above) for rule in rules}


def test_grafana_finds_its_data_source_and_its_dashboards(tmp_path: Path) -> None:
    folder = rendered(project(tmp_path / "project"), "grafana", "--prometheus", "http://prometheus:9090")
    [source] = yaml.safe_load((folder / "provisioning" / "datasources" / "gonogo.yaml").read_text())["datasources"]
    [provider] = yaml.safe_load((folder / "provisioning" / "dashboards" / "gonogo.yaml").read_text())["providers"]
    [file] = Path(provider["options"]["path"]).glob("*.json")
    board = json.loads(file.read_text())
    assert (source["url"], source["type"]) == ("http://prometheus:9090", "prometheus")
    assert {target["datasource"]["uid"] for panel in board["panels"] for target in panel["targets"]} == {source["uid"]}


@pytest.mark.parametrize("kind", ["prometheus", "grafana"])
def test_several_files_need_a_folder(tmp_path: Path, kind: str) -> None:
    folder = project(tmp_path / "project")
    done = CliRunner().invoke(main, ["render", kind, "--project", str(folder)])
    assert done.exit_code == 2
    assert "--out" in done.output
