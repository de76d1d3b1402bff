"""The check of the endpoints that a service says it has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gonogo.errors import DataError
from measured import values
from spoken_service import Service, run


class Listing(Service):
    """Says which routes it has, and keeps strangers from /metrics."""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, str, bytes]:
        if path == "/":
            routes = {"POST /predict": "…", "GET /health": "…", "GET /model_info": "…", "GET /metrics": "…"}
            return 200, "application/json", json.dumps({"endpoints": routes}).encode()
        return self.problem(401) if path == "/metrics" else super().answer(method, path, body)


POLICY = {
    "GET /": {"access": "open", "reason": "says nothing"}, "POST /predict": {"access": "internal", "reason": "our programs"},
    "GET /health": {"access": "open", "reason": "for the orchestrator"},
    "GET /model_info": {"access": "internal", "reason": "our programs"},
    "GET /metrics": {"access": "restricted", "reason": "counts"},
}  # fmt: skip


def policy(tmp_path: Path, content: Any) -> dict[str, Path]:
    (tmp_path / "policy.json").write_text(json.dumps(content))
    return {"endpoint_policy": tmp_path / "policy.json"}


def test_a_policy_for_every_route_that_is_kept(served: Any, tmp_path: Path) -> None:
    facts = values(run("endpoint_policy", Listing(served.schema), files=policy(tmp_path, POLICY)))
    assert facts == {"routes": 5, "undeclared": 0, "unknown": 0, "unenforced": 0}


def test_routes_without_a_policy_and_policies_without_a_route_are_counted(served: Any, tmp_path: Path) -> None:
    content = {route: entry for route, entry in POLICY.items() if route != "GET /metrics"} | {"GET /admin": POLICY["GET /"]}
    content["POST /predict"] = {"access": "restricted", "reason": "costs"}
    found = run("endpoint_policy", Listing(served.schema), files=policy(tmp_path, content))
    assert values(found) == {"routes": 5, "undeclared": 1, "unknown": 1, "unenforced": 1}
    assert found.findings == (
        "no policy for GET /metrics",
        "GET /admin is no route of the service",
        "POST /predict answers without a right",
    )
    assert values(run("endpoint_policy", Listing(served.schema)))["undeclared"] == 5


def test_a_route_that_the_service_does_not_list_is_found(served: Any, tmp_path: Path) -> None:
    class Hiding(Listing):
        def answer(self, method: str, path: str, body: bytes) -> tuple[int, str, bytes]:
            return (200, "application/json", b"{}") if path == "/debug" else super().answer(method, path, body)

    found = run("endpoint_policy", Hiding(served.schema), files=policy(tmp_path, POLICY))
    assert found.findings == ("no policy for GET /debug",)


@pytest.mark.parametrize("content", [[], {"GET /": "open"}, {"GET /": {"access": "free", "reason": "x"}}, {"GET /": {"access": "open"}}])
def test_a_policy_that_decides_nothing_is_an_error(served: Any, tmp_path: Path, content: Any) -> None:
    with pytest.raises(DataError):
        run("endpoint_policy", Listing(served.schema), files=policy(tmp_path, content))


def test_a_service_that_does_not_say_what_it_has_is_an_error(served: Any) -> None:
    with pytest.raises(DataError, match="does not list"):
        run("endpoint_policy", Service(served.schema))
