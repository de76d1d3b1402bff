# /// script
# dependencies = ["kserve==0.21.0", "onnxruntime==1.31.1", "numpy==2.0.2"]
# [tool.peer]
# title = "KServe SDK"
# dialect = "kserve"
# ///
"""KServe's Python SDK, its version 1 protocol. Its worker processes get the model pickled, so the session is opened on first use."""

import argparse

import numpy as np
import onnxruntime
from kserve import Model, ModelServer


class Forest(Model):
    def __init__(self, name: str, path: str) -> None:
        super().__init__(name)
        self.path = path
        self.session = None
        self.ready = True

    def predict(self, payload: dict, headers: dict | None = None, response_headers: dict | None = None) -> dict:
        if self.session is None:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            self.session = onnxruntime.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])
            self.input = self.session.get_inputs()[0].name
        rows = np.asarray(payload["instances"], dtype=np.float32)
        return {"predictions": self.session.run(None, {self.input: rows})[1].tolist()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for option in ("--port", "--workers"):
        parser.add_argument(option, type=int)
    parser.add_argument("--model")
    given = parser.parse_args()
    server = ModelServer(http_port=given.port, workers=given.workers, enable_grpc=False, access_log_format=None)
    server.start([Forest("forest", given.model)])
