"""The client: predictions from a running service, for programs. `gonogo.Client` waits, `gonogo.AsyncClient` is awaited.

    with gonogo.Client("http://127.0.0.1:8400") as client:
        [answer] = client.predict([{"age": 41.0, "income": 2700.0}])
        print(answer.label, answer.score, answer.release)

Both keep connections, give every request a time limit, and ask again when a connection is lost or the service says that it is busy
(429, 503, with its `retry-after`): a prediction changes nothing, so it may be asked twice. What the service refuses is not asked again.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from types import MappingProxyType, TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from gonogo.errors import RefusedError, UnreachableError, UsageError

ROWS_AT_ONCE = 500  #: rows of one request; longer lists are sent in parts
_LONGEST_PAUSE = 10.0  # seconds, whatever the service asks for
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_ERRORS_SHOWN = 5  # in the message of a refusal
_BUSY = frozenset({429, 502, 503, 504})


class RequestRefusedError(RefusedError):
    """The service refused the request. `status` is the HTTP status; `errors` lists {row, feature, problem, message}."""

    def __init__(self, message: str, *, status: int, errors: Sequence[Mapping[str, Any]] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.errors = list(errors)


@dataclass(frozen=True)
class Prediction:
    """The answer to one row. `scores` has a number for each class; `score` is that of the last class of a binary task, else the label's."""

    label: str
    score: float
    scores: Mapping[str, float]
    release: str
    prediction_id: str


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class _Talk:
    """What both clients share: what is sent, and what an answer means."""

    def __init__(self, url: str, api_key: str | None, timeout: float, retries: int, verify: ssl.SSLContext | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{url!r} is not the address of a service.", hint="For example: http://127.0.0.1:8400")
        if timeout <= 0 or retries < 0:
            raise UsageError("a client needs a time limit above 0 s, and retries from 0 upwards.")
        self.host = parts.hostname
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.authority = parts.netloc.rpartition("@")[2]
        self.tls = (verify or ssl.create_default_context()) if parts.scheme == "https" else None
        self.timeout = timeout
        self.retries = retries
        self._fixed = {"content-type": "application/json", "accept": "application/json"}
        if api_key is not None:
            self._fixed["authorization"] = f"Bearer {api_key.strip()}"  # a key read from a file ends in a newline

    def headers(self, more: Mapping[str, str]) -> dict[str, str]:
        found = self._fixed | dict(more)
        for name, value in found.items():
            if any(not 32 <= ord(letter) < 127 for letter in name + value):
                raise UsageError(f"the header {name!r} has a value that cannot be sent.")
        return found

    def pause(self, attempt: int, answer: _Answer | None) -> float:
        """Seconds before the next attempt: what the service asks for, or doubling from 50 ms with jitter."""
        asked = answer.headers.get("retry-after", "") if answer else ""
        if asked.isdigit():
            return min(float(asked), _LONGEST_PAUSE)
        return min(0.05 * float(2**attempt), _LONGEST_PAUSE) * (0.5 + random.random())  # noqa: S311 - jitter

    def read(self, answer: _Answer) -> Any:
        """The document of a good answer. Raises RequestRefusedError, or UnreachableError for a service that failed."""
        try:
            document = json.loads(answer.body)
        except ValueError as error:
            raise UnreachableError(f"{self.authority} answered {answer.status} with something that is not JSON.") from error
        if answer.status == 200:
            return document
        problem = document if isinstance(document, dict) else {}
        detail = str(problem.get("detail") or problem.get("error") or f"status {answer.status}")
        if answer.status >= 500:
            raise UnreachableError(f"{self.authority} failed: {detail}")
        hint = "Give a key: GONOGO_API_KEY=… for the verbs, Client(url, api_key=…) in Python." if answer.status == 401 else ""
        errors = problem.get("errors", ())
        if errors:
            shown = "; ".join(f"row {one.get('row')} {one.get('feature')}: {one.get('message')}" for one in errors[:_ERRORS_SHOWN])
            more = f"; and {len(errors) - _ERRORS_SHOWN} more in `.errors`" if len(errors) > _ERRORS_SHOWN else ""
            detail = f"{detail} {shown}{more}"
        raise RequestRefusedError(detail, status=answer.status, errors=errors, hint=hint)


def _parts(rows: Sequence[Mapping[str, Any]]) -> list[Sequence[Mapping[str, Any]]]:
    if isinstance(rows, Mapping):
        raise UsageError("predict takes a list of rows, and was given one row.", hint="Put it into a list: predict([row]).")
    return [rows[start : start + ROWS_AT_ONCE] for start in range(0, len(rows), ROWS_AT_ONCE)]


def _body(rows: Sequence[Mapping[str, Any]]) -> bytes:
    try:
        return json.dumps({"features": [dict(row) for row in rows]}, allow_nan=False).encode()
    except (ValueError, TypeError) as error:
        raise UsageError(f"the rows cannot be sent as JSON: {error}.", hint="A missing value is None, never NaN.") from error


def _asking(version: str | None, headers: Mapping[str, str]) -> dict[str, str]:
    return dict(headers) | ({"x-gonogo-version": version} if version else {})


def _predictions(document: Any, rows: int) -> list[Prediction]:
    try:
        found = [
            Prediction(
                str(one["label"]), float(one["score"]), dict(one["scores"]), str(document["release"]), str(document["prediction_id"])
            )
            for one in document["predictions"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise UnreachableError(f"the answer has no predictions: {error!r}.", hint="Is this a gonogo service?") from error
    if len(found) != rows:
        raise UnreachableError(f"the answer has {len(found)} predictions for {rows} rows.")
    return found


class Client:
    """A client for threads: one kept connection, used by one caller at a time.

    `timeout` in seconds for each attempt; `retries` attempts after the first. `verify` is an SSL context for https with an own authority.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8400",
        *,
        api_key: str | None = None,
        timeout: float = 10.0,
        retries: int = 3,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        self._talk = _Talk(url, api_key, timeout, retries, verify)
        self._connection: http.client.HTTPConnection | None = None
        self._lock = Lock()

    def predict(
        self, rows: Sequence[Mapping[str, Any]], *, version: str | None = None, headers: Mapping[str, str] = NO_HEADERS
    ) -> list[Prediction]:
        """One prediction a row, in order. `version` asks for a version that is served beside the stable one; `headers` are sent along, such
        as the one that a split by caller goes by.

        Raises RequestRefusedError naming every value that cannot be used, and UnreachableError when the service does not answer.
        """
        found: list[Prediction] = []
        for part in _parts(rows):
            found += _predictions(self._ask("POST", "/predict", _body(part), _asking(version, headers)), len(part))
        return found

    def health(self) -> dict[str, Any]:
        return dict(self._ask("GET", "/health", None, {}))

    def model_info(self) -> dict[str, Any]:
        return dict(self._ask("GET", "/model_info", None, {}))

    def load(self, release: str) -> dict[str, Any]:
        """Have a release started beside the others, without traffic. Needs an operator's key."""
        return dict(self._ask("POST", "/load", json.dumps({"release": release}).encode(), {}))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Any:
        lines = self._talk.headers(headers)
        for attempt in range(self._talk.retries + 1):
            last = attempt == self._talk.retries
            try:
                with self._lock:
                    answer = self._once(method, path, body, lines)
            except (OSError, http.client.HTTPException) as error:
                if last:
                    raise _lost(self._talk.authority, error) from error
                time.sleep(self._talk.pause(attempt, None))
                continue
            if answer.status not in _BUSY or last:
                return self._talk.read(answer)
            time.sleep(self._talk.pause(attempt, answer))
        raise AssertionError("unreachable")

    def _once(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> _Answer:
        if self._connection is None:
            talk = self._talk
            self._connection = (
                http.client.HTTPConnection(talk.host, talk.port, timeout=talk.timeout)
                if talk.tls is None
                else http.client.HTTPSConnection(talk.host, talk.port, timeout=talk.timeout, context=talk.tls)
            )
        try:
            self._connection.request(method, path, body, dict(headers))
            response = self._connection.getresponse()
            return _Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
        except BaseException:
            self.close()  # an answer that is still to come would be taken for the next one's
            raise


class AsyncClient:
    """The same for coroutines: as many requests at once as the caller starts, on as many kept connections. Arguments as for `Client`."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8400",
        *,
        api_key: str | None = None,
        timeout: float = 10.0,
        retries: int = 3,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        self._talk = _Talk(url, api_key, timeout, retries, verify)
        self._idle: list[Any] = []

    async def predict(
        self, rows: Sequence[Mapping[str, Any]], *, version: str | None = None, headers: Mapping[str, str] = NO_HEADERS
    ) -> list[Prediction]:
        """As `Client.predict`."""
        found: list[Prediction] = []
        for part in _parts(rows):
            found += _predictions(await self._ask("POST", "/predict", _body(part), _asking(version, headers)), len(part))
        return found

    async def health(self) -> dict[str, Any]:
        return dict(await self._ask("GET", "/health", b"", {}))

    async def model_info(self) -> dict[str, Any]:
        return dict(await self._ask("GET", "/model_info", b"", {}))

    async def load(self, release: str) -> dict[str, Any]:
        """As `Client.load`."""
        return dict(await self._ask("POST", "/load", json.dumps({"release": release}).encode(), {}))

    async def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Any:
        from gonogo.service.client import request_bytes

        lines = "".join(f"{name}: {value}\r\n" for name, value in self._talk.headers(headers).items()).encode()
        request = request_bytes(method, path, self._talk.authority, body, lines)
        for attempt in range(self._talk.retries + 1):
            last = attempt == self._talk.retries
            try:
                async with asyncio.timeout(self._talk.timeout):
                    answer = await self._once(request)
            except (UnreachableError, TimeoutError, OSError) as error:
                if last:
                    raise _lost(self._talk.authority, error) from error
                await asyncio.sleep(self._talk.pause(attempt, None))
                continue
            if answer.status not in _BUSY or last:
                return self._talk.read(answer)
            await asyncio.sleep(self._talk.pause(attempt, answer))
        raise AssertionError("unreachable")

    async def _once(self, request: bytes) -> _Answer:
        from gonogo.service.client import connect_tcp

        while self._idle and not self._idle[-1].usable:
            self._idle.pop()
        connection = self._idle.pop() if self._idle else await connect_tcp(self._talk.host, self._talk.port, self._talk.tls)
        response = await connection.request(request)
        if connection.usable:
            self._idle.append(connection)
        return _Answer(response.status, {name.decode(): value.decode() for name, value in response.headers.items()}, response.body)


def _lost(authority: str, error: BaseException) -> UnreachableError:
    return UnreachableError(f"{authority} does not answer: {str(error) or type(error).__name__}.", hint="Is it running? gonogo serve")
