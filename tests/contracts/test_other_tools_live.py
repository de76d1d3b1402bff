"""Prometheus scrapes a running service by the rendered files, says what gonogo says of it, and rings through Alertmanager; every panel of
the rendered dashboard has data.

One run for all tests of this file: traffic unlike the training rows is drift, and then the service dies.
"""

from __future__ import annotations

import http.client
import json
import math
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

import sample
from gonogo.base.catalogue import load
from gonogo.base.clock import FakeClock
from gonogo.checklist.load import load_pack
from gonogo.checklist.project import load_project
from gonogo.cli import main
from gonogo.monitor.signal import Reading, Sight
from gonogo.monitor.windows import Windows, read_snapshot
from gonogo.release.verify import verify
from gonogo.reports.tools.prometheus import window_of
from gonogo.reports.tools.promql import WRITERS, Writer
from gonogo.trust.keys import PublicKey
from prometheus_server import Prometheus, checked
from receivers import Alertmanager, HttpReceiver, started
from supervised import BODY, OLD, Service, folder_of, serving
from waiting import until

pytestmark = [pytest.mark.xdist_group("other-tools"), pytest.mark.timeout(300)]

ROWS = 3000
#: Every signal that PromQL can say has a rule here, with short durations.
RULES = """
monitor:
  channels:
    - {channel: pagerduty, options: {routing_key: {file: pager}, url: "PAGER/v2/enqueue"}}
    - {channel: webhook, name: chat, levels: [warning], options: {url: "CHAT/alarms", key: {env: HOOK}}}
  rules:
    - {name: drift, above: 0.2, for: 2 s, level: warning}
    - {name: gone, signal: unreachable, window: 10 s, above: 0.5, clear: 0, for: 1 s, min_n: 3}
    - {name: well, signal: health, window: 10 s, above: 0.5, clear: 0, for: 1 s, min_n: 3}
    - {name: many, signal: psi_many, above: 100}
    - {name: day, signal: psi, window: 24 h, above: 100}
    - {name: of-the-score, signal: psi, labels: {feature: (score)}, above: 100}
    - {name: without, signal: psi, except: {feature: [city]}, above: 100}
    - {name: missing, signal: missing_rate, above: 1, level: info}
    - {name: new, signal: new_categories, above: 1, level: info}
    - {name: outside, signal: out_of_range, above: 1, level: info}
    - {name: client, signal: client_error_share, window: 10 min, above: 1}
    - {name: server, signal: server_error_share, window: 10 min, above: 1}
    - {name: bad, signal: error_rate, window: 10 min, above: 1}
    - {name: refused, signal: failure_share, window: 10 min, above: 1}
    - {name: mean, signal: score_mean_shift, window: 10 min, above: 1}
    - {name: variance, signal: score_variance_growth, window: 10 min, above: 1000}
    - {name: unsure, signal: low_confidence_share, window: 10 min, above: 1}
    - {name: slow, signal: latency, window: 10 min, labels: {quantile: p99}, above: 60000}
    - {name: memory, signal: memory, above: 64000}
    - {name: fewer, signal: volume_drop, above: 1000}
    - {name: more, signal: volume_spike, above: 1000000}
"""


@dataclass
class Stand:
    """What runs, and what was seen of it: `sight` is what gonogo saw, between the first look and the last row."""

    folder: Path
    service: Service
    prometheus: Prometheus
    alertmanager: Alertmanager
    chat: HttpReceiver
    pager: HttpReceiver
    sight: dict[float, Sight] = field(default_factory=dict)

    def readings(self, signal: str, window: float) -> list[Reading]:
        found: list[Reading] = load("signals", signal)().compute(self.sight[window])
        return found


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory, sealed: Path) -> Iterator[Stand]:
    folder = tmp_path_factory.mktemp("live") / "project"
    chat, pager = HttpReceiver(lambda *_: (200, b"{}")), HttpReceiver(lambda *_: (202, b"{}"))
    sample.write_project(folder, more=RULES.replace("CHAT", chat.url).replace("PAGER", pager.url).lstrip())
    (folder / "pager").write_text("0123456789abcdef" * 2)
    with ExitStack() as running:
        running.callback(chat.close)
        running.callback(pager.close)
        service = running.enter_context(serving(folder.parent / "store", sealed)).start(OLD)
        render(folder, "alertmanager")
        text = (folder / "alertmanager" / "alertmanager.yml").read_text().replace("group_wait: 5s", "group_wait: 0s")
        alertmanager = Alertmanager(folder / "alertmanager", text.replace("group_interval: 1m", "group_interval: 1s"))
        running.enter_context(started(alertmanager))
        words = ("--port", str(service.port), "--alertmanager", f"127.0.0.1:{alertmanager.port}", "--every", "1")
        render(folder, "prometheus", *words)
        render(folder, "grafana", "--every", "1")
        remember(folder / "prometheus")
        prometheus = Prometheus(folder / "prometheus")
        running.enter_context(started(prometheus))
        made = Stand(folder, service, prometheus, alertmanager, chat, pager)
        drive(made)
        yield made


