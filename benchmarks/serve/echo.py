"""A bare ASGI application that does no work: it reads the body and gives a fixed answer. Run with the environment of the peer by hand."""

import argparse
import os
from typing import Any

ANSWER = b'{"predictions":[[0.5,0.5]]}'
HEAD = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())],
}
BODY = {"type": "http.response.body", "body": ANSWER}


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send(HEAD)
    await send(BODY)


def main() -> None:
    import uvicorn

    parser = argparse.ArgumentParser()
    for option in ("--port", "--workers"):
        parser.add_argument(option, type=int)
    parser.add_argument("--model")
    given = parser.parse_args()
    here = os.path.dirname(os.path.abspath(__file__))
    uvicorn.run(
        "echo:app", port=given.port, workers=given.workers, app_dir=here, loop="uvloop", http="httptools", access_log=False,
        log_level="warning", lifespan="off",
    )  # fmt: skip


if __name__ == "__main__":
    main()
