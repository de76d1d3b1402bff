# /// script
# dependencies = ["bentoml==1.4.39", "onnxruntime==1.31.1", "numpy==2.0.2"]
# [tool.peer]
# title = "BentoML"
# dialect = "instances"
# ///
"""BentoML without its adaptive batching, which answers much of such a load with 503."""

import argparse
import os
import sys
import tempfile

import bentoml
import numpy as np
import onnxruntime


@bentoml.service(workers=int(os.environ.get("BENCH_WORKERS", "1")), logging={"access": {"enabled": False}})
class Forest:
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    @bentoml.api(route="/predict")
    def predict(self, instances: list[list[float]]) -> dict[str, list[list[float]]]:
        return {"predictions": self.session.run(None, {self.input: np.asarray(instances, dtype=np.float32)})[1].tolist()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for option in ("--port", "--workers"):
        parser.add_argument(option, type=int)
    parser.add_argument("--model")
    given = parser.parse_args()
    told = {
        "BENCH_MODEL": given.model, "BENCH_WORKERS": str(given.workers), "BENTOML_HOME": tempfile.mkdtemp(), "BENTOML_DO_NOT_TRACK": "True",
    }  # fmt: skip
    program = os.path.join(os.path.dirname(sys.executable), "bentoml")
    here = os.path.dirname(os.path.abspath(__file__))
    words = [program, "serve", "bentoml_service:Forest", "--working-dir", here, "--host", "127.0.0.1", "--port", str(given.port), "-q"]
    os.execve(program, words, {**os.environ, **told})
