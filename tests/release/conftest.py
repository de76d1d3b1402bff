from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def release(sealed: Path, tmp_path: Path) -> Path:
    """A copy of the first release that a test may harm."""
    shutil.copytree(sealed / "releases" / "small-1.0.0", tmp_path / "copy")
    return tmp_path / "copy"
