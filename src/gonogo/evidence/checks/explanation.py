"""Why does the model say what it says?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from gonogo.base.numbers import is_finite_number
from gonogo.base.table import Table
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.declared import declared_file, read_structured
from gonogo.evidence.inputs import BundleView, Numbers, SandboxPort
from gonogo.evidence.record import Fact, Measurement
from gonogo.model.encode import encode_table
from gonogo.model.parts import parts
from gonogo.stats.shapley import contributions

MOST_CELLS = 20_000_000  #: values sent to the child at once
MADE = "Shapley values by sampling"


class Explanation(Check):
    """Is there an explanation of the model: what each feature contributes overall, and to single answers?

    It is made here: Shapley values of rows of the test table by sampling orders of the features (see `gonogo.stats.shapley`), each row
    against other rows drawn as background, seeded; of a tensor channel by channel (`window.close`). They are computed from the scores of
    the bundle's own bytes; for each row they add up to its score minus the mean score of its background. With `file` an explanation that
    was made elsewhere is read instead: JSON with `method`, `global` {feature: value} and `local` [{feature: value}, …].
    """

    name = "explanation"
    facts: ClassVar = {
        "method": "how the values were made",
        "global_values": "features (channels of a tensor) with a finite value for the whole model",
        "local_values": "answers that have a finite value for every one of them",
        "features": "features of the model, a tensor counted by its channels",
        "additivity_gap": "largest distance of the values' sum from what they explain; not there for an explanation from a file",
    }
    options: ClassVar = {"file": "", "rows": 20, "orders": 40, "seed": 0}

    def measure(self, bundle: BundleView, test: Table, sandbox: SandboxPort, files: Mapping[str, Path] | None = None) -> Measurement:
        names = tuple(part.name for part in parts(bundle.schema))
        if self.chosen["file"]:
            return _read(declared_file(files or {}, self.chosen["file"]), names)
        if test.rows < 2 or self.chosen["rows"] < 1 or self.chosen["orders"] < 1:
            raise DataError("there is nothing to explain, or nothing to compare it with.")
        taken = np.unique(np.linspace(0, test.rows - 1, num=min(test.rows, self.chosen["rows"]), dtype=np.int64))
        values, gap, isolation = self._shapley(bundle, encode_table(bundle.schema, test), taken, sandbox)
        overall = np.abs(values).mean(axis=0)
        ranked = sorted(zip(names, overall.tolist(), strict=True), key=lambda pair: -pair[1])
        return Measurement(
            {
                "method": Fact(MADE),
                "global_values": Fact(int(np.isfinite(overall).sum())),
                "local_values": Fact(int(np.isfinite(values).all(axis=1).sum())),
                "features": Fact(len(names)),
                "additivity_gap": Fact(gap),
            },
            pictures={
                "global": {
                    "kind": "bars",
                    "title": "mean contribution to a score",
                    "items": [{"name": name, "value": value} for name, value in ranked[:20]],
                },
                "local": {
                    "kind": "bars",
                    "title": f"contributions to the score of test row {taken[0]}",
                    "items": [{"name": name, "value": float(values[0, names.index(name)])} for name, _ in ranked[:20]],
                },
            },
            isolation=isolation,
        )

    def _shapley(
        self, bundle: BundleView, batch: Mapping[str, Numbers], taken: Numbers, sandbox: SandboxPort
    ) -> tuple[Numbers, float, str]:
        """Values float64 [rows, features], the largest gap of their sums, and the isolation in force."""
        schema, isolation = bundle.schema, ""

        def score(mixed: dict[str, Numbers]) -> Numbers:
            nonlocal isolation
            scores, isolation = sandbox.scores(schema, bundle.model, mixed)
            return scores

        generator = np.random.default_rng(self.chosen["seed"])
        orders = int(self.chosen["orders"])
        found = contributions(score, parts(schema), batch, taken, batch, orders=orders, generator=generator, cells=MOST_CELLS)
        values, gap = [], 0.0
        try:
            for part in found:
                values.append(part.values)
                gap = max(gap, float(np.abs(part.values.sum(axis=1) + part.base - part.score).max()))
        except ValueError as error:
            raise DataError(f"{error}.") from error
        return np.concatenate(values), gap, isolation


def _read(path: Path, names: tuple[str, ...]) -> Measurement:
    document: Any = read_structured(path)
    said = document if isinstance(document, Mapping) else {}
    overall, local, method = said.get("global"), said.get("local"), said.get("method")
    if not isinstance(overall, Mapping) or not isinstance(local, list) or not isinstance(method, str) or not method:
        raise DataError(f"{path.name} is no explanation.", hint="Write JSON with `method`, `global` {feature: value} and `local` [{…}].")
    return Measurement(
        {
            "method": Fact(method),
            "global_values": Fact(sum(is_finite_number(overall.get(name)) for name in names)),
            "local_values": Fact(sum(isinstance(one, Mapping) and all(is_finite_number(one.get(name)) for name in names) for one in local)),
            "features": Fact(len(names)),
        },
        tuple(f"{name!r} has no value" for name in names if not is_finite_number(overall.get(name)))
        + tuple(f"{name!r} is no feature of the model" for name in overall if name not in names),
    )
