"""`gonogo alarms`: silence them, say that somebody looks after them, and explain one. What people say is an event of the signed log."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any

from gonogo import settings
from gonogo.base.clock import parse_stamp, stamp
from gonogo.checklist.demands import did_you_mean
from gonogo.checklist.false_alarms import expected_false_alarms
from gonogo.checklist.load import load_pack
from gonogo.checklist.rules import MonitorPolicy, RuleDeclaration
from gonogo.errors import GonogoError, NotFoundError, UsageError
from gonogo.monitor.alarms.alarm import Alarm
from gonogo.monitor.alarms.answers import EVERY, KIND, LONGEST, Acknowledgement, Answers, Silence, read_answers
from gonogo.monitor.record import last_alarms
from gonogo.monitor.watch import BLIND
from gonogo.operations.going_back import check_signed
from gonogo.operations.last_watch import last_watch
from gonogo.operations.workspace import Workspace


@dataclass(frozen=True)
class Explained:
    """All about one rule: what it is, what the project has otherwise than its pack, how often it rings for nothing in 30 days (None where
    no law says), what follows by itself when it rings, "" for nothing, how its alarms stand, and what to do: the page of the pack, and the
    section of the project's own runbook."""

    rule: RuleDeclaration
    overrides: tuple[str, ...]
    false_alarms: float | None
    then: str
    alarms: tuple[Mapping[str, Any], ...]
    page: str
    section: str


def silence(workspace: Workspace, rule: str, *, hours: float, reason: str, labels: Mapping[str, str] | None = None) -> Silence:
    """Tell nobody of a rule's alarms (or of all) for so many hours. Raises NotFoundError for an unknown rule, UsageError without a reason,
    for more than 30 days, or for a label that none of the rule's alarms has."""
    if rule != EVERY:
        _rule(workspace, rule)
    if not 0 < hours <= LONGEST / timedelta(hours=1):
        raise UsageError(f"a silence of {hours:g} h cannot be.", hint=f"It ends after at most {LONGEST.days} days; silence it again then.")
    if not reason.strip():
        raise UsageError("a silence needs a reason.", hint='For example: --reason "the source is mended until noon"')
    names = sorted({name for alarm in _alarms_of(workspace, rule) for name in alarm.labels})
    for name in labels or {}:
        if names and name not in names:
            raise UsageError(f"no alarm of {rule} has a label {name!r}.", hint=did_you_mean(name, names))
    now = workspace.clock.now()
    until = stamp(now + timedelta(hours=hours))
    made = Silence(secrets.token_hex(4), rule, stamp(now), until, settings.actor(), reason.strip(), dict(labels or {}))

    def with_it(answers: Answers) -> Answers:
        kept = [one for one in answers.silences if parse_stamp(one.until) > now]
        return replace(answers, silences=(*kept, made))

    _say(workspace, with_it, "silence", made.to_json())
    return made


def silenced(workspace: Workspace, made: Silence) -> list[str]:
    """The keys of the known alarms that a silence is of."""
    return [alarm.key for alarm in _alarms_of(workspace, made.rule) if made.covers(alarm)]


def unsilence(workspace: Workspace, silence_id: str) -> Silence:
    """End a silence now. Raises NotFoundError when there is none of that id."""
    ended: list[Silence] = []

    def without(answers: Answers) -> Answers:
        ended.extend(one for one in answers.silences if one.id == silence_id)
        if not ended:
            raise NotFoundError(f"there is no silence {silence_id!r}.", hint="`gonogo alarms` lists those that hold.")
        return replace(answers, silences=tuple(one for one in answers.silences if one.id != silence_id))

    _say(workspace, without, "unsilence", {"id": silence_id})
    return ended[0]


def silences(workspace: Workspace) -> list[Silence]:
    """Those that hold now."""
    now = workspace.clock.now()
    return [one for one in read_answers(workspace.store(), workspace.project.system)[1].silences if one.holds(now)]


