"""An attack on `/metrics`: whatever callers send, and however many releases there were, series are bounded, and nothing is lost."""

from __future__ import annotations

import http.client
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gonogo.service.counters import COUNTED
from gonogo.service.metrics import MOST_READINGS, MOST_RELEASES, exposition
from supervised import BODY, OLD, Service, serving

RUNNING = {"digest": "sha256:0", "size": 1, "ready": 1, "silent": 0}


def samples(text: str) -> list[tuple[str, float]]:
    return [(line.rpartition(" ")[0], float(line.rpartition(" ")[2])) for line in text.splitlines() if not line.startswith("#")]


def totals(arms: Mapping[str, Mapping[str, int]], running: tuple[str, ...]) -> dict[str, Any]:
    return {
        "counters": {"1": arms}, "latency": {}, "shadow": {}, "faults": 0, "uptime_seconds": 1.0,
        "releases": {name: dict(RUNNING) for name in running},
    }  # fmt: skip


def test_of_very_many_releases_those_that_run_and_the_newest_are_told_and_the_others_are_counted() -> None:
    arms = {f"m@1.{number}.0": {**dict.fromkeys(COUNTED, 0), "n": 1, "2xx": 1} for number in range(10_000)}
    found = samples(exposition(totals(arms, ("m@1.0.0", "m@2.0.0")), None).decode())
    told = [name for name, _ in found if name.startswith("gonogo_bad_answers_total")]
    assert len(told) == MOST_RELEASES
    assert told[:2] == ['gonogo_bad_answers_total{release="m@1.0.0"}', 'gonogo_bad_answers_total{release="m@2.0.0"}']
    assert told[-1] == 'gonogo_bad_answers_total{release="m@1.9999.0"}'
    assert dict(found)["gonogo_releases_left_out"] == 10_001 - MOST_RELEASES
    assert len(found) < 100 * MOST_RELEASES


def test_a_release_that_has_not_answered_yet_is_told_with_zeros_so_that_its_first_answers_are_an_increase() -> None:
    found = dict(samples(exposition(totals({}, ("m@1.0.0",)), None).decode()))
    assert found['gonogo_requests_total{release="m@1.0.0",status="5xx"}'] == 0
    assert found['gonogo_request_seconds_bucket{release="m@1.0.0",le="+Inf"}'] == 0


def test_what_the_watch_measured_is_told_up_to_a_number_and_nothing_of_a_watch_that_is_not_there() -> None:
    reading = {"signal": "ks", "window_seconds": 900.0, "value": 0.5, "n": 10, "p_value": None, "judged": True}
    readings = [{**reading, "labels": {"release": "m@1.0.0", "feature": f"f{number}"}} for number in range(3000)]
    said = {**totals({}, ("m@1.0.0",)), "watched": {"age_seconds": 1.5, "readings": readings}}
    found = dict(samples(exposition(said, None).decode()))
    assert found['gonogo_signal{signal="ks",window="900s",judged="yes",release="m@1.0.0",feature="f0"}'] == 0.5
    assert sum(name.startswith("gonogo_signal{") for name in found) == MOST_READINGS
    assert found["gonogo_readings_left_out"] == 3000 - MOST_READINGS
    assert found["gonogo_watch_age_seconds"] == 1.5
    assert not [name for name in found if name.startswith("gonogo_signal_chance")]
    assert "gonogo_watch_age_seconds" not in dict(samples(exposition(totals({}, ("m@1.0.0",)), None).decode()))  # nobody watches


@pytest.fixture
def service(tmp_path: Path, sealed: Path) -> Iterator[Service]:
    with serving(tmp_path / "store", sealed) as running:
        yield running.start(OLD)


@pytest.mark.xdist_group("two-releases")
def test_nothing_that_a_caller_sends_becomes_a_series_and_every_request_is_counted(service: Service) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)) as connection:
        before = dict(samples(ask(connection, "GET", "/metrics")[1].decode()))
        statuses = Counter(ask(connection, "POST", *asked)[0] for asked in attack())
        found = dict(samples(ask(connection, "GET", "/metrics")[1].decode()))
    assert found.keys() == before.keys()
    assert statuses[200] == 600
    assert found[f'gonogo_requests_total{{release="{OLD}",status="2xx"}}'] == 600
    assert found[f'gonogo_requests_refused_total{{release="{OLD}",reason="unread"}}'] == 600
    assert found[f'gonogo_requests_refused_total{{release="{OLD}",reason="invalid"}}'] == 600
    assert found[f'gonogo_drift_rows_total{{release="{OLD}",feature="city",bin="other"}}'] == 600
    assert found[f'gonogo_scores_total{{release="{OLD}"}}'] == 600
    assert found["gonogo_releases_left_out"] == 0


def attack() -> Iterator[tuple[str, bytes, Mapping[str, str]]]:
    """Everything that a caller chooses, each time another: values, names, ids, releases, paths."""
    for number in range(600):
        row = {"features": {"amount": 0.25, "city": f"town-{number}"}}
        yield from (
            ("/predict", json.dumps(row).encode(), {"x-request-id": f"r-{number}", "user-agent": f"a-{number}"}),
            ("/predict", json.dumps({"features": {f"f{number}": 1}}).encode(), {}),
            ("/predict", BODY, {"x-gonogo-version": f"9.{number}.0"}),
            (f"/predict?x={number}", b"{" * (number + 1), {"x-gonogo-release": f"evil@{number}"}),
            (f"/v2/models/evil-{number}/infer", b"{}", {}),
            (f"/made-up/{number}", BODY, {}),
        )


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    connection.request(method, path, body, dict(headers or {}))
    answer = connection.getresponse()
    return answer.status, answer.read()
