"""What did the project's own benchmark say of this model?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from gonogo.base.numbers import is_finite_number
from gonogo.base.tree import file_digest
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.declared import declared_file, read_structured
from gonogo.evidence.record import Fact, Measurement

TIMES = ("cpu_ms", "cuda_ms")
HINT = "Write {model: sha256:…, batch: 16, passes: 100, cpu_ms: …} and either cuda_ms or cuda_skipped, the reason why there is none."


class Benchmark(Check):
    """How long did a batch take in the project's own benchmark, on the CPU and on a CUDA device, and was it this very model?

    Reads the map of the file that `file` names under `files`: `model` (the digest of the model's file), `batch`, `passes`, `cpu_ms`, and
    `cuda_ms` or `cuda_skipped`. What was not measured has no fact: an item that asks for it is not satisfied. The speed-up is computed
    here.
    """

    name = "benchmark"
    options: ClassVar = {"file": "benchmark"}
    facts: ClassVar = {
        "of_this_model": "whether it measured the model that would ship, by digest",
        "batch": "rows of a batch",
        "passes": "passes that were counted",
        "cpu_ms": "mean time of a batch on the CPU",
        "cuda_ms": "mean time of a batch on the CUDA device; only when there was one",
        "speedup": "the first divided by the second; only when there was a device",
        "cuda_skipped": "why nothing was measured on a device; empty when something was",
    }

    def measure(self, model_file: Path, files: Mapping[str, Path]) -> Measurement:
        path = declared_file(files, self.chosen["file"])
        found = read_structured(path)
        if not isinstance(found, Mapping):
            raise DataError(f"the benchmark {path.name} is no map of names to values.", hint=HINT)
        counts = {name: found.get(name) for name in ("batch", "passes")}
        if any(type(count) is not int or count < 1 for count in counts.values()):
            raise DataError(f"the benchmark {path.name} does not say how many rows and passes it had.", hint=HINT)
        times = {name: float(found[name]) for name in TIMES if is_finite_number(found.get(name)) and found[name] > 0}
        skipped = found.get("cuda_skipped") or ""
        if "cpu_ms" not in times or not isinstance(skipped, str) or ("cuda_ms" in times) == bool(skipped):
            raise DataError(f"the benchmark {path.name} lacks a time, or the reason why there is none.", hint=HINT)
        mine = found.get("model") == file_digest(model_file)
        return Measurement(
            {
                "of_this_model": Fact(mine),
                **{name: Fact(int(str(count))) for name, count in counts.items()},
                **{name: Fact(value, "ms", n=int(str(counts["passes"]))) for name, value in times.items()},
                **({"speedup": Fact(times["cpu_ms"] / times["cuda_ms"])} if "cuda_ms" in times else {}),
                "cuda_skipped": Fact(skipped),
            },
            () if mine else ("it measured another model",),
        )
