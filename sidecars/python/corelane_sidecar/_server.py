"""The listening socket, the handshake and the answers of `sidecars/PROTOCOL.md`.

It must never open a network socket, and it never waits for a slow peer: an answer that does not fit
the socket is dropped and counted. One thread runs it.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import selectors
import signal
import socket
import stat
import struct
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from corelane_sidecar import wire

#: Requests taken from one peer in one turn; the rest waits for the next.
BATCH = 64
_LISTEN_BACKLOG = 16
_PATH_MAX = 107


class SidecarError(Exception):
    """The socket cannot be served here. The text is one operator line."""


@dataclass(frozen=True)
class Score:
    """What a model says: the chance of a rise and of a fall, and up minus down, in millionths."""

    score_e6: int
    p_up_e6: int
    p_down_e6: int

    @classmethod
    def from_probabilities(cls, up: float, down: float) -> Score:
        """From two chances between 0 and 1.

        Raises `ValueError` where one is outside, not a number, or they sum to more than 1 by more
        than 32-bit floats lose.
        """
        if not (math.isfinite(up) and math.isfinite(down) and 0 <= up and 0 <= down):
            raise ValueError(f"chances must be numbers from 0 to 1: up={up} down={down}")
        if up + down > 1 + 1e-6:
            raise ValueError(f"chances sum to more than 1: up={up} down={down}")
        # A float of another library (NumPy's) becomes Python's first: it rounds as ours do.
        p_up_e6 = min(round(float(up) * 1_000_000), 1_000_000)
        p_down_e6 = min(round(float(down) * 1_000_000), 1_000_000 - p_up_e6)
        return cls(p_up_e6 - p_down_e6, p_up_e6, p_down_e6)


#: A model: a score, or None to abstain.
Scorer = Callable[[wire.SignalRequest], "Score | None"]


@dataclass
class Counts:
    """What happened so far."""

    accepted: int = 0
    refused_peers: int = 0
    refused_frames: int = 0
    requests: int = 0
    answers: int = 0
    abstained: int = 0
    failed: int = 0
    shed: int = 0
    expired: int = 0
    dropped: int = 0


@dataclass
class _Peer:
    """One connection; frames of the protocol flow once `is_ready`."""

    connection: socket.socket
    is_ready: bool = False
    is_open: bool = True


@dataclass
class SignalServer:
    """Listens at `path` and answers signal requests with `score`.

    Raises `SidecarError` where the path cannot be served. `model_hash` and `generation` go into
    the handshake and each answer; `backend` tells people what runs.
    """

    path: Path
    score: Scorer
    backend: str = "python"
    model_hash: int = 0
    generation: int = 1
    allowed_uids: Iterable[int] = field(default_factory=lambda: (os.geteuid(),))
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        self.path = Path(self.path)
        self.allowed_uids = frozenset(self.allowed_uids)
        self._is_stopping = False
        self._listener = _listen(self.path)
        self._inode = os.stat(self.path).st_ino
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._selector.register(self._wake_reader, selectors.EVENT_READ, None)

    def __enter__(self) -> SignalServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def serve(self) -> None:
        """Answers until `stop` is called."""
        while not self._is_stopping:
            self.turn(None)

    def stop(self) -> None:
        """Ends `serve` after its present turn. A signal handler or another thread may call it."""
        self._is_stopping = True
        self._wake_writer.send(b"x")

    def turn(self, timeout_s: float | None) -> None:
        """Waits at most this long (None: as long as it takes), then handles all that is there."""
        for key, _ in self._selector.select(timeout_s):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fileobj is self._wake_reader:
                self._wake_reader.recv(64)
            else:
                self._read(key.data)

    def close(self) -> None:
        """Closes every connection and removes the socket file, if it is still ours."""
        # A closed selector has no map: closing twice is harmless.
        for key in list((self._selector.get_map() or {}).values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()
        self._wake_writer.close()
        try:
            if os.stat(self.path).st_ino == self._inode:
                self.path.unlink()
        except FileNotFoundError:
            pass

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        _pid, uid, _gid = struct.unpack("iII", credentials)
        if uid not in self.allowed_uids:
            self.counts.refused_peers += 1
            connection.close()
            return
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, _Peer(connection))

    def _drop(self, peer: _Peer) -> None:
        if peer.is_open:
            peer.is_open = False
            self._selector.unregister(peer.connection)
            peer.connection.close()

    def _read(self, peer: _Peer) -> None:
        requests: list[wire.SignalRequest] = []
        for _ in range(BATCH):
            try:
                data, _, flags, _ = peer.connection.recvmsg(wire.MAX_FRAME_BYTES)
            except BlockingIOError:
                break
            except OSError:
                return self._drop(peer)
            if not data:
                # A zero-length read is end of file: zero-length frames are illegal.
                self._answer(peer, requests)
                return self._drop(peer)
            try:
                if flags & socket.MSG_TRUNC:
                    raise wire.WireError("BadLength")
                frame = wire.decode(data)
            except wire.WireError as error:
                return self._refuse(peer, error)
            if not peer.is_ready:
                if not self._handshake(peer, frame):
                    return None
            elif isinstance(frame, wire.SignalRequest):
                requests.append(frame)
            else:
                return self._refuse(peer, None)
        return self._answer(peer, requests)

    def _refuse(self, peer: _Peer, error: wire.WireError | None) -> None:
        """Ends a connection that sent what does not belong there."""
        self.counts.refused_frames += 1
        if error is not None and error.code == "BadVersion" and not peer.is_ready:
            self._send(peer, self._ack(wire.HelloStatus.VERSION))
        self._drop(peer)

    def _handshake(self, peer: _Peer, frame: wire.Frame) -> bool:
        """Judges the first frame; whether the peer may go on."""
        if not isinstance(frame, wire.Hello):
            self._refuse(peer, None)
            return False
        if frame.wire_version != wire.WIRE_VERSION:
            status = wire.HelloStatus.VERSION
        elif frame.schema_hash != wire.SCHEMA_HASH:
            status = wire.HelloStatus.SCHEMA
        elif frame.role != wire.Role.ENGINE:
            status = wire.HelloStatus.ROLE
        else:
            status = wire.HelloStatus.ACCEPTED
        self._send(peer, self._ack(status))
        if status is not wire.HelloStatus.ACCEPTED:
            self.counts.refused_peers += 1
            self._drop(peer)
            return False
        self.counts.accepted += 1
        peer.is_ready = True
        return True

    def _ack(self, status: wire.HelloStatus) -> wire.HelloAck:
        return wire.HelloAck(
            header=wire.header(wire.FrameKind.HELLO_ACK),
            schema_hash=wire.SCHEMA_HASH,
            model_hash=self.model_hash,
            pid=os.getpid(),
            generation=self.generation,
            wire_version=wire.WIRE_VERSION,
            role=wire.Role.SIGNAL,
            status=status,
            backend=self.backend.encode()[:48].decode(errors="ignore"),
            shared_memory=0,
        )

    def _answer(self, peer: _Peer, requests: list[wire.SignalRequest]) -> None:
        """Scores the newest request of each instrument; what it overtook, or is late, is told so."""
        self.counts.requests += len(requests)
        newest = {request.header.instrument_id: request for request in requests}
        for request in requests:
            if 0 < request.expires_mono_ns <= time.monotonic_ns():
                self.counts.expired += 1
                self._send(peer, self._response(request, wire.SignalStatus.EXPIRED))
            elif request is newest[request.header.instrument_id]:
                self._score(peer, request, len(newest))
            else:
                self.counts.shed += 1
                self._send(peer, self._response(request, wire.SignalStatus.SHED))

    def _score(self, peer: _Peer, request: wire.SignalRequest, batch: int) -> None:
        start_ns = time.monotonic_ns()
        status, score = wire.SignalStatus.ABSTAIN, Score(0, 0, 0)
        try:
            answer = self.score(request)
            if answer is not None:
                status, score = wire.SignalStatus.OK, answer
            else:
                self.counts.abstained += 1
        except Exception as error:  # noqa: BLE001 (a model's bug costs its signal, not the server)
            self.counts.failed += 1
            if self.counts.failed == 1:
                print(f"score failed (told once): {error!r}", file=sys.stderr)
        spent_ns = time.monotonic_ns() - start_ns
        self._send(peer, self._response(request, status, score, spent_ns, batch))

    def _response(
        self,
        request: wire.SignalRequest,
        status: wire.SignalStatus,
        score: Score = Score(0, 0, 0),
        infer_ns: int = 0,
        batch: int = 1,
    ) -> wire.SignalResponse:
        asked = request.header
        return wire.SignalResponse(
            header=wire.header(
                wire.FrameKind.SIGNAL_RESPONSE,
                instrument_id=asked.instrument_id,
                venue_id=asked.venue_id,
                strategy_id=asked.strategy_id,
            ),
            request_id=request.request_id,
            model_hash=self.model_hash,
            infer_ns=infer_ns,
            score_e6=score.score_e6,
            p_up_e6=score.p_up_e6,
            p_down_e6=score.p_down_e6,
            generation=self.generation,
            batch=batch,
            status=status,
        )

    def _send(self, peer: _Peer, frame: wire.Frame) -> None:
        try:
            data = frame.encode()
        except wire.WireError as error:
            # A score outside its range: the engine would refuse the frame.
            self.counts.failed += 1
            if self.counts.failed == 1:
                print(f"score cannot be sent (told once): {error}", file=sys.stderr)
            return
        try:
            peer.connection.send(data)
        except OSError:
            # Full or gone: the engine must not be waited for. End of file is seen when reading.
            self.counts.dropped += 1
        else:
            self.counts.answers += isinstance(frame, wire.SignalResponse)


def model_hash_of(path: str | Path) -> int:
    """First eight bytes of a file's SHA-256 as the frames carry it."""
    digest = hashlib.sha256(Path(path).read_bytes()).digest()
    return int.from_bytes(digest[:8], "little")


