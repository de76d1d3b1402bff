"""Where predictions are asked for with POST, and the codec that is spoken there."""

from __future__ import annotations

from gonogo.service.answering.loading import Served
from gonogo.service.codec import Codec
from gonogo.service.codecs.arrow import ARROW, ArrowCodec
from gonogo.service.codecs.by_type import ByType
from gonogo.service.codecs.numpy_file import NUMPY, NumpyCodec
from gonogo.service.codecs.oip import OipCodec
from gonogo.service.codecs.rows import RowsCodec

PREDICT = "/predict"


def infer_path(system: str, version: str = "") -> str:
    """Where the Open Inference Protocol asks for predictions: of whichever version the routes say, or of one."""
    return f"/v2/models/{system}{f'/versions/{version}' if version else ''}/infer"


def endpoints(served: Served, most_rows: int) -> dict[bytes, Codec]:
    """Codec by exact target. A request may ask for `most_rows` rows at most."""
    schema = served.schema
    system, _, version = served.release.partition("@")
    named = ByType(
        RowsCodec(schema, served.release, most_rows), {NUMPY: NumpyCodec(schema, most_rows), ARROW: ArrowCodec(schema, most_rows)}
    )
    protocol = OipCodec(schema, system, version, most_rows)
    return {
        PREDICT.encode(): named,
        infer_path(system).encode(): protocol,
        infer_path(system, version).encode(): protocol,
    }