def render(folder: Path, kind: str, *words: str) -> None:
    done = CliRunner().invoke(main, ["render", kind, "--project", str(folder), "--out", str(folder / kind), *words])
    assert done.exit_code == 0, done.output


def remember(folder: Path) -> None:
    """What Prometheus saw before: two requests a second, so that there is something usual; it ends before the windows of this test."""
    now = int(time.time())
    moments = range(now - 3600, now - 1000)
    labels = f'{{instance="before",job="gonogo-small",release="{OLD}",status="2xx"}}'
    lines = ["# TYPE gonogo_requests counter"]
    lines += [f"gonogo_requests_total{labels} {2 * place} {moment}" for place, moment in enumerate(moments)]
    lines += ["# TYPE up gauge", *(f'up{{instance="before",job="gonogo-small"}} 1 {moment}' for moment in moments), "# EOF", ""]
    (folder / "before.om").write_text("\n".join(lines))
    checked("promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "before.om", folder / "data")


def drive(stand: Stand) -> None:
    """Rows unlike those of the training, all after Prometheus and gonogo have looked once and before both look again."""
    service, prometheus = stand.service, stand.prometheus
    windows = Windows()
    rows = f'sum(gonogo_drift_rows_total{{job="gonogo-small",release="{OLD}",feature="city"}})'
    until(lambda: prometheus.value(rows) == 0)
    windows.add(read_snapshot(service.client.observe(), 0.0))
    chance = random.Random(5)
    with closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)) as connection:

        def ask(body: bytes) -> int:
            connection.request("POST", "/predict", body)
            answer = connection.getresponse()
            answer.read()
            return answer.status

        for _ in range(ROWS // 50):
            batch = [
                {"amount": None if chance.random() < 0.3 else chance.gauss(1, 3), "city": chance.choice(["paris", "oslo", "new-town"])}
                for _ in range(50)
            ]
            assert ask(json.dumps({"features": batch}).encode()) == 200
        refused = [ask(body) for body in [b"{", b'{"features": {"amount": "much"}}'] * 5]
        assert sorted(set(refused)) == [400, 422]
    until(lambda: prometheus.value(rows) == ROWS)
    seen = service.client.observe()
    windows.add(read_snapshot(seen, 10.0))
    key = PublicKey.load(service.store / "keys" / "store.pub")
    baseline = verify(folder_of(service.store, OLD), key).bundle.baseline
    now = FakeClock().now()
    stand.sight = {
        seconds: Sight(windows.window(seconds), {OLD: baseline}, seen, now) for seconds in {window_of(rule) for rule in rules(stand.folder)}
    }
    turned_away = f'sum(gonogo_requests_refused_total{{job="gonogo-small",release="{OLD}"}})'
    until(lambda: prometheus.value(turned_away) == len(refused))
    scraped = datetime.now(UTC)  # all of it: from here on every group of rules must have looked once more
    until(lambda: all(datetime.fromisoformat(group["lastEvaluation"]) > scraped for group in prometheus.groups()))


def rules(folder: Path) -> Any:
    project = load_project(folder / "gonogo.yaml")
    return load_pack(project.pack, project).monitor.rules


def recorded(
    stand: Stand, signal: str, window: float, labels: dict[str, str]
) -> dict[tuple[tuple[str, str], ...], tuple[float, float, float | None]]:
    """Value, number of samples and sureness by labels, as Prometheus recorded them."""
    series = Writer("small", 1).series(signal, window, labels)
    assert series is not None
    found = [
        {key(told): value for told, value in stand.prometheus.query(f'{name}{{system="small"}}')} if name else {}
        for name in (series.value, series.n, series.sure)
    ]
    values, numbers, sure = found
    return {labels: (value, numbers[labels], sure.get(labels)) for labels, value in values.items()}


def key(labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, value) for name, value in labels.items() if name in ("release", "feature")))


def test_every_rule_can_be_said_here(stand: Stand) -> None:
    assert {rule.signal for rule in rules(stand.folder)} == set(WRITERS)


