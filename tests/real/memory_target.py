"""A target that only pretends, for tests: releases without processes, requests from a seeded random generator.

It keeps the promises of `gonogo.rollout.target` and nothing more is known of it. Every `observe` lets `requests` requests arrive; each
is assigned by the weights of the table and goes bad with the probability given for its release. With `path` it keeps its state in a
file, so that it lives on when the process that asks it dies, as a real one would; `effects` then tells what really happened.

    >>> target = MemoryTarget(serving="shop@1.0.0", requests=1000, errors={"shop@1.1.0": 0.2})
    >>> target.observe().arm(1, "shop@1.0.0")
    ArmCounts(n=1000, bad=0)
    >>> target.prepare("shop@1.1.0", op_id="a", token=1)
    >>> target.start("shop@1.1.0", op_id="b", token=1)
    >>> target.route(Route(2, "shop@1.0.0", {"shop@1.0.0": 9_500, "shop@1.1.0": 500}), op_id="c", token=1)
    >>> target.effects
    ['prepare shop@1.1.0', 'start shop@1.1.0', 'route 2 shop@1.0.0=9500 shop@1.1.0=500']
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gonogo.base.canonical import canonical_bytes, parse_json
from gonogo.base.files import write_atomic
from gonogo.errors import ConflictError, FencedError, NotFoundError, UnreachableError, UsageError
from gonogo.rollout.failpoint import failpoint
from gonogo.rollout.plan import WHOLE
from gonogo.rollout.target import Observation, Route, read_observation


class MemoryTarget:
    """See the module.

    `serving` is in service from the beginning, under epoch 1; `errors` is the share of bad answers by release; `digest` gives the digest
    that a release serves. `broken` are releases that never become healthy, `missing` those that nobody has; `unreachable` makes
    every verb raise UnreachableError while it is true.
    """

    def __init__(
        self,
        *,
        serving: str = "",
        requests: int = 0,
        errors: Mapping[str, float] | None = None,
        seed: int = 17,
        digest: Callable[[str], str] = lambda release: f"sha256:{release}",
        path: Path | None = None,
    ) -> None:
        self.requests = requests
        self.errors = dict(errors or {})
        self.broken: set[str] = set()
        self.missing: set[str] = set()
        self.unreachable = False
        self._seed = seed
        self._digest = digest
        self._path = path
        self._state: dict[str, Any] = {
            "boot_id": f"memory-{seed}", "epoch": 0, "token": 0, "table": None, "releases": {}, "counters": {}, "tripped": [],
            "ops": {}, "effects": [], "looks": 0,
        }  # fmt: skip
        if path is not None and path.exists():
            self._state = parse_json(path.read_bytes())
        elif serving:
            self._state["releases"][serving] = {"alive": True, "healthy": True, "digest": digest(serving)}
            self._state["table"] = {"arms": [{"release": serving, "weight_bp": WHOLE}], "stable": serving, "tripped": []}
            self._state["epoch"] = 1
            self._save()

    @property
    def effects(self) -> list[str]:
        """What was done, in order, each once: "start shop@1.0.0", "route 3 shop@1.0.0=9500 shop@1.1.0=500"."""
        return list(self._state["effects"])

    def prepare(self, release: str, *, op_id: str, token: int) -> None:
        if self._fresh(op_id, token):
            if release in self.missing:
                raise NotFoundError(f"there is no release {release}.")
            self._state["releases"].setdefault(release, {"alive": False, "healthy": False, "digest": ""})
            self._done(op_id, f"prepare {release}")

    def start(self, release: str, *, op_id: str, token: int) -> None:
        if self._fresh(op_id, token):
            known = self._known(release)
            effect = "" if known["alive"] else f"start {release}"
            known.update(alive=True, healthy=True, digest=self._digest(release))
            self._done(op_id, effect)

    def observe(self) -> Observation:
        self._reachable()
        self._reload()
        self._traffic()
        state = {**self._state, "releases": {name: self._health(name) for name in self._state["releases"]}}
        return read_observation({key: state[key] for key in ("boot_id", "epoch", "token", "table", "releases", "counters", "tripped")})

    def route(self, route: Route, *, op_id: str, token: int) -> None:
        if not self._fresh(op_id, token):
            return
        if route.epoch <= self._state["epoch"]:
            raise FencedError(f"epoch {route.epoch} is not above the table's, {self._state['epoch']}.")
        if sum(route.weights.values()) != WHOLE or route.stable not in route.weights:
            raise UsageError(f"no routing table: {dict(route.weights)} with stable {route.stable!r}.")
        for release, weight in route.weights.items():
            if weight and not self._known(release)["alive"]:
                raise ConflictError(f"{release} is not running, so it gets no traffic.")
        arms = [{"release": release, "weight_bp": weight} for release, weight in route.weights.items()]
        self._state.update(epoch=route.epoch, table={"arms": arms, "stable": route.stable, "tripped": []})
        self._done(op_id, " ".join([f"route {route.epoch}", *(f"{release}={weight}" for release, weight in sorted(route.weights.items()))]))

    def stop(self, release: str, *, op_id: str, token: int) -> None:
        if self._fresh(op_id, token):
            weight = self._weights().get(release, 0)
            if weight:
                raise ConflictError(f"{release} still has {weight} basis points of the traffic.")
            self._end(release)
            self._done(op_id, f"stop {release}")

    def prune(self, *, op_id: str, token: int) -> None:
        if self._fresh(op_id, token):
            for release in sorted(self._state["releases"].keys() - self._weights().keys()):
                self._end(release)
            self._done(op_id, "prune")

    # -- what a rehearsal does to it --------------------------------------------------------------------------------------

    def trip(self, release: str) -> None:
        """The breaker takes an arm off, as the data plane does by itself: its share goes to the stable arm, under a new epoch."""
        table = self._state["table"]
        arms = [{"release": table["stable"], "weight_bp": WHOLE}, {"release": release, "weight_bp": 0}]
        self._state["table"] = {**table, "arms": arms, "tripped": [release]}
        self._state["tripped"].append({"release": release, "epoch": self._state["epoch"], "reason": "the breaker opened"})
        self._state["epoch"] += 1
        self._save()

    def meddle(self, weights: Mapping[str, int], stable: str) -> None:
        """Somebody else installs a table, past every controller."""
        arms = [{"release": release, "weight_bp": weight} for release, weight in weights.items()]
        self._state.update(epoch=self._state["epoch"] + 1, table={"arms": arms, "stable": stable, "tripped": []})
        self._save()

    def restart(self) -> None:
        """The data plane starts again: same table, counters from zero under a new boot id."""
        self._state.update(boot_id=self._state["boot_id"] + "+", counters={})
        self._save()

    # -- inside -----------------------------------------------------------------------------------------------------------

    def _reachable(self) -> None:
        if self.unreachable:
            raise UnreachableError("the memory target does not answer.")

    def _fresh(self, op_id: str, token: int) -> bool:
        """Promises 1 and 2. False when the operation was done before."""
        self._reachable()
        self._reload()
        if token < self._state["token"]:
            raise FencedError(f"token {token} is fenced off: a controller with token {self._state['token']} has acted.")
        self._state["token"] = token
        return op_id not in self._state["ops"]

    def _known(self, release: str) -> dict[str, Any]:
        known: dict[str, Any] | None = self._state["releases"].get(release)
        if known is None:
            raise NotFoundError(f"{release} was never prepared.")
        return known

    def _health(self, release: str) -> dict[str, Any]:
        state = dict(self._state["releases"][release])
        return {**state, "healthy": state["healthy"] and release not in self.broken}

    def _weights(self) -> dict[str, int]:
        table = self._state["table"]
        return {arm["release"]: arm["weight_bp"] for arm in table["arms"]} if table else {}

    def _end(self, release: str) -> None:
        if release in self._state["releases"]:
            self._state["releases"][release].update(alive=False, healthy=False)

    def _traffic(self) -> None:
        weights = self._weights()
        if not weights or not self.requests:
            return
        self._state["looks"] += 1
        random = np.random.default_rng([self._seed, self._state["looks"]])
        counts = random.multinomial(self.requests, [weight / WHOLE for weight in weights.values()])
        arms = self._state["counters"].setdefault(str(self._state["epoch"]), {})
        for release, n in zip(weights, counts, strict=True):
            arm = arms.setdefault(release, {"n": 0, "bad": 0})
            arm["n"] += int(n)
            arm["bad"] += int(random.binomial(int(n), self.errors.get(release, 0.0)))
        self._save()

    def _done(self, op_id: str, effect: str) -> None:
        self._state["ops"][op_id] = effect
        if effect:
            self._state["effects"].append(effect)
        failpoint("before-target-write")
        self._save()
        failpoint("after-target-write")

    def _reload(self) -> None:
        if self._path is not None and self._path.exists():
            self._state = parse_json(self._path.read_bytes())

    def _save(self) -> None:
        if self._path is not None:
            write_atomic(self._path, canonical_bytes(self._state))
