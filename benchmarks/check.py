"""What judging costs: `gonogo check` on systems/late_arrivals, cold (nothing measured yet) and warm (nothing changed), in seconds.

The project is copied to a folder of its own, prepared and trained there. Beside it stands what the warm check cannot go below: the start
of the command line. A reading of the training table once is the yardstick for the cold one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SYSTEM = Path(__file__).resolve().parents[1] / "systems" / "late_arrivals"
LEFT_OUT = shutil.ignore_patterns("data", "models", "late_30", ".gonogo", "__pycache__", "keys")
WARM = 7


def run(folder: Path, *words: str, expect: tuple[int, ...] = (0,)) -> float:
    """Seconds that a command takes. Raises when it ends otherwise than expected."""
    environment = {**os.environ, "GONOGO_KEYS": str(folder / "people"), "PYTHONWARNINGS": "ignore"}
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode not in expect:
        raise SystemExit(f"{' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take every N-th flight only")
    every = parser.parse_args().every
    with tempfile.TemporaryDirectory(prefix="gonogo-bench-") as scratch:
        folder = Path(scratch) / "late_arrivals"
        shutil.copytree(SYSTEM, folder, ignore=LEFT_OUT)
        run(folder, "prepare.py", *(["--every", str(every)] if every > 1 else []))
        run(folder, "train.py")
        read = min(run(folder, "-c", "import duckdb; duckdb.sql(\"SELECT * FROM 'data/train.parquet'\").fetchnumpy()") for _ in range(3))
        start = min(run(folder, "-m", "gonogo", "--help") for _ in range(3))
        cold = run(folder, "-m", "gonogo", "check", expect=(1,))
        warm = sorted(run(folder, "-m", "gonogo", "check", expect=(1,)) for _ in range(WARM))
        proved = run(folder, "-m", "gonogo", "check", "--prove", expect=(1,))
    print(f"{'gonogo check':<44} {'seconds':>8} {'ratio':>7}")
    print(f"{'the training table, read once by DuckDB':<44} {read:>8.2f} {1:>7.1f}")
    print(f"{'cold: bundle, load test, every item':<44} {cold:>8.2f} {cold / read:>7.1f}")
    print(f"{'gonogo --help':<44} {start:>8.2f} {1:>7.1f}")
    print(f"{f'warm: nothing changed, median of {WARM}':<44} {warm[WARM // 2]:>8.2f} {warm[WARM // 2] / start:>7.1f}")
    print(f"{'warm, slowest':<44} {warm[-1]:>8.2f} {warm[-1] / start:>7.1f}")
    print(f"{'with --prove: four spoiled copies':<44} {proved:>8.2f} {proved / cold:>7.1f}")


if __name__ == "__main__":
    main()
