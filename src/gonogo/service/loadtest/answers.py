"""What an answer is worth: good, or an error of a kind; the same as the first one to its row; with the golden scores.

The same row is sent several times among different neighbours, and the answers of one release to it are compared: a score may not depend
on who else is asking (row S2-4e, decision U08).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from gonogo.service.client import Response
from gonogo.service.loadtest.requests import Payload

WRONG_GOLDEN = "wrong golden scores"


class Prediction(msgspec.Struct):
    label: str
    scores: dict[str, float]


class Answer(msgspec.Struct):
    predictions: list[Prediction]
    release: str = ""


_decode = msgspec.json.Decoder(Answer).decode


def read_answer(response: Response) -> Answer | None:
    """The predictions of an answer; None when it has none."""
    if response.status != 200:
        return None
    try:
        answer = _decode(response.body)
    except (msgspec.DecodeError, RecursionError):
        return None
    return answer if answer.predictions else None


class Answers:
    """Everything that was learned from answers so far. `golden_of` is the release whose golden scores are known; what it is compared with
    was first answered to `earlier`, if to anybody."""

    def __init__(self, golden_of: str, earlier: Answers | None = None) -> None:
        self._golden_of = golden_of
        self._first: dict[tuple[int, str], Answer] = {} if earlier is None else earlier._first
        self.kinds: Counter[str] = Counter()
        self.releases: Counter[str] = Counter()
        self.compared = 0
        self.difference = 0.0
        self.golden_checked = 0
        self.golden_wrong = 0

    def take(self, payload: Payload, response: Response) -> None:
        answer = read_answer(response)
        if answer is None:
            self.kinds["no prediction" if response.status == 200 else f"status {response.status}"] += 1
            return
        self.releases[answer.release] += 1
        first = self._first.setdefault((payload.number, answer.release), answer)
        if first is not answer:
            self.compared += 1
            self.difference = max(self.difference, _distance(first, answer))
        if payload.expected is not None and answer.release == self._golden_of:
            self.golden_checked += 1
            if _far([one.scores for one in answer.predictions], payload.expected) > payload.tolerance:
                self.golden_wrong += 1
                self.kinds[WRONG_GOLDEN] += 1


def _distance(one: Answer, other: Answer) -> float:
    """The largest distance of two answers' scores; infinite when they differ in rows, labels or classes."""
    if [row.label for row in one.predictions] != [row.label for row in other.predictions]:
        return math.inf
    return _far([row.scores for row in one.predictions], [row.scores for row in other.predictions])


def _far(one: Sequence[Mapping[str, float]], other: Sequence[Mapping[str, float]]) -> float:
    if len(one) != len(other) or any(mine.keys() != theirs.keys() for mine, theirs in zip(one, other, strict=True)):
        return math.inf
    return max((abs(mine[name] - theirs[name]) for mine, theirs in zip(one, other, strict=True) for name in mine), default=0.0)
