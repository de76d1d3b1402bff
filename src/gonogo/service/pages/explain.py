"""`/predict?explain=true`: predictions with what each feature contributed to each of them, where the release carries an explainer.

The prediction is an ordinary one, by the release of this process, booked under epoch 0: no table assigned it. Then sampled Shapley values
(`gonogo.stats.shapley`) are computed for each row against one row, the release's typical one: medians and most frequent values. They are
seeded, and a row's values do not depend on the rows beside it. The computation runs in one thread beside the event loop, a few hundred
model rows at a time, for a few requests and within the model's deadline; more is refused.
"""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl

import numpy as np

from gonogo import settings
from gonogo.errors import ModelError
from gonogo.model.encode import encode_rows, encoder_for
from gonogo.model.parts import parts
from gonogo.model.predict import scores
from gonogo.model.runtime import Array
from gonogo.service.answering.versions import HEADER
from gonogo.service.codec import Asked, Codec, arrays_of
from gonogo.service.door.exchange import Exchange
from gonogo.service.pages.features import typical_row
from gonogo.service.pages.page import Host
from gonogo.service.wire import RequestRefused, to_json
from gonogo.stats.shapley import contributions

EXPLAINER = "shapley"
MOST_ROWS = 20  #: of one request
MOST_WAITING = 8  #: requests
ORDERS = 64
SEED = 0
CELLS = 200_000  #: values that are scored together
TOLERANCE = 1e-5  #: of a sum of contributions against the score: the model may compute in float32
SOURCE = "Strumbelj & Kononenko 2014; with one row to compare with, the baseline Shapley values of Sundararajan & Najmi 2020"
WORDS = {"true": True, "1": True, "false": False, "0": False}


def carries_explainer(host: Host) -> bool:
    return host.served.info.get("explainer") == EXPLAINER and typical_row(host.served) is not None


class Explaining:
    """The explanations of one worker."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._waiting: set[asyncio.Task[None]] = set()
        self._pool = ThreadPoolExecutor(1, "explain")
        self._schema = host.served.schema
        self._compared = typical_row(host.served)
        self._version = host.served.release.partition("@")[2].encode()
        self._background: dict[str, Array] = {}

    def takes(self, exchange: Exchange, codec: Codec, *, books: bool) -> bool:
        """Answer, now or later, when the query asks this release for an explanation; False when it does not."""
        if exchange.headers.get(HEADER, self._version) != self._version:
            return False
        words = [value for name, value in parse_qsl(exchange.query.decode("latin-1"), keep_blank_values=True) if name == "explain"]
        if not words or words in (["false"], ["0"]):
            return False
        if len(words) > 1 or words[0] not in WORDS:
            self._refuse(exchange, codec, RequestRefused(400, "The query's `explain` is true or false, once."))
        elif not carries_explainer(self.host):
            self._refuse(exchange, codec, RequestRefused(409, "This release carries no explainer: its project declared none."))
        else:
            self._begin(exchange, codec, books)
        return True

    def _begin(self, exchange: Exchange, codec: Codec, books: bool) -> None:
        try:
            asked = codec.read(exchange)
        except RequestRefused as refusal:
            self._refuse(exchange, codec, refusal)
            return
        if asked.rows > MOST_ROWS:
            detail = f"An explanation may be asked for {MOST_ROWS} rows at most; this request has {asked.rows}."
            self._refuse(exchange, codec, RequestRefused(413, detail))
            return
        self.host.batcher.add(_ExplainedAsk(self, exchange, codec, asked, books))

    def _refuse(self, exchange: Exchange, codec: Codec, refusal: RequestRefused) -> None:
        status, content_type, body = codec.refuse(refusal)
        exchange.answer(status, body, content_type=content_type)

    def go_on(self, ask: _ExplainedAsk, content_type: bytes, body: bytes) -> None:
        """The prediction is made: explain it."""
        if len(self._waiting) >= MOST_WAITING:
            ask.exchange.reply_headers += b"retry-after: 1\r\n"
            ask.refuse(RequestRefused(503, "Too many explanations are waiting; try again in a second."))
            return
        task = asyncio.get_running_loop().create_task(self._finish(ask, content_type, body))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _finish(self, ask: _ExplainedAsk, content_type: bytes, body: bytes) -> None:
        late = threading.Event()
        seconds = settings.number("model_seconds")
        try:
            async with asyncio.timeout(seconds):
                explained = await asyncio.get_running_loop().run_in_executor(self._pool, self._compute, ask.asked, late)
        except TimeoutError:
            ask.refuse(RequestRefused(504, f"The explanation was not ready within {seconds:g} s."))
        except Exception as error:  # the boundary: whatever the model does, the request is answered
            self.host.on_fault(error)
            ask.refuse(RequestRefused(500, "The release failed to explain this request."))
        else:
            ask.send(200, content_type, body[:-1] + b',"explanations":%b,"explainer":%b}' % (to_json(explained), self._about()))
        finally:
            late.set()

    def _compute(self, asked: Asked, late: threading.Event) -> list[dict[str, Any]]:
        """In the thread: one explanation a row. Stops between rows when nobody waits any more."""
        served, schema = self.host.served, self._schema
        batch = arrays_of(encoder_for(schema), asked)
        if not self._background and self._compared is not None:
            self._background = encode_rows(schema, [self._compared])
        explained, names = [], [part.name for part in parts(schema)]
        for row in range(asked.rows):
            if late.is_set():
                raise ModelError("the explanation came too late.")
            found = contributions(
                lambda mixed: scores(schema, served.loaded, mixed),
                parts(schema),
                batch,
                np.array([row]),
                self._background,
                orders=ORDERS,
                generator=np.random.default_rng(SEED),
                cells=CELLS,
            )
            one = next(iter(found))
            explained.append(
                {
                    "of": schema.classes[int(one.of[0])],
                    "score": float(one.score[0]),
                    "base": float(one.base[0]),
                    "contributions": dict(zip(names, one.values[0].tolist(), strict=True)),
                }
            )
        return explained

    def _about(self) -> bytes:
        told = {"name": EXPLAINER, "source": SOURCE, "orders": ORDERS, "seed": SEED, "tolerance": TOLERANCE}
        return to_json({**told, "compared_with": self._compared})


class _ExplainedAsk:
    """A prediction that is to be explained before it is answered."""

    def __init__(self, explaining: Explaining, exchange: Exchange, codec: Codec, asked: Asked, books: bool) -> None:
        self._explaining = explaining
        self.exchange = exchange
        self.codec = codec
        self.asked = asked
        self._books = books
        self.prediction_id = explaining.host.next_id()

    def deliver(self, status: int, content_type: bytes, body: bytes, bad: bool) -> None:
        host = self._explaining.host
        if self._books:
            host.counters.book((0, host.served.release, status, bad, time.perf_counter() - self.exchange.started))
        if status == 200:
            self._explaining.go_on(self, content_type, body)
        else:
            self.send(status, content_type, body)

    def send(self, status: int, content_type: bytes, body: bytes) -> None:
        headers = b"%bx-gonogo-prediction-id: %b\r\n" % (self._explaining.host.own_headers, self.prediction_id.encode())
        self.exchange.answer(status, body, content_type=content_type, headers=headers)

    def refuse(self, refusal: RequestRefused) -> None:
        self.send(*self.codec.refuse(refusal))
