"""Open Inference Protocol v2 over HTTP: `POST /v2/models/{system}[/versions/{version}]/infer`, as JSON or with binary tensor data.

Inputs are the model's features or the inputs of its graph (`tensors.py`). Outputs are "label" (BYTES [rows]), "scores" (FP64 [rows,
classes]) and what the schema has beside them, those that are asked for, or all. An `id` is echoed; the prediction id is in `parameters`.
Errors are `{"error": …}` with the members of a problem body beside it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from typing import Any, NamedTuple

import msgspec
import numpy as np

from gonogo.model.encode import encoder_for
from gonogo.model.packing import LARGEST, WHOLE, Doubt, may_be_null
from gonogo.model.predict import NOTHING, Also
from gonogo.model.runtime import Array
from gonogo.model.schema import Schema
from gonogo.service.codec import Asked, judged
from gonogo.service.codecs.rows import read_json, rows_of
from gonogo.service.codecs.tensors import DATATYPES, Tensor, check_datatypes, columns, matrices, read_tensor, shapes_of
from gonogo.service.door.exchange import Exchange
from gonogo.service.wire import JSON, RequestRefused, to_json

BINARY = b"application/octet-stream"
HEADER_LENGTH = b"inference-header-content-length"
OUTPUTS = ("label", "scores")
MOST_SAID = 20  #: problems in the words of one error


class _Wanted(NamedTuple):
    """How the answer is to look: outputs with whether each is binary."""

    exchange: Exchange
    id: str | None
    outputs: Sequence[tuple[str, bool]]


def _decoder(element: Any) -> Callable[[bytes], Any]:
    """Reads the common request, whose tensors have lists of such elements as data, and no parameters."""
    fields = [("name", str), ("shape", list[int]), ("datatype", str), ("data", list[element])]
    tensor: Any = msgspec.defstruct("QuickTensor", fields, forbid_unknown_fields=True, gc=False)
    body = msgspec.defstruct("QuickBody", [("inputs", list[tensor]), ("id", str | None, None)], forbid_unknown_fields=True)
    return msgspec.json.Decoder(body).decode


class OipCodec:
    """One model of the protocol. See `gonogo.service.codec.Codec`."""

    def __init__(self, schema: Schema, system: str, version: str, most_rows: int) -> None:
        self._schema = schema
        self._encoder = encoder_for(schema)
        self._most_rows = most_rows
        self._about = {"model_name": system, "model_version": version}
        self._classes = len(schema.classes)
        # One matrix of numbers is the common request, and has a quick path of its own.
        one, first = schema.inputs[0], schema.features[0]
        kind = "float" if one.dtype in LARGEST else "int" if one.dtype in WHOLE else ""
        quick = len(schema.inputs) == 1 and all(feature.type == kind for feature in schema.features)
        self._matrix = one if quick else None
        self._shape = shapes_of(schema)[one.name]
        self._is_tensor = first.tensor is not None
        self._numbers = np.float64 if kind == "float" else np.int64
        self._datatypes = {"FP32", "FP64"} if kind == "float" else {DATATYPES[one.dtype], "INT64"}
        #: Of flat data, and of a tensor's nested data, with how deep they are.
        element, nested = (
            may_be_null(replace(first, nullable=False, tensor=None), one.dtype),
            may_be_null(replace(first, nullable=False), one.dtype),
        )
        self._decoders = [(1, _decoder(element)), *([(1 + len(self._shape), _decoder(nested))] if self._is_tensor else [])]
        self._outputs = (*OUTPUTS, *schema.also)
        self._plain = tuple((name, False) for name in self._outputs)

    def read(self, exchange: Exchange) -> Asked:
        length = exchange.headers.get(HEADER_LENGTH)
        if length is None:
            if self._matrix is not None and (asked := self._quickly(exchange)) is not None:
                return asked
            return self._carefully(exchange, exchange.body, b"")
        if not length.isdigit() or len(length) > 9 or int(length) > len(exchange.body):
            raise RequestRefused(400, "Inference-Header-Content-Length is not the length of the JSON that the body begins with.")
        head = int(length)
        return self._carefully(exchange, exchange.body[:head], exchange.body[head:])

    def _quickly(self, exchange: Exchange) -> Asked | None:
        """One JSON matrix, as records; None for whatever needs a closer look."""
        body, matrix = exchange.body, self._matrix
        assert matrix is not None
        found = self._decoded(body)
        if found is None:
            return None
        given, depth = found
        if len(given.inputs) != 1 or body.count(b":") != (5 if given.id is None else 6):  # a colon a key: none is there twice
            return None
        tensor, width = given.inputs[0], matrix.width
        rows = tensor.shape[0] if tensor.shape else 0
        data = tensor.data
        is_it = tensor.name == matrix.name and tensor.datatype in self._datatypes and tensor.shape == [rows, *self._shape]
        if not is_it or not 0 < rows <= self._most_rows or len(data) != (rows * width if depth == 1 else rows):
            return None
        if self._is_tensor:
            for _ in range(depth - 1):
                data = chain.from_iterable(data)
            try:
                values = np.fromiter(data, self._numbers, rows * width)
            except OverflowError:  # an integer beyond all types
                return None
            return self._packed({matrix.name: values.reshape(rows, width)}, _Wanted(exchange, given.id, self._plain))
        records = [data] if rows == 1 else [data[place : place + width] for place in range(0, len(data), width)]
        return Asked(self, rows, records, state=_Wanted(exchange, given.id, self._plain))

    def _decoded(self, body: bytes) -> tuple[Any, int] | None:
        """A common request and how deep its data are; None for one that is spelt otherwise."""
        for depth, decode in self._decoders:
            with suppress(msgspec.MsgspecError, ValueError, RecursionError):
                return decode(body), depth
        return None

    def _carefully(self, exchange: Exchange, head: bytes, binary: bytes) -> Asked:
        document = read_json(head)
        if not isinstance(document, dict) or not isinstance(document.get("inputs"), list) or not document["inputs"]:
            raise RequestRefused(400, 'The body must be an inference request: {"inputs": [{"name", "shape", "datatype", "data"}, …]}.')
        wanted, tensors = self._parts(exchange, document, binary)
        own = matrices(self._schema, tensors)
        if own is not None and len(next(iter(own.values()))) <= self._most_rows and (asked := self._packed(own, wanted)) is not None:
            return asked
        found = rows_of(columns(self._schema, tensors), self._most_rows)
        arrays = judged(self._encoder, found, self._most_rows)
        check_datatypes(tensors)
        return Asked(self, len(found), arrays=arrays, state=wanted)

    def _packed(self, own: dict[str, Array], wanted: _Wanted) -> Asked | None:
        """Matrices that are the graph's own inputs; None when they need a closer look."""
        try:
            arrays = self._encoder.packer.pack_matrices(own)
        except Doubt:
            return None
        rows = {len(array) for array in arrays.values()}
        return Asked(self, rows.pop(), arrays=arrays, state=wanted) if len(rows) == 1 else None

    def _parts(self, exchange: Exchange, document: dict[str, Any], binary: bytes) -> tuple[_Wanted, list[Tensor]]:
        """What is wanted and the tensors. Raises RequestRefused with everything that is wrong about the request's form."""
        unknown = sorted(document.keys() - {"id", "inputs", "outputs", "parameters"})[:MOST_SAID]
        problems = [RequestRefused(400, f"An inference request has no member {name[:120]!r}.") for name in unknown]
        wanted = _Wanted(exchange, None, ())
        try:
            wanted = _wanted(exchange, document, self._outputs)
        except RequestRefused as refusal:
            problems.append(refusal)
        tensors: list[Tensor] = []
        start = 0
        for given in document["inputs"]:
            try:
                tensor, start = read_tensor(given, binary, start, self._most_rows * self._schema.width)
                tensors.append(tensor)
            except RequestRefused as refusal:
                problems.append(refusal)
                if len(problems) > MOST_SAID:
                    break
        if start != len(binary) and not problems:
            problems.append(RequestRefused(400, f"The body has {len(binary) - start} bytes of binary data that belong to no input."))
        if problems:
            raise RequestRefused(problems[0].status, " ".join(problem.detail for problem in problems[:MOST_SAID]))
        return wanted, tensors

    def write(
        self, asked: Asked, prediction_id: str, labels: Sequence[str], scores: Sequence[Sequence[float]], also: Also = NOTHING
    ) -> tuple[bytes, bytes]:
        wanted: _Wanted = asked.state
        outputs: list[dict[str, Any]] = []
        tail: list[bytes] = []
        for name, binary in wanted.outputs:
            output: dict[str, Any]
            data: Any
            if name == "label":
                output = {"name": name, "datatype": "BYTES", "shape": [asked.rows]}
                data = _texts(labels) if binary else labels
            elif name in also:
                output, data = _beside(name, also[name], binary)
            else:
                output = {"name": name, "datatype": "FP64", "shape": [asked.rows, self._classes]}
                data = np.array(scores, dtype="<f8").tobytes() if binary else [score for row in scores for score in row]
            if binary:
                output["parameters"] = {"binary_data_size": len(data)}
                tail.append(data)
            else:
                output["data"] = data
            outputs.append(output)
        known = {} if wanted.id is None else {"id": wanted.id}
        head = to_json({**self._about, **known, "parameters": {"prediction_id": prediction_id}, "outputs": outputs})
        if not tail:
            return JSON, head
        wanted.exchange.reply_headers += b"%b: %d\r\n" % (HEADER_LENGTH, len(head))
        return BINARY, b"".join((head, *tail))

    def refuse(self, refusal: RequestRefused) -> tuple[int, bytes, bytes]:
        return refusal.status, JSON, to_json({"error": _in_words(refusal), **refusal.members()})


