"""The service's own log: one line for each notice, of the severity of its level."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.monitor.notice import LEVELS, Level, Notice

_log = logging.getLogger("gonogo.alarms")
SEVERITY = {"critical": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO}


class LogChannel:
    """Logs under `gonogo.alarms`, as event `alarm` with the notice as facts (docs/formats/access-and-log.md)."""

    levels: tuple[Level, ...] = LEVELS
    options: ClassVar[Mapping[str, Any]] = {}
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, system: str) -> None:
        self._system = system

    def send(self, notice: Notice) -> None:
        severity = logging.INFO if notice.over else SEVERITY[notice.level]
        about = {"event": "alarm", "facts": {"system": self._system, "notice": notice.to_json()}}
        _log.log(severity, "%s: %s", notice.kind, notice.text, extra=about)
