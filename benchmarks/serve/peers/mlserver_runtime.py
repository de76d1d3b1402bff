# /// script
# dependencies = ["mlserver==1.7.1", "uvloop==0.21.0", "onnxruntime==1.31.1", "numpy==2.0.2"]
# [tool.peer]
# title = "MLServer"
# dialect = "oip"
# ///
"""MLServer with a runtime of our own for ONNX: one worker inline (its quicker mode), more by `parallel_workers`.

uvloop is held below 0.22, where MLServer does not start (its issue 2286).
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput


class Forest(MLModel):
    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        tensor = payload.inputs[0]
        rows = np.asarray(tensor.data, dtype=np.float32).reshape(tensor.shape)
        _, shares = self.session.run(None, {self.input: rows})
        output = ResponseOutput(name="probabilities", shape=list(shares.shape), datatype="FP32", data=shares.ravel().tolist())
        return InferenceResponse(model_name=self.name, outputs=[output])


def main() -> None:
    parser = argparse.ArgumentParser()
    for option in ("--port", "--workers"):
        parser.add_argument(option, type=int)
    parser.add_argument("--model")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        settings = {
            "host": "127.0.0.1", "http_port": given.port, "grpc_port": given.port + 1, "metrics_port": given.port + 2, "debug": False,
            "parallel_workers": 0 if given.workers == 1 else given.workers, "metrics_dir": folder, "environments_dir": folder,
        }  # fmt: skip
        (root / "settings.json").write_text(json.dumps(settings))
        model = {"name": "forest", "implementation": "mlserver_runtime.Forest"}
        (root / "model-settings.json").write_text(json.dumps(model))
        here = os.path.dirname(os.path.abspath(__file__))
        environment = {**os.environ, "BENCH_MODEL": given.model, "PYTHONPATH": here}
        mlserver = os.path.join(os.path.dirname(sys.executable), "mlserver")
        os.chdir(root)
        os.execve(mlserver, [mlserver, "start", str(root)], environment)


if __name__ == "__main__":
    main()
