"""Tests of the Python sidecar over real sockets: `python3 -m unittest discover -s sidecars/python`.

Each test has a socket folder of its own, and no test waits by sleeping: a server is stepped turn by
turn, a process is waited for by its output.
"""

import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import corelane_sidecar as sidecar  # noqa: E402 (found through the line above)
from examples import imbalance  # noqa: E402
from corelane_sidecar import Score, SidecarError, SignalServer, wire  # noqa: E402

#: A lost answer must fail a test, not hang it.
PATIENCE_S = 30


def hello(**changes) -> wire.Hello:
    """What an engine of this build says first."""
    known = {
        "header": wire.header(wire.FrameKind.HELLO),
        "schema_hash": wire.SCHEMA_HASH,
        "pid": os.getpid(),
        "wire_version": wire.WIRE_VERSION,
        "role": wire.Role.ENGINE,
        "shared_memory": 0,
    }
    return wire.Hello(**{**known, **changes})


def request(
    request_id: int, instrument_id: int = 0, bid_qty: int = 3, ask_qty: int = 1, expires_ns: int = 0
):
    """A request whose levels all have these quantities."""
    level = wire.SnapshotLevel(101, ask_qty, 100, bid_qty)
    return wire.SignalRequest(
        header=wire.header(
            wire.FrameKind.SIGNAL_REQUEST, instrument_id=instrument_id, venue_id=1, strategy_id=2
        ),
        request_id=request_id,
        sample_interval_ns=1_000_000_000,
        expires_mono_ns=expires_ns,
        snapshots=wire.SIGNAL_WINDOW,
        levels=wire.SIGNAL_DEPTH,
        window=(level,) * (wire.SIGNAL_WINDOW * wire.SIGNAL_DEPTH),
    )


