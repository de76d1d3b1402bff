"""Does the service refuse what it must refuse, and say why?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from gonogo import settings
from gonogo.errors import DataError, UnreachableError
from gonogo.evidence.asking import json_object, predict, predicted_scores, right_row
from gonogo.evidence.check import Check
from gonogo.evidence.hostile import Case, cases
from gonogo.evidence.inputs import BundleView, Endpoint, ResponseView
from gonogo.evidence.record import Fact, Measurement

#: Signs that something of the inside got out, or that a payload was computed instead of refused.
LEAKS = (b"Traceback (most recent call last)", b'File "/', b"root:x:0:0", b"[core]")


class Validation(Check):
    """Is every malformed, incomplete, oversized or hostile request refused, with every bad feature named?

    A right request must be answered before and after; otherwise the refusals would prove nothing. See `evidence/hostile.py` for the
    cases.
    """

    name = "validation"
    facts: ClassVar = {
        "cases": "requests that must be refused",
        "injections": "of these, attempts to inject (SQL, paths, templates, pickles, scripts, commands)",
        "accepted": "of these, requests that were answered as if they were right",
        "server_errors": "of these, requests that got a 5xx or no answer",
        "unnamed": "refusals with a bad feature that do not name it",
        "leaks": "answers that show something of the inside",
        "alive": "whether a right request is still answered afterwards",
    }
    options: ClassVar = {"features": 12}

    def measure(self, endpoint: Endpoint, bundle: BundleView) -> Measurement:
        right = right_row(bundle)
        problem = _answers(endpoint, bundle, right)
        if problem:
            raise DataError(f"the service does not answer a right request ({problem}), so its refusals prove nothing.")
        counts = dict.fromkeys(("cases", "injections", "accepted", "server_errors", "unnamed", "leaks"), 0)
        findings: list[str] = []
        limits = {"rows": int(settings.number("request_rows")), "body_bytes": settings.request_body(bundle.schema.width)}
        for case in cases(bundle.schema, right, features=self.chosen["features"], **limits):
            counts["cases"] += 1
            counts["injections"] += case.injection
            for fault in _faults(case, endpoint):
                counts[fault.kind] += 1
                findings.append(f"{case.title}: {fault.words}")
        after = _answers(endpoint, bundle, right)
        if after:
            findings.append(f"a right request is no longer answered: {after}")
        facts = {name: Fact(count) for name, count in counts.items()}
        return Measurement({**facts, "alive": Fact(not after)}, tuple(findings), isolation=endpoint.isolation)


@dataclass(frozen=True)
class _Fault:
    """What is wrong with an answer to a hostile request: the fact that counts it, and words."""

    kind: str
    words: str


def _faults(case: Case, endpoint: Endpoint) -> list[_Fault]:
    try:
        response = endpoint.request(case.method, case.path, case.body, case.headers)
    except UnreachableError as error:
        return [] if case.may_hang_up else [_Fault("server_errors", f"no answer: {error}")]
    found = []
    if response.status >= 500:
        found.append(_Fault("server_errors", f"status {response.status}"))
    elif not 400 <= response.status < 500:
        found.append(_Fault("accepted", f"status {response.status}"))
    elif case.feature is not None and case.feature not in _named(response):
        found.append(_Fault("unnamed", f"status {response.status} does not name {case.feature[:60]!r}"))
    if any(leak in response.body for leak in LEAKS):
        found.append(_Fault("leaks", "the answer shows something of the inside"))
    return found


def _named(response: ResponseView) -> set[Any]:
    errors = json_object(response).get("errors")
    if response.status != 422 or not isinstance(errors, list):
        return set()
    return {error["feature"] for error in errors if isinstance(error, dict) and isinstance(error.get("feature"), str)}


def _answers(endpoint: Endpoint, bundle: BundleView, right: dict[str, Any]) -> str:
    """What is wrong with the answer to a right request; nothing when it is right."""
    try:
        predicted_scores(predict(endpoint, [right]), bundle.schema.classes, 1)
    except (ValueError, UnreachableError) as error:
        return str(error)
    return ""
