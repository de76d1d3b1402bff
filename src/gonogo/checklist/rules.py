"""What is watched after the release: alarm rules, from a pack's `monitor.yaml` and from `monitor` in gonogo.yaml, by name.

A pack that extends another, and a project, add rules, change some (`{name: drift, above: 0.3}`) or leave some out (`leave_out: REASON`).
Rules of this file, each an error with file, line and column:
  - a new rule has a signal that the catalogue knows, and a limit; a changed one keeps its signal;
  - `clear` does not lie above `above`; a rule lasts (`for`) or is counted (`times`), not both;
  - only a critical rule goes back (`then: rollback`);
  - `runbook` names a page in the pack's `runbooks/` or in the product's;
  - escalation goes up: every step comes later than the one before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from gonogo.base.catalogue import names
from gonogo.base.yaml_source import Path_, YamlSource
from gonogo.checklist.declarations.labels import LabelsDeclaration
from gonogo.checklist.demands import did_you_mean
from gonogo.checklist.quantities import DURATION, duration
from gonogo.checklist.schema_words import number, section, text
from gonogo.model.slices import slice_name

RUNBOOKS = Path(__file__).parent / "runbooks"
REPEAT_SECONDS = 3600.0

#: One alarm, new or changed.
RULE: dict[str, Any] = section(
    "one alarm",
    {
        "name": text("the alarm's name", pattern="^[a-z0-9][a-z0-9-]{0,62}$", examples=["error-share"]),
        "signal": text("what is watched; a new alarm needs it", examples=["error_rate"]),
        "above": {"type": "number", "description": "rings above this; a new alarm needs it", "examples": [0.05]},
        "clear": {"type": "number", "description": "is over at or below this; default: the same as above", "examples": [0.03]},
        "for": {**DURATION, "description": "how long it must stay above", "default": 30},
        "times": {
            "type": "integer",
            "minimum": 1,
            "description": "instead of `for`: above in so many windows in a row, of those that can be judged",
            "examples": [2],
        },
        "window": {**DURATION, "description": "over which time the signal is computed; default: the signal's own", "examples": ["1 h"]},
        "min_n": number("fewest samples to judge; fewer are UNKNOWN", 100, "integer", minimum=1),
        "level": {"type": "string", "enum": ["critical", "warning", "info"], "default": "critical", "description": "whom it wakes"},
        "labels": {
            "type": "object",
            "description": "only what carries these labels",
            "properties": {},
            "additionalProperties": {"type": "string", "minLength": 1},
            "examples": ["{quantile: p99}"],
        },
        "except": {
            "type": "object",
            "description": "nothing that carries one of these: a column of the calendar is another every day",
            "properties": {},
            "additionalProperties": {"type": "array", "items": {"type": "string", "minLength": 1}},
            "examples": ["{feature: [weekday]}"],
        },
        "then": {
            "type": "string",
            "enum": ["rollback", "nothing"],
            "default": "nothing",
            "description": "what follows by itself when it rings in a release that is in production: docs/how-to-go-back-by-rule.md",
        },
        "runbook": text("the page that says what to do: of the pack's `runbooks/`, or one of ours", examples=["latency"]),
        "rows": {"type": "array", "items": text("a requirement"), "description": "the requirements it meets", "examples": ["[S3-5.2e]"]},
        "leave_out": text("leaves an alarm of the pack out; says why", examples=["the labels never come"]),
    },
    ("name",),
)

#: Whom to ask when nobody answers.
ESCALATION: dict[str, Any] = {
    "type": "array",
    "items": section(
        "one step",
        {"after": {**DURATION, "description": "how long nobody has acknowledged", "examples": ["15 min"]}, "to": text("whom to ask then")},
        ("after", "to"),
    ),
    "minItems": 1,
    "description": "whom to ask, step by step, while nobody acknowledges a critical alarm",
}


@dataclass(frozen=True)
class RuleDeclaration:
    """One alarm: `signal` above `above` for `for_seconds` (or `times` valid windows in a row, when that is not 0), judged from `min_n`
    samples on, over readings that carry `labels`; over at or below `clear`. `window_seconds` None is the signal's own window; `then` is
    what follows when it rings, "" for nothing; `rows` are the requirement rows it meets."""

    name: str
    signal: str
    above: float
    clear: float
    for_seconds: float = 30.0
    times: int = 0
    min_n: int = 100
    level: Literal["critical", "warning", "info"] = "critical"
    window_seconds: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    excepted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    then: Literal["", "rollback"] = ""
    runbook: str = ""
    rows: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What decides when it rings, whom it wakes and what follows, in one line: what the policy of a release pins."""
        of = "".join(f" {name} {value}" for name, value in self.labels.items())
        of += "".join(f" except {name} {', '.join(values)}" for name, values in self.excepted.items())
        lasting = f"{self.times} times" if self.times else f"for {self.for_seconds:g} s"
        window = f" over {self.window_seconds:g} s" if self.window_seconds else ""
        rings = f"{self.level}: {self.signal}{of} above {self.above:g}{window} {lasting}, over at {self.clear:g}, from {self.min_n} samples"
        return f"{rings}, then {self.then}" if self.then else rings


