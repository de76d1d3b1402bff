"""Rolling back under load: from the command to the last answer of the release being left, and how many requests fail.

One service, two releases of a small model, 100 connections that ask one after another. Each round promotes the new release and takes it
back. Budget (design, section 6): every one of 200 rollbacks below 1 s, no failed request.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "real"))
import sample  # the releases and the service of the tests
import supervised

CONNECTIONS = 100
ROUNDS = int(os.environ.get("ROUNDS", "200"))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sample.seal_two(Path(folder) / "sealed")
        with supervised.serving(Path(folder) / "store", Path(folder) / "sealed") as service:
            service.start()
            service.client.start(supervised.NEW)
            asyncio.run(_rounds(service))


async def _rounds(service) -> None:
    old, new = supervised.OLD, supervised.NEW
    answered, last = [], []
    async with supervised.Traffic(service.port, CONNECTIONS) as traffic:
        for _ in range(ROUNDS):
            await asyncio.to_thread(service.route, (new, 100), (old, 0), stable=new)
            await traffic.answered(CONNECTIONS)
            table = await asyncio.to_thread(service.table, (old, 100), (new, 0))
            began = time.monotonic()
            await asyncio.to_thread(service.client.route, table, f"back:{began}", table["token"])
            answered.append(time.monotonic() - began)
            await traffic.answered(2 * CONNECTIONS)
            last.append(max(0.0, traffic.latest[new] - began))
    print(f"{'rollbacks':<44} {ROUNDS:>8}")
    print(f"{'connections':<44} {CONNECTIONS:>8}")
    print(f"{'requests answered':<44} {traffic.answers.total():>8}")
    print(f"{'requests failed':<44} {traffic.failures.total():>8}")
    for name, values in (("command to table in force, ms", answered), ("command to last answer of the release left, ms", last)):
        values.sort()
        shown = " ".join(f"p{share}={values[min(len(values) - 1, len(values) * share // 100)] * 1000:.0f}" for share in (50, 95, 100))
        print(f"{name:<44} {shown}")


if __name__ == "__main__":
    main()