def run(score: Scorer, backend: str, model_file: str | Path, argv: list[str] | None = None) -> int:
    """Serves `score` at `--socket=PATH` until SIGTERM or SIGINT; returns the exit code.

    `model_file` is what the model is made of: its hash goes into every answer, so that a record
    tells which model spoke.
    """
    parser = argparse.ArgumentParser(description="A signal sidecar of Corelane.")
    parser.add_argument("--socket", required=True, help="path the station's configuration names")
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as ending:
        return wire.Exit.ARGUMENTS if ending.code else wire.Exit.CLEAN
    try:
        model_hash = model_hash_of(model_file)
        server = SignalServer(Path(arguments.socket), score, backend, model_hash)
    except (SidecarError, OSError) as error:
        print(f"RESOURCE: {error}", file=sys.stderr)
        return wire.Exit.RESOURCE
    with server:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: server.stop())
        print(f"listening at {server.path}", flush=True)
        server.serve()
        counts = server.counts
        print(f"answered {counts.answers} of {counts.requests} requests", flush=True)
    return wire.Exit.CLEAN


def _listen(path: Path) -> socket.socket:
    """A listening SEQPACKET socket, mode 0600, in a directory nobody else may write to."""
    if len(os.fsencode(path)) > _PATH_MAX:
        raise SidecarError(f"socket path is too long: path={path} max={_PATH_MAX}; next: shorten")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = os.stat(path.parent)
    if folder.st_mode & 0o022 or folder.st_uid not in (os.geteuid(), 0):
        mode = stat.S_IMODE(folder.st_mode)
        raise SidecarError(
            f"socket folder is not private: path={path.parent} mode={mode:o}; next: chmod go-w"
        )
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        os.fchmod(listener.fileno(), 0o600)
        listener.bind(str(path))
        os.chmod(path, 0o600)
        listener.listen(_LISTEN_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise SidecarError(f"cannot listen: path={path}: {error}; next: check the path") from error
    return listener


def _remove_stale(path: Path) -> None:
    """Removes a socket file that nobody listens on; anything else there is left and refused."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SidecarError(f"not a socket: path={path}; next: choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except OSError as error:
            raise SidecarError(f"cannot probe: path={path}: {error}") from error
    raise SidecarError(f"in use: path={path}; next: stop the other sidecar")
