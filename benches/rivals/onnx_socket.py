"""A rival of `corelane-signal`: Python and ONNX Runtime with IoBinding behind the same socket.

    python3 onnx_socket.py MODEL_FOLDER SOCKET

One peer, one request at a time, blocking calls: the shortest way Python has.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from corelane_sidecar import wire

from model import Model


def main(folder: str, path: str) -> None:
    """Serves one peer until it is gone."""
    model = Model(Path(folder))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path)
    os.chmod(path, 0o600)
    listener.listen(1)
    print(": ready: ", file=sys.stderr, flush=True)
    peer, _ = listener.accept()
    hello = wire.decode(peer.recv(wire.MAX_FRAME_BYTES))
    assert isinstance(hello, wire.Hello) and hello.schema_hash == wire.SCHEMA_HASH
    ack = wire.HelloAck(
        header=wire.header(wire.FrameKind.HELLO_ACK),
        schema_hash=wire.SCHEMA_HASH,
        model_hash=model.hash,
        pid=os.getpid(),
        generation=1,
        wire_version=wire.WIRE_VERSION,
        role=wire.Role.SIGNAL,
        status=wire.HelloStatus.ACCEPTED,
        backend="python onnxruntime",
        shared_memory=0,
    )
    peer.send(ack.encode())
    buffer = memoryview(bytearray(wire.MAX_FRAME_BYTES))
    while count := peer.recv_into(buffer):
        peer.send(model.score(buffer[:count]))


if __name__ == "__main__":
    main(*sys.argv[1:])