def acknowledge(workspace: Workspace, name: str, *, note: str = "") -> list[Acknowledgement]:
    """Say that somebody looks after the alarm of that key, or after all of that rule that ring. Raises NotFoundError when none rings."""
    system = workspace.project.system
    known = last_alarms(workspace.store(), system)
    found = [alarm for alarm in known if alarm.ringing and name in (alarm.key, alarm.rule)]
    if not found:
        ringing = sorted({alarm.rule for alarm in known if alarm.ringing})
        raise NotFoundError(f"no alarm {name!r} rings.", hint=did_you_mean(name, ringing) if ringing else "None does.")
    now, actor = stamp(workspace.clock.now()), settings.actor()
    said = read_answers(workspace.store(), system)[1].acknowledgements
    already = [one for one in said if one.by == actor and (one.note == note or not note) and any(one.holds(alarm) for alarm in found)]
    if len(already) == len(found):
        return already  # said before: it is not said twice in the log
    made = [Acknowledgement(alarm.key, alarm.episode, now, actor, note) for alarm in found]

    def with_them(answers: Answers) -> Answers:
        kept = [one for one in answers.acknowledgements if any(one.holds(alarm) and alarm not in found for alarm in known)]
        return replace(answers, acknowledgements=(*kept, *made))

    _say(workspace, with_them, "acknowledgement", {"alarms": [one.key for one in made], "note": note})
    return made


def rules_in_force(workspace: Workspace) -> tuple[RuleDeclaration, ...]:
    """Raises ProjectFileError for a mistake in the rules of the project."""
    return tuple(_policy(workspace).rules)


def explain_alarm(workspace: Workspace, name: str) -> Explained:
    """Raises NotFoundError for an unknown rule."""
    rule, policy = _rule(workspace, name), _policy(workspace)
    page = policy.page(rule.runbook)
    return Explained(
        rule,
        policy.overrides.get(name, ()),
        expected_false_alarms(rule),
        _then(workspace, rule),
        tuple(alarm for alarm in last_watch(workspace)["alarms"] if alarm["rule"] == name),
        page.read_text(encoding="utf-8") if page else "",
        _own_section(workspace, name),
    )


def _alarms_of(workspace: Workspace, rule: str) -> list[Alarm]:
    """Those of a rule, or all, as the watch left them; a rule of which nothing is seen has none."""
    known = last_alarms(workspace.store(), workspace.project.system)
    return [alarm for alarm in known if rule in (EVERY, alarm.rule) and not alarm.not_seen]


def _then(workspace: Workspace, rule: RuleDeclaration) -> str:
    if not rule.then:
        return ""
    try:
        check_signed(workspace, rule)
    except GonogoError as error:
        return f"when it rings, nothing goes back by itself: {error.message}"
    return "when it rings, the release in production is left by itself, once, for the one before, while that runs beside it"


def _policy(workspace: Workspace) -> MonitorPolicy:
    return load_pack(workspace.project.pack, workspace.project).monitor


def _rule(workspace: Workspace, name: str) -> RuleDeclaration:
    """A rule in force, or the one that every watch has."""
    blind = RuleDeclaration(**{field.name: getattr(BLIND, field.name) for field in fields(RuleDeclaration)})
    rules = {rule.name: rule for rule in (blind, *_policy(workspace).rules)}
    if name not in rules:
        raise NotFoundError(f"no alarm is called {name!r}.", hint=did_you_mean(name, sorted(rules)))
    return rules[name]


def _own_section(workspace: Workspace, name: str) -> str:
    """The section of the project's runbook whose heading has the alarm's name; "" when there is none."""
    document = workspace.project.documents.get("runbook")
    if document is None or not document.is_file():
        return ""
    heading = rf"^(#+)\s[^\n]*(?<![\w-]){re.escape(name)}(?![\w-])[^\n]*\n.*?(?=^\1\s|\Z)"
    found = re.search(heading, document.read_text(encoding="utf-8", errors="replace"), re.MULTILINE | re.DOTALL)
    return found[0].strip() if found else ""


def _say(workspace: Workspace, change: Callable[[Answers], Answers], kind: str, body: Mapping[str, Any]) -> None:
    """Change what people have said, in one transaction with the event that tells of it."""
    system = workspace.project.system
    with workspace.store().transaction() as tx:
        revision, answers = read_answers(tx, system)
        tx.put(KIND, system, change(answers).to_json(), expected_version=revision)
        tx.append(kind, {"system": system, **body}, settings.actor())
