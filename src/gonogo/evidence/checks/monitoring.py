"""Will anybody notice when the model goes wrong?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from gonogo.checklist.demands import did_you_mean
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, MonitorView, RuleView
from gonogo.evidence.markdown import NUMBER, PLACEHOLDER, MarkdownDocument, declared_document, read_markdown
from gonogo.evidence.record import Fact, Measurement

ACTION = re.compile(r"action|what to do|runbook|remedy|response", re.IGNORECASE)
SCORE = "(score)"  #: what the score is called among the features
FEWEST_WORDS = 10  #: a section with fewer tells nobody what to do


class Monitoring(Check):
    """Does the bundle carry a baseline for every feature, are there rules and somebody to tell, and does everyone know what to do?

    A rule that names a feature or a class which the model does not have is an error: it would never ring. Of a tensor a rule names a
    summary of a channel (`window.close.mean`). `signals` must each have a rule. With `document`, that document must speak of every rule
    that comes without a runbook: in a section whose heading has the rule's name, or in a row of a table with a column for the action; there
    it must give the rule's threshold (as a share, in per cent, in ms or in s) and say what to do. It says where the dashboard is when it
    names one and has a link, or links to /stats.
    """

    name = "monitoring"
    facts: ClassVar = {
        "features": "what is measured of the inputs: features, and of a tensor the summaries of its channels",
        "baseline_features": "those of them that the baseline has counts of",
        "baseline_scores": "whether the baseline has counts of the scores",
        "baseline_rows": "rows that the baseline was made from",
        "rules": "rules in force",
        "channels": "declared channels",
        "metrics_declared": "different signals that the rules watch",
        "signals_missing": "demanded signals without a rule",
        "thresholds_missing": "rules without a runbook whose threshold the document does not give; only with the option `document`",
        "actions_missing": "rules without a runbook for which the document does not say what to do; only with the option `document`",
        "dashboard": "whether the document says where the dashboard is; only with the option `document`",
    }
    options: ClassVar = {"document": "", "signals": []}

    def measure(self, monitor: MonitorView, bundle: BundleView, documents: Mapping[str, Path] | None = None) -> Measurement:
        measured = [item.name for item in bundle.schema.measured]
        _check_names(monitor.rules, "feature", [*measured, SCORE])
        _check_names(monitor.rules, "class", list(bundle.schema.classes) if len(bundle.schema.classes) > 2 else [])
        features = bundle.baseline.get("features")
        known = features if isinstance(features, Mapping) else {}
        covered = [name for name in measured if _has_counts(known.get(name))]
        lacking = [name for name in measured if name not in covered]
        rows = bundle.baseline.get("rows", 0)
        watched = {rule.signal for rule in monitor.rules}
        unwatched = [signal for signal in self.chosen["signals"] if signal not in watched]
        findings = [f"no baseline for {name!r}" for name in lacking] + [f"no rule watches {signal}" for signal in unwatched]
        facts = {
            "features": Fact(len(measured)),
            "baseline_features": Fact(len(covered)),
            "baseline_scores": Fact(_has_counts(bundle.baseline.get("score"))),
            "baseline_rows": Fact(rows if isinstance(rows, int) else 0),
            "rules": Fact(len(monitor.rules)),
            "channels": Fact(len(monitor.channels)),
            "metrics_declared": Fact(len(watched)),
            "signals_missing": Fact(len(unwatched)),
        }
        if self.chosen["document"]:
            place = declared_document(documents or {}, self.chosen["document"])
            document = None if isinstance(place, str) else read_markdown(place)
            ours = [rule for rule in monitor.rules if not rule.runbook]
            vague = [rule.name for rule in ours if document is None or not _gives_threshold(document, rule)]
            idle = [rule.name for rule in ours if document is None or not _says_what_to_do(document, rule)]
            facts["thresholds_missing"], facts["actions_missing"] = Fact(len(vague)), Fact(len(idle))
            facts["dashboard"] = Fact(document is not None and _has_dashboard(document))
            findings += [place] if isinstance(place, str) else []
            findings += [f"{self.chosen['document']} does not give the threshold of {name}" for name in vague]
            findings += [f"{self.chosen['document']} does not say what to do about {name}" for name in idle]
        return Measurement(facts, tuple(findings))


def _check_names(rules: Sequence[RuleView], label: str, known: list[str]) -> None:
    """Raises DataError for a rule that names by a label what the model does not have."""
    for rule in rules:
        named = [*([rule.labels[label]] if label in rule.labels else ()), *rule.excepted.get(label, ())]
        for name in named:
            if name not in known:
                message = f"the rule {rule.name!r} names the {label} {name!r}, which the model does not have."
                raise DataError(message, hint=f"{did_you_mean(name, known)} Mend the rule in `monitor.rules`.")


def _gives_threshold(document: MarkdownDocument, rule: RuleView) -> bool:
    said = [section.visible for section in document.find(_words(rule.name))]
    said += [" | ".join(row) for _, row in _rows(document, rule)]
    numbers = {float(number.replace(",", "")) for text in said for number in NUMBER.findall(text)}
    return any(abs(rule.above * scale - number) <= 1e-9 * max(1.0, abs(number)) for scale in (1.0, 100.0, 0.001) for number in numbers)


def _says_what_to_do(document: MarkdownDocument, rule: RuleView) -> bool:
    if any(not section.empty and section.words >= FEWEST_WORDS for section in document.find(_words(rule.name))):
        return True
    return any(
        ACTION.search(title) and re.search(r"\w", PLACEHOLDER.sub("", cell))
        for header, row in _rows(document, rule)
        for title, cell in zip(header, row, strict=False)
    )


def _rows(document: MarkdownDocument, rule: RuleView) -> Iterator[tuple[list[str], list[str]]]:
    """The rows of tables that speak of a rule, each with the header of its table."""
    wanted = re.compile(f"{_words(rule.name)}|{_words(rule.signal)}", re.IGNORECASE)
    for section in document.own:
        for table in section.tables:
            yield from ((table[0], row) for row in table[1:] if any(wanted.search(cell) for cell in row))


def _words(name: str) -> str:
    """A pattern for a name, whether it is written with hyphens, underscores or spaces."""
    return r"\b" + r"[-_ ]".join(re.escape(part) for part in re.split(r"[-_ ]", name)) + r"\b"


def _has_dashboard(document: MarkdownDocument) -> bool:
    everything = document.everything
    named = re.search(r"dashboard", everything.visible, re.IGNORECASE) is not None
    return (named and bool(everything.links)) or any(re.search(r"dashboard|/stats\b", link) for link in everything.links)


def _has_counts(entry: Any) -> bool:
    """Whether a baseline entry counted anything."""
    counts = entry.get("counts") if isinstance(entry, Mapping) else None
    return isinstance(counts, list) and all(isinstance(count, int) for count in counts) and sum(counts) > 0
