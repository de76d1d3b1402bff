"""The text of an API key, looked for in everything that a run of the tests leaves behind."""

from __future__ import annotations

import os
import re
from pathlib import Path

#: A key, but for those that tests of scanners and logs make up: they all have this id.
KEY = re.compile(rb"gng_(?!0123456789ab)[0-9a-f]{12}_[0-9a-f]{64}")
#: Where a key belongs (files that were asked for), and what is no text of ours.
PASSED_OVER = frozenset({".key", ".header", ".onnx", ".parquet", ".npy", ".npz", ".gz", ".pt", ".pt2", ".skops", ".png", ".so", ".pyc"})
LARGEST = 8 << 20  #: bytes


def key_leaks(folder: Path) -> list[str]:
    """The files below `folder` that hold a key, by name."""
    found = []
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root) / name
            try:
                if path.suffix not in PASSED_OVER and not path.is_symlink() and path.is_file() and path.stat().st_size <= LARGEST:
                    found += [str(path)] if KEY.search(path.read_bytes()) else []
            except OSError:  # gone by now, or not for us to read
                continue
    return found
