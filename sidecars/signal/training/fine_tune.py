"""Fine-tunes the serving model on a night's feature files; started by `corelane train nightly`.

Owns the way from an ONNX file back to the network it was written from, and the candidate's manifest.
Must never: see a sample at or after the cut, begin from anything but the incumbent, or leave a model
whose file differs from the network that was tuned. The temperature stays the incumbent's: a night's
validation is too short to fit one.
"""

import argparse
import copy
import dataclasses
import hashlib
import json
import os
import sys
import warnings
from importlib import metadata
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

import export
import features
import fit
import metrics
import report
from baselines import doubled
from bin_ctabl import BinCtabl
from features import WINDOW, FeatureFile, FeatureFileError, Windows
from networks import DEFAULT, NETWORKS

NETWORK = NETWORKS[DEFAULT]  # the one that can be tuned
PARITY = 1e-5  # largest difference of a probability between a file and its network, either way
FEW = 64  # windows on which that is looked at where each is run by itself


class FineTuneError(RuntimeError):
    """Settings or an incumbent this script can do nothing with; the text names what."""


@dataclasses.dataclass(frozen=True)
class Data:
    """Windows before the cut, and where they came from."""

    train: Windows
    validation: Windows
    sources: list[dict]


def incumbent(path: Path) -> BinCtabl:
    """The network a BiN-CTABL file was written from, by the names of its weights.

    The exporter folds two parameters into constants without a name; they are found by what they are
    computed with. Raises FineTuneError where the file is no such network.
    """
    graph = onnx.load(path).graph
    stored = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    state = {name.removeprefix("model."): value for name, value in stored.items()}
    made_by = {output: node for node in graph.node for output in node.output}

    def partner(operator: str, inside: str, depth: int) -> np.ndarray:
        """The constant that an output of `depth` nodes after weight `inside` is combined with."""
        name = f"model.{inside}"
        for _ in range(depth):
            name = next((n.output[0] for n in graph.node if name in n.input), "")
        for node in graph.node:
            if node.op_type == operator and name in node.input:
                others = [i for i in node.input if i != name]
                if len(others) == 1 and others[0] in stored and others[0] not in made_by:
                    return stored[others[0]]
        raise FineTuneError(f"{path}: no constant is combined with {inside} by {operator}")

    mix = [partner("Mul", f"norm.{name}_bias", 1) for name in ("time", "feature")]
    state["norm.mix"] = np.array(mix, dtype=np.float32).reshape(2)
    state["head.attention"] = partner("MatMul", "head.left", 1)
    model = BinCtabl(NETWORK.dropout)
    wanted = set(model.state_dict())
    if missing := sorted(wanted - set(state)):
        raise FineTuneError(f"{path}: no BiN-CTABL, it lacks {', '.join(missing)}")
    tensors = {name: torch.from_numpy(state[name].copy()) for name in wanted}
    try:
        model.load_state_dict(tensors)
    except RuntimeError as fault:
        raise FineTuneError(f"{path}: a weight has another shape") from fault
    return model


def same(model: BinCtabl, path: Path, inputs: np.ndarray) -> None:
    """Raises FineTuneError where the network does not compute what the file does."""
    ours = export.eager(model, inputs)
    apart = float(np.abs(ours - export.run(export.session(path), inputs)).max())
    if not apart <= PARITY:
        raise FineTuneError(f"{path}: the network made of it differs by {apart:.3g}")


