"""Prometheus' Alertmanager, by its API v2: for those whose routes, silences and on-call rotas are there.

An alert is its labels: the same when it begins, rings on and ends. Alertmanager keeps alerts in memory only and ends those that are not
repeated, so one that rings is told with an end in a day; each repetition (`alarms`) moves it on, and `resolved` sets it to now.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from gonogo.base.clock import stamp
from gonogo.base.secret import SECRET, Secret
from gonogo.monitor.notice import LEVELS, Level, Notice
from gonogo.monitor.sending import post

RINGS_ON = timedelta(days=1)


class AlertmanagerChannel:
    """Posts alerts. With `token`, as a bearer of it; then the address must be https, or on this machine."""

    levels: tuple[Level, ...] = LEVELS
    options: ClassVar[Mapping[str, Any]] = {
        "url": {"type": "string", "minLength": 1, "description": "of Alertmanager", "examples": ["http://127.0.0.1:9093"]},
        "token": SECRET,
    }
    needs: ClassVar[tuple[str, ...]] = ("url",)

    def __init__(self, system: str, *, url: str, token: Secret | None = None) -> None:
        self._system, self._url, self._token = system, url, token

    def send(self, notice: Notice) -> None:
        """Raises FaultError, RefusedError."""
        secrets = () if self._token is None else (self._token.read(),)
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {secrets[0]}"} if secrets else {})
        # The end is told for every level: an alarm that grew from a warning into a critical one ends as both.
        alerts = [self._alert(notice, level) for level in (LEVELS if notice.over else (notice.level,))]
        body = json.dumps(alerts, ensure_ascii=False).encode()
        post(f"{self._url.rstrip('/')}/api/v2/alerts", body, headers, secrets=secrets, open_to_all=not secrets)

    def _alert(self, notice: Notice, level: str) -> dict[str, Any]:
        labels = {_label(name): value for name, value in notice.labels.items() if value}
        said = {"alertname": notice.rule, "severity": level, "signal": notice.signal, "system": self._system}
        value = "unknown" if notice.value is None else f"{notice.value:.6g}"
        about = {"summary": notice.text, "value": value, "n": str(notice.n), "notice": notice.id}
        rings = {"startsAt": notice.time, "endsAt": stamp(datetime.now(UTC) + RINGS_ON)}  # from now: it may have waited for long
        ends = {"endsAt": notice.time} if notice.over else rings
        return {"labels": {**labels, **said}, "annotations": about, **ends}


def _label(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]", "_", name)
