"""What is done to the healthy week, one thing at a time, and what ought to ring.

An injection makes a `Scene` of a healthy one (`replay_drive.py`): other rows, other answers of the model, other latencies, statuses or
labels, or another amount of traffic. `right` names the signals of which an alarm has to ring, each with the level; `follows` those that
may ring as a consequence. Anything else that rings is a false alarm. `hours` is how long the injection lasts, `within` how long after its
beginning the right alarm may come at the latest, `until` how many hours after its end all has to be over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from replay_drive import Scene
from replay_traffic import Pool, Rows, Seen

Changes = Callable[[Scene, "Means"], Scene]
SCORES = ("psi", "ks", "score_mean_shift", "score_variance_growth", "low_confidence_share", "extreme_share")
QUALITY = (
    "auc_drop", "pr_auc_drop", "precision_drop", "recall_drop", "f1_drop", "accuracy_drop", "ece", "ece_trend", "cbpe_gap", "cbpe_drop",
)  # fmt: skip
INPUTS = ("psi", "psi_many", "ks", "out_of_range", "missing_rate", "new_categories", *SCORES, *QUALITY)


@dataclass(frozen=True)
class Means:
    """What injections are made with: the healthy rows, those of the later month, and the model."""

    pool: Pool
    later: Pool
    ask: Callable[[Rows], Seen]


@dataclass(frozen=True)
class Injection:
    """See above. `enters` says where it comes in: at the rows, the answer, the counters, the labels or the look. `step` is the seconds
    between two looks."""

    name: str
    what: str
    enters: str
    right: Mapping[str, str]
    follows: tuple[str, ...] = ()
    hours: float = 2.0
    within: float = 2.0
    until: float = 2.0
    volume: float = 1.0
    later: bool = False  #: the flights are those of the later month
    change: Changes = lambda scene, means: scene
    step: float = 60.0


def _rows(change: Callable[[int, dict[str, Any]], dict[str, Any]]) -> Changes:
    """Other rows, answered by the model."""
    return lambda scene, means: replace(scene, seen=means.ask([change(number, row) for number, row in enumerate(means.pool.rows)]))


def _scores(change: Callable[[np.ndarray], np.ndarray]) -> Changes:
    """Other answers to the same rows."""

    def changed(scene: Scene, means: Means) -> Scene:
        late = change(scene.seen.scores[:, 1])
        return replace(scene, seen=Seen(scene.seen.inputs, np.stack([1 - late, late], axis=1)))

    return changed


def _overconfident(score: np.ndarray) -> np.ndarray:
    told = np.clip(score, 1e-4, 1 - 1e-4)
    odds = np.exp(2) * told / (1 - told)
    return np.asarray(odds / (1 + odds))


def _stuck(score: np.ndarray) -> np.ndarray:
    return np.full_like(score, np.median(score))


def _december(scene: Scene, means: Means) -> Scene:
    return Scene(means.ask(means.later.rows), means.later.late, means.later.arrives)


BENT = ("psi", "psi_many")  # after some two hours more or less traffic has made another day of the day: the hours themselves drift
DAY_WINDOW = {"hours": 6.0, "within": 6.0, "until": 26.0}
# Labels of the last hour of an injection are judged 14 hours later, and leave the window of a day a day after.
LABELLED = {"hours": 12.0, "within": 30.0, "until": 42.0}

INJECTIONS = (
    Injection(
        "feature-scaled", "`distance` is ten times what it was (a unit changed at its source)", "rows",
        {"psi": "critical", "out_of_range": "warning"}, INPUTS,
        change=_rows(lambda number, row: {**row, "distance": row["distance"] * 10}), **DAY_WINDOW,
    ),
    Injection(
        "column-null", "`temp` is null in every row", "rows", {"missing_rate": "warning", "psi": "critical"}, INPUTS,
        change=_rows(lambda number, row: {**row, "temp": None}), **DAY_WINDOW,
    ),
    Injection(
        "column-absent", "`dep_delay` is sent by nobody any more: every request is refused (422)", "counters",
        {"failure_share": "warning"}, ("client_error_share", *BENT), hours=1,
        change=lambda scene, means: replace(scene, refused=True),
    ),
    Injection(
        "new-category", "one flight in five is of a carrier that training did not know", "rows", {"new_categories": "warning"}, INPUTS,
        change=_rows(lambda number, row: {**row, "carrier": "ZZ"} if number % 5 == 0 else row), **DAY_WINDOW,
    ),
    Injection(
        "shifted-month", "the flights of December in the place of those of January to August", "rows", {"psi": "critical"}, INPUTS,
        later=True, change=_december, **DAY_WINDOW,
    ),
    Injection(
        "slower-by-a-fifth", "every answer takes 20 % longer", "counters", {"latency_drift": "warning"},
        change=lambda scene, means: replace(scene, slower=lambda seconds: seconds * 1.2),
    ),
    Injection(
        "slower-by-200-ms", "every answer takes 200 ms longer", "counters", {"latency": "critical"}, ("latency_drift", "latency_spike"),
        change=lambda scene, means: replace(scene, slower=lambda seconds: seconds + 0.2),
    ),
    Injection(
        "one-percent-5xx", "one request in a hundred is answered 500", "counters",
        {"error_rate": "warning", "server_error_share": "critical"}, ("failures_in_a_row",),
        change=lambda scene, means: replace(scene, fails=0.01),
    ),
    Injection(
        "half-the-traffic", "half of the requests stay away", "traffic", {"volume_drop": "critical"}, BENT,
        volume=0.5, hours=4, within=4,
    ),
    Injection(
        "three-times-the-traffic", "three times as many requests", "traffic", {"volume_spike": "warning"}, BENT,
        volume=3, hours=1.5, within=1.5,
    ),
    Injection("no-traffic", "no request comes", "traffic", {"volume_drop": "critical"}, BENT, volume=0, hours=1),
    Injection(
        "labels-flipped", "late is told of the flights that were on time, and the other way round", "labels",
        {"auc_drop": "critical"}, QUALITY,
        change=lambda scene, means: replace(scene, late=1 - scene.late), **LABELLED,
    ),
    Injection(
        "overconfident", "the model is surer of lateness than it may be: its odds are seven times what they ought to be (e²)",
        "answers", {"ece": "warning"}, (*SCORES, *QUALITY),
        change=_scores(_overconfident), **LABELLED,
    ),
    Injection(
        "stuck-score", "every row gets the same score, the median one", "answers", {"psi": "critical"}, (*SCORES, *QUALITY),
        hours=6, within=6, until=42, change=_scores(_stuck),
    ),
    Injection(
        "exporter-dead", "whoever asks for the counters gets no answer; the service answers its callers as before", "look",
        {"unreachable": "critical"}, ("blind",), change=lambda scene, means: replace(scene, dead=True), step=20.0,
    ),
)  # fmt: skip
