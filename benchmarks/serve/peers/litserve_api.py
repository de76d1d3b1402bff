# /// script
# dependencies = ["litserve==0.2.19", "onnxruntime==1.31.1", "numpy==2.0.2"]
# [tool.peer]
# title = "LitServe"
# dialect = "instances"
# ///
"""LitServe: as many API servers as model processes."""

import argparse

import litserve
import numpy as np
import onnxruntime


class Forest(litserve.LitAPI):
    def __init__(self, model: str) -> None:
        super().__init__(api_path="/predict")
        self.model = model

    def setup(self, device: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(self.model, options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    def decode_request(self, request: dict) -> np.ndarray:
        return np.asarray(request["instances"], dtype=np.float32)

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.session.run(None, {self.input: rows})[1]

    def encode_response(self, shares: np.ndarray) -> dict:
        return {"predictions": shares.tolist()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for option in ("--port", "--workers"):
        parser.add_argument(option, type=int)
    parser.add_argument("--model")
    given = parser.parse_args()
    server = litserve.LitServer(Forest(given.model), accelerator="cpu", workers_per_device=given.workers)
    server.run(
        host="127.0.0.1", port=given.port, num_api_servers=given.workers, log_level="warning", access_log=False, generate_client_file=False
    )
