"""The Open Inference Protocol's pages: health, metadata and repository, on /v2 (kserve/open-inference-protocol, inference_rest.md).

Inference itself is a codec's (`codecs/oip.py`). Every path is answered with and without a trailing slash and with percent-escapes.
The model is the system; its versions are those of the releases that run. Errors are `{"error": …}` with the members
of a problem beside it. The repository's index is Triton's
and MLServer's extension; loading by it is not offered, because a release is loaded by its reference with POST /load.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote

from gonogo.errors import UnreachableError
from gonogo.service.client import connect_unix, request_bytes
from gonogo.service.codecs.tensors import describe
from gonogo.service.door.exchange import Exchange
from gonogo.service.pages.page import Host, Route
from gonogo.service.wire import RequestRefused, to_json

OTHER_SECONDS = 2.0  #: longest another release is waited for
EXTENSIONS = ("binary_tensor_data", "model_repository")
PLATFORMS = {
    "onnx": "onnx_onnxv1",
    "saved_model": "tensorflow_savedmodel",
    "torchscript": "pytorch_torchscript",
    "torch_export": "pytorch_export",
}


class OipPages:
    """Pages of the protocol about the releases of one system."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._tasks: set[asyncio.Task[None]] = set()
        self._system, _, self._version = host.served.release.partition("@")

    def routes(self) -> list[Route]:
        """The paths by which a client asks for this release. Other spellings of them are answered by `answer`."""
        model = f"/v2/models/{self._system}"
        version = f"{model}/versions/{self._version}"
        return [
            Route("GET", "/v2", self.answer, "the server, by the Open Inference Protocol", "OipServer"),
            Route("GET", "/v2/health/live", self.answer, "whether the server is alive", "OipLive"),
            Route("GET", "/v2/health/ready", self.answer, "whether it is ready", "OipReady"),
            Route("GET", model, self.answer, "the model's inputs and outputs", "OipModel"),
            Route("GET", version, self.answer, "those of one version", "OipModel"),
            Route("GET", f"{model}/ready", self.answer, "whether the model is ready", "OipReady"),
            Route("GET", f"{version}/ready", self.answer, "whether one version is ready", "OipReady"),
            Route("POST", "/v2/repository/index", self.answer, "the versions that run", "OipIndex"),
        ]

    def answer(self, exchange: Exchange) -> None:
        """Answer any exchange on /v2 that asks for no prediction."""
        parts = [unquote(part) for part in exchange.path.decode("latin-1").strip("/").split("/")]
        match parts:
            case ["v2"]:
                told = {"name": "gonogo", "version": str(self._host.served.info.get("gonogo", "")), "extensions": list(EXTENSIONS)}
                self._read(exchange, told)
            case ["v2", "health", "live"]:
                self._read(exchange, {"live": True})
            case ["v2", "health", "ready"]:
                stable = str(self._host.view.get("stable", "")).partition("@")[2]
                ready = self._running().get(stable, True)
                self._read(exchange, {"ready": ready}, 200 if ready else 503)
            case ["v2", "models", name, *rest]:
                self._model(exchange, name, rest)
            case ["v2", "repository", "index"]:
                if exchange.method == b"POST":
                    self._say(exchange, self._index())
                else:
                    self._refuse(exchange, 405, "The index is asked for with POST.", b"allow: POST\r\n")
            case ["v2", "repository", "models", name, "load" | "unload"]:
                self._refuse(exchange, 403, f"{name} is not loaded or unloaded by this protocol: an operator sends POST /load.")
            case _:
                self._refuse(exchange, 404, "There is no such path in the Open Inference Protocol as it is spoken here.")

    def _model(self, exchange: Exchange, name: str, rest: list[str]) -> None:
        running = self._running()
        version = rest[1] if len(rest) >= 2 and rest[0] == "versions" else self._version
        rest = rest[2:] if len(rest) >= 2 and rest[0] == "versions" else rest
        if name != self._system:
            self._refuse(exchange, 404, f"There is no model {name[:100]!r} here.")
        elif version not in running:
            self._refuse(exchange, 404, f"{name} has no version {version[:100]!r} in service; in service: {', '.join(sorted(running))}.")
        elif rest == ["ready"]:
            ready = running[version]
            self._read(exchange, {"name": name, "ready": ready}, 200 if ready else 503)
        elif rest == ["infer"]:
            self._refuse(exchange, 405, "Predictions are asked for with POST.", b"allow: POST\r\n")
        elif rest:
            self._refuse(exchange, 404, "There is no such path in the Open Inference Protocol as it is spoken here.")
        elif version != self._version:
            task = asyncio.get_running_loop().create_task(self._of_other(exchange, f"{name}@{version}"))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._read(exchange, self._metadata(sorted(running)))

    async def _of_other(self, exchange: Exchange, release: str) -> None:
        """Another release's own words about itself, over its Unix socket."""
        try:
            async with asyncio.timeout(OTHER_SECONDS):
                connection = await connect_unix(str(self._host.view["releases"][release]["socket"]))
                try:
                    response = await connection.request(request_bytes("GET", exchange.path.decode("latin-1"), "release"))
                finally:
                    connection.close()
        except (UnreachableError, TimeoutError, KeyError) as error:
            self._host.on_fault(error)
            self._refuse(exchange, 503, f"{release} does not answer.", b"retry-after: 1\r\n")
        else:
            exchange.answer(response.status, response.body, headers=f"x-gonogo-release: {release}\r\n".encode())

    def _running(self) -> dict[str, bool]:
        """The versions that run, with whether they are ready. This process is."""
        releases = self._host.view.get("releases", {})
        running = {release.partition("@")[2]: bool(about["ready"]) for release, about in releases.items()}
        return {**running, self._version: True}

    def _metadata(self, versions: list[str]) -> dict[str, Any]:
        served = self._host.served
        platform = str(served.info.get("model_format", ""))
        inputs, outputs = describe(served.schema, served.also)
        return {
            "name": self._system,
            "versions": versions,
            "platform": PLATFORMS.get(platform, platform),
            "inputs": inputs,
            "outputs": outputs,
        }

    def _index(self) -> list[dict[str, str]]:
        states = {True: "READY", False: "UNAVAILABLE"}
        return [{"name": self._system, "version": name, "state": states[ready], "reason": ""} for name, ready in self._running().items()]

    def _read(self, exchange: Exchange, told: Any, status: int = 200) -> None:
        if exchange.method in (b"GET", b"HEAD"):
            self._say(exchange, told, status)
        else:
            self._refuse(exchange, 405, "This can only be read.", b"allow: GET, HEAD\r\n")

    def _say(self, exchange: Exchange, told: Any, status: int = 200) -> None:
        exchange.answer(status, to_json(told))

    def _refuse(self, exchange: Exchange, status: int, detail: str, headers: bytes = b"") -> None:
        exchange.answer(
            status, to_json({"error": detail, **RequestRefused(status, detail).members()}), headers=self._host.own_headers + headers
        )
