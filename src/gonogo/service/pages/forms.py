"""The spellings in which predictions are asked for, as OpenAPI tells of them: one entry for each path of `endpoints.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gonogo.service.answering.endpoints import PREDICT, infer_path
from gonogo.service.answering.versions import HEADER
from gonogo.service.codecs.arrow import ARROW
from gonogo.service.codecs.numpy_file import NUMPY
from gonogo.service.codecs.oip import BINARY, HEADER_LENGTH
from gonogo.service.pages.schemas import VERSION, ref

Content = Mapping[str, Any]
JSON = "application/json"
BYTES: Mapping[str, Any] = {"schema": {}}  #: OpenAPI 3.1 says it of a body that is no text
EXPLAIN = {
    "name": "explain",
    "in": "query",
    "required": False,
    "description": "with what each feature contributes to each answer; for few rows at a time",
    "schema": {"type": "boolean", "default": False},
}
ONE_VERSION = {
    "name": HEADER.decode(),
    "in": "header",
    "required": False,
    "description": "the version that is to answer, whatever the routes say",
    "schema": {"type": "string", "pattern": f"^{VERSION}$"},
}
JSON_BYTES = {
    "name": HEADER_LENGTH.decode(),
    "in": "header",
    "required": False,
    "description": "how many bytes of the body are JSON, when binary tensor data follows",
    "schema": {"type": "integer", "minimum": 0},
}


@dataclass(frozen=True)
class Form:
    """One path: media types of the request and of the answer with their schemas, parameters, and statuses beside the usual ones."""

    path: str
    about: str
    asks: Content
    gives: Content
    parameters: Sequence[Mapping[str, Any]]
    refusals: Sequence[str] = ()


def forms(system: str, version: str, *, explains: bool) -> list[Form]:
    """All of them, for a release."""
    asks = {JSON: {"schema": ref("Rows")}, NUMPY.decode(): BYTES, ARROW.decode(): BYTES}
    gives = {**asks, JSON: {"schema": ref("Predictions")}}
    protocol = {JSON: {"schema": ref("OipRequest")}, BINARY.decode(): BYTES}
    answers = {**protocol, JSON: {"schema": ref("OipResponse")}}
    named = ("404", "409")
    explain = [EXPLAIN] if explains else []
    return [
        Form(PREDICT, "predictions for rows or columns of features, by name", asks, gives, [*explain, ONE_VERSION], named),
        Form(infer_path(system), "predictions by the Open Inference Protocol", protocol, answers, [JSON_BYTES, ONE_VERSION], named),
        Form(infer_path(system, version), "those of one version", protocol, answers, [JSON_BYTES]),
    ]
