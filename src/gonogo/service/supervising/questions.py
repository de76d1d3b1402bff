"""What workers ask of their supervisor (`upward.py`), and its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from gonogo.errors import GonogoError, UsageError
from gonogo.service.error_json import error_json
from gonogo.service.supervising.control_server import Audit
from gonogo.service.supervising.process import WorkerProcess


class Whole(Protocol):
    """The service as a whole: a `Supervisor`."""

    async def totals(self) -> dict[str, Any]: ...
    async def start_release(self, release: str) -> dict[str, Any]: ...
    async def take_labels(self, labels: Sequence[Sequence[Any]]) -> dict[str, Any]: ...


class Questions:
    """Answers them, by `verb`. `audit` is told who had a release loaded, and what came of it."""

    def __init__(self, whole: Whole, audit: Audit) -> None:
        self._whole = whole
        self._audit = audit

    async def answer(self, worker: WorkerProcess, verb: str, arguments: Mapping[str, Any], number: int) -> None:
        try:
            if verb == "totals":
                value = await self._whole.totals()
            elif verb == "load":
                value = await self._load(str(arguments.get("release")), str(arguments.get("actor") or ""))
            elif verb == "feedback":
                value = await self._whole.take_labels(arguments["labels"])
            else:
                raise UsageError(f"Nobody can be asked for {verb!r}.")
        except GonogoError as error:
            worker.say({"kind": "told", "id": number, "ok": False, "error": error_json(error)})
        else:
            worker.say({"kind": "told", "id": number, "ok": True, "value": value})

    async def _load(self, release: str, actor: str) -> dict[str, Any]:
        """Start a release for a caller of the public address, on the record."""
        outcome = "failed"
        try:
            value = await self._whole.start_release(release)
            outcome = "repeated" if value["already"] else "done"
            return value
        except GonogoError as error:
            outcome = f"refused: {type(error).__name__}"
            raise
        finally:
            self._audit(f"api-key:{actor}" if actor else "anybody", "load", release, outcome)
