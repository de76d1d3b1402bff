"""The spellings in which predictions are asked for, as OpenAPI tells of them: one entry for each path that takes POST."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gonogo.service.pages.schemas import ref

PROBLEM: Mapping[str, Any] = {"application/problem+json": {"schema": ref("Problem")}}


@dataclass(frozen=True)
class Form:
    """One path: media types of the request and of the answer with their schemas, and of a refusal."""

    path: str
    about: str
    content: Mapping[str, Any]
    answer: Mapping[str, Any]
    problem: Mapping[str, Any] = field(default_factory=lambda: PROBLEM)
    schemas: Mapping[str, Any] = field(default_factory=dict)
    parameters: Sequence[Mapping[str, Any]] = ()
    refusals: Sequence[str] = ()


def forms(explains: bool) -> list[Form]:
    """All of them."""
    parameters = []
    if explains:
        parameters.append(
            {
                "name": "explain",
                "in": "query",
                "required": False,
                "description": "with what each feature contributes to each answer; for few rows at a time",
                "schema": {"type": "boolean", "default": False},
            }
        )
    return [
        Form(
            "/predict",
            "Predictions for one row or several, by feature names.",
            {"application/json": {"schema": ref("Rows")}},
            {"application/json": {"schema": ref("Predictions")}},
            parameters=parameters,
            refusals=("409",) if explains else (),
        )
    ]
