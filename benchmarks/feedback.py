"""A million labels in one file, three in a hundred of them broken: how fast they are taken, and in how much memory.

Predictions are recorded as the writer of the prediction log does it; the file is read by `gonogo.operations.feedback` in a process of its
own, so that its memory is its own. Every batch is on disk before the next one is read.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gonogo.operations.feedback import feedback
from gonogo.operations.workspace import Workspace
from gonogo.service.labels.store import LabelStore

ROWS = 1_000_000
AT_ONCE = 500
PROJECT = "system: m\nmodel: {path: m.onnx, task: binary-classification}\ndata: {test: t.csv, target: y}\n"


def name(number: int) -> str:
    return f"abcdef123456-{number:08x}"


def frames(rows: int) -> Iterator[dict[str, Any]]:
    """A day of predictions."""
    generator = np.random.default_rng(1)
    for start in range(0, rows, AT_ONCE):
        score = generator.random(AT_ONCE)
        yield {
            "kind": "predictions", "time": 1_700_000_000.0 + 86_400 * start / rows, "release": "m@1.0.0", "classes": ["0", "1"],
            "features": [], "inputs": {}, "ids": [name(start + place) for place in range(AT_ONCE)], "rows": [1] * AT_ONCE,
            "scores": np.stack((1 - score, score), axis=1).tobytes(),
        }  # fmt: skip


def write_labels(path: Path, rows: int) -> None:
    """One line in a hundred each is no CSV, has no label, and has a label that is no class; another is of nobody's prediction."""
    generator = np.random.default_rng(2)
    kinds = {0: '"{name},1,', 1: "{name}", 2: "{name},maybe,", 3: "nobody-{number},1,"}
    with path.open("w") as file:
        file.write("prediction_id,label,row\n")
        for number, chance in enumerate(generator.integers(0, 100, size=rows).tolist()):
            file.write(kinds.get(chance, "{name},{label},").format(name=name(number), number=number, label=number % 3 % 2) + "\n")


def take(project: Path, path: Path) -> dict[str, Any]:
    """In this process: what came of the file, the seconds, and the most memory that the process ever had."""
    import resource

    began = time.perf_counter()
    done = feedback(Workspace.open(project), path)
    seconds = time.perf_counter() - began
    counts = {key: getattr(done, key) for key in ("lines", "joined", "waiting", "refused")}
    return {**counts, "seconds": seconds, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main(rows: int = ROWS) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / "gonogo.yaml").write_text(PROJECT)
        database = project / ".gonogo" / "service" / "log" / "labels.db"
        store, began = LabelStore(database), time.perf_counter()
        store.record("a", frames(rows))
        print(f"{rows} predictions recorded: {rows / (time.perf_counter() - began):,.0f} a second")
        store.close()
        print(f"on disk: {database.stat().st_size / rows:.0f} bytes a prediction")
        write_labels(project / "labels.csv", rows)
        command = [sys.executable, "-m", "benchmarks.feedback", str(project), str(project / "labels.csv")]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        speed = found["lines"] / found["seconds"]
        print(f"{found['lines']} lines, {found['joined']} joined, {found['waiting']} waiting, {found['refused']} refused by line")
        print(f"labels taken: {speed:,.0f} a second, {found['seconds']:.1f} s in all; {found['megabytes']:.0f} MB at most")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(take(Path(sys.argv[1]), Path(sys.argv[2]))))
    else:
        main()
