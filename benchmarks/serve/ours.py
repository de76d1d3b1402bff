"""Our own server: a real sealed release of the forest, served by the supervisor and its workers with everything on.

`unmonitored` is the same but for its worker's counters, which forget: the request path up to the one append is the same, the append and
everything behind it (counts, latency histogram, drift counts) is not there. The difference is what monitoring costs.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from benchmarks.serve.dialects import Dialect, dialect
from benchmarks.serve.model import Material
from gonogo.base.names import Version
from gonogo.checklist.project import load_project
from gonogo.service.callers.api_keys import KeyFile, make_key

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT / "tests" / "real"
sys.path.insert(0, str(REAL))  # the releases and the service of the tests

SYSTEM = "small"
YAML = """
system: small
pack: starter
model: {path: forest.onnx, task: binary-classification}
data: {train: train.csv, test: test.csv, target: benign}
"""


class Service(Protocol):
    """What is used of the tests' `supervised.Service`."""

    client: Any

    def route(self, *arms: tuple[str, int], stable: str) -> dict[str, Any]: ...


def sealed(material: Material, folder: Path, versions: Sequence[str] = ("1.0.0",)) -> Path:
    """Fill an empty folder with `releases`, `keys` and an API key: what is measured is the code as it is now."""
    import sample

    project = folder / "project"
    project.mkdir(parents=True)
    for name in ("forest.onnx", "train.csv", "test.csv"):
        shutil.copyfile(material.folder / name, project / name)
    (project / "gonogo.yaml").write_text(YAML, encoding="utf-8")
    ready = sample.sealable(sample.build(load_project(project / "gonogo.yaml"), folder / "bundles"), folder / "keys")
    for version in versions:
        ready.seal(folder / "releases", version=Version.parse(version))
    key, text = make_key("bench", "reader", datetime.now(UTC), None)
    (folder / "service").mkdir(mode=0o700)
    KeyFile(folder / "service").change(lambda keys: [*keys, key])
    (folder / "key").write_text(text, encoding="ascii")
    return folder


def asked(name: str, material: Material, folder: Path) -> Dialect:
    """How our server is asked, with the key that it demands. `folder` is as `sealed` left it."""
    key = (folder / "key").read_text(encoding="ascii")
    return replace(dialect(name, material.names, SYSTEM), headers=f"authorization: Bearer {key}\r\n")


def control(store: Path) -> Service:
    """The control of the service of a store."""
    import supervised

    found: Service = supervised.Service(store, {})
    return found


def command(store: Path, port: int) -> list[str]:
    return [sys.executable, str(REAL / "supervised.py"), str(store), str(port), f"{SYSTEM}@1.0.0"]


def store(folder: Path, into: Path) -> Path:
    """A fresh store with the sealed release and the key."""
    for name in ("releases", "keys", "service"):
        shutil.copytree(folder / name, into / name)
    return into


def main() -> int:
    """The worker whose counters forget."""
    from gonogo.service import worker
    from gonogo.service.answering.batching import Computed
    from gonogo.service.counters import Booking, Counters
    from gonogo.service.drift import DriftCounter

    class Forgetful(Counters):
        def __init__(self, release: str, drift: DriftCounter | None = None) -> None:
            super().__init__(release)
            self.book = self._forget

        def _forget(self, booking: Booking) -> None:
            pass

        def see(self, computed: Computed) -> None:
            pass

    worker.Counters = Forgetful
    return worker.main()


if __name__ == "__main__":
    sys.exit(main())
