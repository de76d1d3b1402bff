"""Does the booted bundle give the right answers?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from gonogo.errors import DataError
from gonogo.evidence.asking import predict, predicted_scores
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, Endpoint
from gonogo.evidence.record import Fact, Measurement


class Golden(Check):
    """Does the service give every golden request the scores that the sandbox gave it?"""

    name = "golden"
    facts: ClassVar = {
        "requests": "golden requests that were sent",
        "rows": "rows in them",
        "failed": "requests without the right scores, within the bundle's tolerance",
        "max_abs_diff": "largest difference of a score, over the requests that were answered",
    }

    def measure(self, endpoint: Endpoint, bundle: BundleView) -> Measurement:
        requests, tolerance = bundle.golden.get("requests"), bundle.golden.get("tolerance")
        if not isinstance(requests, list) or not requests:
            raise DataError("the bundle has no golden requests.")
        if not isinstance(tolerance, float) or not 0 <= tolerance < 1:
            raise DataError(f"the golden requests have no usable tolerance: {tolerance!r}.")
        findings: list[str] = []
        differences: list[float] = []
        rows = failed = 0
        for number, request in enumerate(requests):
            name = str(request.get("name", number)) if isinstance(request, Mapping) else str(number)
            expected = _expected(request, len(bundle.schema.classes), name)
            rows += len(request["rows"])
            response = predict(endpoint, request["rows"])
            if response.status == 413:  # a limit of the service: no measurement of the model, and to be asked again once it is another one
                raise DataError(
                    f"the golden request {name!r} is larger than the service takes (status 413).",
                    hint="Set GONOGO_REQUEST_BODY, in MiB, here and where it will serve; then check again.",
                )
            try:
                scores = predicted_scores(response, bundle.schema.classes, len(request["rows"]))
            except ValueError as error:
                failed += 1
                findings.append(f"{name}: {error}")
                continue
            difference = float(np.abs(np.array(scores) - expected).max())
            differences.append(difference)
            if difference > tolerance:
                failed += 1
                findings.append(f"{name}: a score differs by {difference:.3g}")
        facts = {"requests": Fact(len(requests)), "rows": Fact(rows), "failed": Fact(failed)}
        if differences:
            facts["max_abs_diff"] = Fact(max(differences), n=rows)
        return Measurement(facts, tuple(findings), isolation=endpoint.isolation)


def _expected(request: Any, classes: int, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    rows = request.get("rows") if isinstance(request, Mapping) else None
    scores = np.asarray(request.get("scores") if isinstance(request, Mapping) else None, dtype=np.float64)
    if not isinstance(rows, list) or not rows or scores.shape != (len(rows), classes) or not np.isfinite(scores).all():
        raise DataError(f"the golden request {name} is malformed.")
    return scores
