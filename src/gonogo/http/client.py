"""The client: predictions from a running service, for programs. `gonogo.Client` waits, `gonogo.AsyncClient` is awaited.

    with gonogo.Client("http://127.0.0.1:8400") as client:
        [answer] = client.predict([{"age": 41.0, "income": 2700.0}])
        print(answer.label, answer.score, answer.release)

Both keep connections, give every request a time limit, and ask again when a connection is lost or the service says that it is busy
(429, 503, with its `retry-after`): a prediction changes nothing, so it may be asked twice. What the service refuses is not asked again.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from types import TracebackType
from typing import Any, Self

from gonogo.http.talk import BUSY, NO_HEADERS, Answer, Prediction, Talk, asking, bodies, predictions


@dataclass(eq=False, repr=False)
class Client(Talk):
    """A client for threads: one kept connection, used by one caller at a time. Arguments as for `Talk`."""

    _connection: http.client.HTTPConnection | None = field(default=None, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def predict(
        self, rows: Sequence[Mapping[str, Any]], *, version: str | None = None, headers: Mapping[str, str] = NO_HEADERS
    ) -> list[Prediction]:
        """One prediction a row, in order. `version` asks for a version that is served beside the stable one; `headers` are sent along, such
        as the one that a split by caller goes by.

        Raises RequestRefusedError naming every value that cannot be used, and UnreachableError when the service does not answer.
        """
        found: list[Prediction] = []
        for first, count, body in bodies(rows):
            found += predictions(self._ask("POST", "/predict", body, asking(version, headers), first), count)
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

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], first: int = 0) -> Any:
        lines = self._headers(headers)
        for attempt in range(self.retries + 1):
            last = attempt == self.retries
            try:
                with self._lock:
                    answer = self._once(method, path, body, lines)
            except (OSError, http.client.HTTPException) as error:
                if last:
                    raise self._lost(error) from error
                time.sleep(self._pause(attempt, None))
                continue
            if answer.status not in BUSY or last:
                return self._read(answer, first)
            time.sleep(self._pause(attempt, answer))
        raise AssertionError("unreachable")

    def _once(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        if self._connection is None:
            self._connection = (
                http.client.HTTPConnection(self._host, self._port, timeout=self.timeout)
                if self._tls is None
                else http.client.HTTPSConnection(self._host, self._port, timeout=self.timeout, context=self._tls)
            )
        try:
            self._connection.request(method, path, body, dict(headers))
            response = self._connection.getresponse()
            return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
        except BaseException:
            self.close()  # an answer that is still to come would be taken for the next one's
            raise
