"""JSON Schemas (2020-12) of what is asked and answered, made from the release: the components of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gonogo.base.names import SYSTEM
from gonogo.model.parts import parts
from gonogo.model.schema import Schema
from gonogo.service.answering.loading import Beside
from gonogo.service.codecs.tensors import DTYPES, describe
from gonogo.service.labels.store import MOST_LABELS
from gonogo.service.pages.features import Told, nested_array

Document = dict[str, Any]
_PART = "(0|[1-9][0-9]{0,8})"
TEXT: Document = {"type": "string"}
VERSION = f"{_PART}\\.{_PART}\\.{_PART}"
#: system@version, as `gonogo.base.names.Ref` reads it; what a pointer means may change, so that none is loaded.
REFERENCE = f"^{SYSTEM.pattern}@{VERSION}$"
COUNT: Document = {"type": "integer", "minimum": 0}


def ref(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


def record(properties: dict[str, Any], optional: Sequence[str] = (), **more: Any) -> Document:
    """An object that has these properties; others may come with later versions."""
    return {"type": "object", "properties": properties, "required": [name for name in properties if name not in optional], **more}


def asked(features: Sequence[Told], most_rows: int) -> dict[str, Document]:
    """What a prediction is asked for with."""
    example = {told.name: told.example for told in features}
    row = record({told.name: told.to_json_schema() for told in features}, additionalProperties=False)
    row["description"] = "One row: a value for every feature, and nothing else."
    if any(value is not None for value in example.values()):
        row["examples"] = [example]
    several = {"type": "array", "items": ref("Row"), "minItems": 1, "maxItems": most_rows}
    column = {"type": "array", "minItems": 1, "maxItems": most_rows}
    columns = {told.name: {**column, "items": told.to_json_schema()} for told in features}
    by_rows = record({"features": {"oneOf": [ref("Row"), several]}}, additionalProperties=False)
    by_columns = record({"columns": ref("Columns")}, additionalProperties=False)
    return {
        "Row": row,
        "Columns": record(columns, additionalProperties=False, description="A list of values for every feature, all of one length."),
        "Rows": {"oneOf": [by_rows, by_columns]},
    }


def answered(schema: Schema, also: Mapping[str, Beside]) -> dict[str, Document]:
    """What predictions look like."""
    share = {"type": "number"}
    scores = record(dict.fromkeys(schema.classes, share), description="the score of each class")
    beside = {name: nested_array({"type": "integer" if one.whole else "number"}, one.shape) for name, one in also.items()}
    told = {"label": {"enum": list(schema.classes)}, "score": {**share, "description": _score(schema)}, "scores": scores}
    prediction = record(told | ({"also": record(beside, description="what the model gives beside the scores")} if beside else {}))
    answer = {
        "release": {**TEXT, "description": "the release that answered"},
        "prediction_id": {**TEXT, "description": "quote it when the true label comes in"},
        "predictions": {"type": "array", "items": ref("Prediction"), "minItems": 1, "description": "one a row, in the order of the rows"},
        "explanations": {"type": "array", "items": ref("Explanation"), "minItems": 1, "description": "one a row, when explain=true"},
        "explainer": ref("Explainer"),
    }
    return {
        "Prediction": prediction,
        "Predictions": record(answer, ("explanations", "explainer")),
        "Explanation": record(
            {
                "of": {"enum": list(schema.classes), "description": "the class whose score is explained"},
                "score": share,
                "base": {**share, "description": "the score of the row that is compared with"},
                "contributions": record(
                    dict.fromkeys((part.name for part in parts(schema)), share), description="they and `base` add up to `score`"
                ),
            }
        ),
        "Explainer": record(
            {"name": TEXT, "source": TEXT, "orders": COUNT, "seed": COUNT, "tolerance": share, "compared_with": ref("Row")}
        ),
    }


def _score(schema: Schema) -> str:
    if schema.task == "binary-classification":
        return f"the score of {schema.classes[-1]!r}; from {schema.threshold:g} on, that is the label"
    return "the score of the label"


def problems() -> dict[str, Document]:
    """What is answered when there is no prediction: RFC 9457, and the Open Inference Protocol's error with the same members beside it."""
    fault = record(
        {
            "row": {**COUNT, "description": "from 0"},
            "feature": {**TEXT, "description": "empty when the whole row is meant"},
            "problem": {"enum": ["missing", "unknown", "type", "null", "not finite", "range", "text", "length", "shape"]},
            "message": TEXT,
        }
    )
    members = {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT, "errors": {"type": "array", "items": fault}}
    return {
        "Problem": record(members, ("errors",), description="RFC 9457. `errors` names every value that cannot be used."),
        "OipError": record({"error": TEXT}, description="The Open Inference Protocol's error."),
    }


