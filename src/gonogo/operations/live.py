"""The release in production, and the service that answers for it, asked as any client would ask."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from gonogo.base.clock import parse_stamp
from gonogo.errors import NotFoundError, UnreachableError
from gonogo.evidence.inputs import Response
from gonogo.operations.loadtest import read_api_key
from gonogo.operations.workspace import Workspace

REQUEST_SECONDS = 30.0


class LiveService:
    """The service that answers at `url`, asked for one release by name. An `Endpoint` of checks."""

    isolation = ""  # what it has given up was said when it was started

    def __init__(self, url: str, version: str) -> None:
        self.base_url = url
        self._parts = urlsplit(url)
        self._headers = {"x-gonogo-version": version}
        if key := read_api_key(None):
            self._headers["authorization"] = f"Bearer {key}"

    def peak_memory_mb(self) -> float | None:
        """Unknown: the signal `memory` tells what it holds."""
        return None

    def request(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Response:
        """One request on a connection of its own. Raises UnreachableError when no answer comes."""
        host, port = self._parts.hostname or "", self._parts.port
        connection = (
            http.client.HTTPSConnection(host, port, timeout=REQUEST_SECONDS, context=ssl.create_default_context())
            if self._parts.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=REQUEST_SECONDS)
        )
        try:
            connection.request(method, path, body, {**self._headers, **(headers or {})})
            answer = connection.getresponse()
            return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"{self.base_url} does not answer {method} {path}: {error!r}.") from error
        finally:
            connection.close()


@dataclass(frozen=True)
class Live:
    """The release in production, and since when."""

    release: str
    version: str
    since: datetime


def live_release(workspace: Workspace) -> Live:
    """Raises NotFoundError when nothing is in production."""
    system = workspace.project.system
    state = workspace.registry().state()
    version = state.pointers.get((system, "production"))
    if version is None:
        raise NotFoundError(f"nothing of {system} is in production.", hint="See `gonogo releases`.")
    move = next(move for move in reversed(state.history) if (move.system, move.pointer) == (system, "production"))
    return Live(f"{system}@{version}", str(version), parse_stamp(move.time))
