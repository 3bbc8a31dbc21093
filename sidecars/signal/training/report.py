"""What a training run found, and the `manifest.json` the model server checks a model against.

Must never: hold a figure of its own. Every number comes from the run that wrote it.
"""

import hashlib
import json
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import export
from features import CLASSES, DEPTH, FEATURES, MAX_GAP_NS, WINDOW
from trading import Outcome

GOLDEN = 8
ONNX, SCRIPT = "model.onnx", "model.pt"


@dataclass
class Study:
    """What is the same for all networks of one training run."""

    sources: dict
    loaded: list
    data: Any
    horizon: int
    horizons: list[dict]
    spread_halves: int
    validation_share: float
    settings: dict[str, dict]  # of the baselines
    validation: dict[str, dict[str, float]]
    test: dict[str, dict]
    shares: dict[str, list[float]]
    block: int
    repeats: int
    trades: dict[str, Outcome] = field(default_factory=dict)
    latency: dict = field(default_factory=dict)  # of latency.measure


@dataclass
class Made:
    """One network of it."""

    chosen: Any
    runs: list[dict]
    kept: bool  # the weights are those of an earlier run
    parity: dict[str, float] = field(default_factory=dict)


def to_json(value: Any, indent: int = 0) -> str:
    """JSON with lists of plain numbers and strings on one line each."""
    pad, inner = "  " * indent, "  " * (indent + 1)
    if isinstance(value, dict) and value:
        lines = [f"{inner}{json.dumps(k)}: {to_json(v, indent + 1)}" for k, v in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{pad}}}"
    if isinstance(value, list) and any(isinstance(v, (dict, list)) for v in value):
        return "[\n" + ",\n".join(inner + to_json(v, indent + 1) for v in value) + f"\n{pad}]"
    return json.dumps(value)


def rounded(value: Any) -> Any:
    """The same with every float cut to six decimals."""
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(v) for v in value]
    return round(value, 6) if isinstance(value, float) else value


def golden(study: Study, model: Path) -> list[dict]:
    """Test windows spread evenly over the recording with what ONNX Runtime makes of them."""
    test = study.data.test
    rows = np.linspace(0, len(test.labels) - 1, GOLDEN).round().astype(int)
    file = next(s.file for s in study.loaded if s.entry["role"] == "test")
    live = export.session(model)
    return [
        {
            "ts_recv_ns": int(file.ts_recv_ns[test.index[row]]),
            "book": test.books[row].reshape(-1).tolist(),
            "input": test.inputs[row].reshape(-1).tolist(),
            "probs": [float(f"{p:.8f}") for p in export.run(live, test.inputs[row : row + 1])[0]],
        }
        for row in rows
    ]


def training_data(entries: list[dict]) -> str:
    """A name for what a model was trained on: a hash over each raw file's id and hash."""
    lines = sorted(f"{e['id']} {e['raw_sha256']}\n" for e in entries if e["role"] == "train")
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def make_manifest(study: Study, made: Made, folder: Path) -> dict:
    """What the server checks the files of a model against."""
    chosen, network = made.chosen, made.chosen.network
    model, script = listed(folder / ONNX), listed(folder / SCRIPT)
    interval = study.loaded[0].file.sample_interval_ns
    return {
        "format": 2,
        "name": network.name,
        "version": "1",
        "file": model["name"],
        "bytes": model["bytes"],
        "sha256": model["sha256"],
        "files": [model, script],
        "operators": export.operators(folder / ONNX),
        "training_data": training_data([source.entry for source in study.loaded]),
        "opset": export.OPSET,
        "parameters": sum(p.numel() for p in chosen.model.parameters()),
        "input": {
            "name": export.INPUT,
            "type": "f32",
            "shape": ["N", WINDOW, FEATURES],
            "rule": "integers of wire::signal::input_window cast to f32; scaling is in the graph",
        },
        "output": {"name": export.OUTPUT, "type": "f32", "shape": ["N", len(CLASSES)]},
        "classes": list(CLASSES),
        "sample_interval_ns": interval,
        "window": WINDOW,
        "depth": DEPTH,
        "horizon_samples": study.horizon,
        "horizon_ns": study.horizon * interval,
        "max_gap_ns": MAX_GAP_NS,
        "label": {
            "rule": "m = best bid + best ask; up if m' - m > k spread, down if < -k spread",
            "spread_halves": study.spread_halves,
        },
        "split": {
            "test_from_ns": study.sources["split_ns"],
            "validation": f"last {study.validation_share:.0%} in time of each training file",
            "purge_samples": WINDOW - 1 + study.horizon,
        },
        "seed": chosen.seed,
        "training": {
            **network.settings(),
            "epoch": chosen.epoch,
            "temperature": chosen.temperature,
            "versions": {n: metadata.version(n) for n in ("torch", "onnx", "scikit-learn")},
        },
        "origin": study.sources["origin"],
        "licence": study.sources["licence"],
        "data": [data_line(source, study) for source in study.loaded],
        "scores": rounded(
            {name: {"test": t["scores"], "test_interval_95": t["interval_95"],
                    "validation": study.validation[name]} for name, t in study.test.items()}
        ),
        "parity": {name: float(f"{v:.2e}") for name, v in made.parity.items()},
        "golden": {"tolerance": 1e-5, "vectors": golden(study, folder / ONNX)},
    }


def listed(path: Path) -> dict:
    """A file as the manifest lists it."""
    data = path.read_bytes()
    return {
        "name": path.name,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def data_line(source: Any, study: Study) -> dict:
    """One recording: what it is, its hashes, how many windows it gave."""
    return {
        **source.entry,
        "features_sha256": source.file.sha256,
        "tick_size_e9": source.file.tick_size_e9,
        "lot_size_e9": source.file.lot_size_e9,
        "first_ts_recv_ns": int(source.file.ts_recv_ns[0]),
        "last_ts_recv_ns": int(source.file.ts_recv_ns[-1]),
        "samples": len(source.file.books),
        "windows": study.data.counts[source.entry["id"]],
    }
