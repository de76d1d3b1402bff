"""One address, several body forms: the request's `content-type` chooses the codec, and JSON is what is not said otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gonogo.model.predict import NOTHING, Also
from gonogo.service.codec import Asked, Codec
from gonogo.service.door.exchange import Exchange
from gonogo.service.wire import RequestRefused


class ByType:
    """See `gonogo.service.codec.Codec`. What was read knows its codec, which writes the answer."""

    def __init__(self, usual: Codec, others: Mapping[bytes, Codec]) -> None:
        self._usual = usual
        self._others = others

    def read(self, exchange: Exchange) -> Asked:
        kind = exchange.headers.get(b"content-type", b"application/json")
        if kind != b"application/json":
            codec = self._others.get(kind.partition(b";")[0].strip().lower())
            if codec is not None:
                return codec.read(exchange)
        return self._usual.read(exchange)

    def write(
        self, asked: Asked, prediction_id: str, labels: Sequence[str], scores: Sequence[Sequence[float]], also: Also = NOTHING
    ) -> tuple[bytes, bytes]:
        return asked.codec.write(asked, prediction_id, labels, scores, also)

    def refuse(self, refusal: RequestRefused) -> tuple[int, bytes, bytes]:
        return self._usual.refuse(refusal)
