"""The client of a supervisor's control API: what a rollout's controller and the command line hold in their hands.

Every method may be repeated until it answers. Errors are those of the supervisor, by class; when it cannot be reached or does not
answer in time, UnreachableError: then it is unknown whether the verb was carried out, so repeat it with the same op_id, or observe.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gonogo import settings
from gonogo.errors import UnreachableError
from gonogo.service.error_json import error_of
from gonogo.service.places import control_socket

_MARGIN_SECONDS = 10.0  # beyond what the supervisor itself allows a verb


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("supervisor", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(self.timeout)
            self.sock.connect(str(self._path))
        except BaseException:
            self.sock.close()
            raise


class ControlClient:
    """Talks to the supervisor at a control socket; `ControlClient.of_store` finds the socket of a store."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of_store(cls, store: Path) -> ControlClient:
        return cls(control_socket(store))

    def prepare(self, release: str, *, token: int | None = None) -> dict[str, Any]:
        """Find and check a release. → {release, already}"""
        return self._post("/prepare", {"release": release, "token": token}, settings.number("environment_seconds"))

    def start(self, release: str, *, token: int | None = None) -> dict[str, Any]:
        """Start a release's processes, warm and without traffic. → {release, already, pid, digest}"""
        seconds = sum(map(settings.number, ("environment_seconds", "start_seconds", "drain_seconds")))
        return self._post("/start", {"release": release, "token": token}, seconds)

    def observe(self) -> dict[str, Any]:
        """What is in force, what runs, what was counted."""
        return self._ask("GET", "/observe", None, 0.0)

    def route(self, table: Mapping[str, Any], op_id: str, token: int) -> dict[str, Any]:
        """Put a routing table (its JSON form) in force. → {already, epoch, current}"""
        return self._post("/route", {"table": dict(table), "op_id": op_id, "token": token}, 2 * settings.number("ack_seconds"))

    def stop(self, release: str, *, token: int | None = None) -> dict[str, Any]:
        """Stop a release that gets no traffic. → {release, already}"""
        return self._post("/stop", {"release": release, "token": token}, settings.number("drain_seconds"))

    def prune(self, *, token: int | None = None) -> dict[str, Any]:
        """Stop and forget what is no arm of the table. → {pruned}"""
        return self._post("/prune", {"token": token}, settings.number("drain_seconds"))

    def _post(self, path: str, body: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        return self._ask("POST", path, json.dumps(body).encode(), seconds)

    def _ask(self, method: str, path: str, body: bytes | None, seconds: float) -> dict[str, Any]:
        connection = _UnixConnection(self.path, seconds + _MARGIN_SECONDS)
        try:
            headers = {"content-type": "application/json", "connection": "close", "x-gonogo-actor": quote(settings.actor())}
            connection.request(method, path, body, headers if body else {})
            response = connection.getresponse()
            status, data = response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            nobody = isinstance(error, FileNotFoundError | ConnectionRefusedError)
            raise UnreachableError(
                f"The service does not answer at {self.path}: {'nobody listens there' if nobody else error or type(error).__name__}.",
                hint="Is it running? Start it with `gonogo serve`.",
            ) from error
        finally:
            connection.close()
        try:
            answer = json.loads(data)
        except ValueError as error:
            raise UnreachableError(f"The service at {self.path} answered {status} with something that is not JSON.") from error
        if status == 200 and isinstance(answer, dict):
            return answer
        raise error_of(answer)
