"""Evidence that can be looked at as often as one likes: e-processes for a rollout, computed from counters.

Request t goes to the new release (A=1) with the known probability w, and Y is 1 when it went bad. With
`X = A·Y/w - r0·(1-A)·Y/(1-w) - d`, the mean of X given the past is p_c - r0·p_s - d, so that

    HARM  (null: p_c <= r0·p_s + d at all times)   E(l) = prod (1 + l·X),   0 <= l < 1/(r0/(1-w) + d)
    SAFE  (null: p_c >= r0·p_s + d' at all times)  E(l) = prod (1 - l·X),   0 <= l < 1/(1/w - d')

are test supermartingales. At a fixed l they need only counters; stages with other weights multiply in; a mixture over a grid of l is one
again. Ville's inequality: under the null, P(E ever reaches 1/alpha) <= alpha, whatever the number of looks, pauses and stages, and
whatever both arms suffer together.

Sources: Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting" (2010.09686); Karampatziakis, Mineiro & Ramdas
(2102.09540); Waudby-Smith et al. (2210.10768); with d=0, r0=1 it is the conditional binomial test of Lindon & Malek (2011.03567).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WHOLE = 10_000  #: basis points in one
HARM_RATIOS = (1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)  #: alternatives p_c / p_s that the bets of HARM are made for
SAFE_SHARES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)  #: bets of SAFE as shares of the largest one
MARGIN = 0.95  #: a bet stays this far below the one that could lose everything


@dataclass(frozen=True)
class StageCounts:
    """What one stage at one weight has counted: requests on both arms, bad ones of each, weight of the new release in basis points."""

    n: int
    errors_canary: int
    errors_stable: int
    weight_bp: int

    def __post_init__(self) -> None:
        if not (0 <= self.weight_bp <= WHOLE and min(self.errors_canary, self.errors_stable) >= 0):
            raise ValueError(f"impossible counts: {self}")
        if self.errors_canary + self.errors_stable > self.n:
            raise ValueError(f"more bad requests than requests: {self}")

    @property
    def informative(self) -> bool:
        """Both arms can be chosen. A stage at 0 or 100 % compares nothing, and its factor is 1."""
        return 0 < self.weight_bp < WHOLE


def log_e_harm(stages: Sequence[StageCounts], r0: float = 1.0, d: float = 0.001) -> float:
    """ln of the evidence that the new release is bad more often than r0 times the old one plus `d`.

    FAIL when it reaches ln(1/alpha). Give d > 0: over an almost faultless old release, d = 0 fails after three bad requests.
    """
    _check_margin(r0, d)
    totals = [0.0] * len(HARM_RATIOS)
    for stage in stages:
        if stage.informative:
            w = stage.weight_bp / WHOLE
            down, up = r0 / (1 - w) + d, 1 / w - d
            null = w * r0 / (w * r0 + 1 - w)
            for index, ratio in enumerate(HARM_RATIOS):
                alternative = w * ratio * r0 / (w * ratio * r0 + 1 - w)
                bet = min(w * (alternative / null - 1), MARGIN / down)
                totals[index] += _log_product(stage, bet * up, -bet * down, -bet * d)
    return _mixture(totals)


def log_e_safe(stages: Sequence[StageCounts], r0: float = 1.0, d_prime: float = 0.01) -> float:
    """ln of the evidence that the new release is not worse than r0 times the old one plus `d_prime`. PASS at ln(1/beta).

    Raises ValueError when the margin is so wide at this weight that no bet is possible.
    """
    _check_margin(r0, d_prime)
    totals = [0.0] * len(SAFE_SHARES)
    for stage in stages:
        if stage.informative:
            w = stage.weight_bp / WHOLE
            down, up = r0 / (1 - w) + d_prime, 1 / w - d_prime
            if up <= 0:
                raise ValueError(f"a margin of {d_prime} is no margin at a weight of {w}")
            for index, share in enumerate(SAFE_SHARES):
                bet = share / up
                totals[index] += _log_product(stage, -bet * up, bet * down, bet * d_prime)
    return _mixture(totals)


def srm_log_e(k: int, n: int, w: float) -> float:
    """ln of the evidence that k of n requests on the new release do not come from a coin of probability w (sample ratio mismatch).

    Beta-binomial mixture with the prior Beta(a, c) of mean w and a + c = 100; at ln(10^4) the router's data are not believed. Needs
    0 < w < 1; at 0 and 1 any request on the wrong side is proof (infinity).
    """
    if not 0 <= k <= n or not 0 <= w <= 1:
        raise ValueError(f"impossible counts: {k} of {n} at weight {w}")
    if w in (0.0, 1.0):
        return 0.0 if k == n * w else math.inf
    a, c = 100 * w, 100 * (1 - w)
    return _log_beta(a + k, c + n - k) - _log_beta(a, c) - k * math.log(w) - (n - k) * math.log1p(-w)


def _check_margin(r0: float, margin: float) -> None:
    if not (0 < r0 < math.inf and 0 <= margin < 1):
        raise ValueError(f"r0 must be positive and the margin between 0 and 1, not {r0} and {margin}")


def _log_product(stage: StageCounts, on_canary: float, on_stable: float, otherwise: float) -> float:
    """ln of the product over a stage: one factor 1 + x for each bad request of an arm, one for each good request."""
    good = stage.n - stage.errors_canary - stage.errors_stable
    return stage.errors_canary * math.log1p(on_canary) + stage.errors_stable * math.log1p(on_stable) + good * math.log1p(otherwise)


def _mixture(logs: Sequence[float]) -> float:
    """ln of the mean of exp(logs)."""
    top = max(logs)
    return top + math.log(math.fsum(math.exp(value - top) for value in logs) / len(logs))


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
