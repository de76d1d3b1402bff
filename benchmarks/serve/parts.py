"""What a request of one row costs by part, in microseconds of one core: `python -m benchmarks.serve.parts`.

Each part is run alone on a hundred real requests, in this process and without sockets; a figure is the 5th percentile over many
repetitions, so that other work on the machine does not count. What a whole request costs, sockets included, `make bench-serve` measures.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.serve import ours
from benchmarks.serve.measure import blocks
from benchmarks.serve.model import material

REPETITIONS = 400
BOOKED = 4000


class Nowhere:
    """A transport whose writes go nowhere."""

    def write(self, data: bytes) -> None: ...
    def get_write_buffer_size(self) -> int:
        return 0


def fastest(work: Callable[[], Any], requests: int) -> float:
    times = []
    for _ in range(REPETITIONS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return 1e6 * sorted(times)[REPETITIONS // 20] / requests


def fault(error: BaseException) -> None:
    raise error


def of_the_model(served: Any, exchanges: list[Any]) -> dict[str, float]:
    """From the body to the answer's text."""
    from gonogo.model.predict import labels, scores
    from gonogo.service.codecs.rows import RowsCodec

    codec = RowsCodec(served.schema, served.release, 1000)
    pack = codec._encoder.packer.pack
    records = [codec.read(exchange).records[0] for exchange in exchanges]
    batch = pack(records)
    computed = scores(served.schema, served.loaded, batch)
    names, plain = labels(served.schema, computed), computed.tolist()
    read = codec.read(exchanges[0])
    return {
        "JSON to values": fastest(lambda: [codec.read(exchange) for exchange in exchanges], len(exchanges)),
        "values to one array": fastest(lambda: pack(records), len(exchanges)),
        "ONNX Runtime, all rows at once": fastest(lambda: scores(served.schema, served.loaded, batch), len(exchanges)),
        "answer written": fastest(lambda: [codec.write(read, "0123456789ab-1f", names[:1], plain[:1]) for _ in exchanges], len(exchanges)),
    }


def of_the_door(answering: Any, access: Any, counters: Any, requests: list[bytes]) -> tuple[list[Any], dict[str, float]]:
    """From the bytes to the exchange, who asks, and the answer's way out. Gives the exchanges too."""
    from gonogo.service.answering.asks import OwnAsk
    from gonogo.service.door.connection import HttpConnection
    from gonogo.service.door.http import HttpServer, Limits

    exchanges: list[Any] = []
    server = HttpServer(exchanges.append, Limits(), headers=answering.own_headers, on_fault=fault)
    connection = HttpConnection(server)
    connection.connection_made(Nowhere())  # type: ignore[arg-type]

    def read(*, known: bool) -> None:
        for request in requests:
            if not known:
                server.heads.clear()
            connection.data_received(request)
            connection.exchanges.clear()

    read(known=False)
    server.handler = lambda exchange: None

    def deliver() -> None:
        for exchange in exchanges:
            exchange.wire = None
            connection.exchanges.append(exchange)
            OwnAsk(answering, exchange, answering.endpoints[b"/predict"]).deliver(200, b"application/json", b"x" * 170, False)
        counters._booked.clear()

    return exchanges, {
        "request read, head parsed": fastest(lambda: read(known=False), len(requests)),
        "request read, head known": fastest(lambda: read(known=True), len(requests)),
        "caller judged (API key)": fastest(lambda: [access.admit(exchange, "reader") for exchange in exchanges], len(requests)),
        "answer delivered in its turn": fastest(deliver, len(requests)),
    }


def of_the_counters(counters: Any, release: str) -> float:
    for place in range(BOOKED):
        counters.book((1, release, 200, False, 0.0012 + place * 1e-7))
    began = time.perf_counter()
    while counters.waiting:
        counters.settle(BOOKED)
    return 1e6 * (time.perf_counter() - began) / BOOKED


async def parts(folder: Path) -> dict[str, float]:
    """Microseconds by part."""
    from gonogo.service.answering.answer import Answering, Rules
    from gonogo.service.answering.loading import load_release
    from gonogo.service.callers.access import Access, told
    from gonogo.service.callers.api_keys import KeyFile
    from gonogo.service.counters import Counters
    from gonogo.service.drift import DriftCounter
    from gonogo.service.routing import WHOLE, Arm, RoutingTable
    from gonogo.service.upward import Alone

    made = material()
    store = ours.sealed(made, folder)
    requests = [ours.asked("ours", made, store).request(rows) for rows in blocks(made, 1)[:100]]
    [release] = [path for path in (store / "releases").iterdir() if path.is_dir()]
    served = load_release(release, store / "keys" / "store.pub")
    counters = Counters(served.release, DriftCounter(served.schema, served.baseline))
    access = Access()
    access.put(told(KeyFile(store / "service").load(), {}, 1))
    answering = Answering(served, counters, rules=Rules(), upward=Alone(served, counters), admission=access, on_fault=fault)
    answering.take_over(RoutingTable(1, 0, (Arm(served.release, WHOLE),), served.release))
    exchanges, door = of_the_door(answering, access, counters, requests)
    booked = sorted(of_the_counters(counters, served.release) for _ in range(60))[3]
    return door | of_the_model(served, exchanges) | {"counted, off the path": booked}


def main() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory(prefix="gonogo-parts-") as folder, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for name, cost in runner.run(parts(Path(folder))).items():
            print(f"{cost:8.2f} µs  {name}")


if __name__ == "__main__":
    main()