def _in_words(refusal: RequestRefused) -> str:
    """Clients of the protocol show `error` and nothing else."""
    named = "; ".join(error["message"] for error in refusal.errors[:MOST_SAID])
    return f"{refusal.detail} {named}" if named else refusal.detail


def _wanted(exchange: Exchange, document: dict[str, Any], known: Sequence[str]) -> _Wanted:
    id_ = document.get("id")
    parameters = _or_empty(document.get("parameters"), {})
    asked = _or_empty(document.get("outputs"), []) or [{"name": name} for name in known]
    if not (id_ is None or isinstance(id_, str)) or not isinstance(parameters, dict) or not isinstance(asked, list):
        raise RequestRefused(400, '"id" must be text, "parameters" an object and "outputs" a list.')
    outputs: list[tuple[str, bool]] = []
    for one in asked:
        name: Any = one.get("name") if isinstance(one, dict) else None
        if name not in known or name in dict(outputs):
            raise RequestRefused(400, f"The model has each of these outputs once: {', '.join(known)}; not {str(name)[:120]!r}.")
        own = _or_empty(one.get("parameters"), {})
        if not isinstance(own, dict):
            raise RequestRefused(400, f"The parameters of output {name!r} must be an object.")
        outputs.append((name, bool(own.get("binary_data", parameters.get("binary_data_output", False)))))
    return _Wanted(exchange, id_, outputs)


def _or_empty(value: Any, empty: Any) -> Any:
    """Clients write null for what they leave out."""
    return empty if value is None else value


def _beside(name: str, values: Array, binary: bool) -> tuple[dict[str, Any], Any]:
    """What is beside the scores, as a tensor and its data."""
    datatype, dtype = ("FP64", "<f8") if values.dtype.kind == "f" else ("INT64", "<i8")
    output = {"name": name, "datatype": datatype, "shape": list(values.shape)}
    plain = np.ascontiguousarray(values, dtype=dtype)
    return output, plain.tobytes() if binary else plain.ravel().tolist()


def _texts(texts: Sequence[str]) -> bytes:
    parts = [text.encode() for text in texts]
    return b"".join(struct.pack("<I", len(part)) + part for part in parts)
