"""Does the booted bundle say that it is well?"""

from __future__ import annotations

from typing import ClassVar

from gonogo.evidence.asking import json_object
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import Endpoint
from gonogo.evidence.record import Fact, Measurement


class Health(Check):
    """Does the service start with this bundle and answer that it is healthy?"""

    name = "health"
    facts: ClassVar = {
        "status": "HTTP status of GET /health",
        "healthy": "whether the answer says that it is healthy",
        "model_loaded": "whether the answer says that the model is loaded",
    }

    def measure(self, endpoint: Endpoint) -> Measurement:
        response = endpoint.request("GET", "/health")
        answer = json_object(response)
        healthy = response.status == 200 and answer.get("status") == "healthy"
        return Measurement(
            {
                "status": Fact(response.status),
                "healthy": Fact(healthy),
                "model_loaded": Fact(healthy and answer.get("model_loaded") is True),
            },
            () if healthy else (f"GET /health: {response.status} {response.body[:200].decode('utf-8', 'replace')}",),
            isolation=endpoint.isolation,
        )
