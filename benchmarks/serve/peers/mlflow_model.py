# /// script
# dependencies = ["mlflow==3.17.2", "onnxruntime==1.31.1", "numpy==2.0.2"]
# [tool.peer]
# title = "MLflow"
# dialect = "mlflow"
# ///
"""MLflow's scoring server over a python_function model."""

import argparse
import os
import sys
import tempfile

import mlflow
import mlflow.pyfunc
import numpy as np
import onnxruntime


class Forest(mlflow.pyfunc.PythonModel):
    def load_context(self, context) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(context.artifacts["model"], options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    def predict(self, context, model_input, params=None):
        return self.session.run(None, {self.input: np.asarray(model_input, dtype=np.float32)})[1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for option in ("--port", "--workers"):
        parser.add_argument(option, type=int)
    parser.add_argument("--model")
    given = parser.parse_args()
    folder = tempfile.mkdtemp()
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from mlflow_model import Forest as Importable  # the saved model names this file's class, not __main__'s

    mlflow.pyfunc.save_model(
        folder + "/model", python_model=Importable(), artifacts={"model": given.model}, pip_requirements=[], code_paths=[__file__]
    )
    program = os.path.join(os.path.dirname(sys.executable), "mlflow")
    words = [program, "models", "serve", "-m", folder + "/model", "-h", "127.0.0.1", "-p", str(given.port), "-w", str(given.workers)]
    path = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]  # it looks for uvicorn there
    os.execve(program, [*words, "--env-manager", "local"], {**os.environ, "PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"})
