"""The new model against the release in production: on the same rows, with the same labels, each by its own bytes in the isolated child.

Two measures, each row by row: ROC-AUC (DeLong's paired interval, resampling with more than two classes), which hears whether the order of
the scores is better, and log loss (normal interval of the mean of the differences), a proper score, which also hears calibration. The two
intervals hold together at 95 % (Bonferroni). Clearly better is a gain of `LEAST` at the least, with an interval above 0: row by row the
smallest change is sure, and is nothing to replace a model for. `better` is clearly better in one and clearly worse in none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from gonogo.base.table import Table, read_table
from gonogo.errors import DataError, ModelError, NotFoundError
from gonogo.evidence.checks.baseline_comparison import area_gain
from gonogo.evidence.inputs import Scores
from gonogo.model.encode import encode_table
from gonogo.model.rows import class_indices
from gonogo.model.schema import Schema
from gonogo.operations.live import live_release
from gonogo.operations.verify import verify_reference
from gonogo.operations.workspace import Workspace
from gonogo.release.bundle import Bundle, build_bundle, find_bundle
from gonogo.stats.classification import log_losses, overall_roc_auc
from gonogo.stats.intervals import mean_interval

LEVEL = 0.975  #: of each interval
LEAST = 0.001  #: the smallest difference that matters, of ROC-AUC and of log loss in nats
Standing = Literal["better", "as good", "worse", "mixed"]


@dataclass(frozen=True)
class Gain:
    """One measure of both, and how much better the challenger is by it (above 0: better), with its interval."""

    measure: str
    champion: float
    challenger: float
    gain: float
    low: float
    high: float


@dataclass(frozen=True)
class Challenge:
    """How the challenger stands. `problem` says why the champion could not be measured; there are no gains then, and no standing."""

    champion: str
    rows: int
    gains: tuple[Gain, ...]
    problem: str = ""

    @property
    def standing(self) -> Standing | None:
        if not self.gains:
            return None
        better = any(one.low > 0 and one.gain >= LEAST for one in self.gains)
        worse = any(one.high < 0 and one.gain <= -LEAST for one in self.gains)
        return "mixed" if better and worse else "better" if better else "worse" if worse else "as good"

    @property
    def words(self) -> str:
        if self.problem:
            return f"{self.champion} cannot be measured on these rows: {self.problem}"
        said = "; ".join(
            f"{one.measure} {one.champion:.4f} → {one.challenger:.4f} (gain {one.gain:+.4f}, {one.low:+.4f} to {one.high:+.4f})"
            for one in self.gains
        )
        return f"against {self.champion} on the same {self.rows:,} rows: {said}: {self.standing}"

    def to_json(self) -> dict[str, Any]:
        return {
            "champion": self.champion,
            "rows": self.rows,
            "level": LEVEL,
            "least": LEAST,
            "gains": [asdict(one) for one in self.gains],
            "standing": self.standing,
            "problem": self.problem,
            "words": self.words,
        }


def challenge(workspace: Workspace) -> Challenge | None:
    """Build the bundle of the model as it lies there and compare it with what is in production; None when nothing is.

    Raises ModelError when it is no model, or one of another shape than the one in production: that is no retraining; what building and
    running a bundle raise; VerificationError when the release in production is not as it was sealed.
    """
    project = workspace.project
    bundle = find_bundle(project, workspace.bundles) or build_bundle(project, workspace.sandbox(), into=workspace.bundles)
    found = in_production(workspace)
    if found is None:
        return None
    release, champion = found
    if others := _differences(champion.schema, bundle.schema):
        raise ModelError(
            f"the training wrote a model of another shape than {release}: {'; '.join(others)}.",
            hint="A model that takes or gives something else is a new one, no retrained one: train it by hand, then `gonogo check`.",
        )
    table = read_table(project.data.test)
    new = _scores(workspace, bundle, table).usable()
    try:
        old = _scores(workspace, champion, table).usable()
    except DataError as error:  # one that gives NaN, say, is not to stand in the way of what replaces it
        return Challenge(release, table.rows, (), problem=error.message)
    areas = area_gain(new, old.scores, LEVEL)
    lost_before, lost_now = log_losses(old.y, old.scores), log_losses(new.y, new.scores)
    saved = lost_before - lost_now
    gains = (
        Gain("ROC-AUC", overall_roc_auc(old.y, old.scores), overall_roc_auc(new.y, new.scores), *areas),
        Gain("log loss", float(lost_before.mean()), float(lost_now.mean()), float(saved.mean()), *mean_interval(saved, LEVEL)),
    )
    return Challenge(release, table.rows, gains)


def in_production(workspace: Workspace) -> tuple[str, Bundle] | None:
    """The release in production and its bundle; None when there is none. Raises VerificationError when it is not as it was sealed."""
    try:
        live = live_release(workspace)
    except NotFoundError:
        return None
    return live.release, verify_reference(workspace, live.release).bundle


def _scores(workspace: Workspace, bundle: Bundle, table: Table) -> Scores:
    schema = bundle.schema
    values, isolation = workspace.sandbox().scores(schema, bundle.model, encode_table(schema, table))
    y = class_indices(schema, table.column(workspace.project.data.target))
    return Scores(y=y, scores=values, classes=schema.classes, isolation=isolation, threshold=schema.threshold)


def _differences(old: Schema, new: Schema) -> list[str]:
    """What callers would notice: other features, other types, other classes."""
    before, after = _shapes(old), _shapes(new)
    found = [f"it takes {name}, which the other does not" for name in after if name not in before]
    found += [f"it does not take {name}" for name in before if name not in after]
    found += [f"{name} is {after[name]}, not {before[name]}" for name in before if name in after and before[name] != after[name]]
    if old.classes != new.classes:
        found.append(f"its classes are {', '.join(new.classes)}, not {', '.join(old.classes)}")
    return found


def _shapes(schema: Schema) -> Mapping[str, str]:
    return {one.name: f"{one.type} {list(one.tensor.shape)}" if one.tensor else one.type for one in schema.features}
