"""How often a rule rings with nothing wrong: the false alarms to expect in 30 days, for each thing that it judges.

As many windows as fit into 30 days, which do not overlap, are judged at the fewest samples that the rule accepts. Laws of what a healthy
service shows then (research: monitoring, section 3):

    psi              chi-square of 10 degrees / n over bins that hold as many rows each, against a reference without end
    ks               2 exp(-2 n d²) (Kolmogorov; the bound of Massart)
    shares           Poisson, when the true share is a tenth of the limit
    volume           Poisson around the expected number
    labels           that of the second key alone

Where the signal brings the chance of its value, a rule needs that below 0.001 as well, so it is no likelier than that. Signals without a
law here (latency, say) depend on the service: for them the replay of its own history tells (`gonogo watch backtest`).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from gonogo import settings
from gonogo.base import catalogue
from gonogo.checklist.lint import Finding
from gonogo.checklist.rules import MonitorPolicy, RuleDeclaration
from gonogo.stats.drift import chi2_survival

MONTH = 30 * 86400.0
SURE = 1e-3  #: the second key of a rule
BINS = 11  #: of a numeric feature: ten, and one of missing values
HEALTHY = 0.1  #: of the limit: the share of a healthy service
MOST = 1.0  #: a month: above it, a pack is told so
LABELLED = (
    "ece",
    "ece_trend",
    "accuracy_drop",
    "auc_drop",
    "pr_auc_drop",
    "precision_drop",
    "recall_drop",
    "f1_drop",
    "cbpe_gap",
    "cbpe_drop",
)
SHARES = ("error_rate", "client_error_share", "server_error_share", "failure_share")


def expected_false_alarms(rule: RuleDeclaration) -> float | None:
    """In 30 days, for each thing that the rule judges; None where no law says."""
    chance = next((law(rule) for names, law in LAWS.items() if rule.signal in names), None)
    if chance is None:
        return None
    window = rule.window_seconds or float(catalogue.load("signals", rule.signal).window_seconds)
    row = rule.times or 1 + int(rule.for_seconds // window)  # so many windows that do not overlap are all too high when it rings
    return float(MONTH / (window * row) * chance**row)


def lint_rules(policy: MonitorPolicy) -> tuple[Finding, ...]:
    """The rules that would ring more than once a month for nothing, because they ask for too few samples; and those that never can ring,
    because they ask for more than there are: where few things are counted, a signal says how many there are at most."""
    found = []
    for rule in policy.rules:
        most = most_samples(rule)
        if most is not None and rule.min_n > most:
            said = f"it never rings: it asks for {rule.min_n} samples, and {rule.signal} has at most {most}"
            found.append(Finding("alarms", (rule.name,), said))
            continue
        expected = expected_false_alarms(rule)
        if expected is not None and expected > MOST:
            said = f"from {rule.min_n} samples on, {rule.signal} above {rule.above:g} rings {expected:.2g} times a month with nothing wrong"
            found.append(Finding("alarms", (rule.name,), said))
    return tuple(found)


def most_samples(rule: RuleDeclaration) -> int | None:
    """How many samples a window of the rule's signal surely has when all is well to see; None where that grows with the traffic."""
    kind = catalogue.load("signals", rule.signal)
    counted = getattr(kind, "counted", "")
    if counted == "looks":
        window = rule.window_seconds or float(kind.window_seconds)
        return int(window // settings.number("watch_seconds"))
    return 1 if counted == "one" else None


def _psi(rule: RuleDeclaration) -> float:
    return min(SURE, chi2_survival(rule.min_n * rule.above, BINS - 1))


def _ks(rule: RuleDeclaration) -> float:
    return min(SURE, 2 * math.exp(-2 * rule.min_n * rule.above**2))


def _share(rule: RuleDeclaration) -> float:
    return _more(math.floor(rule.min_n * rule.above) + 1, HEALTHY * rule.above * rule.min_n)


def _fewer(rule: RuleDeclaration) -> float:
    most = math.ceil(rule.min_n * (1 - rule.above)) - 1
    return min(SURE, 1 - _more(most + 1, rule.min_n)) if most >= 0 else 0.0


def _many(rule: RuleDeclaration) -> float:
    return min(SURE, _more(math.floor(rule.min_n * (1 + rule.above)) + 1, rule.min_n))


def _more(k: int, mean: float) -> float:
    """The chance of at least k (above 0) of a Poisson law."""
    return max(0.0, 1 - chi2_survival(2 * mean, 2 * k)) if mean > 0 else 0.0


def _second_key(rule: RuleDeclaration) -> float:
    return SURE


LAWS: dict[tuple[str, ...], Callable[[RuleDeclaration], float]] = {
    ("psi",): _psi,
    ("ks",): _ks,
    SHARES: _share,
    ("volume_drop",): _fewer,
    ("volume_spike",): _many,
    LABELLED: _second_key,
}
