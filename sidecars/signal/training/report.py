"""Writes `manifest.json` (for the model server) and `CARD.md` (for people) beside a model.

Must never: hold a figure of its own. Every number in a card comes from the run that wrote it.
"""

import hashlib
import json
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import export
import fit
from features import CLASSES, DEPTH, FEATURES, MAX_GAP_NS, WINDOW

GOLDEN = 8
NAMES = {
    "bin_ctabl": "BiN-CTABL (this model)",
    "trees": "gradient-boosted trees",
    "logistic": "logistic regression on imbalance",
    "majority": "majority class",
}
METRICS = ("macro_f1", "mcc", "accuracy", "log_loss", "brier", "ece")
HIGHER_IS_BETTER = ("macro_f1", "mcc", "accuracy")
LICENCE = """\
Copyright (c) 2022 nkaz001@protonmail.com

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE."""


@dataclass
class Result:
    """What one training run produced."""

    sources: dict
    loaded: list
    data: Any
    horizon: int
    horizons: list[dict]
    spread_halves: int
    validation_share: float
    runs: list[dict]
    chosen: Any
    settings: dict[str, dict]
    validation: dict[str, dict[str, float]]
    test: dict[str, dict]
    shares: dict[str, list[float]]
    block: int
    repeats: int
    parity: dict[str, float]
    sha256: str


def write(result: Result, folder: Path) -> None:
    """Writes both files."""
    manifest = make_manifest(result, folder / "model.onnx")
    (folder / "manifest.json").write_text(to_json(manifest) + "\n", encoding="utf-8")
    (folder / "CARD.md").write_text(make_card(result), encoding="utf-8")


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


def golden(result: Result, model: Path) -> list[dict]:
    """Test windows spread evenly over the recording with what ONNX Runtime makes of them."""
    test = result.data.test
    rows = np.linspace(0, len(test.labels) - 1, GOLDEN).round().astype(int)
    file = next(s.file for s in result.loaded if s.entry["role"] == "test")
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


def make_manifest(result: Result, model: Path) -> dict:
    """What the server checks a model file against."""
    interval = result.loaded[0].file.sample_interval_ns
    return {
        "format": 2,
        "name": "bin_ctabl",
        "version": "1",
        "file": model.name,
        "bytes": model.stat().st_size,
        "sha256": result.sha256,
        "files": [
            {"name": model.name, "bytes": model.stat().st_size, "sha256": result.sha256},
        ],
        "operators": export.operators(model),
        "training_data": training_data([source.entry for source in result.loaded]),
        "opset": export.OPSET,
        "parameters": sum(p.numel() for p in result.chosen.model.parameters()),
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
        "horizon_samples": result.horizon,
        "horizon_ns": result.horizon * interval,
        "max_gap_ns": MAX_GAP_NS,
        "label": {
            "rule": "m = best bid + best ask; up if m' - m > k spread, down if < -k spread",
            "spread_halves": result.spread_halves,
        },
        "split": {
            "test_from_ns": result.sources["split_ns"],
            "validation": f"last {result.validation_share:.0%} in time of each training file",
            "purge_samples": WINDOW - 1 + result.horizon,
        },
        "seed": result.chosen.seed,
        "training": {
            **fit.SETTINGS,
            "epoch": result.chosen.epoch,
            "temperature": result.chosen.temperature,
            "versions": {n: metadata.version(n) for n in ("torch", "onnx", "scikit-learn")},
        },
        "origin": result.sources["origin"],
        "licence": result.sources["licence"],
        "data": [data_line(source, result) for source in result.loaded],
        "scores": rounded(
            {name: {"test": t["scores"], "test_interval_95": t["interval_95"],
                    "validation": result.validation[name]} for name, t in result.test.items()}
        ),
        "parity": {name: float(f"{v:.2e}") for name, v in result.parity.items()},
        "golden": {"tolerance": 1e-5, "vectors": golden(result, model)},
    }


def data_line(source: Any, result: Result) -> dict:
    """One recording: what it is, its hashes, how many windows it gave."""
    return {
        **source.entry,
        "features_sha256": source.file.sha256,
        "tick_size_e9": source.file.tick_size_e9,
        "lot_size_e9": source.file.lot_size_e9,
        "first_ts_recv_ns": int(source.file.ts_recv_ns[0]),
        "last_ts_recv_ns": int(source.file.ts_recv_ns[-1]),
        "samples": len(source.file.books),
        "windows": result.data.counts[source.entry["id"]],
    }


