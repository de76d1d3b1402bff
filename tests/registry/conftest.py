from __future__ import annotations

from pathlib import Path

import pytest

from gonogo.base.clock import FakeClock
from gonogo.registry.stores.sqlite import SqliteStore
from gonogo.trust.keys import generate_key
from gonogo.trust.signers.file import FileSigner


@pytest.fixture
def signer(tmp_path: Path) -> FileSigner:
    generate_key(tmp_path / "store.key")
    return FileSigner(tmp_path / "store.key")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(tmp_path: Path, signer: FileSigner, clock: FakeClock) -> SqliteStore:
    return SqliteStore(tmp_path / "registry" / "gonogo.db", signer, clock)
