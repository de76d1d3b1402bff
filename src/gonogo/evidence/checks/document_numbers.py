"""Are the figures in a document those of the model?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.figures import METRICS, SERVICE, agrees, measured_figures, measured_service, stated_figures
from gonogo.evidence.inputs import Scores
from gonogo.evidence.markdown import declared_document, read_markdown
from gonogo.evidence.record import Fact, Measurement


class DocumentNumbers(Check):
    """Are the figures that a document states about the model the ones that are measured?

    A figure is a number with a metric's name (see `evidence/figures.py`); it must be right to its printed digits and `tolerance`, a share.
    `metrics` are those that the document must state. Times and throughput are compared only when they are among these, with
    `service_tolerance`: they are of one machine and one hour.
    """

    name = "document_numbers"
    facts: ClassVar = {
        "exists": "whether the document is declared and there",
        "numbers": "figures that it states and that can be measured",
        "matched": "those that are right to their printed digits",
        "unmatched": "those that are not",
        "metrics_missing": "demanded metrics of which it states no figure",
        "classes_missing": "classes of which no row or column of a table gives a figure",
    }
    options: ClassVar = {"document": "", "metrics": [], "tolerance": 1e-6, "service_tolerance": 0.5}

    def measure(
        self,
        documents: Mapping[str, Path],
        scores_test: Scores,
        scores_validation: Scores | None = None,
        load_result: Mapping[str, Any] | None = None,
    ) -> Measurement:
        demanded = [_canonical(name) for name in self.chosen["metrics"]]
        place = declared_document(documents, self.chosen["document"])
        if isinstance(place, str):
            facts = {
                "numbers": 0,
                "matched": 0,
                "unmatched": 0,
                "metrics_missing": len(demanded),
                "classes_missing": len(scores_test.classes),
            }
            return Measurement({"exists": Fact(False), **{name: Fact(value) for name, value in facts.items()}}, (place,))
        measured = measured_figures(scores_test, scores_validation)
        of_the_service = {metric for metric in demanded if metric in SERVICE}
        if of_the_service:
            if load_result is None:
                raise DataError("there is no load test to compare the document with.", hint="Run `gonogo loadtest`.")
            measured |= measured_service(load_result)
        stated = [
            figure
            for figure in stated_figures(read_markdown(place), scores_test.classes)
            if figure.metric in METRICS or figure.metric in of_the_service
        ]
        tolerance = {True: float(self.chosen["service_tolerance"]), False: float(self.chosen["tolerance"])}
        wrong = [figure for figure in stated if not agrees(figure, measured, tolerance[figure.metric in SERVICE])]
        lacking = [name for name in demanded if name not in {figure.metric for figure in stated}]
        by_class = {figure.average for figure in stated}
        bare = [name for name in scores_test.classes if f"class {name.lower()}" not in by_class]
        findings = [f"not what is measured: {figure}" for figure in wrong]
        return Measurement(
            {
                "exists": Fact(True),
                "numbers": Fact(len(stated)),
                "matched": Fact(len(stated) - len(wrong)),
                "unmatched": Fact(len(wrong)),
                "metrics_missing": Fact(len(lacking)),
                "classes_missing": Fact(len(bare)),
            },
            tuple(findings + [f"no figure for: {name}" for name in lacking]),
            isolation=scores_test.isolation,
        )


def _canonical(name: str) -> str:
    """A metric as `figures` calls it. Raises DataError when it is none."""
    wanted = {"p50": "p50_ms", "p95": "p95_ms", "p99": "p99_ms"}.get(name, name)
    if wanted not in (*METRICS, *SERVICE):
        raise DataError(f"{name!r} is no metric that can be looked for.", hint=f"Known: {', '.join((*METRICS, *SERVICE))}.")
    return wanted
