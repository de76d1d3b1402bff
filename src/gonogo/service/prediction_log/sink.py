"""The worker's end of the prediction log: takes what was computed at the cost of one append, and hands it on when there is time.

Rules it keeps:

1. Nothing here ever waits. What cannot be kept or sent at once is dropped, and the dropped rows are counted.
2. Which requests are logged is chosen request by request (all rows of one or none), by a share that is fixed when the service starts.
3. A log that is gone or full is no fault of the service: answers go on, and the count says what is missing.
4. A row is logged once the writer says that it has it: what a killed writer had not read yet is counted as dropped.
"""

from __future__ import annotations

import errno
import random
import socket
import time
from collections import deque

import numpy as np

from gonogo.model.schema import Schema
from gonogo.service.answering.batching import Computed
from gonogo.service.prediction_log.frames import ACK, LONGEST, exposure_frame, prediction_frame

MOST_ROWS = 100_000  #: rows in hand before what is new is dropped; fewer where they are tensors, …
MOST_NUMBERS = 16 << 20  #: … of which so many numbers are the most
MOST_BESIDE = 1024  #: numbers of a row in one output beside the scores; a larger output is not kept
MOST_EXPOSED = 100_000  #: exposures in hand
CONNECT_AGAIN_SECONDS = 1.0


class PredictionSink:
    """Sends frames to the log's writer at the Unix socket `path`.

    `sample` is the share of requests that are logged with their rows (0: none); exposures always are.
    """

    def __init__(self, path: str, schema: Schema, release: str, sample: float) -> None:
        self._path = path
        self._schema = schema
        self._release = release
        self._sample = sample
        self._most_rows = min(MOST_ROWS, max(1, MOST_NUMBERS // max(1, schema.width + MOST_BESIDE * len(schema.also))))
        self._taken: deque[tuple[float, Computed]] = deque()
        self._rows = 0
        self._exposures: list[tuple[float, str, int, str]] = []
        self._unsent = b""
        self._half = b""  # of an acknowledgement
        self._unsent_rows = 0
        self._sent_rows = 0  # sent, and not yet acknowledged
        self._socket: socket.socket | None = None
        self._try_again = 0.0
        self.logged = 0  #: rows that the writer has
        self.dropped = 0  #: rows that were to be logged and are not

    def see(self, computed: Computed) -> None:
        """Take what was computed."""
        rows = len(computed.scores)
        if self._sample <= 0.0:
            return
        if self._rows and self._rows + rows > self._most_rows:
            self.dropped += rows
            return
        self._rows += rows
        also = {name: values for name, values in computed.also.items() if values.size <= MOST_BESIDE * rows}
        self._taken.append((time.time(), computed._replace(also=also)))

    def expose(self, key_digest: str, epoch: int, release: str) -> None:
        """Note that a key was given to an arm."""
        if len(self._exposures) < MOST_EXPOSED:
            self._exposures.append((time.time(), key_digest, epoch, release))
        else:
            self.dropped += 1

    @property
    def waiting(self) -> bool:
        return bool(self._taken or self._exposures or self._unsent or self._sent_rows)

    def settle(self, most: int) -> bool:
        """Send about `most` rows, without waiting. True when there is more that could be sent now."""
        self._hear()
        if not self._send():
            return False
        rows = 0
        while self._taken and rows < most:
            at, computed = self._taken.popleft()
            self._rows -= len(computed.scores)
            chosen = self._choose(computed)
            if chosen is None:
                continue
            rows += len(chosen.scores)
            try:
                frame = prediction_frame(self._schema, self._release, chosen, at)
            except Exception:
                self.dropped += len(chosen.scores)
                raise
            if len(frame) > LONGEST:  # the writer would take it for damage
                self.dropped += len(chosen.scores)
                continue
            self._unsent = frame
            self._unsent_rows = len(chosen.scores)
            if not self._send():
                return False
        if self._exposures and not self._taken:
            self._unsent, self._exposures = exposure_frame(self._exposures), []
            self._unsent_rows = 0
            self._send()
        return bool(self._taken)

    def counts(self) -> dict[str, int]:
        return {"logged": self.logged, "dropped": self.dropped}

    def close(self) -> None:
        """Send what can be sent at once, and count the rest as dropped."""
        while self._taken and self.settle(MOST_ROWS):
            pass
        self._hear()
        self.logged += self._sent_rows  # the writer ends after us, and reads what we have sent
        self.dropped += self._rows + self._unsent_rows
        self._taken.clear()
        self._rows = self._unsent_rows = self._sent_rows = 0
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _choose(self, computed: Computed) -> Computed | None:
        if self._sample >= 1.0:
            return computed
        keep = [random.random() < self._sample for _ in computed.ids]  # noqa: S311 - a sample, not a secret
        if not any(keep):
            return None
        mask = np.repeat(keep, computed.rows)
        ids = [name for name, kept in zip(computed.ids, keep, strict=True) if kept]
        rows = [count for count, kept in zip(computed.rows, keep, strict=True) if kept]
        batch, also = ({name: values[mask] for name, values in arrays.items()} for arrays in (computed.batch, computed.also))
        return Computed(batch, computed.scores[mask], ids, rows, also)

    def _send(self) -> bool:
        """Go on with the frame in hand. False when the writer takes no more now."""
        while self._unsent:
            if self._socket is None and not self._connect():
                return False
            assert self._socket is not None
            try:
                sent = self._socket.send(self._unsent)
            except BlockingIOError:
                return False
            except OSError:
                self._lose()
                return False
            self._unsent = self._unsent[sent:]
        self._sent_rows += self._unsent_rows
        self._unsent_rows = 0
        return True

    def _hear(self) -> None:
        """Take the writer's acknowledgements: numbers of rows, as `ACK` has them. They are as few as the frames."""
        while self._socket is not None:
            try:
                heard = self._socket.recv(4096 * ACK.size)
            except BlockingIOError:
                return
            except OSError:
                heard = b""
            if not heard:
                self._lose()
                return
            heard = self._half + heard
            whole = len(heard) - len(heard) % ACK.size
            self._half = heard[whole:]
            rows = sum(number for (number,) in ACK.iter_unpack(heard[:whole]))
            self.logged += rows
            self._sent_rows -= rows

    def _connect(self) -> bool:
        now = time.monotonic()
        if now < self._try_again:
            return False
        self._try_again = now + CONNECT_AGAIN_SECONDS
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        opened.setblocking(False)
        problem = opened.connect_ex(self._path)
        if problem not in (0, errno.EISCONN):
            opened.close()
            return False
        self._socket = opened
        return True

    def _lose(self) -> None:
        """The writer is gone; a frame that it has in part is lost, since the next one must begin afresh."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self.dropped += self._unsent_rows + self._sent_rows
        self._unsent, self._unsent_rows, self._sent_rows, self._half = b"", 0, 0, b""