def check(model: BinCtabl, path: Path, script: Path, inputs: np.ndarray) -> None:
    """Raises ExportError where a written file does not compute what the network does: in ONNX
    Runtime in one batch and one by one, in tract, as TorchScript, and on inputs no book gives."""
    truth = export.eager(model, inputs)
    live = export.session(path)
    few = inputs[:FEW]
    seen = {
        "onnxruntime": export.run(live, inputs),
        "onnxruntime, batch 1": np.concatenate([export.run(live, row[None]) for row in few]),
        "tract, free batch": export.run_tract(path, few, None),
        "tract, batch 1": export.run_tract(path, few, 1),
        "torchscript": export.run_script(script, inputs, len(inputs)),
        "torchscript, batch 1": export.run_script(script, few, 1),
    }
    for name, probs in seen.items():
        apart = float(np.abs(probs - truth[: len(probs)]).max())
        say(f"{name}: differs by {apart:.2g}")
        if not apart <= PARITY:
            raise export.ExportError(f"{path}: {name} differs by {apart:.3g}, limit {PARITY:.0e}")
    hostile = export.extremes()
    given = [export.run(live, hostile), export.run_script(script, hostile, len(hostile))]
    if not np.isfinite(given).all():
        raise export.ExportError(f"{path}: an extreme input gives a probability that is no number")


def before(file: FeatureFile, cut_ns: int) -> FeatureFile:
    """The part of a file that may be learned from."""
    rows = int(np.searchsorted(file.ts_recv_ns, cut_ns))
    return dataclasses.replace(
        file, ts_recv_ns=file.ts_recv_ns[:rows], books=file.books[:rows]
    )


def load(settings: dict) -> Data:
    """Reads and splits every file. Raises FeatureFileError or FineTuneError."""
    horizon, halves = settings["horizon_samples"], settings["spread_halves"]
    share = settings["validation_percent"] / 100
    train, validation, sources = [], [], []
    for name in settings["features"]:
        whole = features.read(Path(name))
        file = before(whole, settings["cut_ns"])
        if len(file.books) <= WINDOW + horizon:
            continue  # held out, or too short for one window
        found = features.windows(file, horizon, halves)
        early, late = features.split_by_time(file, found, horizon, share)
        train.append(early)
        validation.append(late)
        sources.append({
            "id": Path(name).stem,
            "symbol": file.symbol,
            "features_sha256": whole.sha256,
            "first_ts_recv_ns": int(file.ts_recv_ns[0]),
            "last_ts_recv_ns": int(file.ts_recv_ns[-1]),
            "samples": len(file.books),
            "windows": {"train": len(early.labels), "validation": len(late.labels)},
        })
    if not train or not sum(len(t.labels) for t in train):
        raise FineTuneError("no window lies before the cut")
    data = Data(features.join(train), features.join(validation), sources)
    if not len(data.validation.labels):
        raise FineTuneError("no window is left for validation")
    return data


def tune(model: BinCtabl, data: Data, settings: dict) -> dict:
    """Trains on from where the model stands; keeps the epoch with the least validation log loss.

    Epoch 0 is the model as it came: where nothing improves on it, it stays. What was reached is
    returned.
    """
    torch.manual_seed(settings["seed"])
    validation = data.validation
    was = metrics.score(validation.labels, fit.probs(model, validation))
    best, best_epoch, best_state = was["log_loss"], 0, copy.deepcopy(model.state_dict())
    inputs, labels = doubled(data.train)
    x, y = fit.as_input(inputs), torch.from_numpy(labels)
    rate = settings["learning_rate_e6"] / 1e6
    optimiser = torch.optim.AdamW(model.parameters(), rate, weight_decay=NETWORK.weight_decay)
    for epoch in range(1, settings["epochs"] + 1):
        model.train()
        for rows in torch.randperm(len(x)).split(settings["batch"]):
            loss = torch.nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        seen = metrics.log_loss(validation.labels, fit.probs(model, validation))
        say(f"epoch {epoch}: validation log loss {seen:.6f}")
        if seen < best:
            best, best_epoch, best_state = seen, epoch, copy.deepcopy(model.state_dict())
        elif epoch - best_epoch >= NETWORK.patience:
            break
    model.load_state_dict(best_state)
    now = metrics.score(validation.labels, fit.probs(model, validation))
    return {"epoch": best_epoch, "incumbent": was, "candidate": now}


