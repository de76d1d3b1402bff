"""schemathesis, from the generated OpenAPI against a real service: every promise of the document is tried, and many requests beside it.

`make schemathesis` is the long run of the same.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "5"))  #: of each operation


@pytest.mark.timeout(7200)
def test_it_finds_nothing(small, tmp_path):
    for name in ("schemathesis.toml", "schemathesis_hooks.py"):
        shutil.copy(FOLDER / name, tmp_path)
    command = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"]
    options = ["--checks", "all", "--max-examples", str(EXAMPLES), "--seed", "4", "--continue-on-failure", "--no-color"]
    done = subprocess.run(
        [*command, "run", f"{small.url}/openapi.json", *options],
        check=False,
        cwd=tmp_path,  # it writes there
        capture_output=True,
        text=True,
        timeout=120 + 3 * EXAMPLES,
    )
    report = done.stdout + done.stderr
    assert done.returncode == 0, report[-8000:]
    assert int(re.search(r"(\d+) generated", report)[1]) > 100, report
