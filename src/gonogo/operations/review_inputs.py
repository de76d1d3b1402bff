"""What a review looks at: the release in production instead of the candidate, the service that is live instead of a trial, and what was
counted, said and recorded over the period.

Each thing is taken once, at the first question for it, and stays as it was then: a review is about one moment. Nothing here moves, starts
or stops anything of the service; it is asked the few requests that checks make of it.
"""

from __future__ import annotations

import http.client
import math
import os
import shutil
import ssl
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gonogo.base import catalogue
from gonogo.base.canonical import digest
from gonogo.base.clock import parse_stamp, stamp
from gonogo.checklist.items import Review
from gonogo.errors import DataError, GonogoError, NotFoundError, UnreachableError
from gonogo.evidence.inputs import Response
from gonogo.monitor.counts import SERVICE, Counts
from gonogo.monitor.history import History
from gonogo.monitor.signal import Sight
from gonogo.monitor.windows import Window
from gonogo.operations.health import watched
from gonogo.operations.inputs import ProjectInputs
from gonogo.operations.loadtest import read_api_key
from gonogo.operations.verify import verify_reference
from gonogo.operations.watch import baseline_of, last_watch
from gonogo.operations.workspace import Workspace
from gonogo.release.verify import VerifiedRelease
from gonogo.service.control import ControlClient

REQUEST_SECONDS = 30.0
STEPS = {"hour": timedelta(minutes=1), "day": timedelta(minutes=15), "week": timedelta(hours=3)}
LONG_STEP = timedelta(days=1)
LONGEST_BEFORE = 7 * 86400.0  #: what is usual is what was so long before the period
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class LiveService:
    """The service that answers at `url`, asked for one release by name. An `Endpoint` of checks."""

    isolation = ""  # what it has given up was said when it was started

    def __init__(self, url: str, version: str) -> None:
        self.base_url = url
        self._parts = urlsplit(url)
        self._headers = {"x-gonogo-version": version}
        if key := read_api_key(None):
            self._headers["authorization"] = f"Bearer {key}"

    def peak_memory_mb(self) -> float | None:
        """Unknown: the signal `memory` tells what it holds."""
        return None

    def request(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Response:
        """One request on a connection of its own. Raises UnreachableError when no answer comes."""
        host, port = self._parts.hostname or "", self._parts.port
        connection = (
            http.client.HTTPSConnection(host, port, timeout=REQUEST_SECONDS, context=ssl.create_default_context())
            if self._parts.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=REQUEST_SECONDS)
        )
        try:
            connection.request(method, path, body, {**self._headers, **(headers or {})})
            answer = connection.getresponse()
            return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"{self.base_url} does not answer {method} {path}: {error!r}.") from error
        finally:
            connection.close()


@dataclass(frozen=True)
class Live:
    """The release in production, and since when."""

    release: str
    version: str
    since: datetime


def live_release(workspace: Workspace) -> Live:
    """Raises NotFoundError when nothing is in production."""
    system = workspace.project.system
    state = workspace.registry().state()
    version = state.pointers.get((system, "production"))
    if version is None:
        raise NotFoundError(f"nothing of {system} is in production, so there is nothing to review.", hint="See `gonogo releases`.")
    move = next(move for move in reversed(state.history) if (move.system, move.pointer) == (system, "production"))
    return Live(f"{system}@{version}", str(version), parse_stamp(move.time))


