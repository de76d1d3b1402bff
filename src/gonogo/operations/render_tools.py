"""`gonogo render prometheus|alertmanager|grafana`: files for other tools, from the rules in force and the channels that are declared."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gonogo.errors import UsageError
from gonogo.operations.workspace import Workspace


@dataclass(frozen=True)
class Places:
    """Where things are: the service's port, Prometheus as Grafana reaches it, Alertmanager as Prometheus does, the folder of the files;
    and how often Prometheus looks, in seconds."""

    port: int = 8400
    prometheus: str = "http://127.0.0.1:9090"
    alertmanager: str = "127.0.0.1:9093"
    every: int = 15
    folder: Path | None = None


def render_tool(workspace: Workspace, kind: str, places: Places) -> dict[str, str]:
    """Text by path within the folder. Raises UsageError without a folder for a kind of several files, and for what is no address."""
    at = urlsplit(places.prometheus)
    if at.scheme not in ("http", "https") or not at.hostname or places.prometheus != places.prometheus.strip():
        raise UsageError(f"{places.prometheus!r} is no address of Prometheus.", hint="For example: --prometheus http://127.0.0.1:9090")
    if not re.fullmatch(r"[A-Za-z0-9.\-\[\]:]+:\d{1,5}", places.alertmanager):
        message = f"{places.alertmanager!r} is no host and port of Alertmanager."
        raise UsageError(message, hint="For example: --alertmanager 127.0.0.1:9093")
    files = TOOLS[kind](workspace, places)
    if len(files) > 1 and places.folder is None:
        raise UsageError(f"for {kind} there are several files: {', '.join(files)}.", hint="Say where to: --out FOLDER.")
    return files


def _prometheus(workspace: Workspace, places: Places) -> dict[str, str]:
    from gonogo.checklist.load import load_pack
    from gonogo.reports.tools import prometheus, promtool_tests

    system, every = workspace.project.system, places.every
    rules = load_pack(workspace.project.pack, workspace.project).monitor.rules
    return {
        prometheus.CONFIGURATION: prometheus.scrape_file(system, places.port, places.alertmanager, every),
        prometheus.RECORDS: prometheus.records_file(system, rules, every),
        prometheus.ALERTS: prometheus.alerts_file(system, rules, every),
        promtool_tests.RECORDS_TEST: promtool_tests.records_test_file(system, rules, every),
        promtool_tests.ALERTS_TEST: promtool_tests.alerts_test_file(system, rules, every),
    }


def _alertmanager(workspace: Workspace, places: Places) -> dict[str, str]:
    from gonogo.checklist.load import load_pack
    from gonogo.reports.tools import alertmanager

    project = workspace.project
    repeat = load_pack(project.pack, project).monitor.repeat_seconds
    return {alertmanager.FILE: alertmanager.alertmanager_file(project.system, project.monitor.channels, repeat)}


def _grafana(workspace: Workspace, places: Places) -> dict[str, str]:
    from gonogo.checklist.load import load_pack
    from gonogo.reports.tools.grafana import grafana_files

    system = workspace.project.system
    rules = load_pack(workspace.project.pack, workspace.project).monitor.rules
    return grafana_files(system, rules, places.every, places.prometheus, (places.folder or Path()).absolute())


TOOLS: dict[str, Callable[[Workspace, Places], dict[str, str]]] = {
    "prometheus": _prometheus,
    "alertmanager": _alertmanager,
    "grafana": _grafana,
}
