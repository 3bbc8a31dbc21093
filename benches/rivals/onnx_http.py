"""A rival of `corelane-signal`: FastAPI and ONNX Runtime with IoBinding, HTTP over a Unix socket.

    python3 onnx_http.py MODEL_FOLDER SOCKET

The bodies are the frames of the wire, not JSON, and nothing is logged: what is left is the
framework. uvicorn with uvloop and httptools, one worker, connections kept open.
"""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request, Response

from model import Model

app = FastAPI()
model = Model(Path(sys.argv[1]))


@app.post("/score")
async def score(request: Request) -> Response:
    """One request frame in, one answer frame out."""
    body = await request.body()
    answer = bytes(model.score(memoryview(body)))
    return Response(answer, media_type="application/octet-stream")


class Server(uvicorn.Server):
    """Says when it listens."""

    async def startup(self, sockets: list[object] | None = None) -> None:
        await super().startup(sockets)
        print(": ready: ", file=sys.stderr, flush=True)


if __name__ == "__main__":
    config = uvicorn.Config(
        app, uds=sys.argv[2], log_level="error", access_log=False, loop="uvloop", http="httptools"
    )
    Server(config).run()
