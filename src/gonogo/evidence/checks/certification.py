"""Is the model good again and again, or was it good once?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from gonogo.base.numbers import is_finite_number
from gonogo.errors import UsageError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import CertificateView
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.retrains import different, in_a_row, needed, not_again, shortfalls, spread


class Certification(Check):
    """Does a certificate that holds today show retrains that were green one after the other, each one of its own?

    `gonogo certify` trains again and signs what it measured. A run is green when its metrics meet every requirement of the option
    `green`; the model itself is asked those that can be measured on its bytes. A run with the seed and the training table of another one
    of the series, or that says the same, is a copy and counts for nothing (decision U02). The spread is that of the metrics of the option
    `stable` over the last `series` runs (decision U07). The retrains speak for the model only when it comes from the same training: trained
    once more with its own seed and data, none of its scores may be further off than the option `same_within`.
    """

    name = "certification"
    facts: ClassVar = {
        "voided": "reasons why the certificate does not hold any more: another model, parameters, schema, declarations, tables, its age",
        "model_green": "whether the model itself meets every requirement that its own bytes can be asked, and its training gives it again",
        "difference": "largest one between a score of the model and of its own training made again; not there when unknown",
        "runs": "retrains in the series: each seed and training table once",
        "copies": "retrains that repeat another one, and do not count",
        "last_green": "whether the newest retrain meets every requirement",
        "metrics_missing": "metrics that a requirement needs and the newest retrain does not have",
        "consecutive_green": "green retrains in a row, counted back from the newest",
        "spread": "largest difference of a stable metric over the last retrains; not there with fewer than the option asks",
        "attempts": "certifications of this model that were begun, this one included",
    }
    options: ClassVar = {"green": [], "stable": [], "series": 3, "same_within": 0.001}

    def measure(self, certificate: CertificateView) -> Measurement:
        green = self.chosen["green"]
        if not green:
            raise UsageError("certification has no requirement.", hint="Name them: options: {green: [test_accuracy >= 0.98]}.")
        runs, copies = different(certificate.runs)
        of_model = shortfalls(certificate.metrics, green, known_only=True) + not_again(certificate.again, self.chosen["same_within"])
        verdicts = [shortfalls(run["metrics"], green) for run in runs]
        newest = runs[-1]["metrics"] if runs else {}
        missing = [name for name in (*needed(green), *self.chosen["stable"]) if not is_finite_number(newest.get(name))]
        facts = {
            "voided": Fact(len(certificate.voided)),
            "model_green": Fact(not of_model and bool(certificate.metrics)),
            "runs": Fact(len(runs)),
            "copies": Fact(copies),
            "last_green": Fact(bool(verdicts) and not verdicts[-1]),
            "metrics_missing": Fact(len(set(missing))),
            "consecutive_green": Fact(in_a_row(runs, green)),
            "attempts": Fact(certificate.attempts),
        }
        if isinstance(certificate.again, Mapping) and is_finite_number(certificate.again.get("difference")):
            facts["difference"] = Fact(float(certificate.again["difference"]))
        last = runs[-self.chosen["series"] :]
        if len(last) == self.chosen["series"] and self.chosen["stable"]:
            facts["spread"] = Fact(max(spread(last, name) for name in self.chosen["stable"]), n=len(last))
        findings = [f"void: {reason}" for reason in certificate.voided] + [f"the model: {short}" for short in of_model]
        findings += [f"retrain {number} of {len(runs)}: {short}" for number, shorts in enumerate(verdicts, 1) for short in shorts]
        return Measurement(facts, tuple(findings), pictures=_pictures(newest, needed(green)))


def _pictures(newest: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    bars = [{"name": name, "value": float(newest[name])} for name in names if is_finite_number(newest.get(name))]
    return {"metrics": {"kind": "bars", "title": "Metrics of the newest retrain", "items": bars}} if bars else {}
