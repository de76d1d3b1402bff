"""What a release in service is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gonogo.operations.workspace import Workspace


def baseline_of(workspace: Workspace, release: str) -> Mapping[str, Any]:
    """The baseline sealed in a release, when it was sealed, and the latencies of its load test. Raises VerificationError."""
    from gonogo.operations.verify import verify_reference

    found = verify_reference(workspace, release)
    load = found.statements.load_test
    return {**found.bundle.baseline, "sealed_at": found.sealed_at, "latency": None if load is None else load.get("histogram")}
