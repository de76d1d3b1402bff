"""The JSON Schema of gonogo.yaml. The loader obeys it, `gonogo schema` prints it, docs/formats/project-file.md explains it."""

from __future__ import annotations

from typing import Any

from gonogo.checklist.declarations.candidates import CANDIDATES
from gonogo.checklist.declarations.certify import CERTIFY
from gonogo.checklist.declarations.code import CODE
from gonogo.checklist.declarations.data import DATA
from gonogo.checklist.declarations.model import MODEL
from gonogo.checklist.declarations.monitor import MONITOR
from gonogo.checklist.declarations.overrides import ITEMS
from gonogo.checklist.declarations.people import AUTHOR, PEOPLE
from gonogo.checklist.declarations.policy import POLICY
from gonogo.checklist.declarations.prediction_log import PREDICTION_LOG
from gonogo.checklist.declarations.retrain import RETRAIN
from gonogo.checklist.declarations.rollout import ROLLOUT
from gonogo.checklist.schema_words import place, section, text

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def project_schema() -> dict[str, Any]:
    """The schema as a JSON value (draft 2020-12)."""
    documents = {
        "type": "object",
        "description": "documents, by name: readme, runbook, api, card, …",
        "additionalProperties": place("the file", "README.md"),
    }
    files = {
        "type": "object",
        "description": "files that items ask for, by name: training_log, history, checkpoint_best, metadata, splits, advisories, …",
        "additionalProperties": place("the file", "models/history.json"),
    }
    properties = {
        "system": {
            "type": "string",
            "pattern": "^[a-z0-9][a-z0-9-]{0,62}$",
            "description": "the system's name: lower-case letters, digits and hyphens, 63 at most",
            "examples": ["credit-risk"],
        },
        "pack": text("a pack of the product, or a path to one", default="starter", examples=["random-forest-api"]),
        "model": MODEL,
        "data": DATA,
        "documents": documents,
        "files": files,
        "code": CODE,
        "people": PEOPLE,
        "author": AUTHOR,
        "policy": POLICY,
        "rollout": ROLLOUT,
        "monitor": MONITOR,
        "retrain": RETRAIN,
        "certify": CERTIFY,
        "candidates": CANDIDATES,
        "prediction_log": PREDICTION_LOG,
        "items": ITEMS,
        "environment": place("a lock of the packages that the training used (requirements with exact versions)", "requirements.lock"),
        "isolation": {
            "type": "string",
            "enum": ["required", "accept-weaker"],
            "default": "required",
            "description": "whether a machine without isolation for the model's own bytes is an error",
        },
        "accelerator": {
            "type": "string",
            "enum": ["required", "optional", "none"],
            "default": "none",
            "description": "whether the system needs an accelerator",
        },
        "store": place("where gonogo keeps what it makes; default .gonogo", ".gonogo"),
        "run_record": place("what gonogo.record_run wrote; default run.json beside the model", "models/run.json"),
    }
    return {
        "$schema": DRAFT,
        "title": "gonogo.yaml",
        **section("a model project", properties, ("system", "model", "data")),
    }