class Peer:
    """The engine's end of the socket."""

    def __init__(self, path: Path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(str(path))

    def send(self, frame) -> None:
        """Sends a frame, or bytes as they are."""
        self.socket.send(frame if isinstance(frame, bytes) else frame.encode())

    def receive(self):
        """The next frame, or None at end of file."""
        data = self.socket.recv(wire.MAX_FRAME_BYTES)
        return wire.decode(data) if data else None


class ServerTest(unittest.TestCase):
    """A server stepped by the test, and one peer."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "signal.sock"
        self.seen = []

    def server(self, score=None) -> SignalServer:
        """A server at the test's path; without a model, one that says 0.5 up, 0.2 down."""

        def constant(asked):
            self.seen.append(asked.request_id)
            return Score.from_probabilities(up=0.5, down=0.2)

        server = SignalServer(self.path, score or constant, "python/test", model_hash=77)
        self.addCleanup(server.close)
        return server

    def peer(self) -> Peer:
        """A connected peer."""
        peer = Peer(self.path)
        self.addCleanup(peer.socket.close)
        return peer

    def ready(self, server: SignalServer) -> Peer:
        """A peer past the handshake."""
        peer = self.peer()
        peer.send(hello())
        server.turn(PATIENCE_S)  # takes the connection
        server.turn(PATIENCE_S)  # takes the frame
        self.assertEqual(peer.receive().status, wire.HelloStatus.ACCEPTED)
        return peer

    def test_handshake_names_the_model(self):
        server = self.server()
        peer = self.peer()
        peer.send(hello())
        server.turn(PATIENCE_S)
        server.turn(PATIENCE_S)
        ack = peer.receive()
        self.assertEqual(ack.status, wire.HelloStatus.ACCEPTED)
        self.assertEqual((ack.role, ack.model_hash, ack.generation), (wire.Role.SIGNAL, 77, 1))
        self.assertEqual((ack.backend, ack.pid), ("python/test", os.getpid()))
        self.assertEqual(ack.schema_hash, wire.SCHEMA_HASH)

    def test_each_difference_is_refused_by_its_own_status(self):
        server = self.server()
        other_version = bytearray(hello().encode())
        other_version[6] = wire.WIRE_VERSION + 1
        for first, status in (
            (hello(wire_version=wire.WIRE_VERSION + 1), wire.HelloStatus.VERSION),
            (bytes(other_version), wire.HelloStatus.VERSION),
            (hello(schema_hash=1), wire.HelloStatus.SCHEMA),
            (hello(role=wire.Role.CTL), wire.HelloStatus.ROLE),
        ):
            with self.subTest(status=status):
                peer = self.peer()
                peer.send(first)
                server.turn(PATIENCE_S)
                server.turn(PATIENCE_S)
                self.assertEqual(peer.receive().status, status)
                self.assertIsNone(peer.receive())
        self.assertEqual(server.counts.accepted, 0)

    def test_nothing_may_come_before_the_handshake(self):
        server = self.server()
        peer = self.peer()
        peer.send(request(1))
        server.turn(PATIENCE_S)
        server.turn(PATIENCE_S)
        self.assertIsNone(peer.receive())
        self.assertEqual((self.seen, server.counts.refused_frames), ([], 1))

    def test_a_request_is_answered(self):
        server = self.server()
        peer = self.ready(server)
        peer.send(request(9, instrument_id=4))
        server.turn(PATIENCE_S)
        answer = peer.receive()
        self.assertEqual((answer.request_id, answer.status), (9, wire.SignalStatus.OK))
        self.assertEqual(
            (answer.score_e6, answer.p_up_e6, answer.p_down_e6), (300_000, 500_000, 200_000)
        )
        self.assertEqual((answer.model_hash, answer.generation, answer.batch), (77, 1, 1))
        head = answer.header
        self.assertEqual((head.instrument_id, head.venue_id, head.strategy_id), (4, 1, 2))

    def test_only_the_newest_of_an_instrument_is_scored(self):
        server = self.server()
        peer = self.ready(server)
        for number, instrument in ((1, 0), (2, 1), (3, 0), (4, 0)):
            peer.send(request(number, instrument))
        server.turn(PATIENCE_S)
        answers = {answer.request_id: answer for answer in (peer.receive() for _ in range(4))}
        shed, ok = wire.SignalStatus.SHED, wire.SignalStatus.OK
        statuses = {number: answer.status for number, answer in answers.items()}
        self.assertEqual(statuses, {1: shed, 2: ok, 3: shed, 4: ok})
        self.assertEqual((self.seen, answers[4].batch, answers[1].score_e6), ([2, 4], 2, 0))

    def test_late_work_is_told_so_and_never_scored(self):
        server = self.server()
        peer = self.ready(server)
        peer.send(request(1, expires_ns=1))
        peer.send(request(2, instrument_id=1, expires_ns=2**63))
        server.turn(PATIENCE_S)
        answers = {answer.request_id: answer.status for answer in (peer.receive(), peer.receive())}
        expired, ok = wire.SignalStatus.EXPIRED, wire.SignalStatus.OK
        self.assertEqual(answers, {1: expired, 2: ok})
        self.assertEqual((self.seen, server.counts.expired), ([2], 1))

    def test_none_and_exceptions_abstain_and_the_server_goes_on(self):
        def moody(asked):
            if asked.request_id == 1:
                return None
            if asked.request_id == 2:
                raise ZeroDivisionError("planted")
            return Score(1, 1, 0)

        server = self.server(moody)
        peer = self.ready(server)
        statuses = []
        with contextlib.redirect_stderr(io.StringIO()) as told:
            for number in (1, 2, 2, 3):
                peer.send(request(number))
                server.turn(PATIENCE_S)
                statuses.append(peer.receive().status)
        abstain = wire.SignalStatus.ABSTAIN
        self.assertEqual(statuses, [abstain, abstain, abstain, wire.SignalStatus.OK])
        self.assertEqual((server.counts.abstained, server.counts.failed), (1, 2))
        self.assertEqual(told.getvalue().count("planted"), 1)

    def test_a_score_outside_its_range_is_never_sent(self):
        scores = {1: Score(2_000_000, 0, 0), 2: Score(5, 5, 0)}
        server = self.server(lambda asked: scores[asked.request_id])
        peer = self.ready(server)
        with contextlib.redirect_stderr(io.StringIO()):
            for number in (1, 2):
                peer.send(request(number))
                server.turn(PATIENCE_S)
        self.assertEqual(peer.receive().request_id, 2)
        self.assertEqual(server.counts.failed, 1)

    def test_garbage_ends_its_connection_and_no_other(self):
        server = self.server()
        good = self.ready(server)
        for garbage in (
            b"x",
            bytes(64),
            request(1).encode()[:-8],
            request(1).encode() + bytes(8),
            bytes(wire.MAX_FRAME_BYTES + 8),
            hello().encode(),
        ):
            with self.subTest(length=len(garbage)):
                bad = self.ready(server)
                bad.send(garbage)
                server.turn(PATIENCE_S)
                self.assertIsNone(bad.receive())
        self.assertEqual(server.counts.refused_frames, 6)
        good.send(request(2))
        server.turn(PATIENCE_S)
        self.assertEqual(good.receive().request_id, 2)

    def test_a_peer_that_leaves_is_forgotten(self):
        server = self.server()
        peer = self.ready(server)
        peer.send(request(1))
        peer.socket.close()
        server.turn(PATIENCE_S)
        self.assertEqual(self.seen, [1])
        again = self.ready(server)
        again.send(request(2))
        server.turn(PATIENCE_S)
        self.assertEqual(again.receive().request_id, 2)

    def test_a_full_socket_drops_answers_and_never_waits(self):
        server = self.server()
        peer = self.ready(server)
        number = 0
        while server.counts.dropped == 0:
            number += 1
            self.assertLess(number, 100_000, "the socket never filled")
            peer.send(request(number))
            server.turn(PATIENCE_S)
        received = 0
        peer.socket.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while peer.receive():
                received += 1
        self.assertEqual(received, server.counts.answers)
        self.assertEqual(received + server.counts.dropped, number)

    def test_another_user_is_refused(self):
        server = self.server()
        server.allowed_uids = frozenset({os.geteuid() + 1})
        peer = self.peer()
        server.turn(PATIENCE_S)
        self.assertIsNone(peer.receive())
        self.assertEqual(server.counts.refused_peers, 1)

    def test_the_socket_is_private_and_removed(self):
        server = self.server()
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        with self.assertRaisesRegex(SidecarError, "in use"):
            self.server()
        server.close()
        self.assertFalse(self.path.exists())

    def test_a_stale_socket_is_replaced_and_a_file_is_not(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dead:
            dead.bind(str(self.path))
        self.server().close()
        self.path.write_text("precious")
        with self.assertRaisesRegex(SidecarError, "not a socket"):
            self.server()
        self.assertEqual(self.path.read_text(), "precious")

    def test_a_folder_others_may_write_to_is_refused(self):
        self.path.parent.chmod(0o777)
        with self.assertRaisesRegex(SidecarError, "not private"):
            self.server()

    def test_chances_are_checked(self):
        self.assertEqual(Score.from_probabilities(1, 0), Score(1_000_000, 1_000_000, 0))
        for up, down in ((float("nan"), 0), (0, float("inf")), (-0.1, 0), (0.6, 0.5)):
            with self.subTest(up=up, down=down), self.assertRaises(ValueError):
                Score.from_probabilities(up, down)


class ImbalanceTest(unittest.TestCase):
    """The example, alone and as a process."""

    def test_score_is_the_imbalance_of_the_newest_book(self):
        self.assertEqual(imbalance.score(request(1, bid_qty=3, ask_qty=1)).score_e6, 500_000)
        self.assertEqual(imbalance.score(request(1, bid_qty=1, ask_qty=3)).score_e6, -500_000)
        self.assertEqual(imbalance.score(request(1, bid_qty=2, ask_qty=2)).score_e6, 0)
        self.assertIsNone(imbalance.score(request(1, bid_qty=0, ask_qty=0)))
        old = request(1, bid_qty=1, ask_qty=9).window[: -wire.SIGNAL_DEPTH]
        new = request(1, bid_qty=3, ask_qty=1).window[-wire.SIGNAL_DEPTH :]
        mixed = wire.SignalRequest(**{**vars(request(1)), "window": old + new})
        self.assertEqual(imbalance.score(mixed).score_e6, 500_000)

    def test_the_process_serves_and_ends_clean(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "signal.sock"
            command = [sys.executable, "-B", imbalance.__file__, f"--socket={path}"]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                try:
                    self.assertEqual(process.stdout.readline(), f"listening at {path}\n")
                    peer = Peer(path)
                    peer.send(hello())
                    expected_hash = sidecar.model_hash_of(imbalance.__file__)
                    self.assertEqual(peer.receive().model_hash, expected_hash)
                    peer.send(request(5))
                    self.assertEqual(peer.receive().score_e6, 500_000)
                    peer.socket.close()
                    process.send_signal(signal.SIGTERM)
                    self.assertEqual(process.stdout.read(), "answered 1 of 1 requests\n")
                    self.assertEqual(process.wait(PATIENCE_S), wire.Exit.CLEAN)
                finally:
                    process.kill()
            self.assertFalse(path.exists())

    def test_a_bad_path_is_one_line_and_its_exit_code(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / ("x" * 120)
            command = [sys.executable, "-B", imbalance.__file__, f"--socket={path}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, wire.Exit.RESOURCE)
        self.assertRegex(done.stderr, r"^RESOURCE: socket path is too long: path=.*\n$")


if __name__ == "__main__":
    unittest.main()
