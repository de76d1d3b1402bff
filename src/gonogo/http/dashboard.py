"""The dashboard as a site: which path shows which page, what brings a page up to date, and the records behind the pages as JSON.

Read-only for whoever comes without a key; what an operator may do is in `operator.py`.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from gonogo.base.clock import stamp
from gonogo.errors import GonogoError
from gonogo.http.actions import Acting
from gonogo.http.door import HTML, JSON, Answer, Asked, Door, Stream, refusal
from gonogo.http.operator import Operator
from gonogo.http.sessions import Session, Sessions
from gonogo.operations.dashboard import Records
from gonogo.operations.series import SPANS, Span
from gonogo.operations.workspace import Workspace
from gonogo.reports.html import when
from gonogo.service.callers.api_keys import KeyFile
from gonogo.web import alarms, audit, checklist, drift, now, quality, releases, traffic
from gonogo.web.dashboard import PAGES, Frame, preload, render_form, render_page, render_part, script, style_sheet

FAST, SLOW = 2.0, 10.0  #: seconds between two looks: while a rollout moves, and otherwise
ICON = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#3566c8"/>'
    b'<path d="M4 8.5l3 3 5-7" fill="none" stroke="#fff" stroke-width="2"/></svg>'
)


def open_dashboard(workspace: Workspace, *, port: int = 0) -> Door:
    """The dashboard of a workspace on 127.0.0.1: the port is its own from now on, and it answers inside the `with` block.

    Raises AddressInUseError."""
    return Door(Dashboard(workspace), port=port)


class Dashboard:
    """Answers for one system. `close` ends every stream.

    It reads through a store of its own, and acts through another: whoever reads waits for no writer, and the watch for no reader."""

    def __init__(self, workspace: Workspace) -> None:
        preload()
        reading, acting = (Workspace(workspace.project, workspace.clock) for _ in range(2))
        records = self._records = Records(reading)
        self._system, self._clock = workspace.project.system, workspace.clock
        sessions = Sessions(KeyFile(workspace.service), workspace.clock)
        self._operator = Operator(
            sessions, Acting(acting, records.standing), self._frame, self._facts, lambda path: _page(path) is not None
        )
        self._closed = threading.Event()
        self._files = {
            "/dashboard.css": (style_sheet(), "text/css; charset=utf-8"),
            "/dashboard.js": (script(), "text/javascript; charset=utf-8"),
            "/icon.svg": (ICON, "image/svg+xml"),
        }
        self._json: dict[str, Callable[[], Any]] = {
            "/status.json": records.status,
            "/log.json": records.log,
            "/drift.json": records.drift,
            "/alarms.json": records.alarms,
            "/quality.json": records.quality,
        }
        self._json |= {f"/traffic/{name}.json": partial(records.traffic, span) for name, span in SPANS.items()}

    def close(self) -> None:
        self._closed.set()

    def methods(self, path: str) -> tuple[str, ...]:
        known = path in self._files or path in self._json or path == "/events" or _page(path) is not None
        return ("GET",) if known else self._operator.methods(path)

    def answer(self, asked: Asked) -> Answer | Stream:
        if asked.path in self._files:
            return Answer(*self._files[asked.path])
        if asked.path in self._json:
            return Answer(json.dumps(self._json[asked.path](), allow_nan=False).encode(), JSON)
        if asked.path == "/events":
            return self._follow(asked)
        page = _page(asked.path)
        if page is None:
            return self._operator.answer(asked)
        frame = self._frame(self._operator.sessions.of(asked.headers), telling=asked.method != "HEAD")
        try:
            return Answer(render_page(page, self._view(page, asked.path, asked.query), frame).encode(), HTML)
        except GonogoError as error:
            return Answer(render_form("problem", {"problem": str(error)}, frame).encode(), HTML, 503)

    # -- pages --------------------------------------------------------------------------------------------------------------

    def _frame(self, session: Session | None = None, *, telling: bool = True) -> Frame:
        """`telling` also what the last action came to, which is told once. What cannot be read is UNCERTAIN."""
        try:
            status = self._records.status()
            health, time = status["health"]["state"], status["time"]
        except GonogoError:
            health, time = "UNCERTAIN", stamp(self._clock.now())
        said, failed = session.told() if session and telling else ("", False)
        name, token = (session.name, session.token) if session else ("", "")
        return Frame(self._system, health, time, name, token, said, failed, self._pause())

    def _facts(self) -> dict[str, Any]:
        """What a page that asks before an action shows: how things stand, read afresh, and the sign by which that is known again."""
        now = self._records.standing()
        live = "Nothing is live." if now.version == "-" else f"{self._system}@{now.version} is live."
        return {"standing": f"{live} {now.moving}".strip(), "seen": now.seen, "back": now.back, "releases": now.been}

    def _view(self, page: str, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        records = self._records
        views: dict[str, Callable[[], dict[str, Any]]] = {
            "now": lambda: now.view(records.status(), records.live(), records.traffic(SPANS["1h"]), records.silences(), records.runbooks),
            "traffic": lambda: traffic.view(records.status(), records.traffic(_span(path)), tuple(SPANS)),
            "drift": lambda: drift.view(records.drift(), records.status()),
            "alarms": lambda: alarms.view(records.status(), records.alarms(), records.runbooks, records.silences(), records.rules_over()),
            "quality": self._quality,
            "releases": lambda: self._releases(query),
            "checklist": self._checklist,
            "audit": lambda: audit.view(records.log()),
        }
        return views[page]()

    def _quality(self) -> dict[str, Any]:
        status = self._records.status()
        production = status["production"]
        return quality.view(self._records.quality(), production["release"] if production else "", status, self._records.rules())

    def _checklist(self) -> dict[str, Any]:
        production = self._records.status()["production"]
        release = production["release"] if production else ""
        return checklist.view(release, self._records.report(release) if release else None)

    def _releases(self, query: Mapping[str, str]) -> dict[str, Any]:
        status = self._records.status()
        versions = [release["version"] for release in status["releases"]]
        newest, live = (versions or [""])[-1], status["production"]["version"] if status["production"] else ""
        before = live if live not in ("", newest) else versions[-2] if len(versions) > 1 else ""
        old, new = query.get("old", before), query.get("new", newest)
        changes, problem = None, ""
        try:
            changes = self._records.changes(old, new) if old and new else None
        except GonogoError as error:
            problem = str(error)
        return releases.view(status, self._records.moves(), changes, problem, (old, new))

    # -- following ----------------------------------------------------------------------------------------------------------

    def _follow(self, asked: Asked) -> Answer | Stream:
        path, _, query = asked.query.get("at", "/").partition("?")
        page = _page(path)
        if page is None or page != asked.query.get("page"):
            return refusal(404, "there is no such page to follow")
        try:
            named = dict(parse_qsl(query, max_num_fields=20))
        except ValueError:
            return refusal(400, "a page has at most 20 values in its query")
        return Stream(self._events(page, path, named, asked.headers))

    def _events(self, page: str, path: str, named: Mapping[str, str], headers: Mapping[str, str]) -> Iterator[bytes]:
        """The part of a page whenever it has changed, and the time at every look."""
        shown = ""
        while not self._closed.is_set():
            frame = self._frame(self._operator.sessions.of(headers, using=False), telling=False)
            html = render_part(page, self._view(page, path, named), frame)
            digest = hashlib.sha256(html.encode()).hexdigest()
            title = f"{frame.health} · {frame.system} · {PAGES[page]}"
            message: dict[str, Any] = {"title": title, "tone": frame.tone, "time": frame.time, "said": when(frame.time)}
            if digest != shown:
                message["html"], shown = str(html), digest
            yield f"event: part\ndata: {json.dumps(message)}\n\n".encode()
            self._wait()

    def _wait(self) -> None:
        """Until the next look: soon while a rollout moves, or when one begins."""
        slept = 0.0
        while slept < self._pause() and not self._closed.wait(FAST):
            slept += FAST

    def _pause(self) -> float:
        try:
            return FAST if self._records.moving else SLOW
        except GonogoError:
            return SLOW


def _span(path: str) -> Span:
    return SPANS[path.rpartition("/")[2]] if path.count("/") > 1 else SPANS["1h"]


def _page(path: str) -> str | None:
    """The page at a path; None where there is none."""
    if path == "/":
        return "now"
    name, _, rest = path[1:].partition("/")
    if name in PAGES and name != "now" and (not rest if name != "traffic" else path == "/traffic" or rest in SPANS):
        return name
    return None
