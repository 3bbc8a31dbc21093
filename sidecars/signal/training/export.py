"""Writes a network as ONNX and TorchScript and checks both in every back end there is for them.

Must never: accept a file whose output differs from the trained network's by more than stated.
"""

import hashlib
import io
import os
import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import tract
from torch import nn

from features import CLASSES, FEATURES, WINDOW
from fit import as_input
from networks import Probabilities

OPSET = 17
INPUT, OUTPUT = "window", "probs"
PARITY = 5e-6  # largest difference of a probability between torch and ONNX Runtime, any batch
TRACT_PARITY = 1e-5  # the same for tract, whose exp and log are its own
SCRIPT_PARITY = 1e-5  # the same for TorchScript
WRITERS_OWN = ("version", "byteorder", ".data/serialization_id")  # PyTorchFileWriter's own
COUNTED = re.compile(rb"[./]___torch_mangle_\d+")


class ExportError(RuntimeError):
    """The written model does not do what the trained one does."""


def write(model: nn.Module, path: Path) -> str:
    """Writes `model` as ONNX with a free batch axis; gives the file's SHA-256."""
    model.eval()
    torch.onnx.export(
        Probabilities(model).eval(),
        (torch.ones(2, WINDOW, FEATURES),),
        str(path),
        opset_version=OPSET,
        dynamo=False,
        do_constant_folding=True,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_axes={INPUT: {0: "N"}, OUTPUT: {0: "N"}},
    )
    graph = onnx.load(path)
    output = graph.graph.output[0].type.tensor_type.shape.dim
    output[1].Clear()
    output[1].dim_value = len(CLASSES)
    onnx.checker.check_model(graph, full_check=True)
    path.write_bytes(graph.SerializeToString(deterministic=True))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_script(model: nn.Module, path: Path) -> str:
    """Writes `model` as TorchScript with the ONNX file's input and output; gives its SHA-256.

    The same weights give the same bytes. The archive carries no time; the count of classes made so
    far, which torch puts into their names, is taken out again, and so are its notes on which line
    of which source file made a node, which nothing reads but a debugger.
    """
    traced = torch.jit.trace(
        Probabilities(model).eval(), torch.ones(2, WINDOW, FEATURES), check_trace=False
    )
    whole, plain = io.BytesIO(), io.BytesIO()
    torch.jit.save(torch.jit.freeze(traced, optimize_numerics=False), whole)
    whole.seek(0)
    reader, writer = torch._C.PyTorchFileReader(whole), torch._C.PyTorchFileWriter(plain)
    for name in sorted(reader.get_all_records()):
        if name in WRITERS_OWN or name.endswith(".debug_pkl"):
            continue
        record = reader.get_record(name)
        if name.endswith((".py", ".pkl")):
            record = COUNTED.sub(b"", record)
        writer.write_record(COUNTED.sub(b"", name.encode()).decode(), record, len(record))
    writer.write_end_of_file()
    path.write_bytes(plain.getvalue())
    return hashlib.sha256(plain.getvalue()).hexdigest()


def run_script(path: Path, inputs: np.ndarray, batch: int) -> np.ndarray:
    """Probabilities by the TorchScript file, `batch` windows at a time."""
    loaded = torch.jit.load(path)
    with torch.no_grad():
        return torch.cat([loaded(part) for part in as_input(inputs).split(batch)]).numpy()


def operators(path: Path) -> list[str]:
    """Every operator the file uses, nested graphs included: what its manifest allows."""
    def walk(graph: onnx.GraphProto) -> set[str]:
        found = {node.op_type for node in graph.node}
        for attribute in (a for node in graph.node for a in node.attribute):
            for inner in (attribute.g, *attribute.graphs):
                found |= walk(inner)
        return found

    return sorted(walk(onnx.load(path).graph))


def session(path: Path) -> onnxruntime.InferenceSession:
    """The file in ONNX Runtime, one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run(live: onnxruntime.InferenceSession, inputs: np.ndarray) -> np.ndarray:
    """Probabilities by ONNX Runtime."""
    return live.run([OUTPUT], {INPUT: inputs.astype(np.float32)})[0]


def run_tract(path: Path, inputs: np.ndarray, batch: int | None) -> np.ndarray:
    """Probabilities by tract, with the batch axis free (None) or fixed at `batch`."""
    model = tract.onnx().load(os.fspath(path))
    if batch is not None:
        model.set_input_fact(0, f"{batch},{WINDOW},{FEATURES},f32")
    ready = model.into_model().into_runnable()
    size = batch or len(inputs)
    parts = []
    for start in range(0, len(inputs) - size + 1, size):
        part = np.ascontiguousarray(inputs[start : start + size].astype(np.float32))
        parts.append(ready.run([part])[0].to_numpy())
    return np.concatenate(parts)


def extremes() -> np.ndarray:
    """Inputs no book gives but a hostile request might: all must give finite probabilities."""
    low, high = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    shape = (WINDOW, FEATURES)
    return np.stack([np.full(shape, v, dtype=np.int64) for v in (0, 1, -1, low, high)])


def check(model: nn.Module, path: Path, script: Path, inputs: np.ndarray) -> dict[str, float]:
    """Largest differences seen; raises ExportError where one is over its limit."""
    truth = eager(model, inputs)
    live = session(path)
    batched = run(live, inputs)
    single = np.concatenate([run(live, inputs[i : i + 1]) for i in range(len(inputs))])
    pairs = np.concatenate([run(live, inputs[i : i + 7]) for i in range(0, len(inputs), 7)])
    hostile = {
        path: run(live, extremes()),
        script: run_script(script, extremes(), len(extremes())),
    }
    for file, probs in hostile.items():
        if not np.isfinite(probs).all():
            raise ExportError(f"{file}: an extreme input gives a probability that is no number")

    def differ(other: np.ndarray, reference: np.ndarray) -> float:
        return float(np.abs(other - reference[: len(other)]).max())

    seen = {
        "torch_onnxruntime": differ(batched, truth),
        "batch_1": differ(single, batched),
        "batch_7": differ(pairs, batched),
        "tract_free_batch": differ(run_tract(path, inputs, None), batched),
        "tract_batch_1": differ(run_tract(path, inputs[:64], 1), batched),
        "torchscript": differ(run_script(script, inputs, len(inputs)), truth),
        "torchscript_batch_1": differ(run_script(script, inputs[:64], 1), truth),
        "torchscript_batch_7": differ(run_script(script, inputs, 7), truth),
    }
    limits = {"tract": TRACT_PARITY, "torchscript": SCRIPT_PARITY}
    for name, value in seen.items():
        limit = limits.get(name.partition("_")[0], PARITY)
        if not value <= limit:
            raise ExportError(f"{path}: {name} differs by {value:.3g}, limit {limit:.0e}")
    return seen


def eager(model: nn.Module, inputs: np.ndarray) -> np.ndarray:
    """Probabilities by the network itself."""
    model.eval()
    with torch.no_grad():
        return Probabilities(model)(as_input(inputs)).numpy()
