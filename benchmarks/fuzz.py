"""The long fuzz run over HTTP parser and codecs: `python -m benchmarks.fuzz --minutes 10 [--seed N]`.

The same inputs and laws as `tests/properties/test_http_laws.py`, for as long as is wanted. An input that breaks a law is written to
`tests/properties/seeds`, so that it is tried first from then on, and the run ends with status 1. It also watches that memory and
descriptors stay where they were.
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
from gonogo.service.endpoints import endpoints  # noqa: E402
from gonogo.service.loading import served_bundle  # noqa: E402
from http_fuzz import JSON_TOKENS, SEEDS, body_seeds, check_codec, check_connection, mutated, request_seeds  # noqa: E402
from small_bundle import put_bundle  # noqa: E402

HANG_SECONDS = 5  #: an input that takes longer hangs


def hang(*_: object) -> None:
    raise TimeoutError(f"an input took more than {HANG_SECONDS} s")


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    chance = random.Random(given.seed)
    requests, bodies = request_seeds(), body_seeds()
    with tempfile.TemporaryDirectory() as folder:
        served = served_bundle("small@1.0.0", Bundle.open(put_bundle(Path(folder) / "b")), {})
    codecs = list(endpoints(served, 1000).values())
    signal.signal(signal.SIGALRM, hang)
    print(f"seed {given.seed}: {len(requests)} requests and {len(bodies)} bodies to begin with, {len(codecs)} codecs")
    end, inputs, slowest, memory, files = time.monotonic() + 60 * given.minutes, 0, 0.0, 0, descriptors()
    while time.monotonic() < end:
        is_body = chance.randint(0, 2) == 0
        wire = mutated(chance, bodies, JSON_TOKENS) if is_body else mutated(chance, requests)
        begun = time.perf_counter()
        signal.alarm(HANG_SECONDS)
        try:
            if is_body:
                length = {b"inference-header-content-length": b"%d" % chance.randint(0, 300)} if chance.randint(0, 3) == 0 else {}
                for codec in codecs:
                    check_codec(codec, wire, dict(length))
            else:
                check_connection(chance, wire)
        except Exception:  # the boundary: what broke a law is kept
            file = SEEDS / f"found-{given.seed}-{inputs}.{'json' if is_body else 'http'}"
            file.write_bytes(wire)
            traceback.print_exc()
            print(f"broken after {inputs} inputs; kept as {file.relative_to(ROOT)}")
            return 1
        finally:
            signal.alarm(0)
        slowest = max(slowest, time.perf_counter() - begun)
        inputs += 1
        if inputs == 20_000:  # caches are warm
            gc.collect()
            memory = resident()
    gc.collect()
    grown = (resident() - memory) / 2**20 if memory else 0.0
    left = descriptors() - files
    print(f"{inputs} inputs in {given.minutes:g} min, slowest {slowest * 1000:.0f} ms, memory {grown:+.1f} MiB, descriptors {left:+d}")
    return int(grown > 32 or left > 0)


if __name__ == "__main__":
    sys.exit(main())
