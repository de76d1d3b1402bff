"""A Slack channel, by an incoming webhook (api.slack.com/messaging/webhooks).

Slack takes no identity with a message: one that is sent again after a crash appears again. It carries the same id in its footer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.base.secret import SECRET, Secret
from gonogo.monitor.notice import Level, Notice
from gonogo.monitor.sending import post

COLOURS = {"critical": "#c0392b", "warning": "#d68910", "info": "#2471a3"}
OVER = "#1e8449"
MOST_TEXT = 3000  #: characters; Slack cuts longer ones itself, at a place of its choice


class SlackChannel:
    """One message a notice. The webhook's address is the secret."""

    levels: tuple[Level, ...] = ("critical", "warning")
    options: ClassVar[Mapping[str, Any]] = {"url": SECRET}
    needs: ClassVar[tuple[str, ...]] = ("url",)

    def __init__(self, system: str, *, url: Secret) -> None:
        self._system, self._url = system, url

    def send(self, notice: Notice) -> None:
        """Raises FaultError, RefusedError."""
        url = self._url.read()
        post(url, json.dumps(self._message(notice)).encode(), {"Content-Type": "application/json"}, secrets=(url, url.rpartition("/")[2]))

    def _message(self, notice: Notice) -> dict[str, Any]:
        head = f"*{'over' if notice.over else notice.level}* in {escaped(self._system)}: {escaped(notice.rule)}"
        about = {
            "color": OVER if notice.over else COLOURS[notice.level],
            "text": escaped(notice.text)[:MOST_TEXT],
            "footer": escaped(f"{notice.kind} · {notice.time} · {notice.id}"),
        }
        return {"text": head, "attachments": [about]}


def escaped(text: str) -> str:
    """Nothing in it is a command of Slack's (`<!channel>`, links)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
