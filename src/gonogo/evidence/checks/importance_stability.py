"""Do the features still matter in the order in which they did when the release was measured?"""

from __future__ import annotations

from typing import Any, ClassVar

from gonogo.base.table import Table
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.checks.importance import evenly, permutation_drops
from gonogo.evidence.inputs import BundleView, ProjectView, SandboxPort
from gonogo.evidence.record import Fact, Measurement
from gonogo.stats.ranks import spearman


class ImportanceStability(Check):
    """Is the order of the features' importance in service that of the held-out data?

    Permutation importance (Breiman 2001) of the same model, on the test table and on logged rows whose labels have come: how much ROC-AUC
    falls when a feature's values (a channel's, of a tensor) are shuffled. The two orders are compared by Spearman's rank correlation, and
    by how many features stand among the first `top` of both. What costs no more than `idle` costs nothing here: features that hardly matter
    change places by chance.
    """

    name = "importance_stability"
    facts: ClassVar = {
        "rank_correlation": "Spearman's correlation of the two orders of importance",
        "top_overlap": "features among the first `top` of both",
        "top": "how many features were compared there: `top`, or all when there are fewer",
        "first_now": "the feature that matters most in service",
        "first_before": "the feature that mattered most on the held-out data",
        "n": "labelled rows of the service",
    }
    options: ClassVar = {"rows": 2000, "repeats": 3, "seed": 0, "top": 5, "least": 500, "idle": 0.001}

    def measure(self, project: ProjectView, bundle: BundleView, test: Table, logged: Table, sandbox: SandboxPort) -> Measurement:
        if logged.rows < self.chosen["least"]:
            raise DataError(
                f"{logged.rows} logged rows have their label by now; {self.chosen['least']} are needed.",
                hint="`gonogo feedback labels.csv` brings labels; the log must keep the features.",
            )
        orders, isolation = [], ""
        for table in (test, logged):
            taken = evenly(table, self.chosen["rows"], bundle.schema)
            found = permutation_drops(
                bundle, taken, project.data.target, sandbox, repeats=self.chosen["repeats"], seed=self.chosen["seed"]
            )  # fmt: skip
            orders.append({name: drop if drop > self.chosen["idle"] else 0.0 for name, drop in found.drops.items()})
            isolation = found.isolation
        before, now = orders
        names = list(before)
        top = min(int(self.chosen["top"]), len(names))
        first = [_first(drops) for drops in orders]
        both = [name for name in first[1][:top] if name in first[0][:top]]
        said = [f"{name}: {now[name]:.4f} in service, {before[name]:.4f} on the held-out data" for name in first[1][: 2 * top]]
        facts = {
            "top_overlap": Fact(len(both)),
            "top": Fact(top),
            "first_now": Fact(first[1][0]),
            "first_before": Fact(first[0][0]),
            "n": Fact(min(logged.rows, self.chosen["rows"])),
        }
        correlation = spearman([before[name] for name in names], [now[name] for name in names])
        if correlation is not None:  # one feature has no order
            facts["rank_correlation"] = Fact(correlation, n=len(names))
        return Measurement(facts, tuple(said), pictures=_picture(first[1], now), isolation=isolation)


def _first(drops: dict[str, float]) -> list[str]:
    """The features, the most important one first."""
    return sorted(drops, key=lambda name: (-drops[name], name))


def _picture(order: list[str], drops: dict[str, float]) -> dict[str, Any]:
    items = [{"name": name, "value": drops[name]} for name in order[:20]]
    return {"importance": {"kind": "bars", "title": "fall of ROC-AUC when shuffled, in service", "items": items}}
