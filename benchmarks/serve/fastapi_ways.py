"""FastAPI by hand, written in the other ways that people write it: `--way WAY`. Run with the environment of the peer by hand.

`by_hand` is the way of the comparison. The others differ from it in one thing, so that one sees what that costs.
"""

import argparse
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))

#: What is different, by name.
WAYS = {
    "asis": "as in the comparison",
    "unannotated": "without an annotation of the answer",
    "response_model": "with a pydantic model of the answer",
    "plain_loop": "asyncio's own event loop",
    "plain_uvicorn": "uvicorn without uvloop and httptools",
    "threads": "`def`, so that every request goes through the pool of threads",
    "middleware": "counting in a middleware (`@app.middleware`)",
    "by_json": "json.loads and json.dumps, without pydantic",
}


def app() -> Any:
    """The application of the way that the environment names."""
    import json

    import numpy as np
    import onnxruntime
    from fastapi import FastAPI, Request, Response
    from prometheus_client import Counter, Histogram
    from pydantic import BaseModel

    class Asked(BaseModel):
        instances: list[list[float]]

    class Answer(BaseModel):
        predictions: list[list[float]]

    way = os.environ["BENCH_WAY"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    api = FastAPI()
    requests = Counter("requests", "Answers.", ["status"])
    seconds = Histogram("seconds", "Time to answer.", ["path"])

    def shares(instances: list[list[float]]) -> list[list[float]]:
        found: list[list[float]] = session.run(None, {name: np.asarray(instances, dtype=np.float32)})[1].tolist()
        return found

    def counted(began: float) -> None:
        requests.labels("200").inc()
        seconds.labels("/predict").observe(time.perf_counter() - began)

    def work(instances: list[list[float]]) -> list[list[float]]:
        began = time.perf_counter()
        found = shares(instances)
        counted(began)
        return found

    async def asis(request: Asked) -> dict[str, list[list[float]]]:
        return {"predictions": work(request.instances)}

    async def unannotated(request: Asked):  # type: ignore[no-untyped-def]
        return {"predictions": work(request.instances)}

    async def modelled(request: Asked) -> Answer:
        return Answer(predictions=work(request.instances))

    def threaded(request: Asked) -> dict[str, list[list[float]]]:
        return {"predictions": work(request.instances)}

    async def uncounted(request: Asked) -> dict[str, list[list[float]]]:
        return {"predictions": shares(request.instances)}

    async def by_json(request: Request) -> Response:
        answer = {"predictions": work(json.loads(await request.body())["instances"])}
        return Response(json.dumps(answer), media_type="application/json")

    async def timing(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        began = time.perf_counter()
        response = await go_on(request)
        counted(began)
        return response

    if way == "middleware":
        api.middleware("http")(timing)
    ways: dict[str, Callable[..., Any]] = {
        "unannotated": unannotated, "response_model": modelled, "threads": threaded, "middleware": uncounted, "by_json": by_json,
    }  # fmt: skip
    api.post("/predict")(ways.get(way, asis))
    return api


def main() -> None:
    import uvicorn

    parser = argparse.ArgumentParser()
    for option in ("--port", "--workers"):
        parser.add_argument(option, type=int)
    parser.add_argument("--model")
    parser.add_argument("--way", choices=sorted(WAYS))
    given = parser.parse_args()
    os.environ |= {"BENCH_MODEL": given.model, "BENCH_WAY": given.way}
    sys.path.insert(0, HERE)
    uvicorn.run(
        "fastapi_ways:app", factory=True, port=given.port, workers=given.workers, app_dir=HERE, access_log=False, log_level="warning",
        loop="asyncio" if given.way.startswith("plain_") else "uvloop", http="h11" if given.way == "plain_uvicorn" else "httptools",
    )  # fmt: skip


if __name__ == "__main__":
    main()
