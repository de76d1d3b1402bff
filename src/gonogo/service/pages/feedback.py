"""`POST /feedback {"feedback": [{"prediction_id", "label", "row"?}, …]}`: what was true of rows that were predicted, whenever it is known.

All labels that can be taken are on disk when the answer comes: `joined` to their predictions, `changed` (they correct an earlier one),
the `same` as before, `waiting` for a prediction that is not recorded yet, and the others `refused` by their place with the reason. 422 when
none could be taken, or when the body is not of this form: then every problem is named and nothing was taken.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from gonogo.errors import GonogoError
from gonogo.service.door.exchange import Exchange
from gonogo.service.error_json import status_of
from gonogo.service.labels.store import MOST_LABELS
from gonogo.service.pages.page import Host
from gonogo.service.wire import to_json

PROBLEMS_SHOWN = 100


class _Label(msgspec.Struct, forbid_unknown_fields=True):
    prediction_id: str
    label: str | int | float
    row: int | float | None = None


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    feedback: list[Any]


_decode = msgspec.json.Decoder(_Body).decode


class FeedbackPage:
    """The page of one worker; the supervisor keeps the labels."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._tasks: set[asyncio.Task[None]] = set()

    def feedback(self, exchange: Exchange) -> None:
        headers = self._host.own_headers
        try:
            entries = _decode(exchange.body).feedback
        except msgspec.ValidationError as error:
            exchange.problem(422, f'The body must be {{"feedback": [{{"prediction_id", "label"}}, …]}}: {error}.', headers=headers)
            return
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            exchange.problem(400, f"The body is not JSON: {error}." if exchange.body else "The body is empty.", headers=headers)
            return
        labels, errors = _read(entries)
        if errors:
            exchange.problem(422, "Nothing was taken.", headers=headers, refused=errors[:PROBLEMS_SHOWN])
            return
        task = asyncio.get_running_loop().create_task(self._take(exchange, labels))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(self, exchange: Exchange, labels: list[tuple[str, str, int | None]]) -> None:
        headers = self._host.own_headers
        try:
            taken = await self._host.upward.ask("feedback", labels=labels)
        except GonogoError as error:
            status = status_of(error)
            late = b"retry-after: 1\r\n" if status == 503 else b""
            exchange.problem(status, error.message, headers=headers + late, hint=error.hint)
            return
        refused = [{"index": place, "detail": why} for place, why in taken["refused"]]
        if len(refused) == len(labels):
            exchange.problem(422, "None of the labels could be taken.", headers=headers, refused=refused[:PROBLEMS_SHOWN])
        else:
            exchange.answer(200, to_json({**taken, "refused": refused}), headers=headers)


def _read(entries: list[Any]) -> tuple[list[tuple[str, str, int | None]], list[dict[str, Any]]]:
    """The labels, and what is wrong with those that are none."""
    if not 1 <= len(entries) <= MOST_LABELS:
        return [], [{"detail": f"there are {len(entries)} labels; a request has 1 to {MOST_LABELS}"}]
    labels: list[tuple[str, str, int | None]] = []
    errors: list[dict[str, Any]] = []
    for index, entry in enumerate(entries):
        try:
            label = msgspec.convert(entry, _Label)
        except msgspec.ValidationError as error:
            errors.append({"index": index, "detail": str(error)})
            continue
        if (why := _why_not(label)) is not None:
            errors.append({"index": index, "detail": why})
        else:
            row = None if label.row is None else int(label.row)
            labels.append((label.prediction_id, label.label if isinstance(label.label, str) else str(int(label.label)), row))
    return labels, errors


def _why_not(label: _Label) -> str | None:
    """JSON's 1.0 is the whole number 1, so it is taken as such."""
    if isinstance(label.label, float) and not label.label.is_integer():
        return f"label is {label.label}, which is no class"
    if isinstance(label.row, float) and not label.row.is_integer():
        return f"row is {label.row}, not a whole number"
    if label.row is not None and label.row < 0:
        return f"row is {label.row}; rows are counted from 0"
    if not label.prediction_id.isascii() or not 1 <= len(label.prediction_id) <= 100:
        return "prediction_id is that of no prediction: 1 to 100 ASCII characters"
    return None