def manifest(parent: dict, out: Path, data: Data, reached: dict, settings: dict) -> dict:
    """The incumbent's manifest with what differs; the files are in `out`."""
    model = out / report.ONNX
    files = [report.listed(model), report.listed(out / report.SCRIPT)]
    lines = [f"parent {settings['parent']}\n"]
    lines += sorted(f"{s['id']} {s['features_sha256']}\n" for s in data.sources)
    trained_on = hashlib.sha256("".join(lines).encode()).hexdigest()
    kept = ("format", "name", "version", "opset", "parameters", "input", "output", "classes",
            "sample_interval_ns", "window", "depth", "horizon_samples", "horizon_ns", "max_gap_ns",
            "label")
    return {
        **{key: parent[key] for key in kept if key in parent},
        "file": files[0]["name"],
        "bytes": files[0]["bytes"],
        "sha256": files[0]["sha256"],
        "files": files,
        "operators": export.operators(model),
        "training_data": f"sha256:{trained_on}",
        "parent": settings["parent"],
        "split": {
            "held_out_from_ns": settings["cut_ns"],
            "validation": f"last {settings['validation_percent']} % in time of each file",
            "purge_samples": WINDOW - 1 + settings["horizon_samples"],
        },
        "seed": settings["seed"],
        "training": {
            **NETWORK.settings(),
            "epochs_limit": settings["epochs"],
            "batch": settings["batch"],
            "learning_rate": settings["learning_rate_e6"] / 1e6,
            "epoch": reached["epoch"],
            "versions": {n: metadata.version(n) for n in ("torch", "onnx")},
        },
        "data": data.sources,
        "scores": report.rounded(
            {"validation": {k: reached[k] for k in ("incumbent", "candidate")}}
        ),
        "golden": {"tolerance": 1e-5, "vectors": golden(model, data)},
    }


def golden(model: Path, data: Data) -> list[dict]:
    """Validation windows, evenly spread, with what ONNX Runtime makes of them."""
    found = data.validation
    rows = np.linspace(0, len(found.labels) - 1, report.GOLDEN).round().astype(int)
    live = export.session(model)
    return [
        {
            "book": found.books[row].reshape(-1).tolist(),
            "input": found.inputs[row].reshape(-1).tolist(),
            "probs": [float(f"{p:.8f}") for p in export.run(live, found.inputs[row : row + 1])[0]],
        }
        for row in rows
    ]


def say(line: str) -> None:
    """Progress."""
    print(line, flush=True)


def run(settings: dict, out: Path) -> None:
    """From settings to the candidate's folder."""
    folder = Path(settings["incumbent"])
    parent = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    if parent.get("max_gap_ns") != features.MAX_GAP_NS:
        raise FineTuneError(f"max_gap_ns is {parent.get('max_gap_ns')}, {features.MAX_GAP_NS} here")
    data = load(settings)
    say(f"{len(data.train.labels)} windows to train on, {len(data.validation.labels)} to validate")
    path = folder / parent["file"]
    model = incumbent(path)
    same(model, path, data.validation.inputs[:FEW])
    reached = tune(model, data, settings)
    say(f"epoch {reached['epoch']} kept")
    file, script = out / report.ONNX, out / report.SCRIPT
    export.write(model, file)
    export.write_script(model, script)
    check(model, file, script, data.validation.inputs)
    text = report.to_json(manifest(parent, out, data, reached, settings))
    (out / "manifest.json").write_text(text + "\n", encoding="utf-8")


def main() -> int:
    """Runs it; 0 when the candidate is written, 11 for settings, features or an incumbent that will
    not do, 31 for an export that differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--settings", type=Path, required=True, help="JSON, as the night writes it")
    parser.add_argument("--out", type=Path, required=True, help="empty folder for the candidate")
    args = parser.parse_args()
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    try:
        settings = json.loads(args.settings.read_text(encoding="utf-8"))
        torch.set_num_threads(settings["threads"])
        torch.use_deterministic_algorithms(True)
        run(settings, args.out)
    except (FineTuneError, FeatureFileError, OSError, KeyError, ValueError) as fault:
        print(f"fine_tune: {type(fault).__name__}: {fault}", file=sys.stderr)
        return 11
    except export.ExportError as fault:
        print(f"fine_tune: {fault}", file=sys.stderr)
        return 31
    return 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
