# /// script
# dependencies = [
#   "fastapi==0.165.0", "uvicorn==0.54.0", "uvloop==0.22.1", "httptools==0.9.0", "prometheus-client==0.26.0",
#   "onnxruntime==1.31.1", "numpy==2.0.2",
# ]
# [tool.peer]
# title = "FastAPI by hand"
# dialect = "instances"
# named = false
# ///
"""FastAPI as people write it: a pydantic model of the request, a counter and a histogram of prometheus_client, uvicorn in front."""

import argparse
import os
import time

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI
from prometheus_client import Counter, Histogram
from pydantic import BaseModel


class Request(BaseModel):
    instances: list[list[float]]


def app() -> FastAPI:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    api = FastAPI()
    requests = Counter("requests", "Answers.", ["status"])
    seconds = Histogram("seconds", "Time to answer.", ["path"])

    @api.post("/predict")
    async def predict(request: Request) -> dict[str, list[list[float]]]:
        began = time.perf_counter()
        _, shares = session.run(None, {name: np.asarray(request.instances, dtype=np.float32)})
        requests.labels("200").inc()
        seconds.labels("/predict").observe(time.perf_counter() - began)
        return {"predictions": shares.tolist()}

    return api


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for option in ("--port", "--workers"):
        parser.add_argument(option, type=int)
    parser.add_argument("--model")
    given = parser.parse_args()
    os.environ["BENCH_MODEL"] = given.model
    folder = os.path.dirname(os.path.abspath(__file__))
    uvicorn.run(
        "by_hand:app", factory=True, port=given.port, workers=given.workers, app_dir=folder, loop="uvloop", http="httptools",
        access_log=False, log_level="warning",
    )  # fmt: skip
