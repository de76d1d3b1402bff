"""PagerDuty, by its Events API v2: an incident for each alarm, resolved by us when the alarm is over.

`dedup_key` is a digest of the system and the alarm's key, so that whatever is told again, by this process or the next, is the same
incident.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.base.secret import SECRET, Secret
from gonogo.monitor.notice import Level, Notice
from gonogo.monitor.sending import post

URL = "https://events.pagerduty.com/v2/enqueue"
ACTIONS = {"resolved": "resolve", "retired": "resolve", "acknowledged": "acknowledge"}  #: any other kind triggers
MOST_SUMMARY = 1024  #: characters that PagerDuty takes


class PagerdutyChannel:
    """Triggers and resolves. `url` is for another region's address."""

    levels: tuple[Level, ...] = ("critical",)
    options: ClassVar[Mapping[str, Any]] = {
        "routing_key": SECRET,
        "url": {"type": "string", "minLength": 1, "description": "of another region", "default": URL},
    }
    needs: ClassVar[tuple[str, ...]] = ("routing_key",)

    def __init__(self, system: str, *, routing_key: Secret, url: str = URL) -> None:
        self._system, self._routing_key, self._url = system, routing_key, url

    def send(self, notice: Notice) -> None:
        """Raises FaultError, RefusedError."""
        key = self._routing_key.read()
        action = ACTIONS.get(notice.kind, "trigger")
        event: dict[str, Any] = {"routing_key": key, "event_action": action, "dedup_key": self.incident(notice)}
        if action == "trigger":
            event |= {"client": "gonogo", "payload": self._payload(notice)}
        body = json.dumps(event, ensure_ascii=False, allow_nan=False).encode()
        post(self._url, body, {"Content-Type": "application/json"}, secrets=(key,))

    def incident(self, notice: Notice) -> str:
        return hashlib.sha256(f"{self._system}\n{notice.key}".encode()).hexdigest()

    def _payload(self, notice: Notice) -> dict[str, Any]:
        return {
            "summary": notice.text[:MOST_SUMMARY],
            "source": notice.labels.get("release", self._system),
            "severity": notice.level,
            "timestamp": notice.time,
            "component": self._system,
            "class": notice.signal,
            "custom_details": notice.to_json(),
        }
