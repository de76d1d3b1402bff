"""Was this model chosen among others, for a written reason, and does it keep the rules of the choice?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from gonogo.base.canonical import digest
from gonogo.errors import DataError
from gonogo.evidence.accepted_risk import accepted_by
from gonogo.evidence.check import Check
from gonogo.evidence.declared import declared_file, read_structured
from gonogo.evidence.inputs import CandidatesView, PersonView
from gonogo.evidence.record import Fact, Measurement

STATUSES = ("CANDIDATE", "IN_PROGRESS", "REJECTED")
RISKS = ("LOW", "MEDIUM", "HIGH")
METRICS = ("f1_macro", "accuracy", "precision", "recall", "minority_recall", "train_loss", "validation_loss")
KEYS = frozenset({"candidates", "recommended", "reason", "risk", "fallback"})
HINT = "`gonogo select` writes it: candidates (name, status, run, reason), recommended, reason, risk and fallback."


class Selection(Check):
    """Does the decision record of the file `decision` name a model, a reason, a risk and a fallback, all of them real?

    Candidates are runs of the ledger, with the figures and the standing that `gonogo select` sees; the recommended one must be the run
    record of the very model that would ship. A metric that a run does not have is missing, never 0. Nothing is ready and nothing measured
    under a decision that is not the newest one of the signed log.
    """

    name = "selection"
    facts: ClassVar = {
        "logged": "whether this is the newest decision in the signed log, word for word",
        "candidates": "candidates that were compared",
        "unknown_runs": "candidates whose run is not in the ledger",
        "unknown_statuses": f"candidates whose status is none of {', '.join(STATUSES)}",
        "rejected_without_reason": "rejected candidates without a reason",
        "alternatives": "candidates beside the recommended one, with a reason each",
        "recommended_ready": "whether the recommended model may be chosen: logged, not in progress or rejected, and its model is there",
        "recommended_is_this": "whether its run is the run record of the model that would ship",
        "reason_words": "words of the reason for the choice",
        "risk": "the written risk: LOW, MEDIUM, HIGH, or nothing",
        "second_approver": "whether the risk is not HIGH, or a second person has accepted it: a signature over this very decision",
        "fallback_ready": "whether the fallback is another run that may be chosen today",
        "metrics_missing": "metrics that a rule may ask for and the recommended run does not have",
        **{name: f"{name} of the recommended run: from the predictions it kept, else as recorded" for name in METRICS},
    }

    def measure(
        self,
        files: Mapping[str, Path],
        ledger: Sequence[Mapping[str, Any]],
        candidates: CandidatesView,
        run_record: Mapping[str, Any],
        people: Mapping[str, Sequence[PersonView]] | None = None,
    ) -> Measurement:
        record = _read(declared_file(files, "decision"))
        runs = {digest(dict(run)): run for run in ledger}
        entries = {str(entry["name"]): entry for entry in record["candidates"]}
        if len(entries) < len(record["candidates"]):
            raise DataError("two candidates have the same name.", hint="Rename one.")
        chosen, fallback = str(record["recommended"]), str(record["fallback"])
        unknown = [name for name, entry in entries.items() if entry.get("run") not in runs]
        odd = [name for name, entry in entries.items() if entry.get("status") not in STATUSES]
        silent = [n for n, entry in entries.items() if entry.get("status") == "REJECTED" and not _text(entry.get("reason"))]
        logged = candidates.logged == digest(record)
        standing = candidates.candidates if logged else {}
        through = {run for run, one in standing.items() if one.ready}
        ready = {name for name, entry in entries.items() if entry.get("status") == "CANDIDATE" and entry.get("run") in through}
        of_chosen = entries[chosen].get("run", "") if chosen in entries else ""
        taken = standing.get(of_chosen)
        measured = {} if taken is None else {name: taken.figures[name] for name in METRICS if name in taken.figures}
        facts = {
            "logged": Fact(logged),
            "candidates": Fact(len(entries)),
            "unknown_runs": Fact(len(unknown)),
            "unknown_statuses": Fact(len(odd)),
            "rejected_without_reason": Fact(len(silent)),
            "alternatives": Fact(sum(1 for name, entry in entries.items() if name != chosen and _text(entry.get("reason")))),
            "recommended_ready": Fact(chosen in ready),
            "recommended_is_this": Fact(_same(of_chosen, runs.get(of_chosen, {}), run_record)),
            "reason_words": Fact(len(_text(record["reason"]).split())),
            "risk": Fact(record["risk"] if record["risk"] in RISKS else ""),
            "second_approver": Fact(record["risk"] in RISKS and (record["risk"] != "HIGH" or bool(accepted_by(record, people or {})))),
            "fallback_ready": Fact(fallback in ready and entries[fallback]["run"] != of_chosen),
            "metrics_missing": Fact(len(METRICS) - len(measured)),
            **measured,
        }
        findings = (
            ([] if logged else ["the signed log has another decision, or none: `gonogo select` writes both"])
            + [f"{name}: its run is not in the ledger" for name in unknown]
            + [f"{name}: its status is none of {', '.join(STATUSES)}" for name in odd]
            + [f"{name}: rejected without a reason" for name in silent]
            + [f"{chosen}: {note}" for note in (() if taken is None else taken.notes)]
        )
        return Measurement(facts, tuple(findings))


def _read(path: Path) -> dict[str, Any]:
    data = read_structured(path)
    missing = sorted(KEYS - data.keys()) if isinstance(data, dict) else sorted(KEYS)
    if missing:
        raise DataError(f"the decision {path.name} lacks {', '.join(missing)}.", hint=HINT)
    try:
        digest(data)
    except ValueError as error:
        raise DataError(f"the decision {path.name} holds what no JSON can say: {error}.", hint=HINT) from error
    candidates = data["candidates"]
    if not isinstance(candidates, list) or not candidates or not all(isinstance(one, dict) and one.get("name") for one in candidates):
        raise DataError(f"the decision {path.name} names no candidates.", hint=HINT)
    return dict(data)


def _same(name: str, run: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Whether a run of the ledger is the run record, or (a ledger of another tool) its model is, byte for byte."""
    models = [one.get("data", {}).get("model", {}).get("digest") for one in (run, record)]
    return name == digest(dict(record)) or (run.get("format") == "mlflow" and None not in models and models[0] == models[1])


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