LABELS_MISSING = RuleDeclaration(
    "labels-missing", "label_coverage", above=0.5, clear=0.4, for_seconds=3600.0, min_n=500, level="warning", window_seconds=86_400.0,
    runbook="labels",
)  # fmt: skip


@dataclass(frozen=True)
class EscalationStep:
    """Whom to ask when a critical alarm has not been acknowledged for so long."""

    after_seconds: float
    to: str


@dataclass(frozen=True)
class MonitorPolicy:
    """The rules in force. `overrides` names every rule that a project has otherwise than its pack, with what it says: changed keys,
    `added`, or `left out: reason`. `runbooks` are the folders of pages, the first one first."""

    rules: tuple[RuleDeclaration, ...] = ()
    escalation: tuple[EscalationStep, ...] = ()
    repeat_seconds: float = REPEAT_SECONDS
    overrides: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    runbooks: tuple[Path, ...] = (RUNBOOKS,)

    def rule(self, name: str) -> RuleDeclaration | None:
        return next((rule for rule in self.rules if rule.name == name), None)

    def page(self, name: str) -> Path | None:
        """The runbook page of that name."""
        return next((folder / f"{name}.md" for folder in self.runbooks if (folder / f"{name}.md").is_file()), None)


def read_rules(source: YamlSource, at: Path_, section: Mapping[str, Any], base: MonitorPolicy) -> MonitorPolicy:
    """The policy that a section of the schema's shape makes of `base`. Raises ProjectFileError."""
    rules = {rule.name: rule for rule in base.rules}
    named: set[str] = set()
    pages = {page.stem for folder in base.runbooks if folder.is_dir() for page in folder.glob("*.md")}
    for index, entry in enumerate(section.get("rules", ())):
        where: Path_ = (*at, "rules", index)
        name = entry["name"]
        if name in named:
            raise source.error((*where, "name"), f"two rules are called {name!r}.", hint="Rename one.")
        named.add(name)
        if "leave_out" in entry:
            _check_left_out(source, where, entry, rules)
            del rules[name]
        else:
            rules[name] = _rule(source, where, entry, rules.get(name), pages)
    steps = _escalation(source, (*at, "escalation"), section["escalation"]) if "escalation" in section else base.escalation
    repeat = duration(section["repeat"]) if "repeat" in section else base.repeat_seconds
    return replace(base, rules=tuple(rules.values()), escalation=steps, repeat_seconds=repeat)


def with_labels(policy: MonitorPolicy, declared: LabelsDeclaration, own: Sequence[Mapping[str, Any]]) -> MonitorPolicy:
    """The policy where labels are declared to come: a rule rings when too few do for a figure, unless the pack or one of the project's
    `own` rules watches that already."""
    signals = [*(rule.signal for rule in policy.rules), *(entry.get("signal") for entry in own)]
    if not declared.expected or LABELS_MISSING.signal in signals:
        return policy
    most = min(round(1 - declared.least_coverage, 9), 0.99)
    rule = replace(LABELS_MISSING, above=most, clear=round(0.8 * most, 9))
    return replace(policy, rules=(*policy.rules, rule))


def check_slices(source: YamlSource, at: Path_, entries: Sequence[Mapping[str, Any]], slices: Mapping[str, Sequence[str]]) -> None:
    """Raises ProjectFileError for a rule of a slice that `monitor.labels` does not declare: it would never ring."""
    known = [slice_name(feature, value) for feature, values in slices.items() for value in values]
    for index, entry in enumerate(entries):
        named: list[tuple[Path_, Any]] = [(("labels", "slice"), entry.get("labels", {}).get("slice"))]
        named += [(("except", "slice", place), value) for place, value in enumerate(entry.get("except", {}).get("slice", ()))]
        for where, value in named:
            if value is not None and value not in known:
                message = f"no slice {value!r} is declared in monitor.labels.slices."
                raise source.error((*at, index, *where), message, hint=did_you_mean(value, known))


