"""The long fuzz run over HTTP parser and codecs: `python -m benchmarks.fuzz --minutes 10 [--seed N]`.

The same inputs and laws as `tests/properties/test_http_laws.py`, for as long as is wanted, in a child process: an input that breaks a law,
hangs or ends the process is written to `tests/properties/seeds`, so that it is tried first from then on, and the run ends with status 1.
It also watches that memory and descriptors stay where they were.
"""

import argparse
import gc
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "real"))

from gonogo.release.contents import Bundle  # noqa: E402
from gonogo.service.answering.endpoints import endpoints  # noqa: E402
from gonogo.service.answering.loading import served_bundle  # noqa: E402
from http_fuzz import SEEDS, body_seeds, check_codec, check_connection, mutated, request_seeds, spoiled_body  # noqa: E402
from small_bundle import put_bundle  # noqa: E402

HANG_SECONDS = 5  #: an input that takes longer hangs: the process is ended


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tried = Path(folder) / "tried"
        child = os.fork()
        if not child:
            os._exit(attack(given.minutes, given.seed, Path(folder), tried))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status:
            kind, _, wire = tried.read_bytes().partition(b"\n")
            file = SEEDS / f"found-{given.seed}{kind.decode()}"
            file.write_bytes(wire)
            how = f"signal {-status}" if status < 0 else f"status {status}"
            print(f"ended by {how}; the last input is kept as {file.relative_to(ROOT)}")
    return int(status != 0)


def attack(minutes: float, seed: int, folder: Path, tried: Path) -> int:
    """The child's work: inputs, each written to `tried` before it is tried. Returns the exit status."""
    chance = random.Random(seed)
    requests, bodies = request_seeds(), body_seeds()
    codecs = list(endpoints(served_bundle("small@1.0.0", Bundle.open(put_bundle(folder / "b")), {}), 1000).values())
    kept = os.open(tried, os.O_RDWR | os.O_CREAT)
    print(f"seed {seed}: {len(requests)} requests and {sum(map(len, bodies.values()))} bodies to begin with, {len(codecs)} addresses")
    end, inputs, slowest, memory, files = time.monotonic() + 60 * minutes, 0, 0.0, 0, len(os.listdir("/proc/self/fd"))
    while time.monotonic() < end:
        if chance.randint(0, 2):
            kind, wire, headers = spoiled_body(chance, bodies)
        else:
            kind, wire, headers = ".http", mutated(chance, requests), {}
        os.ftruncate(kept, 0)
        os.pwrite(kept, kind.encode() + b"\n" + wire, 0)
        begun = time.process_time()
        signal.alarm(HANG_SECONDS)
        try:
            if kind == ".http":
                check_connection(chance, wire)
            else:
                for codec in codecs:
                    check_codec(codec, wire, dict(headers))
        except Exception:  # the boundary: what broke a law is told, and kept by the parent
            traceback.print_exc()
            return 1
        signal.alarm(0)
        slowest = max(slowest, time.process_time() - begun)
        inputs += 1
        if inputs == 20_000:  # caches are warm
            gc.collect()
            memory = resident()
    gc.collect()
    grown = (resident() - memory) / 2**20 if memory else 0.0
    left = len(os.listdir("/proc/self/fd")) - files
    print(
        f"{inputs} inputs in {minutes:g} min, slowest {slowest * 1000:.0f} ms, memory {grown:+.1f} MiB, descriptors {left:+d}", flush=True
    )
    return 2 * int(grown > 32 or left > 0)


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


if __name__ == "__main__":
    sys.exit(main())
