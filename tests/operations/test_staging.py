"""`staging` stands where it was put, at what is registered and verified, and moves no traffic."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gonogo.errors import NotFoundError, VerificationError
from gonogo.operations.release import release
from gonogo.operations.staging import stage
from gonogo.operations.verify import verify_reference
from team import Team


def test_a_release_is_staged_by_its_number_and_found_by_the_pointer(team: Team) -> None:
    release(team.workspace())
    command = [sys.executable, "-m", "gonogo", "rollout", "stage", "small@1.0.0", "--json", "--project", str(team.folder)]
    for _ in range(2):  # the second time nothing is left to do
        done = subprocess.run(command, capture_output=True, check=True)
        assert json.loads(done.stdout) == {"release": "small@1.0.0", "pointer": "staging"}
    state = team.workspace().registry().state()
    assert {name: str(version) for (_, name), version in state.pointers.items()} == {"staging": "1.0.0"}
    assert len(state.history) == 1
    assert str(verify_reference(team.workspace(), "small@staging").version) == "1.0.0"


def test_what_is_not_there_or_not_as_it_was_sealed_is_not_staged(team: Team) -> None:
    found = release(team.workspace()).release
    with pytest.raises(NotFoundError):
        stage(team.workspace(), "small@2.0.0")
    model = next(path for path in found.path.rglob("model.onnx"))
    model.chmod(0o644)
    model.write_bytes(model.read_bytes() + b"x")
    with pytest.raises(VerificationError):
        stage(team.workspace(), "small@1.0.0")
