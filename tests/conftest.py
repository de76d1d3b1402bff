"""What all tests share. A slow or busy machine is no failure: hypothesis gives no deadlines, and no opinion on how long drawing takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import sample
from gonogo.trust.keys import generate_key
from gonogo.trust.signers.file import FileSigner

settings.register_profile("gonogo", deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
settings.load_profile("gonogo")


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two real releases of one small system: projects, bundles, keys and releases. Never changed by a test."""
    return sample.seal_two(tmp_path_factory.mktemp("sealed"))


@pytest.fixture
def ana(tmp_path: Path) -> FileSigner:
    generate_key(tmp_path / "ana.key")
    return FileSigner(tmp_path / "ana.key")


@pytest.fixture
def ben(tmp_path: Path) -> FileSigner:
    generate_key(tmp_path / "ben.key")
    return FileSigner(tmp_path / "ben.key")