class ReviewInputs(ProjectInputs):
    """Inputs of a review at `now`. Use as a context manager."""

    def __init__(self, workspace: Workspace, review: Review, live: Live, now: datetime, progress: Callable[[str, int, int], None]) -> None:
        super().__init__(workspace, build=False, progress=progress)
        self.live = live
        self._review = review
        self._now = now
        self._since = now - timedelta(seconds=review.seconds)
        self._snapshots: dict[str, Any] = {}

    # -- the release, and the service that is live --------------------------------------------------------------------------

    @cached_property
    def _verified_or_error(self) -> VerifiedRelease | GonogoError:
        try:
            return verify_reference(self.workspace, self.live.release)
        except GonogoError as error:
            return error

    @property
    def _bundle(self) -> Any:
        if isinstance(self._verified_or_error, GonogoError):
            raise self._verified_or_error
        return self._verified_or_error.bundle

    def _digest_endpoint(self) -> str:
        return digest({"bundle": self.digest("bundle"), "url": self._service["url"]})

    def _get_endpoint(self) -> Any:
        return LiveService(str(self._service["url"]), self.live.version)

    @cached_property
    def _service_or_error(self) -> Mapping[str, Any] | GonogoError:
        try:
            return ControlClient.of_store(self.workspace.path).observe()
        except GonogoError as error:
            return error

    @property
    def _service(self) -> Mapping[str, Any]:
        if isinstance(self._service_or_error, GonogoError):
            raise self._service_or_error
        return self._service_or_error

    # -- what was counted over the period -----------------------------------------------------------------------------------

    def _taken(self, name: str, take: Callable[[], Any]) -> Any:
        if name not in self._snapshots:
            self._snapshots[name] = take()
        return self._snapshots[name]

    def _digest_passed(self) -> str:
        return digest(self._get_passed())

    def _get_passed(self) -> Mapping[str, Any]:
        return dict(self._taken("passed", self._take_passed))

    def _take_passed(self) -> Mapping[str, Any]:
        with closing(self._history()) as history:
            mine = history.window(self.live.release, self._seconds)
            whole = history.window(SERVICE, self._seconds)
            back = history.window(self.live.release, self._seconds + LONGEST_BEFORE)
            step = STEPS.get(self._review.period, LONG_STEP)
            series = history.series(self.live.release, self._since, self._now, step)
        before = {name: max(0, getattr(back, name) - getattr(mine, name)) for name in ("n", "bad")}
        return {
            "release": self.live.release,
            "period": self._review.period,
            "since": stamp(max(self._since, self.live.since)),
            "until": stamp(self._now),
            "seconds": self._seconds,
            "seen_seconds": whole.seconds,
            "looks": mine.looks + whole.unwell,
            "unwell": mine.unwell + whole.unwell,
            "total": _figures(mine),
            "before": before,
            "series": [{"time": stamp(moment), **_point(counts)} for moment, counts in series],
        }

    @property
    def _seconds(self) -> float:
        """How long the release has been live in the period."""
        return max(1.0, (self._now - max(self._since, self.live.since)).total_seconds())

    def _history(self) -> History:
        file = self.workspace.path / "history.db"
        if not file.is_file():
            raise DataError("nothing was counted yet: there is no history.", hint="The service counts while it runs: gonogo serve.")
        return History(file, self.workspace.clock)

    def _digest_readings(self) -> str:
        return digest(list(self._get_readings()))

    def _get_readings(self) -> Sequence[Mapping[str, Any]]:
        return list(self._taken("readings", self._take_readings))

    def _take_readings(self) -> list[Mapping[str, Any]]:
        """Every signal over the whole period. One that cannot be computed has no reading, and is told."""
        service = {} if isinstance(self._service_or_error, GonogoError) else self._service_or_error
        arms = [str(arm["release"]) for arm in (service.get("table") or {}).get("arms", ()) if arm["weight_bp"]]
        releases = list(dict.fromkeys((self.live.release, *arms)))
        found: list[Mapping[str, Any]] = []
        with closing(self._history()) as history:
            counts = {release: history.window(release, self._seconds) for release in (*releases, SERVICE)}
            window = Window(counts[SERVICE].seconds, counts, tuple(releases))
            baselines = {release: baseline_of(self.workspace, release) for release in releases}
            sight = Sight(window, baselines, service, self._now, history)
            for name in catalogue.names("signals"):
                try:
                    found += [reading.to_json() for reading in catalogue.load("signals", name)().compute(sight)]
                except (GonogoError, ValueError, KeyError, TypeError) as error:
                    self.notes.append(f"the signal {name} cannot be computed over the period: {error!r}")
        return found

    # -- what was said and recorded -------------------------------------------------------------------------------------------

    def _digest_watched(self) -> str:
        return digest(self._get_watched())

    def _get_watched(self) -> Mapping[str, Any]:
        return dict(self._taken("watched", self._take_watched))

    def _take_watched(self) -> Mapping[str, Any]:
        record = last_watch(self.workspace)
        seen = watched(record, self._now)
        fired = [event.body for event in self._events("alarm") if event.body.get("kind") == "fired"]
        return {
            **seen["watch"],
            "signals": seen["signals"],
            "alarms": seen["alarms"],
            "channels": record.get("channels", []),
            "given_up": record.get("given_up", []),
            "fired": [f"{body.get('rule')} ({body.get('level')}): {body.get('text', '')}" for body in fired],
        }

    def _events(self, *kinds: str) -> list[Any]:
        since = stamp(self._since)
        return [event for event in self.workspace.store().events(kinds=kinds or None) if event.time >= since]

    def _digest_audit(self) -> str:
        return digest(self._get_audit())

    def _get_audit(self) -> Mapping[str, Any]:
        return dict(self._taken("audit", self._take_audit))

    def _take_audit(self) -> Mapping[str, Any]:
        report = self.workspace.store().verify_chain(self.workspace.public_key())
        kinds = Counter(event.kind for event in self._events())
        return {"events": report.count, "problems": list(report.problems), "kinds": dict(sorted(kinds.items()))}

    def _digest_host(self) -> str:
        return digest(self._get_host())

    def _get_host(self) -> Mapping[str, Any]:
        return dict(self._taken("host", self._take_host))

    def _take_host(self) -> Mapping[str, Any]:
        usage = shutil.disk_usage(self.workspace.path)
        return {"disk_bytes": usage.total, "free_bytes": usage.free, "store_bytes": _size(self.workspace.path)}


def _figures(counts: Counts) -> dict[str, Any]:
    """What was counted in all, with quantiles and their 95 % intervals in milliseconds."""
    histogram, latency = counts.histogram(), {}
    if histogram.count:
        for name, p in QUANTILES.items():
            low, high = histogram.interval(p)
            most = high / 1000 if math.isfinite(high) else None  # None: too few answers to bound it
            latency[name] = {"ms": histogram.quantile(p) / 1000, "low": low / 1000, "high": most, "n": histogram.count}
    return {"n": counts.n, "bad": counts.bad, "client_errors": counts.client_errors, "rows": counts.rows, "latency": latency}


def _point(counts: Counts) -> dict[str, Any]:
    histogram = counts.histogram()
    quantiles = {name: histogram.quantile(p) / 1000 if histogram.count else None for name, p in QUANTILES.items()}
    return {"n": counts.n, "bad": counts.bad, "unwell": counts.unwell, **quantiles}


def _size(folder: Path) -> int:
    """Bytes of all files below; one that goes away meanwhile counts nothing."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_size
            except FileNotFoundError:
                continue
    return total
