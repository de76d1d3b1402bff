"""What all tests share. A slow or busy machine is no failure: hypothesis gives no deadlines, and no opinion on how long drawing takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import sample
from gonogo.trust.keys import generate_key
from gonogo.trust.signers.file import FileSigner
from key_leaks import KEY, key_leaks

settings.register_profile("gonogo", deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
settings.load_profile("gonogo")


_said: list[str] = []  # the tests in whose output there was a key


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if any(KEY.search(text.encode(errors="replace")) for _, text in report.sections):
        _said.append(f"the output of {report.nodeid}")


@pytest.fixture(scope="session", autouse=True)
def no_api_key_is_in_what_the_tests_leave_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Logs, stores, pages, answers that were kept, captured output: judged once, after the last test of this process."""
    yield
    assert _said + key_leaks(tmp_path_factory.getbasetemp()) == []


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
