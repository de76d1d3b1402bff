"""What a review looks at: the release in production instead of the candidate, the service that is live instead of a trial, and what was
counted, said and recorded over the period.

Each thing is taken once, at the first question for it, and stays as it was then: a review is about one moment. Nothing here moves, starts
or stops anything of the service; it is asked the few requests that checks make of it.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from gonogo.base import catalogue
from gonogo.base.canonical import digest
from gonogo.base.clock import stamp
from gonogo.base.table import Table
from gonogo.checklist.items import Review
from gonogo.checklist.load import load_pack
from gonogo.errors import DataError, GonogoError, RefusedError, UnreachableError
from gonogo.evidence.collect import collect, current_inputs
from gonogo.monitor.counts import SERVICE, Counts
from gonogo.monitor.history import History
from gonogo.monitor.signal import Sight
from gonogo.monitor.signals.psi import SCORE
from gonogo.monitor.windows import Window
from gonogo.operations.baseline import baseline_of
from gonogo.operations.feedback import label_reader
from gonogo.operations.health import watched
from gonogo.operations.inputs import ProjectInputs
from gonogo.operations.labels import label_quality
from gonogo.operations.last_watch import last_watch
from gonogo.operations.live import Live, LiveService
from gonogo.operations.loadtest import read_api_key
from gonogo.operations.log_digest import log_digest
from gonogo.operations.logged import logged_rows
from gonogo.operations.trainings import retraining
from gonogo.operations.verify import verify_reference
from gonogo.operations.workspace import Workspace
from gonogo.release.verify import VerifiedRelease
from gonogo.service.control import ControlClient
from gonogo.stats.bins import BinEdges
from gonogo.verdict.judge import Answer, judge
from gonogo.verdict.outcome import GOOD

STEPS = {"hour": timedelta(minutes=1), "day": timedelta(minutes=15), "week": timedelta(hours=3)}
LONG_STEP = timedelta(days=1)
LONGEST_BEFORE = 7 * 86400.0  #: what is usual is what was so long before the period
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
KEY = "Set GONOGO_API_KEY to the text of a key, then review again; `gonogo apikey new` makes one: docs/how-to-api-keys.md."


class ReleaseInputs(ProjectInputs):
    """Inputs of a gate whose candidate is the bundle of a release."""

    def __init__(self, workspace: Workspace, bundle: Any, progress: Callable[[str, int, int], None]) -> None:
        super().__init__(workspace, build=False, progress=progress)
        self._released = bundle

    @property
    def _bundle(self) -> Any:
        return self._released


class ReviewInputs(ProjectInputs):
    """Inputs of a review at `now`; `made` tells of earlier ones. Use as a context manager."""

    def __init__(
        self,
        workspace: Workspace,
        review: Review,
        live: Live,
        now: datetime,
        *,
        made: Callable[[Review, Live, datetime], Mapping[str, Any]],
        progress: Callable[[str, int, int], None],
    ) -> None:
        super().__init__(workspace, build=False, progress=progress)
        self._made = made
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
        self._get_endpoint()
        return digest({"bundle": self.digest("bundle"), "url": self._service["url"]})

    def _get_endpoint(self) -> Any:
        if self._shut_out:
            raise RefusedError(self._shut_out, hint=KEY)
        return LiveService(str(self._service["url"]), self.live.version)

    @cached_property
    def _shut_out(self) -> str:
        """Why the service lets nobody in who asks as a review does; "" when it does. Whom it shuts out, it tells nothing of itself."""
        try:
            status = LiveService(str(self._service["url"]), self.live.version).request("GET", "/model_info").status
        except UnreachableError:
            return ""  # that is a finding of the checks
        if status not in (401, 403):
            return ""
        given = "it does not take the one in GONOGO_API_KEY" if read_api_key(None) else "GONOGO_API_KEY is not set"
        return f"the service asks for an API key, and {given} (status {status})."

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
            "bins": self._bins(mine),
        }

    def _bins(self, counts: Counts) -> dict[str, Any]:
        """Of every feature and of the score: the bins of the baseline, its counts in them and those of the period."""
        baseline = self._bundle.baseline
        live = {**counts.features, SCORE: counts.score}
        documents = {**baseline["features"], SCORE: baseline["score"]}
        return {
            name: {
                "labels": BinEdges.from_json(document["bins"]).labels(),
                "reference": list(document["counts"]),
                "live": list(live.get(name) or [0] * len(document["counts"])),
            }
            for name, document in documents.items()
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
            labels = label_reader(self.workspace)
            sight = Sight(window, baselines, service, self._now, history, labels.look(), self._review.seconds)
            for name in catalogue.names("signals"):
                try:
                    found += [reading.to_json() for reading in catalogue.load("signals", name)().compute(sight)]
                except (GonogoError, ValueError, KeyError, TypeError) as error:
                    self.notes.append(f"the signal {name} cannot be computed over the period: {error!r}")
            labels.close()
        return found

    def _digest_label_quality(self) -> str:
        return digest(self._get_label_quality())

    def _get_label_quality(self) -> Mapping[str, Any]:
        return dict(self._taken("label_quality", self._take_label_quality))

    def _take_label_quality(self) -> Mapping[str, Any]:
        release = self.live.release
        found = label_quality(self.workspace, [release], now=self._now, seconds=self._review.seconds)
        return {"kept": found["kept"], "quality": found["releases"][release]}

    def _digest_logged(self) -> str:
        table = self._get_logged()
        return digest({name: [str(value) for value in column.tolist()] for name, column in table.columns.items()})  # NaN is no JSON

    def _get_logged(self) -> Table:
        return self._taken("logged", self._take_logged)  # type: ignore[no-any-return]

    def _take_logged(self) -> Table:
        return logged_rows(self.workspace, self.live.release, self._bundle.schema, self._now, self._review.seconds)

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
            "fired": [": ".join(filter(None, (f"{body.get('rule')} ({body.get('level')})", body.get("text", "")))) for body in fired],
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

    def _digest_service_log(self) -> str:
        return digest(self._get_service_log())

    def _get_service_log(self) -> Mapping[str, Any]:
        return dict(self._taken("service_log", lambda: log_digest(self.workspace.service, stamp(self._since), stamp(self._now))))

    def _digest_reviews(self) -> str:
        return digest(self._get_reviews())

    def _get_reviews(self) -> Mapping[str, Any]:
        return dict(self._taken("reviews", lambda: self._made(self._review, self.live, self._now)))

    def _digest_retraining(self) -> str:
        return digest(self._get_retraining())

    def _get_retraining(self) -> Mapping[str, Any]:
        return dict(self._taken("retraining", lambda: retraining(self.workspace, self._now)))

    def _digest_gate_again(self) -> str:
        return digest(self._get_gate_again())

    def _get_gate_again(self) -> Mapping[str, Any]:
        return dict(self._taken("gate_again", self._take_gate_again))

    def _take_gate_again(self) -> Mapping[str, Any]:
        """Every measured item of the gate, anew, on the bundle of the release: served in a trial of its own, not by the service."""
        gate = load_pack(self.project.pack, self.project).gate
        answers = {item: Answer(one.applies, one.reason) for item, one in self.project.items.items() if one.applies is not None}
        with ReleaseInputs(self.workspace, self._bundle, self.progress) as inputs:
            evidence = collect(gate, inputs, clock=self.workspace.clock, previous={})
            verdict = judge(
                gate, system=self.project.system, subject=inputs.subject, evidence=evidence, current_inputs=current_inputs(gate, inputs),
                sign_offs=[], answers=answers, now=self.workspace.clock.now(),
            )  # fmt: skip
        results = [result for result in verdict.items if gate.item(result.item).check]
        said = [{"item": one.item, "outcome": str(one.outcome), "reason": one.reason} for one in results]
        good = [one["item"] for one, result in zip(said, results, strict=True) if result.outcome in GOOD]
        return {"good": good, "bad": [one for one in said if one["item"] not in good]}

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
            value, low, high = histogram.milliseconds(p)
            latency[name] = {"ms": value, "low": low, "high": high, "n": histogram.count}
    return {"n": counts.n, "bad": counts.bad, "client_errors": counts.client_errors, "rows": counts.rows, "latency": latency}


def _point(counts: Counts) -> dict[str, Any]:
    histogram = counts.histogram()
    quantiles = {name: histogram.milliseconds(p)[0] for name, p in QUANTILES.items()}
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
