"""What both clients share: whom they ask and how, what is sent, and what an answer means."""

from __future__ import annotations

import json
import random
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, InitVar, dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from gonogo.errors import RefusedError, UnreachableError, UsageError

ROWS_AT_ONCE = 500  #: rows of one request; longer lists are sent in parts, …
BYTES_AT_ONCE = 1 << 19  #: … and so are long rows, such as windows and images
_LONGEST_PAUSE = 10.0  # seconds, whatever the service asks for
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_ERRORS_SHOWN = 5  # in the message of a refusal
_NO_SUCH_ADDRESS = frozenset({404, 405})
_STRANGER = "Is this the address of a gonogo service? The dashboard has another port."
BUSY = frozenset({429, 502, 503, 504})


class RequestRefusedError(RefusedError):
    """The service refused the request. `status` is the HTTP status; `errors` lists {row, feature, problem, message}."""

    def __init__(self, message: str, *, status: int, errors: Sequence[Mapping[str, Any]] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.errors = list(errors)


@dataclass(frozen=True)
class Prediction:
    """The answer to one row. `scores` has a number for each class; `score` is that of the last class of a binary task, else the label's.
    `prediction_row` is the row's place under its prediction id, from 0: many rows are sent in several requests, and each has an id of its
    own. `also` is what the model gives beside them, by name."""

    label: str
    score: float
    scores: Mapping[str, float]
    release: str
    prediction_id: str
    prediction_row: int
    also: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(eq=False, repr=False)
class Talk:
    """Where to ask, and how. `timeout` in seconds for each attempt; `retries` attempts after the first. `verify` is an SSL context for
    https with an own authority."""

    url: str = "http://127.0.0.1:8400"
    _: KW_ONLY
    api_key: InitVar[str | None] = None
    timeout: float = 10.0
    retries: int = 3
    verify: InitVar[ssl.SSLContext | None] = None

    def __post_init__(self, api_key: str | None, verify: ssl.SSLContext | None) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{self.url!r} is not the address of a service.", hint="For example: http://127.0.0.1:8400")
        if self.timeout <= 0 or self.retries < 0:
            raise UsageError("a client needs a time limit above 0 s, and retries from 0 upwards.")
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._authority = parts.netloc.rpartition("@")[2]
        self._tls = (verify or ssl.create_default_context()) if parts.scheme == "https" else None
        self._fixed = {"content-type": "application/json", "accept": "application/json"}
        if api_key is not None:
            self._fixed["authorization"] = f"Bearer {api_key.strip()}"  # a key read from a file ends in a newline

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        found = self._fixed | dict(more)
        for name, value in found.items():
            if any(not 32 <= ord(letter) < 127 for letter in name + value):
                raise UsageError(f"the header {name!r} has a value that cannot be sent.")
        return found

    def _pause(self, attempt: int, answer: Answer | None) -> float:
        """Seconds before the next attempt: what the service asks for, or doubling from 50 ms with jitter."""
        asked = answer.headers.get("retry-after", "") if answer else ""
        if asked.isdigit():
            return min(float(asked), _LONGEST_PAUSE)
        return min(0.05 * float(2**attempt), _LONGEST_PAUSE) * (0.5 + random.random())  # noqa: S311 - jitter

    def _read(self, answer: Answer, first: int = 0) -> Any:
        """The document of a good answer. Raises RequestRefusedError, whose rows count from `first`, or UnreachableError for a service that
        failed."""
        try:
            document = json.loads(answer.body)
        except ValueError as error:
            raise UnreachableError(
                f"{self._authority} answered with status {answer.status} and something that is not JSON.", hint=_STRANGER
            ) from error
        if answer.status == 200:
            return document
        problem = document if isinstance(document, dict) else {}
        detail = str(problem.get("detail") or problem.get("error") or "")
        if not detail or (answer.status in _NO_SUCH_ADDRESS and "title" not in problem):  # a service of ours says more
            said = f"{self._authority} answered with status {answer.status}{f': {detail}' if detail else ''}."
            if answer.status >= 500:
                raise UnreachableError(said, hint=_STRANGER)
            raise RequestRefusedError(said, status=answer.status, hint=_STRANGER)
        if answer.status >= 500:
            raise UnreachableError(f"{self._authority} failed: {detail}")
        hint = "Give a key: GONOGO_API_KEY=… for the verbs, Client(url, api_key=…) in Python." if answer.status == 401 else ""
        errors = [{**one, "row": one["row"] + first} if type(one.get("row")) is int else one for one in problem.get("errors", ())]
        if errors:
            shown = "; ".join(f"row {one.get('row')} {one.get('feature')}: {one.get('message')}" for one in errors[:_ERRORS_SHOWN])
            more = f"; and {len(errors) - _ERRORS_SHOWN} more in `.errors`" if len(errors) > _ERRORS_SHOWN else ""
            detail = f"{detail} {shown}{more}"
        raise RequestRefusedError(detail, status=answer.status, errors=errors, hint=hint)

    def _lost(self, error: BaseException) -> UnreachableError:
        return UnreachableError(
            f"{self._authority} does not answer: {str(error) or type(error).__name__}.", hint="Is it running? gonogo serve"
        )


def bodies(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, int, bytes]]:
    """The rows as bodies of requests: each with the number of its first row, and of its rows."""
    if isinstance(rows, Mapping):
        raise UsageError("predict takes a list of rows, and was given one row.", hint="Put it into a list: predict([row]).")
    first, size = 0, 0
    held: list[str] = []
    for row in rows:
        try:
            text = json.dumps(dict(row), allow_nan=False)
        except (ValueError, TypeError) as error:
            raise UsageError(f"the rows cannot be sent as JSON: {error}.", hint="A missing value is None, never NaN.") from error
        if held and (len(held) == ROWS_AT_ONCE or size + len(text) > BYTES_AT_ONCE):
            yield first, len(held), _body(held)
            first, size, held = first + len(held), 0, []
        held.append(text)
        size += len(text)
    if held:
        yield first, len(held), _body(held)


def _body(rows: Sequence[str]) -> bytes:
    return f'{{"features": [{", ".join(rows)}]}}'.encode()


def asking(version: str | None, headers: Mapping[str, str]) -> dict[str, str]:
    return dict(headers) | ({"x-gonogo-version": version} if version else {})


def predictions(document: Any, rows: int) -> list[Prediction]:
    try:
        found = [
            Prediction(
                str(one["label"]),
                float(one["score"]),
                dict(one["scores"]),
                str(document["release"]),
                str(document["prediction_id"]),
                place,
                dict(one.get("also", {})),
            )
            for place, one in enumerate(document["predictions"])
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise UnreachableError(f"the answer has no predictions: {error!r}.", hint="Is this a gonogo service?") from error
    if len(found) != rows:
        raise UnreachableError(f"the answer has {len(found)} predictions for {rows} rows.")
    return found
