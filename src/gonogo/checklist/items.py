"""The records of this room: items in checklists in packs.

An item is one statement that must be true. It is satisfied by a check's evidence that meets every requirement, or by a person's
sign-off in a role; never by nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from typing import Any, Literal

from gonogo.base.canonical import digest
from gonogo.checklist.periods import SECONDS, Period
from gonogo.checklist.rules import MonitorPolicy

Kind = Literal["mandatory", "conditional", "optional"]
Status = Literal["draft", "ready"]
When = Literal["gate", "on_demand", "continuous"]
SIGN_OFF_DAYS = 30.0  #: an approval older than that is stale, unless the checklist says otherwise
AUTHOR = "author"  #: in a group of `apart`: whoever made the candidate
#: Written only where they say something, so that a checklist of an earlier version keeps its digest.
LATER_ITEM_KEYS = ("weight", "ml_test", "waivable", "words", "phase", "runbook", "pack_demand", "reason")


@dataclass(frozen=True)
class Item:
    """One statement. Exactly one of `check` and `sign_off` is set.

    `require` are expressions over the facts that the check measures (see `expression.py`). `confidence` (0.95, say) demands that the
    bound of the fact's interval meets the requirement, not only the estimate. `max_age` is in seconds; older evidence is stale.
    `rows` are the requirement rows it covers.

    `weight` is its share of the readiness score, `ml_test` the tests of the ML Test Score (1 to 28) that it answers; neither opens the
    gate. `words` says an outcome in the source's own word (FAIL: DIRTY). `waivable=False` means that not even an optional item can be
    waived. `phase` is the id of its section's phase; `runbook` names the document, with `#anchor`, that helps when it fails.

    Where a project demands something else than its pack, `pack_demand` is what the pack asks, and `reason` why it is otherwise here.
    """

    id: str
    section: str
    statement: str
    kind: Kind = "mandatory"
    check: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    require: tuple[str, ...] = ()
    confidence: float | None = None
    max_age: float | None = None
    sign_off: str | None = None
    why: str = ""
    remedy: str = ""
    rows: tuple[str, ...] = ()
    weight: float = 0.0
    ml_test: tuple[int, ...] = ()
    waivable: bool = True
    words: Mapping[str, str] = field(default_factory=dict)
    phase: str = ""
    runbook: str = ""
    pack_demand: str = ""
    reason: str = ""

    @property
    def demand(self) -> str:
        """What decides it, in one line."""
        options = " ".join(f"{key}={value}" for key, value in self.options.items())
        how = f"signed as {self.sign_off}" if self.sign_off else f"{self.check}({options}): {', '.join(self.require)}"
        bounds = [f"at {self.confidence:g}"] if self.confidence is not None else []
        bounds += [f"within {self.max_age:g} s"] if self.max_age is not None else []
        return " ".join([self.kind, how, *bounds])

    def to_json(self) -> dict[str, Any]:
        unsaid = {one.name for one in fields(self) if one.name in LATER_ITEM_KEYS and getattr(self, one.name) == default_of(one)}
        return {key: value for key, value in asdict(self).items() if key not in unsaid}


@dataclass(frozen=True)
class Phase:
    """A step in the flow of a gate: the order of phases is the order of work. `minutes` is its time budget; when it runs: at every gate,
    on demand, or continuously."""

    id: str
    title: str
    minutes: float | None = None
    when: When = "gate"


@dataclass(frozen=True)
class Checklist:
    """Sections of items under a version. `overrides` names every item whose content differs from the pack's, with the keys.

    A draft is never GO. `apart` are groups of roles (or `author`) that must be different people with different keys. An approval lasts
    `sign_off_days`.
    """

    id: str
    title: str
    version: str
    date: str
    items: tuple[Item, ...]
    overrides: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    status: Status = "ready"
    phases: tuple[Phase, ...] = ()
    apart: tuple[tuple[str, ...], ...] = ()
    sign_off_days: float = SIGN_OFF_DAYS

    def to_json(self) -> dict[str, Any]:
        later = {
            "status": self.status if self.status != "ready" else None,
            "phases": [asdict(phase) for phase in self.phases],
            "apart": [list(group) for group in self.apart],
            "sign_off_days": self.sign_off_days if self.sign_off_days != SIGN_OFF_DAYS else None,
        }
        return {
            "format": "gonogo-checklist/1",
            "id": self.id,
            "title": self.title,
            "version": self.version,
            "date": self.date,
            "items": [item.to_json() for item in self.items],
            "overrides": {key: list(value) for key, value in self.overrides.items()},
            **{key: value for key, value in later.items() if value},
        }

    @property
    def digest(self) -> str:
        return digest(self.to_json())

    @property
    def sections(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(item.section for item in self.items))

    def item(self, item_id: str) -> Item:
        """Raises KeyError."""
        for item in self.items:
            if item.id == item_id:
                return item
        raise KeyError(item_id)


@dataclass(frozen=True)
class Review:
    """What is asked at the end of a period in service: of each one (`repeats`), or only of the first after a release has gone live."""

    period: Period
    checklist: Checklist
    repeats: bool = True

    @property
    def seconds(self) -> float:
        return SECONDS[self.period]

    @property
    def words(self) -> str:
        """How often, in one line."""
        return f"{self.checklist.title}: {'every one' if self.repeats else 'the first of a release'}"


@dataclass(frozen=True)
class Pack:
    """A ready-made set of checklists for one kind of system. `gate` is the checklist before a release.

    `monitor` is what is watched after it, `reviews` are the checklists of its periods in service. `policy_roles` are the roles that must
    sign a changed policy; `extends` names the pack that this one adds to; `form` is the template of its sign-off form.
    """

    name: str
    title: str
    gate: Checklist
    roles: Mapping[str, str]  #: role → what the role answers for
    policy_roles: tuple[str, ...] = ()
    extends: str | None = None
    form: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)  #: what the source says of itself, for the lint; demands nothing
    monitor: MonitorPolicy = field(default_factory=MonitorPolicy)
    reviews: Mapping[Period, Review] = field(default_factory=dict)

    @property
    def apart(self) -> tuple[tuple[str, ...], ...]:
        """Groups of roles that must be different people with different keys."""
        return self.gate.apart


def default_of(field: Field[Any]) -> Any:
    """The default of a record's field; MISSING when it has none."""
    return field.default_factory() if field.default_factory is not MISSING else field.default