def table(head: list[str], rows: list[list[str]]) -> str:
    """A markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def triple(values: list[float]) -> str:
    """Class shares in per cent."""
    return " / ".join(f"{100 * v:.1f}" for v in values)


def verdict(result: Result) -> str:
    """Where the network wins, where a baseline does, where the data cannot tell."""
    lines = []
    for name in ("trees", "logistic", "majority"):
        words = {"better": [], "worse": [], "not told apart": []}
        for metric in METRICS:
            low, high = result.test[name]["bin_ctabl_minus_this_95"][metric]
            if metric not in HIGHER_IS_BETTER:
                low, high = -high, -low
            word = "better" if low > 0 else "worse" if high < 0 else "not told apart"
            words[word].append(metric)
        told = "; ".join(f"{word} in {', '.join(m)}" for word, m in words.items() if m)
        lines.append(f"- against {NAMES[name]}: {told}.")
    test = {name: t["scores"] for name, t in result.test.items()}
    for part, scores in (("the test table", test), ("validation (below)", result.validation)):
        for name, metrics in losses(scores).items():
            lines.append(f"- best of {part} in {', '.join(metrics)}: {name}, not this model.")
    return "\n".join(lines)


def losses(scores: dict[str, dict[str, float]]) -> dict[str, list[str]]:
    """The metrics in which a baseline has the best figure, by baseline."""
    out: dict[str, list[str]] = {}
    for metric in METRICS:
        ahead = max if metric in HIGHER_IS_BETTER else min
        best = ahead(scores, key=lambda n: scores[n][metric])
        if best != "bin_ctabl":
            out.setdefault(NAMES[best], []).append(metric)
    return out


def score_rows(result: Result) -> list[list[str]]:
    """Test scores with their intervals."""
    rows = []
    for name in NAMES:
        t = result.test[name]
        cells = [
            f"{t['scores'][m]:.3f} ({t['interval_95'][m][0]:.3f} to {t['interval_95'][m][1]:.3f})"
            for m in METRICS
        ]
        rows.append([NAMES[name], *cells])
    return rows


def make_card(result: Result) -> str:
    """The model card."""
    template = (Path(__file__).resolve().parent / "card_template.md").read_text(encoding="utf-8")
    interval_ms = result.loaded[0].file.sample_interval_ns / 1e6
    chosen = result.chosen
    tails = result.test["bin_ctabl"]["tail"]
    values = {
        "parameters": f"{sum(p.numel() for p in chosen.model.parameters()):,}",
        "interval_ms": f"{interval_ms:.0f}",
        "horizon": str(result.horizon),
        "horizon_s": f"{result.horizon * interval_ms / 1000:g}",
        "halves": str(result.spread_halves),
        "purge": str(WINDOW - 1 + result.horizon),
        "origin": result.sources["origin"],
        "split": result.sources["split_text"],
        "data": table(
            ["recording", "role", "samples", "windows", "SHA-256 of the raw file"],
            [
                [s.entry["id"], s.entry["role"], str(len(s.file.books)),
                 ", ".join(f"{k} {v}" for k, v in result.data.counts[s.entry["id"]].items()),
                 f"`{s.entry['raw_sha256']}`"]
                for s in result.loaded
            ],
        ),
        "shares": table(
            ["part", "down / flat / up, %"], [[k, triple(v)] for k, v in result.shares.items()]
        ),
        "horizons": table(
            ["samples ahead", "down / flat / up, %", "MCC", "macro F1", "log loss"],
            [[str(h["horizon"]), triple(h["shares"]), f"{h['mcc']:.3f}", f"{h['macro_f1']:.3f}",
              f"{h['log_loss']:.3f}"] for h in result.horizons],
        ),
        "scores": table(["model", *METRICS], score_rows(result)),
        "verdict": verdict(result),
        "validation": table(
            ["model", *METRICS, "settings"],
            [[NAMES[n], *(f"{result.validation[n][m]:.3f}" for m in METRICS),
              ", ".join(f"{k} {v}" for k, v in result.settings.get(n, {}).items()) or "-"]
             for n in NAMES],
        ),
        "runs": table(
            ["seed", "epoch", "temperature", "validation log loss", "validation MCC",
             "test log loss", "test MCC", "test macro F1"],
            [[str(r["seed"]), str(r["epoch"]), f"{r['temperature']:.2f}",
              f"{r['validation']['log_loss']:.3f}", f"{r['validation']['mcc']:.3f}",
              f"{r['test']['log_loss']:.3f}", f"{r['test']['mcc']:.3f}",
              f"{r['test']['macro_f1']:.3f}"] for r in result.runs],
        ),
        "chosen_seed": str(chosen.seed),
        "reliability": table(
            ["windows", "mean probability of the likeliest class", "share right"],
            [[str(n), f"{said:.3f}", f"{hit:.3f}"]
             for n, said, hit in result.test["bin_ctabl"]["reliability"]],
        ),
        "block_s": f"{result.block * interval_ms / 1000:g}",
        "repeats": str(result.repeats),
        "tail_windows": str(tails["windows"]),
        "tail_bps": f"{tails['mean_move_bps']:.3f}",
        "parity": table(
            ["compared", "largest difference of a probability"],
            [[k, f"{v:.1e}"] for k, v in result.parity.items()],
        ),
        "licence": LICENCE,
    }
    for key, value in values.items():
        template = template.replace("{{" + key + "}}", value)
    return template
