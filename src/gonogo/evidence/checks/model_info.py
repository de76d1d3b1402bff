"""Does the service say which model it serves, and is that true?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.evidence.asking import json_object
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, Endpoint
from gonogo.evidence.record import Fact, Measurement


class ModelInfo(Check):
    """Does the service describe the model of this bundle: its digest, features and classes?"""

    name = "model_info"
    facts: ClassVar = {
        "status": "HTTP status of GET /model_info",
        "digest_match": "whether the answer names the bundle's root digest",
        "features_match": "whether it names the bundle's features in their order",
        "classes_match": "whether it names the bundle's classes in their order",
        "matches": "whether all of this is so",
    }

    def measure(self, endpoint: Endpoint, bundle: BundleView) -> Measurement:
        response = endpoint.request("GET", "/model_info")
        answer = json_object(response) if response.status == 200 else {}
        described = answer["schema"] if isinstance(answer.get("schema"), Mapping) else answer
        matches = {
            "digest": answer.get("digest") == bundle.digest,
            "features": _names(described.get("features")) == list(bundle.schema.feature_names),
            "classes": _names(described.get("classes")) == list(bundle.schema.classes),
        }
        return Measurement(
            {
                "status": Fact(response.status),
                **{f"{name}_match": Fact(match) for name, match in matches.items()},
                "matches": Fact(response.status == 200 and all(matches.values())),
            },
            tuple(f"GET /model_info does not give the bundle's {name}" for name, match in matches.items() if not match),
            isolation=endpoint.isolation,
        )


def _names(listed: Any) -> list[Any]:
    """The names in a list of names or of objects with a name."""
    return [entry.get("name") if isinstance(entry, Mapping) else entry for entry in listed] if isinstance(listed, list) else []
