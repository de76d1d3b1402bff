"""What the pages of the dashboard show, as records, read from one workspace.

Many readers may look at once: a record is made at most once in so many seconds, whoever asks. What is sealed (a release) is verified, and
verified again every five minutes while somebody looks.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from gonogo.base.clock import stamp
from gonogo.errors import GonogoError
from gonogo.operations.audit_log import Log, audit_log
from gonogo.operations.kept import Kept
from gonogo.operations.series import Span, traffic_series, usual_per_minute
from gonogo.operations.status import status
from gonogo.operations.workspace import Workspace
from gonogo.rollout import journal

if TYPE_CHECKING:
    from gonogo.checklist.rules import MonitorPolicy
    from gonogo.monitor.history import History
    from gonogo.release.verify import VerifiedRelease
    from gonogo.reports.report import Report

STATUS_SECONDS = 1.5
LOG_SECONDS = 20.0  #: the whole chain is verified again that often, while somebody looks
SERIES_SECONDS = {"1h": 8.0, "24h": 60.0, "7d": 300.0}
DRIFT_SECONDS = 30.0
OVER_SECONDS = 180.0
QUALITY_SECONDS = 30.0
SEALED_SECONDS = 300.0
LAST_EVENTS = 100


@dataclass(frozen=True)
class Standing:
    """What is live at one moment: the rollout under way and the version in production, each "-" for none, the version "?" when the log
    cannot be read to its end. `back` is where a rollback goes, and `been` the releases that it may go to."""

    system: str
    rollout: str
    version: str
    moving: str = ""  #: the rollout, in words
    back: str = ""
    been: tuple[str, ...] = ()

    @classmethod
    def of_seen(cls, system: str, seen: str) -> Standing | None:
        """Inverse of `seen`; None for what is none."""
        rollout, slash, version = seen.partition("/")
        return cls(system, rollout, version) if rollout and slash and version else None

    @property
    def seen(self) -> str:
        return f"{self.rollout}/{self.version}"

    @property
    def words(self) -> str:
        live = "no release" if self.version == "-" else f"{self.system}@{self.version}"
        return live if self.rollout == "-" else f"{live} with the rollout {self.rollout}"


class Records:
    """The records of one system. Safe to use from several threads. Methods raise GonogoError for what cannot be read."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._kept = Kept()

    @cached_property
    def _history(self) -> History:
        from gonogo.monitor.history import History

        return History(self._workspace.path / "history.db", self._workspace.clock)

    @cached_property
    def policy(self) -> MonitorPolicy:
        """The rules in force, as they were when the service began: those that the watch judges by."""
        from gonogo.checklist.load import load_pack

        return load_pack(self._workspace.project.pack, self._workspace.project).monitor

    @property
    def moving(self) -> bool:
        """Whether a rollout is under way."""
        return bool(journal.active(self._workspace.store(), self._workspace.project.system))

    def standing(self) -> Standing:
        """What is live now, read afresh: what somebody decides by, and what is compared before it is done."""
        store, system = self._workspace.store(), self._workspace.project.system
        current = journal.active(store, system)
        rollout = journal.load(store, current) if current else None
        moving = f"{rollout.plan.old} → {rollout.plan.new} is {rollout.state.phase}." if rollout else ""
        try:
            state = self._workspace.registry().state()
        except GonogoError:  # to abort needs no log
            return Standing(system, current or "-", "?", moving)
        moves = [move for move in state.history if (move.system, move.pointer) == (system, "production")]
        live = state.pointers.get((system, "production"))
        back = f"{system}@{moves[-1].origin}" if moves and moves[-1].origin else ""
        if rollout:
            back = rollout.plan.new if rollout.plan.kind == "revert" else rollout.plan.old or ""
        been = {f"{system}@{move.version}" for move in moves} - ({f"{system}@{live}"} if not rollout else set()) - {back}
        return Standing(system, current or "-", str(live or "-"), moving, back, tuple(sorted(been)))

    def status(self) -> dict[str, Any]:
        """`gonogo status`."""
        return self._kept.of("status", STATUS_SECONDS, lambda: status(self._workspace, log=self._log()[0]))

    def log(self) -> dict[str, Any]:
        """The newest events, the newest first, and what the verification of the whole chain said, and when."""
        log, verified = self._log()
        events = [event.to_json() for event in reversed(log.events)]
        return {"events": events, "total": log.total, "problems": list(log.problems or ()), "verified": verified}

    def _log(self) -> tuple[Log, str]:
        def verify() -> tuple[Log, str]:
            return audit_log(self._workspace, verify=True, last=LAST_EVENTS), stamp(self._workspace.clock.now())

        return self._kept.of("log", LOG_SECONDS, verify)

    def live(self) -> dict[str, Any] | None:
        """What was decided about the release in production: the verdict, who signed, what was waived. None when nothing is there."""
        production = self.status()["production"]
        if production is None:
            return None
        try:
            verified = self.release(production["release"])
        except GonogoError as error:
            return {"release": production["release"], "problem": error.message}
        report = report_of(verified)
        return {
            "release": verified.ref,
            "problem": "",
            "decision": str(report.verdict.decision),
            "headline": report.headline,
            "judged": report.verdict.time,
            "checklist": f"{report.checklist.title} {report.checklist.version}",
            "counts": [[str(outcome), count] for outcome, count in report.counts],
            "sealed": verified.sealed_at,
            "sign_offs": [
                {"person": one.person, "role": one.role, "decision": one.decision, "time": one.time} for one in verified.sign_offs
            ],
            "waived": [entry.item.id for entry in report.waived],
        }

    def release(self, reference: str) -> VerifiedRelease:
        """A release, verified. Raises NotFoundError, VerificationError."""
        from gonogo.base.names import Ref
        from gonogo.operations.verify import verify_reference

        entry = self._workspace.registry().resolve(Ref.parse(reference))
        return self._kept.of(
            ("release", entry.ref, entry.release_digest), SEALED_SECONDS, lambda: verify_reference(self._workspace, entry.ref)
        )

    def report(self, reference: str) -> Report:
        """The checklist of a release with the evidence sealed beside it."""
        return report_of(self.release(reference))

    def traffic(self, span: Span) -> dict[str, Any]:
        """Volume, latency and errors of every release in service, with the limits of the rules on each, and what is usual."""
        return self._kept.of(("traffic", span.name), SERIES_SECONDS[span.name], lambda: self._traffic(span))

    def _traffic(self, span: Span) -> dict[str, Any]:
        now = self._workspace.clock.now()
        arms = [arm["release"] for arm in self.status()["service"]["arms"]]
        known = self._history.releases()
        series = traffic_series(self._history, arms or known[-2:], now, span)
        usual, of = usual_per_minute(self._history, now)
        return {**series, "usual": {"per_minute": usual, "of": of}, "rules": self.rules()}

    def rules(self) -> list[dict[str, Any]]:
        """The rules in force: name, signal, labels, limits, level."""
        return [asdict(rule) for rule in self.policy.rules]

    def drift(self) -> dict[str, Any]:
        """Every feature of the release in production against its baseline: PSI over a day with its limits, hour by hour, and the shares of
        the bins. `problem` says why nothing can be compared."""
        from gonogo.operations.drift import drift_record

        def make() -> dict[str, Any]:
            production = self.status()["production"]
            if production is None:
                return {"release": None, "problem": "Nothing is in production.", "features": []}
            baseline = self.release(production["release"]).bundle.baseline
            return drift_record(self._history, production["release"], baseline, self.rules(), self._workspace.clock.now())

        return self._kept.of("drift", DRIFT_SECONDS, make)

    def alarms(self) -> list[dict[str, Any]]:
        """Every rule with how its alarms stand, and its runbook."""
        from gonogo.checklist.false_alarms import expected_false_alarms

        seen = self.status()["alarms"]
        return [
            {
                **asdict(rule),
                "words": rule.words,
                "false_alarms": expected_false_alarms(rule),
                "alarms": [alarm for alarm in seen if alarm["rule"] == rule.name],
            }
            for rule in self.policy.rules
        ]

    def rules_over(self) -> dict[str, Any]:
        """What each rule judged over the last day (see `signals_over`)."""
        from gonogo.operations.baseline import baseline_of
        from gonogo.operations.signals_over import LENGTH, rules_over

        def make() -> dict[str, Any]:
            now, production, over = self._workspace.clock.now(), self.status()["production"], {}
            if production:
                release = production["release"]
                baseline = self._kept.of(
                    ("baseline", release, production["digest"]), SEALED_SECONDS, lambda: baseline_of(self._workspace, release)
                )
                over = rules_over(self._workspace, self._history, release, baseline, self.policy.rules, now)
            return {"since": stamp(now - LENGTH), "until": stamp(now), "rules": over}

        return self._kept.of("over", OVER_SECONDS, make)

    def quality(self) -> dict[str, Any]:
        """What came true of the predictions of the release in production (see `labels.label_quality`)."""
        from gonogo.operations.labels import label_quality

        def make() -> dict[str, Any]:
            production = self.status()["production"]
            return label_quality(self._workspace, [production["release"]] if production else [])

        return self._kept.of("quality", QUALITY_SECONDS, make)

    @cached_property
    def runbooks(self) -> dict[str, str]:
        """Every runbook that a rule names, as Markdown, read once."""
        names = {"monitoring-blind", *(rule.runbook for rule in self.policy.rules if rule.runbook)}
        pages = {name: self.policy.page(name) for name in sorted(names)}
        return {name: page.read_text(encoding="utf-8") for name, page in pages.items() if page is not None}

    def silences(self) -> list[dict[str, Any]]:
        from gonogo.operations.alarms import silences

        return [one.to_json() for one in silences(self._workspace)]

    def moves(self) -> list[dict[str, Any]]:
        """What was in production when, put there by whom and why, the oldest first."""
        system, state = self._workspace.project.system, self._workspace.registry().state()
        return [
            {
                "from": str(move.origin) if move.origin else None,
                "to": str(move.version),
                "time": move.time,
                "by": move.actor,
                "reason": move.reason,
            }
            for move in state.history
            if (move.system, move.pointer) == (system, "production")
        ]

    def changes(self, old: str, new: str) -> dict[str, Any]:
        """What changed between two versions. Raises GonogoError for one that is not there, or cannot be verified."""
        from gonogo.operations.changes import release_changes

        system = self._workspace.project.system
        return release_changes(self.release(f"{system}@{old}"), self.release(f"{system}@{new}"))


def report_of(verified: VerifiedRelease) -> Report:
    """The report of what was sealed."""
    from gonogo.reports.report import Report

    statements = verified.statements
    return Report(verified.system, statements.verdict, statements.checklist, statements.evidence, statements.verdict.time)
