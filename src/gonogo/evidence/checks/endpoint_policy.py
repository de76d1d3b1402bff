"""Has somebody decided who may call each route?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from gonogo.errors import DataError
from gonogo.evidence.asking import json_object
from gonogo.evidence.check import Check
from gonogo.evidence.declared import declared_file, read_structured
from gonogo.evidence.inputs import Endpoint
from gonogo.evidence.record import Fact, Measurement

FILE = "endpoint_policy"
ACCESS = ("open", "internal", "restricted")
#: Paths that a service of ours or of others may answer without listing them.
PROBED = ("/", "/health", "/metrics", "/stats", "/model_info", "/model/info", "/docs", "/openapi.json", "/debug", "/admin", "/shutdown")


class EndpointPolicy(Check):
    """Has every route of the service a declared policy, and is what is restricted refused to strangers?

    The policy is the declared file `endpoint_policy`, a map of routes such as `POST /predict: {access: internal, reason: our programs}`.
    `access` is open (anybody), internal (whoever reaches the network) or restricted: a request without a right must get 401 or 403. The
    routes are those that GET / lists and those of a list of usual ones that answer.
    """

    name = "endpoint_policy"
    facts: ClassVar = {
        "routes": "routes that the service has",
        "undeclared": "those without a policy",
        "unknown": "declared routes that the service does not have",
        "unenforced": "restricted routes that answer a request without a right",
    }

    def measure(self, endpoint: Endpoint, files: Mapping[str, Path] | None = None) -> Measurement:
        declared = _declared(files or {})
        routes = _routes(endpoint)
        undeclared = sorted(routes - declared.keys())
        unknown = sorted(declared.keys() - routes)
        restricted = sorted(route for route in routes & declared.keys() if declared[route] == "restricted")
        answering = [route for route in restricted if _status(endpoint, route) not in (401, 403)]
        findings = [f"no policy for {route}" for route in undeclared] + [f"{route} is no route of the service" for route in unknown]
        return Measurement(
            {
                "routes": Fact(len(routes)),
                "undeclared": Fact(len(undeclared)),
                "unknown": Fact(len(unknown)),
                "unenforced": Fact(len(answering)),
            },
            tuple(findings + [f"{route} answers without a right" for route in answering]),
            isolation=endpoint.isolation,
        )


def _declared(files: Mapping[str, Path]) -> dict[str, str]:
    """The access of each declared route; none when no policy is declared. Raises DataError when it cannot be understood."""
    if FILE not in files:
        return {}
    policy = read_structured(declared_file(files, FILE))
    if not isinstance(policy, Mapping):
        raise DataError("the endpoint policy is no map of routes.", hint="Write lines such as `GET /health: {access: open, reason: …}`.")
    return {" ".join(str(route).split()): _access(str(route), entry) for route, entry in policy.items()}


def _access(route: str, entry: Any) -> str:
    access = entry.get("access") if isinstance(entry, Mapping) else None
    if access not in ACCESS or not str(entry.get("reason") or "").strip():
        raise DataError(f"the policy of {route} needs `access` ({', '.join(ACCESS)}) and a `reason`.")
    return str(access)


def _routes(endpoint: Endpoint) -> set[str]:
    index = endpoint.request("GET", "/")
    listed = json_object(index).get("endpoints") if index.status == 200 else None
    if not isinstance(listed, Mapping) or not listed:
        raise DataError("GET / does not list the routes of the service.")
    return {" ".join(str(route).split()) for route in listed} | {
        f"GET {path}" for path in PROBED if _status(endpoint, f"GET {path}") != 404
    }


def _status(endpoint: Endpoint, route: str) -> int:
    method, _, path = route.partition(" ")
    return endpoint.request(method, path, b"{}" if method in ("POST", "PUT", "PATCH") else None).status
