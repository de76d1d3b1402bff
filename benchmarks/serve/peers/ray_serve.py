# /// script
# dependencies = ["ray[serve]==2.60.0", "onnxruntime==1.31.1", "numpy==2.0.2"]
# [tool.peer]
# title = "Ray Serve"
# dialect = "instances"
# ///
"""Ray Serve: one replica a worker behind its HTTP proxy."""

import argparse
import logging
import os
import time

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import numpy as np
import onnxruntime
import ray
from ray import serve


@serve.deployment(ray_actor_options={"num_cpus": 0}, max_ongoing_requests=200)
class Forest:
    def __init__(self, model: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    async def __call__(self, request) -> dict:
        rows = np.asarray((await request.json())["instances"], dtype=np.float32)
        return {"predictions": self.session.run(None, {self.input: rows})[1].tolist()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for option in ("--port", "--workers"):
        parser.add_argument(option, type=int)
    parser.add_argument("--model")
    given = parser.parse_args()
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.WARNING)
    serve.start(http_options={"host": "127.0.0.1", "port": given.port}, logging_config={"enable_access_log": False})
    serve.run(Forest.options(num_replicas=given.workers).bind(given.model), route_prefix="/predict")
    while True:
        time.sleep(3600)
