"""A trial serves a bundle, cut off, and ends with its block."""

import json
import sys

import pytest

from gonogo.errors import UnreachableError, VerificationError
from gonogo.service.loadtest.run import run_load_test
from gonogo.service.loadtest.target import Target
from gonogo.service.trial import TrialServer


def test_a_trial_answers_as_the_bundle_and_names_its_isolation(bundle):
    with TrialServer(bundle, accept_weaker=True) as trial:
        health = json.loads(trial.request("GET", "/health").body)
        assert health == {"status": "healthy", "release": "small@trial", "digest": bundle.digest, "model_loaded": True}
        answer = trial.request("POST", "/predict", b'{"features": {"x": 0.25, "k": 1}}')
        assert json.loads(answer.body)["predictions"][0]["score"] == 0.5
        assert answer.headers["x-gonogo-release"] == "small@trial"
        assert trial.isolation.startswith("process, rlimits")
        result = run_load_test(Target.of(trial.base_url), [{"x": 0.25, "k": 1}], requests=300, concurrency=30)
        assert (result.errors, result.requests) == (0, 300)
        assert result.max_answer_difference == 0.0
        assert result.answers_compared > 0
        if sys.platform == "linux":
            peak = trial.peak_memory_mb()
            assert peak is not None
            assert 20 < peak < 2000
    with pytest.raises(UnreachableError):
        trial.request("GET", "/health")


def test_a_trial_of_other_bytes_than_announced_does_not_start(bundle):
    class Other:
        root = bundle.root
        digest = "sha256:" + "0" * 64

    with pytest.raises(VerificationError, match="not sha256:0000"), TrialServer(Other(), accept_weaker=True):
        pass
