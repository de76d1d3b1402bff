"""Before a release takes traffic it answers its own golden requests, and we learn what a call costs; in service it answers them again."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gonogo.errors import ModelError, VerificationError
from gonogo.model.encode import RowErrors, encode_rows
from gonogo.model.predict import scored, scores
from gonogo.model.runtime import Array, Loaded
from gonogo.model.schema import Schema

MANY_ROWS = 64  #: the cost of a row is that of so many, less that of one
ROUNDS = 5
MOST_DIFFERENT = 1e9  #: tolerances; what is further apart, or no number, is told as that
ENOUGH_SECONDS = 0.5  #: a model that has taken so long is slow, and not asked again


@dataclass(frozen=True)
class Cost:
    """What a call of the model takes, in seconds: so much for any call, and so much for each row."""

    fixed: float = 0.0
    per_row: float = 0.0


def warm_up(release: str, schema: Schema, loaded: Loaded, golden: Mapping[str, Any]) -> Cost:
    """Compute the golden requests, compare, and measure. Raises VerificationError when a score is another than it was when sealed."""
    requests = golden.get("requests")
    if not requests:
        raise VerificationError(f"{release} has no golden requests.", hint="Build the bundle again: `gonogo bundle`.")
    batches = [_golden(release, schema, loaded, request, float(golden["tolerance"])) for request in requests]
    rows = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    one = _seconds(schema, loaded, {name: values[:1] for name, values in rows.items()})
    many = _seconds(schema, loaded, {name: np.resize(values, (MANY_ROWS, values.shape[1])) for name, values in rows.items()})
    per_row = max(0.0, (many - one) / (MANY_ROWS - 1))
    return Cost(max(0.0, one - per_row), per_row)


def golden_difference(schema: Schema, loaded: Loaded, golden: Mapping[str, Any]) -> float:
    """The largest difference between the scores that the model gives now and the sealed ones, over all golden requests, in units of their
    tolerance: 1 is the most that is the same. `MOST_DIFFERENT` where a request cannot be computed, or a score is no number."""
    worst = 0.0
    for request in golden["requests"]:
        wanted = np.array(request["scores"], dtype=np.float64)
        try:
            given = scored(schema, loaded, encode_rows(schema, request["rows"])).scores
            apart = float(np.abs(given - wanted).max()) if given.shape == wanted.shape else MOST_DIFFERENT
        except (RowErrors, ModelError):
            return MOST_DIFFERENT
        parts = apart / float(golden["tolerance"])
        worst = max(worst, parts if math.isfinite(parts) else MOST_DIFFERENT)
    return min(worst, MOST_DIFFERENT)


def _golden(release: str, schema: Schema, loaded: Loaded, request: Mapping[str, Any], tolerance: float) -> dict[str, Array]:
    name = request["name"]
    try:
        batch = encode_rows(schema, request["rows"])
        given = scored(schema, loaded, batch).scores
    except (RowErrors, ModelError) as error:
        raise VerificationError(f"{release} cannot compute its golden request {name!r}: {error}") from error
    wanted = np.array(request["scores"], dtype=np.float64)
    # NaN is within no tolerance.
    if given.shape != wanted.shape or not bool((np.abs(given - wanted) <= tolerance).all()):
        raise VerificationError(
            f"{release} does not give the scores it was sealed with: golden request {name!r} gives {_short(given)}, not {_short(wanted)}.",
            hint="The runtime or the machine computes something else than at sealing; compare environment.lock with what is installed.",
        )
    return batch


def _short(values: Array) -> str:
    return str(np.round(values, 6).tolist())[:200]


def _seconds(schema: Schema, loaded: Loaded, batch: Mapping[str, Array]) -> float:
    """The quickest of a few calls: the others met somebody else on the machine."""
    best = float("inf")
    began = time.perf_counter()
    for _ in range(ROUNDS):
        start = time.perf_counter()
        scores(schema, loaded, batch)
        best = min(best, time.perf_counter() - start)
        if time.perf_counter() - began > ENOUGH_SECONDS:
            break
    return best
