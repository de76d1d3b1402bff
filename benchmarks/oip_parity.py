"""The Open Inference Protocol as MLServer answers it and as we do, field by field: `python -m benchmarks.oip_parity`.

The model is one logistic regression, trained here: MLServer serves it with its own scikit-learn runtime, we serve the same coefficients as
ONNX. MLServer is installed into an environment of its own (about three minutes, so no test does it). Its answers are compared with ours by
`tests/service/pages/test_mlserver.py`, which does so on every run with those that `--record` wrote beside it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.serve.environments import environment

RECORD = Path(__file__).resolve().parents[1] / "tests" / "service" / "pages" / "mlserver.json"
PACKAGES = ("mlserver==1.7.1", "mlserver-sklearn==1.7.1", "uvloop==0.21.0")  # it does not start with uvloop 0.22: its issue 2286
NAME, WIDTH, ROWS = "flowers", 4, 5
PATHS = ("/v2", "/v2/health/live", "/v2/health/ready", f"/v2/models/{NAME}", f"/v2/models/{NAME}/ready", "/v2/models/nothing")


def main() -> None:
    import sklearn

    model, onnx = train()
    with tempfile.TemporaryDirectory() as folder:
        python = environment("mlserver-sklearn", (*PACKAGES, f"scikit-learn=={sklearn.__version__}"))
        with mlserver(python, Path(folder), model) as url:
            answers = {"pages": {path: ask(url, path) for path in PATHS}, "infer": [ask(url, INFER, one) for one in requests()]}
        record = {"versions": [*PACKAGES, f"scikit-learn=={sklearn.__version__}"], "onnx": base64.b64encode(onnx).decode(), **answers}
        written = RECORD if "--record" in sys.argv else Path(folder) / RECORD.name
        written.write_text(json.dumps({**record, "requests": requests()}, indent=1) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-s", "-n", "0", str(RECORD.with_name("test_mlserver.py"))]
        subprocess.run(command, env={**os.environ, "MLSERVER_RECORD": str(written)}, check=True)


INFER = f"/v2/models/{NAME}/infer"


def train() -> tuple[Any, bytes]:
    """A model of four features and two classes, and the same as ONNX."""
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(5)
    x = random.normal(size=(300, WIDTH)).astype(np.float32)
    y = (x @ np.array([1.5, -2.0, 0.5, 0.0]) + random.normal(size=300) > 0).astype(np.int64)
    model = LogisticRegression().fit(x, y)
    onnx = to_onnx(model, x[:1], options={"zipmap": False})
    onnx.graph.doc_string = ""
    return model, onnx.SerializeToString()


def requests() -> list[dict[str, Any]]:
    """The same rows by name, in the datatypes and forms that clients send; and requests that must be refused."""
    rows = np.round(np.random.default_rng(6).normal(size=(ROWS, WIDTH)), 3).tolist()
    flat = [value for row in rows for value in row]
    matrix = {"name": "X", "shape": [ROWS, WIDTH], "datatype": "FP32", "data": flat}
    both = [{"name": "predict_proba"}]
    return [
        {"id": "a-1", "inputs": [matrix], "outputs": both},
        {"inputs": [{**matrix, "data": rows}], "outputs": both},
        {"inputs": [{**matrix, "datatype": "FP64"}], "outputs": both},
        {"inputs": [{**matrix, "shape": [1, WIDTH], "data": flat[:WIDTH]}], "outputs": [{"name": "predict"}]},
        {"inputs": []},
        {"id": "no inputs"},
        {"inputs": [{**matrix, "shape": [ROWS + 1, WIDTH]}], "outputs": both},
    ]


def ask(url: str, path: str, body: Any = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, _read(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, _read(error.read())


def _read(body: bytes) -> Any:
    try:
        return json.loads(body or b"null")
    except ValueError:
        return {"not JSON": body.decode(errors="replace")}


@contextlib.contextmanager
def mlserver(python: Path, folder: Path, model: Any) -> Iterator[str]:
    """The address of a running MLServer with the model."""
    import joblib

    joblib.dump(model, folder / "model.joblib")
    ports = []
    for _ in range(3):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            ports.append(one.getsockname()[1])
    settings = dict(zip(("http_port", "grpc_port", "metrics_port"), ports, strict=True))
    common = {"host": "127.0.0.1", "debug": False, "parallel_workers": 0, "environments_dir": str(folder), "metrics_dir": str(folder)}
    (folder / "settings.json").write_text(json.dumps({**common, **settings}))
    about = {"name": NAME, "implementation": "mlserver_sklearn.SKLearnModel", "parameters": {"uri": "./model.joblib", "version": "1.0.0"}}
    (folder / "model-settings.json").write_text(json.dumps(about))
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(python.with_name("mlserver")), "start", str(folder)], cwd=folder, stdout=log, stderr=log, env=kept)
        try:
            url = f"http://127.0.0.1:{ports[0]}"
            for _ in range(600):
                with contextlib.suppress(OSError):
                    if ask(url, f"/v2/models/{NAME}/ready")[0] == 200:
                        break
                if process.poll() is not None:
                    sys.exit((folder / "log").read_text()[-2000:])
                time.sleep(0.2)
            yield url
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    main()
