from __future__ import annotations

from pathlib import Path

import pytest

from gonogo.trust.keys import generate_key
from gonogo.trust.signers.file import FileSigner


@pytest.fixture
def ana(tmp_path: Path) -> FileSigner:
    generate_key(tmp_path / "ana.key")
    return FileSigner(tmp_path / "ana.key")


@pytest.fixture
def ben(tmp_path: Path) -> FileSigner:
    generate_key(tmp_path / "ben.key")
    return FileSigner(tmp_path / "ben.key")
