"""What a rollout is going to do, written down before it does anything.

Rules it keeps:
* A plan never changes. Its digest stands in every event of the rollout; another margin is another rollout.
* Whatever decides (weights, error guarantees, times) is in the plan, and nothing else is asked while the rollout runs.
* A plan names both releases by reference, by the root digest of their bundle and by the digest of their GO verdict.

Two kinds: `canary` moves traffic in judged steps; `revert` goes back by hand, to a release that was judged before, and so without
another analysis. A system's first release needs no rollout, having nothing to be compared to: the service starts with it.

    >>> plan = Plan("shop", "shop@1.1.0", "sha256:b", "shop@1.0.0", "sha256:a", steps=(5, 25, 100))
    >>> plan.stages
    (500, 2500)
    >>> Plan.from_json(plan.to_json()) == plan
    True
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from gonogo.base.canonical import digest
from gonogo.base.names import Ref, check_system_name
from gonogo.errors import UsageError

FORMAT = "gonogo-rollout-plan/1"
WHOLE = 10_000  #: all traffic, in basis points

Kind = Literal["canary", "revert"]
AtDeadline = Literal["rollback", "hold"]


@dataclass(frozen=True)
class Plan:
    """A rollout from `old` to `new`.

    `steps` are percent of traffic for the new release, rising to 100. `min_seconds` and `deadline_seconds` bound every stage: it
    passes no earlier, and when it has not passed by then it goes back (`at_deadline`: or waits for a person). `alpha` bounds the
    chance that a release as good as the old one is ever rolled back by the judge, `beta` the chance that one worse by more than
    `margin` is promoted; `d` is the difference in error rate that is no harm (`gonogo.stats.eprocess`). `hold_back_bp` is the share, in
    basis points, that stays on the old release for one more judged stage before the last step. `min_requests` is the fewest requests
    the new release must have answered in a stage.
    """

    system: str
    new: str
    new_digest: str
    old: str
    old_digest: str
    kind: Kind = "canary"
    steps: tuple[int, ...] = (5, 25, 100)
    min_seconds: float = 10.0
    deadline_seconds: float = 600.0
    alpha: float = 0.01
    beta: float = 0.05
    margin: float = 0.01
    d: float = 0.001
    hold_back_bp: int = 0
    min_requests: int = 20
    at_deadline: AtDeadline = "rollback"
    new_verdict: str = ""
    old_verdict: str = ""

    def __post_init__(self) -> None:
        check_system_name(self.system)
        for reference in (self.new, self.old):
            ref = Ref.parse(reference)
            if ref.system != self.system or ref.is_pointer:
                raise UsageError(f"{reference!r} is not a release of {self.system}.", hint="Name it as system@version.")
        self._check_releases()
        self._check_steps()
        self._check_numbers()

    def _check_releases(self) -> None:
        if not self.new_digest or not self.old_digest:
            raise UsageError("a plan names every release with its digest.")
        if self.new == self.old:
            raise UsageError(f"{self.new} is in service already.", hint="Name another release.")
        if self.kind not in ("canary", "revert"):
            raise UsageError(f"{self.kind!r} is no kind of rollout.", hint="Known: canary, revert.")

    def _check_steps(self) -> None:
        steps = self.steps
        if not steps or steps[-1] != 100 or any(not 0 < step <= 100 for step in steps) or sorted(set(steps)) != list(steps):
            raise UsageError(f"steps {list(steps)} must rise and end with 100.", hint="Write, for example, steps: [5, 25, 100].")
        if not 0 <= self.hold_back_bp <= 500:
            raise UsageError(f"a hold-back of {self.hold_back_bp / 100:g} % is not between 0 and 5 %.")
        if self.kind == "canary" and not self.stages:
            raise UsageError("a rollout needs at least one judged step below 100 %.", hint="Write, for example, steps: [5, 25, 100].")

    def _check_numbers(self) -> None:
        if not 0 <= self.min_seconds < self.deadline_seconds < float("inf"):
            raise UsageError(f"min_seconds {self.min_seconds:g} must be below deadline_seconds {self.deadline_seconds:g}.")
        for name in ("alpha", "beta"):
            if not 0 < getattr(self, name) <= 0.5:
                raise UsageError(f"{name} {getattr(self, name):g} is not between 0 and 0.5.")
        if not 0 < self.d <= self.margin < 0.5:
            raise UsageError(f"0 < d ({self.d:g}) <= margin ({self.margin:g}) < 0.5 must hold.")
        if self.min_requests < 1:
            raise UsageError("min_requests must be at least 1: no data is not a pass.")

    @property
    def stages(self) -> tuple[int, ...]:
        """Weights of the new release in the judged stages, in basis points. None for kinds that are not judged."""
        if self.kind != "canary":
            return ()
        weights = [step * 100 for step in self.steps if step < 100]
        if self.hold_back_bp and WHOLE - self.hold_back_bp not in weights:
            weights.append(WHOLE - self.hold_back_bp)
        return tuple(sorted(weights))

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self), "steps": list(self.steps)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """Inverse of `to_json`. Raises ValueError for another format and for unknown or missing keys."""
        if data.get("format") != FORMAT:
            raise ValueError(f"not a {FORMAT} document")
        known = {field.name for field in fields(cls)}
        if data.keys() - {"format"} != known:
            raise ValueError(f"unexpected keys: {sorted((data.keys() - {'format'}) ^ known)}")
        return cls(**{**{name: data[name] for name in known}, "steps": tuple(int(step) for step in data["steps"])})

    @property
    def digest(self) -> str:
        return digest(self.to_json())