def differences(old: MonitorPolicy, new: MonitorPolicy, reasons: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """What `new` has otherwise than `old`, by rule; `reasons` are those of the rules that are left out."""
    before, after = {rule.name: rule for rule in old.rules}, {rule.name: rule for rule in new.rules}
    found: dict[str, tuple[str, ...]] = {}
    for name in dict.fromkeys([*before, *after]):
        if name not in after:
            found[name] = (f"left out: {reasons[name]}",)
        elif name not in before:
            found[name] = ("added",)
        elif before[name] != after[name]:
            was, is_ = asdict(before[name]), asdict(after[name])
            found[name] = tuple(
                f"{key.removesuffix('_seconds')} {_shown(key, is_[key])} instead of {_shown(key, was[key])}"
                for key in was
                if was[key] != is_[key]
            )
    return found


def _rule(source: YamlSource, at: Path_, entry: Mapping[str, Any], base: RuleDeclaration | None, pages: Collection[str]) -> RuleDeclaration:
    name = entry["name"]
    if "signal" in entry and (base is None or entry["signal"] != base.signal):
        if base is not None:
            raise source.error((*at, "signal"), f"the rule {name!r} watches {base.signal}.", hint="Give the new rule a name of its own.")
        known = names("signals")
        if entry["signal"] not in known:
            raise source.error((*at, "signal"), f"no signal is called {entry['signal']!r}.", hint=did_you_mean(entry["signal"], known))
    if base is None:
        for key in ("signal", "above"):
            if key not in entry:
                raise source.error(at, f"the key {key!r} is missing: no rule of the pack is called {name!r}.", hint=f"Add `{key}: …`.")
    if "for" in entry and "times" in entry:
        raise source.error((*at, "times"), f"the rule {name!r} lasts and is counted at once.", hint="Keep `for` or `times`.")
    if "runbook" in entry and entry["runbook"] not in pages:
        message = f"there is no runbook {entry['runbook']!r}."
        raise source.error((*at, "runbook"), message, hint=did_you_mean(entry["runbook"], sorted(pages)))
    said: dict[str, Any] = {key: entry[key] for key in ("signal", "min_n", "level", "runbook", "times") if key in entry}
    said |= {"then": "" if entry["then"] == "nothing" else entry["then"]} if "then" in entry else {}
    said |= {key: float(entry[key]) for key in ("above", "clear") if key in entry}
    said |= {f"{key}_seconds": duration(entry[key]) for key in ("for", "window") if key in entry}
    said |= {"times": 0} if "for" in entry else {}
    said |= {"labels": dict(entry["labels"])} if "labels" in entry else {}
    said |= {"excepted": {label: tuple(values) for label, values in entry["except"].items()}} if "except" in entry else {}
    said |= {"rows": tuple(entry["rows"])} if "rows" in entry else {}
    rule = replace(base, **said) if base else RuleDeclaration(**{"name": name, "clear": said["above"], **said})
    if rule.window_seconds is not None and rule.window_seconds <= 0:
        raise source.error((*at, "window"), f"the rule {name!r} looks over no time at all.", hint="Write a window such as 10 min.")
    if rule.then and rule.level != "critical":
        place = (*at, "then") if "then" in entry else (*at, "level")
        message = f"the rule {name!r} goes back, and is only of level {rule.level}."
        raise source.error(place, message, hint="What moves traffic wakes people: `level: critical`, or `then: nothing`.")
    if rule.clear > rule.above:
        place = (*at, "clear") if "clear" in entry else (*at, "above")
        raise source.error(place, f"clear ({rule.clear:g}) must not lie above {rule.above:g}.", hint="Set `clear` to that or lower.")
    return rule


def _check_left_out(source: YamlSource, at: Path_, entry: Mapping[str, Any], rules: Mapping[str, RuleDeclaration]) -> None:
    name = entry["name"]
    if name not in rules:
        raise source.error((*at, "name"), f"there is no rule {name!r} to leave out.", hint=did_you_mean(name, list(rules)))
    more = [key for key in entry if key not in ("name", "leave_out")]
    if more:
        raise source.error((*at, more[0]), f"the rule {name!r} is left out and changed at once.", hint="Keep one of the two.")


def _escalation(source: YamlSource, at: Path_, steps: Sequence[Mapping[str, Any]]) -> tuple[EscalationStep, ...]:
    found = tuple(EscalationStep(duration(step["after"]), step["to"]) for step in steps)
    for index, (one, other) in enumerate(pairwise(found), 1):
        if other.after_seconds <= one.after_seconds:
            raise source.error((*at, index, "after"), "a step must come later than the one before.", hint="Raise `after`.")
    return found


def _shown(key: str, value: Any) -> str:
    if value is None:
        return "none"
    if key.endswith("_seconds"):
        return next(f"{value / size:g} {unit}" for unit, size in (("h", 3600), ("min", 60), ("s", 1)) if value % size == 0 or size == 1)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {one if isinstance(one, str) else ' '.join(one)}" for key, one in value.items()) or "nothing"
    return f"{value:g}" if isinstance(value, float) else str(value) or "nothing"
