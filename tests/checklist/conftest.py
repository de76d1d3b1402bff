from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

MINIMAL = """\
system: credit-risk
pack: starter
model:
  path: models/forest.onnx
  task: binary-classification
data:
  test: data/test.parquet
  target: default
"""


@pytest.fixture
def write_project(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a gonogo.yaml: the minimal one with more text after it, or the whole text when it starts with a newline."""

    def write(text: str = "") -> Path:
        path = tmp_path / "gonogo.yaml"
        path.write_text(text if text.startswith("\n") else MINIMAL + text)
        return path

    return write