@pytest.mark.parametrize("window", [900.0, 86400.0])
def test_psi_in_promql_is_ours_to_1e_9_on_what_a_live_service_counted(stand: Stand, window: float) -> None:
    ours = {key(dict(reading.labels)): reading for reading in stand.readings("psi", window)}
    until(lambda: len(recorded(stand, "psi", window, {})) == len(ours))
    theirs = recorded(stand, "psi", window, {})
    assert len(ours) == 3
    for labels, reading in ours.items():
        value, n, sure = theirs[labels]
        assert reading.value
        assert reading.value > 0.2
        assert math.isclose(value, reading.value, rel_tol=1e-9)
        assert n == reading.n == ROWS
        assert sure == float(reading.p_value is not None and reading.p_value < 1e-3) == 1.0


NUMBERS = (
    "client_error_share", "error_rate", "failure_share", "low_confidence_share", "missing_rate", "new_categories",
    "out_of_range", "psi_many", "score_mean_shift", "score_variance_growth", "server_error_share",
)  # fmt: skip


@pytest.mark.parametrize("signal", NUMBERS)
def test_what_is_counted_is_the_same_number_in_promql(stand: Stand, signal: str) -> None:
    [rule] = [rule for rule in rules(stand.folder) if rule.signal == signal and (signal != "error_rate" or rule.name == "bad")]
    window = window_of(rule)
    theirs = until(lambda: recorded(stand, signal, window, {}))
    judged = [reading for reading in stand.readings(signal, window) if reading.judged]
    assert len(theirs) == len(judged)
    for reading in judged:
        value, n, sure = theirs[key(dict(reading.labels))]
        assert reading.value is not None
        assert math.isclose(value, reading.value, rel_tol=1e-9, abs_tol=1e-12), reading
        assert n == reading.n
        assert sure is None or reading.p_value is None or sure == float(reading.p_value < 1e-3)


def test_latency_is_ours_within_a_bucket(stand: Stand) -> None:
    [ours] = [reading for reading in stand.readings("latency", 600.0) if reading.labels["quantile"] == "p99"]
    [(value, n, _)] = recorded(stand, "latency", 600.0, {"quantile": "p99"}).values()
    assert ours.value
    assert 2**-0.25 <= value / ours.value <= 2**0.25
    assert n == ours.n


def test_a_service_that_is_well_is_well_in_promql(stand: Stand) -> None:
    for signal, window in (("health", 10.0), ("unreachable", 10.0)):
        of = partial(recorded, stand, signal, window, {})
        [(value, _, _)] = until(lambda of=of: [one for one in of().values() if one[1] >= 3])
        assert value == 0
    [(memory, n, _)] = recorded(stand, "memory", 60.0, {}).values()
    assert memory > 10
    assert n == 1


def test_every_panel_of_the_dashboard_has_data(stand: Stand) -> None:
    """Row S4-9f."""
    board = json.loads((stand.folder / "grafana" / "dashboards" / "gonogo-small.json").read_text())
    queries = {(panel["title"], target["expr"]) for panel in board["panels"] for target in panel["targets"]}
    assert len(queries) > 30
    empty = dict(queries)

    def all_full() -> bool:
        urlopen(f"{stand.service.url}/predict", BODY, timeout=20).close()  # the shortest windows are a minute
        for title, query in [*empty.items()]:
            if any(math.isfinite(value) for _, value in stand.prometheus.query(query)):
                del empty[title]
        return not empty

    try:
        until(all_full, seconds=30)
    except AssertionError:
        raise AssertionError(empty) from None


def test_drift_is_told_to_the_chat_and_a_dead_service_to_the_pager(stand: Stand) -> None:
    """The last test of this file: it ends the service."""

    def told(receiver: HttpReceiver, name: str) -> list[dict[str, Any]]:
        alerts = [alert for _, _, body in receiver.requests for alert in body.get("alerts", ())]
        return [alert for alert in alerts if alert["labels"]["alertname"] == name and alert["status"] == "firing"]

    until(lambda: {alert["labels"]["feature"] for alert in told(stand.chat, "drift")} == {"amount", "city", "(score)"})
    alert = told(stand.chat, "drift")[0]
    assert {"severity": "warning", "signal": "psi", "system": "small", "release": OLD}.items() <= alert["labels"].items()
    assert alert["annotations"]["runbook"] == "gonogo alarms explain drift"
    assert stand.pager.requests == []
    stand.service.end()
    until(lambda: [body for _, _, body in stand.pager.requests if "gone" in body["payload"]["summary"]])
    assert not told(stand.chat, "gone")
    assert stand.pager.requests[0][2]["event_action"] == "trigger"
