"""The log's writer process as the supervisor keeps it: started, started again when it dies, ended after the last worker.

The listening socket belongs to the supervisor, so that what workers send while no writer runs waits in the socket or is dropped and
counted by them; it is never an error of theirs.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gonogo.service.places import listen_private
from gonogo.service.prediction_log.writer import WriterRules
from gonogo.service.supervising.crew import BackOff

_log = logging.getLogger(__name__)

END_SECONDS = 30.0  #: for the last segment


@dataclass(frozen=True)
class PredictionLog:
    """What a service is told to log. `sample` is a share of the requests, `writing` what the writer does with them."""

    sample: float
    writing: WriterRules


class LogProcess:
    """Keeps one writer alive on the socket at `path`. `status` is what it said last: rows, dropped, problem."""

    def __init__(self, folder: Path, path: Path, rules: WriterRules) -> None:
        self.path = path
        self._folder = folder
        self._rules = rules
        self._listener = listen_private(path)
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._ended = {"rows": 0, "dropped": 0}  # by writers that are gone
        self._said: dict[str, Any] = {}

    @property
    def status(self) -> dict[str, Any]:
        said = self._said
        return {
            "rows": self._ended["rows"] + said.get("rows", 0),
            "dropped": self._ended["dropped"] + said.get("dropped", 0),
            "problem": said.get("problem", "it has not started yet" if self._process is None else ""),
        }

    def start(self) -> None:
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Let it finish what the workers have sent, also when it had not begun. Call when they are gone."""
        self._stopping.set()
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        if self._keeper is not None:
            await asyncio.wait((self._keeper,), timeout=END_SECONDS)
            if self._process is not None and self._process.returncode is None:
                self._process.kill()
                await self._process.wait()
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        self._listener.close()
        self.path.unlink(missing_ok=True)

    async def _keep(self) -> None:
        back_off = BackOff()
        loop = asyncio.get_running_loop()
        failed = False
        while True:
            began = loop.time()
            try:
                status = await self._run()
            except OSError as error:
                status = -1
                self._said = {"problem": f"it could not be started: {error.strerror or error}"}
            if status == 0 or (failed and self._stopping.is_set()):
                return
            failed = True
            _log.warning("the writer of the prediction log ended with status %s; it is started again", status)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), back_off.after(loop.time() - began))

    async def _run(self) -> int:
        """One writer, from its start to its end. Returns its exit status."""
        number = self._listener.fileno()
        self._process = process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "gonogo.service.prediction_log.writer", "--listen-fd", str(number)),
            *("--folder", str(self._folder), "--rules", self._rules.to_json()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=(number,),
            process_group=0,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        if self._stopping.is_set():
            process.stdin.close()
        while line := await process.stdout.readline():
            self._said = json.loads(line)
        status = await process.wait()
        self._ended = {name: count + self._said.get(name, 0) for name, count in self._ended.items()}
        self._said = {"problem": self._said.get("problem", "") if status == 0 else f"its process ended with status {status}"}
        return status
