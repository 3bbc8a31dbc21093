"""What both rival servers do with one request: frame in, ONNX Runtime with IoBinding, frame out.

As lean as Python allows, so that ours is not measured against a straw man: NumPy views over the
frame instead of objects, input and output bound once, one thread, the answer's bytes made once and
patched. The frames' rules are those of the package `corelane_sidecar`; with its slower decoder the
first request is checked, so that the views read what it reads.
"""

from __future__ import annotations

import struct
import time
from pathlib import Path

import numpy
import onnxruntime

from corelane_sidecar import array, model_hash_of, wire

_LEVELS = wire.SIGNAL_WINDOW * wire.SIGNAL_DEPTH
#: A level is price and quantity of the ask, price and quantity of the bid, 64 bits each.
_SHAPE = (_LEVELS, 2, 2)
#: Of the request: its id and its window; of the answer: id and what follows the model's hash.
_REQUEST_ID_AT, _WINDOW_AT, _INFER_AT = 40, 72, 56
_RESULT = struct.Struct("<Qiii")
#: Every kind of frame has a length of its own here.
REQUEST_BYTES = _WINDOW_AT + _LEVELS * 4 * 8


class Model:
    """The bundled model, its buffers bound once."""

    def __init__(self, folder: Path) -> None:
        file = folder / "model.onnx"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )
        self.hash = model_hash_of(file)
        self.window = numpy.zeros((1, wire.SIGNAL_WINDOW, 4 * wire.SIGNAL_DEPTH), numpy.float32)
        self.cells = self.window.reshape(_SHAPE)
        self.probs = numpy.zeros((1, 3), numpy.float32)
        self.binding = self.session.io_binding()
        for bind, name, buffer in (
            (self.binding.bind_input, "window", self.window),
            (self.binding.bind_output, "probs", self.probs),
        ):
            bind(name, "cpu", 0, numpy.float32, buffer.shape, buffer.ctypes.data)
        answer = wire.SignalResponse(
            header=wire.header(wire.FrameKind.SIGNAL_RESPONSE, instrument_id=0),
            request_id=0,
            model_hash=self.hash,
            infer_ns=0,
            score_e6=0,
            p_up_e6=0,
            p_down_e6=0,
            generation=1,
            batch=1,
            status=wire.SignalStatus.OK,
        )
        self.answer = bytearray(answer.encode())
        self.is_checked = False

    def take(self, frame: memoryview) -> None:
        """Puts the request's window into the bound input."""
        levels = numpy.frombuffer(frame, "<i8", _LEVELS * 4, _WINDOW_AT).reshape(_SHAPE)
        newest = levels[_LEVELS - wire.SIGNAL_DEPTH]
        mid_x2 = newest[0, 0] + newest[1, 0]
        steps = (2 * levels[:, :, 0] - mid_x2) * wire.OFFSET_SCALE
        # Toward zero, as Rust divides.
        self.cells[:, :, 0] = numpy.sign(steps) * (numpy.abs(steps) // mid_x2)
        self.cells[:, :, 1] = levels[:, :, 1]

    def score(self, frame: memoryview) -> bytearray:
        """The answer to a request, valid until the next call."""
        if len(frame) != REQUEST_BYTES:
            raise ValueError(f"not a request: {len(frame)} bytes")
        self.take(frame)
        if not self.is_checked:
            request = wire.decode(bytes(frame))
            assert isinstance(request, wire.SignalRequest)
            assert numpy.array_equal(array(request), self.window[0]), "views and decoder differ"
            self.is_checked = True
        start_ns = time.monotonic_ns()
        self.session.run_with_iobinding(self.binding)
        spent_ns = time.monotonic_ns() - start_ns
        down, _flat, up = self.probs[0].tolist()
        up_e6, down_e6 = round(up * 1_000_000), round(down * 1_000_000)
        self.answer[_REQUEST_ID_AT : _REQUEST_ID_AT + 8] = frame[
            _REQUEST_ID_AT : _REQUEST_ID_AT + 8
        ]
        _RESULT.pack_into(self.answer, _INFER_AT, spent_ns, up_e6 - down_e6, up_e6, down_e6)
        return self.answer