def pages() -> dict[str, Document]:
    """What the pages that can be read give."""
    names = {"type": "array", "items": TEXT}
    maybe = {"type": ["string", "null"]}
    typical = {"typical": record({"from": {"type": "number"}, "to": {"type": "number"}}), "categories": names, "example": {}}
    plain = {"name": TEXT, "type": {"enum": ["float", "int", "bool", "string"]}, "nullable": {"type": "boolean"}}
    sizes = {"shape": {"type": "array", "items": COUNT}, "channels": names}
    named = record({**plain, **typical, **sizes}, (*typical, *sizes))
    info = dict.fromkeys(("release", "digest", "system", "version", "stable", "task", "device", "python", "gonogo"), TEXT)
    info |= dict.fromkeys(("model_format", "model_digest"), TEXT) | dict.fromkeys(("explainer", "trained", "framework"), maybe)
    info |= {"versions": names, "classes": names, "threshold": {"type": "number"}, "most_rows": COUNT}
    return {
        "Document": {"type": "object"},
        "Index": record({"service": TEXT, "release": TEXT, "endpoints": {"type": "object", "additionalProperties": TEXT}}),
        "Health": record({"status": {"enum": ["healthy"]}, "release": TEXT, "digest": TEXT, "model_loaded": {"const": True}}),
        "ModelInfo": record({**info, "features": {"type": "array", "items": named}}),
        "Stats": record(
            {
                "release": TEXT,
                "uptime_seconds": {"type": "number"},
                "route": {"type": ["object", "null"]},
                "releases": {"type": "object"},
                "processes": {"type": "object"},
                "shadow": {"type": "object"},
                "faults": COUNT,
            }
        ),
        "Load": record({"release": {**TEXT, "pattern": REFERENCE, "description": "as the registry names it"}}, additionalProperties=False),
        "Feedback": record(
            {"feedback": {"type": "array", "items": ref("Label"), "minItems": 1, "maxItems": MOST_LABELS}}, additionalProperties=False
        ),
        "Label": record(
            {
                "prediction_id": {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[\\x00-\\x7f]*$"},
                "label": {"type": ["string", "integer"], "description": "the class that was true"},
                "row": {"type": ["integer", "null"], "minimum": 0, "maximum": 999_999_999, "description": "where there were several"},
            },
            ("row",),
            additionalProperties=False,
        ),
        "Taken": record({**dict.fromkeys(("joined", "changed", "same", "waiting"), COUNT), "refused": {"type": "array"}}),
        "Loaded": record({"release": TEXT, "already": {"type": "boolean"}, "digest": TEXT}),
    }


def oip(schema: Schema, also: Mapping[str, Beside], most_rows: int) -> dict[str, Document]:
    """The Open Inference Protocol's objects (kserve/open-inference-protocol, inference_rest.md), as this model has them."""
    sizes = {"type": "array", "items": {"type": "integer"}}
    inputs, outputs = describe(schema, also)
    parameters = {"type": ["object", "null"]}
    names = dict.fromkeys([*(one["name"] for one in inputs), *schema.feature_names])
    given = record(
        {
            "name": {"enum": list(names), "description": "an input of the model's graph, or a feature"},
            "shape": {**sizes, "minItems": 1, "description": f"[rows, width] or [rows, *shape]; {most_rows} rows at most"},
            "datatype": {"enum": [*DTYPES, "BYTES"]},
            "data": {"type": "array", "description": "in row-major order, flat or nested"},
            "parameters": parameters,
        },
        ("data", "parameters"),
    )
    wanted = record({"name": {"enum": [one["name"] for one in outputs]}, "parameters": parameters}, ("parameters",))
    known = {"id": {"type": ["string", "null"]}, "parameters": parameters}
    asked = {"inputs": {"type": "array", "items": given, "minItems": 1}, "outputs": {"type": ["array", "null"], "items": wanted}}
    given_back = record({"name": TEXT, "datatype": TEXT, "shape": sizes, "data": {"type": "array"}}, ("data",))
    tensor = record({"name": TEXT, "datatype": TEXT, "shape": sizes})
    return {
        "OipRequest": record({**asked, **known}, ("outputs", "id", "parameters"), additionalProperties=False),
        "OipResponse": record(
            {"model_name": TEXT, "model_version": TEXT, "outputs": {"type": "array", "items": given_back}, **known}, ("id", "parameters")
        ),
        "OipServer": record({"name": TEXT, "version": TEXT, "extensions": {"type": "array", "items": TEXT}}),
        "OipModel": record(
            {
                "name": TEXT,
                "versions": {"type": "array", "items": TEXT},
                "platform": TEXT,
                "inputs": {"type": "array", "items": tensor},
                "outputs": {"type": "array", "items": tensor},
            }
        ),
        "OipReady": record({"name": TEXT, "ready": {"type": "boolean"}}, ("name",)),
        "OipLive": record({"live": {"type": "boolean"}}),
        "OipIndex": {"type": "array", "items": record({"name": TEXT, "version": TEXT, "state": TEXT, "reason": TEXT})},
    }
