"""Prints a file of Corelane frames as a JSON array: the test of the Python mirror, and an example
of how to read frames in Python.

    python3 wire/golden/decode.py FILE
    python3 wire/golden/decode.py --verdicts FILE   one line for each length-prefixed candidate
    python3 wire/golden/decode.py --input FILE      the model's input of each signal request
"""

import json
import struct
import sys
from dataclasses import fields
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))

import corelane_wire as wire  # noqa: E402 (found through the line above)


def as_json(frame: wire.Frame) -> dict:
    """A frame as the golden JSON file has it: the mirror counts levels and text by itself."""
    out = {"kind": frame.kind.text}
    for field in fields(frame):
        value = getattr(frame, field.name)
        out[field.name.rstrip("_")] = value._asdict() if field.name == "header" else value
    if "bids" in out:
        out |= {"bid_count": len(out["bids"]), "ask_count": len(out["asks"])}
    if "text" in out:
        out["text_len"] = len(out["text"].encode())
    return out


def verdict(candidate: bytes) -> str:
    """What the decoder says of some bytes; what it accepts must re-encode to the same bytes."""
    try:
        frame = wire.decode(candidate)
    except wire.WireError as error:
        return str(error)
    return "ok" if frame.encode() == candidate else "ok, but re-encodes to other bytes"


def candidates(data: bytes):
    """Splits a file of candidates, each behind its length in 32 bits."""
    while data:
        (length,) = struct.unpack_from("<I", data)
        yield data[4 : 4 + length]
        data = data[4 + length :]


def main(arguments: list[str]) -> int:
    match arguments:
        case ["--verdicts", path]:
            print(*map(verdict, candidates(Path(path).read_bytes())), sep="\n")
        case ["--input", path]:
            frames = wire.frames(Path(path).read_bytes())
            requests = [frame for frame in frames if isinstance(frame, wire.SignalRequest)]
            print(json.dumps([wire.signal_input(request) for request in requests]))
        case [path]:
            data = Path(path).read_bytes()
            frames = list(wire.frames(data))
            if b"".join(frame.encode() for frame in frames) != data:
                print("frames do not re-encode to the same bytes", file=sys.stderr)
                return wire.Exit.CHECK_FAILED
            print(json.dumps([as_json(frame) for frame in frames]))
        case _:
            print(__doc__, file=sys.stderr)
            return wire.Exit.ARGUMENTS
    return wire.Exit.CLEAN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
