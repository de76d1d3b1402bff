"""Where predictions are asked for with POST, and the codec that is spoken there."""

from __future__ import annotations

from gonogo.service.codec import Codec
from gonogo.service.codecs.rows import RowsCodec
from gonogo.service.loading import Served


def endpoints(served: Served, most_rows: int) -> dict[bytes, Codec]:
    """Codec by exact target. A request may ask for `most_rows` rows at most."""
    return {b"/predict": RowsCodec(served.schema, served.release, most_rows)}
