"""The routing table: which release answers which share of the traffic.

A table is immutable and is replaced as a whole, by one assignment; a request reads it once. Rules it keeps:

1. Weights are basis points and add up to 10,000; one arm is the stable one, which answers whatever another arm cannot.
2. An epoch names one table for ever. Counters are booked under the epoch that assigned the request, never by time, so that several
   workers that take over a table a little apart never mix their numbers.
3. Taking an arm off (`without`) is the safe direction: its share goes to the stable arm, and it stays listed as tripped until a newer
   epoch says otherwise.
4. A key stays with its arm as long as that arm's share does not shrink: a share that grows takes keys over and gives none back.

Source of rule 4: weighted rendezvous hashing (Schindelhauer and Schomaker, "Weighted distributed hash tables", SPAA 2005).

>>> table = RoutingTable(epoch=7, token=3, arms=(Arm("a@1.0.0", 9500), Arm("a@1.1.0", 500)), stable="a@1.0.0")
>>> table.choose(9499).release, table.choose(9500).release
('a@1.0.0', 'a@1.1.0')
>>> table.without("a@1.1.0").choose(9500).release
'a@1.0.0'
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

FORMAT = "gonogo-route/1"
WHOLE = 10_000  #: basis points


@dataclass(frozen=True)
class Arm:
    """One release and its share. `socket` is the path of the Unix socket on which the release's own workers answer."""

    release: str
    weight_bp: int
    socket: str | None = None


@dataclass(frozen=True)
class Shadow:
    """A release that is asked for a copy of a share of the requests, and whose answers nobody gets."""

    release: str
    share_bp: int
    socket: str | None = None


@dataclass(frozen=True)
class RoutingTable:
    """Who answers what. `token` is the fencing token of the controller that wrote the table; `tripped` are the arms that the
    breaker took off in this epoch; `sticky` is the request header whose value decides the arm ("" when chance does). Raises ValueError
    when the weights, the names, the stable arm or the shadow make no sense."""

    epoch: int
    token: int
    arms: tuple[Arm, ...]
    stable: str
    tripped: tuple[str, ...] = ()
    sticky: str = ""
    shadow: Shadow | None = None

    def __post_init__(self) -> None:
        names = [arm.release for arm in self.arms]
        if len(set(names)) != len(names):
            raise ValueError(f"a release appears twice in the routing table: {', '.join(names)}")
        if self.stable not in names:
            raise ValueError(f"the stable release {self.stable} is not among the arms: {', '.join(names) or 'none'}")
        if any(type(arm.weight_bp) is not int or not 0 <= arm.weight_bp <= WHOLE for arm in self.arms):
            raise ValueError("a weight is a whole number of basis points from 0 to 10000")
        if sum(arm.weight_bp for arm in self.arms) != WHOLE:
            raise ValueError(f"the weights add up to {sum(arm.weight_bp for arm in self.arms)} basis points, not {WHOLE}")
        if self.epoch < 0 or self.token < 0:
            raise ValueError("epoch and token count from 0 upwards")
        if self.sticky and not (self.sticky.isascii() and self.sticky.replace("-", "").isalnum()):
            raise ValueError(f"{self.sticky!r} is no name of a request header")
        if self.shadow is not None:
            if type(self.shadow.share_bp) is not int or not 0 < self.shadow.share_bp <= WHOLE:
                raise ValueError("a shadow's share is a whole number of basis points from 1 to 10000")
            if self.shadow.release == self.stable or self.weight(self.shadow.release):
                raise ValueError(f"{self.shadow.release} answers traffic and cannot be a shadow")

    def choose(self, random: int) -> Arm:
        """The arm for a uniform random number from 0 to 9,999."""
        for arm in self.arms:
            random -= arm.weight_bp
            if random < 0:
                return arm
        raise ValueError("the random number is not below 10000")

    def choose_for(self, key: bytes) -> Arm:
        """The arm for a key of 16 bytes that are as good as random. Rule 4."""
        best, least = self.arms[0], math.inf
        for arm in self.arms:
            if arm.weight_bp:
                # Each arm draws an exponential time at the rate of its weight, by chance that hangs on key and release alone.
                drawn = int.from_bytes(blake2b(arm.release.encode(), key=key, digest_size=8).digest(), "big")
                waited = -math.log((drawn + 1) / 2**64) / arm.weight_bp
                if waited < least:
                    best, least = arm, waited
        return best

    def arm(self, release: str) -> Arm | None:
        for arm in self.arms:
            if arm.release == release:
                return arm
        return None

    def weight(self, release: str) -> int:
        """Share in basis points; 0 for a release that is not an arm."""
        arm = self.arm(release)
        return arm.weight_bp if arm else 0

    def without(self, release: str) -> RoutingTable:
        """The same table with the arm's share given to the stable arm. The stable arm itself cannot be taken off (ValueError)."""
        if release == self.stable:
            raise ValueError("the stable arm cannot be taken off: nobody would answer")
        share = self.weight(release)
        arms = tuple(
            replace(arm, weight_bp=0)
            if arm.release == release
            else replace(arm, weight_bp=arm.weight_bp + share)
            if arm.release == self.stable
            else arm
            for arm in self.arms
        )
        return replace(self, arms=arms, tripped=tuple(dict.fromkeys((*self.tripped, release))))

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "epoch": self.epoch,
            "token": self.token,
            "arms": [{"release": arm.release, "weight_bp": arm.weight_bp, "socket": arm.socket} for arm in self.arms],
            "stable": self.stable,
            "tripped": list(self.tripped),
            "sticky": self.sticky,
            "shadow": vars(self.shadow) if self.shadow else None,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RoutingTable:
        """Inverse of `to_json`. Raises ValueError for another format, or for what is no table."""
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise ValueError(f"not a {FORMAT} document")
        try:
            shadow = data.get("shadow")
            return cls(
                epoch=int(data["epoch"]),
                token=int(data["token"]),
                arms=tuple(Arm(str(arm["release"]), arm["weight_bp"], arm.get("socket")) for arm in data["arms"]),
                stable=str(data["stable"]),
                tripped=tuple(str(release) for release in data.get("tripped", ())),
                sticky=str(data.get("sticky", "")).lower(),
                shadow=Shadow(str(shadow["release"]), shadow["share_bp"], shadow.get("socket")) if shadow else None,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"the routing table is malformed: {error!r}") from error
