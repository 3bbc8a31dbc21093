"""Trains the bundled model from feature files and writes the model folder; see README.md.

Everything is chosen on validation windows: horizon, stopping epoch, seed, temperature and the
baselines' settings. The test recording is scored once, after that, by every model.
"""

import argparse
import json
import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
os.environ.setdefault("OMP_NUM_THREADS", "2")  # of the boosted trees

import numpy as np  # noqa: E402  (the thread count must be set before)
import torch  # noqa: E402

import export  # noqa: E402
import features  # noqa: E402
import fit  # noqa: E402
import metrics  # noqa: E402
import report  # noqa: E402
from baselines import Logistic, Majority, Trees  # noqa: E402
from features import FeatureFile, FeatureFileError, Windows  # noqa: E402

HORIZONS = (5, 10, 20, 30)
SPREAD_HALVES = 1
VALIDATION_SHARE = 0.2
SEEDS = 3
BOOTSTRAP_BLOCK = 100
BOOTSTRAP_REPEATS = 1000


@dataclass
class Source:
    """A line of sources.json with its feature file."""

    entry: dict
    file: FeatureFile


@dataclass
class Data:
    """All windows at one horizon."""

    train: Windows
    validation: Windows
    test: Windows
    counts: dict[str, dict[str, int]]


def load(folder: Path, sources: dict) -> list[Source]:
    """Reads every file of sources.json and checks that it lies on its side of the split."""
    out = []
    for entry in sources["files"]:
        file = features.read(folder / f"{entry['id']}.feat")
        if file.symbol != entry["symbol"]:
            raise FeatureFileError(f"{file.path}: symbol {file.symbol}, not {entry['symbol']}")
        before = int(file.ts_recv_ns[-1]) < sources["split_ns"]
        after = int(file.ts_recv_ns[0]) >= sources["split_ns"]
        if not (before if entry["role"] == "train" else after):
            raise FeatureFileError(f"{file.path}: not on its side of {sources['split_text']}")
        out.append(Source(entry, file))
    if len({s.file.sample_interval_ns for s in out}) != 1:
        raise FeatureFileError("the feature files differ in their sample interval")
    return out


def build(loaded: list[Source], horizon: int) -> Data:
    """Windows, labels and split at one horizon."""
    train, validation, test, counts = [], [], [], {}
    for source in loaded:
        all_windows = features.windows(source.file, horizon, SPREAD_HALVES)
        if source.entry["role"] == "test":
            test.append(all_windows)
            counts[source.entry["id"]] = {"test": len(all_windows.labels)}
            continue
        early, late = features.split_by_time(source.file, all_windows, horizon, VALIDATION_SHARE)
        train.append(early)
        validation.append(late)
        counts[source.entry["id"]] = {"train": len(early.labels), "validation": len(late.labels)}
    return Data(features.join(train), features.join(validation), features.join(test), counts)


def choose_horizon(loaded: list[Source], seed: int) -> tuple[int, list[dict]]:
    """The horizon whose network has the largest validation MCC, and the table it was read from."""
    table = []
    for horizon in HORIZONS:
        data = build(loaded, horizon)
        fitted = fit.fit(data.train, data.validation, seed)
        table.append({"horizon": horizon, "shares": shares(data.validation), **fitted.validation})
        say(f"horizon {horizon}: validation {brief(fitted.validation)} epoch {fitted.epoch}")
    return max(table, key=lambda row: row["mcc"])["horizon"], table


def shares(source: Windows) -> list[float]:
    """Share of each class."""
    counts = np.bincount(source.labels, minlength=len(features.CLASSES))
    return [float(c) for c in counts / counts.sum()]


def brief(scores: dict[str, float]) -> str:
    """Scores on one line."""
    return " ".join(f"{name} {value:.3f}" for name, value in scores.items())


def say(line: str) -> None:
    """Progress."""
    print(line, flush=True)


def evaluate(models: dict[str, np.ndarray], test: Windows, seed: int) -> dict:
    """Test scores with intervals, and the network's difference to each baseline."""
    rows = metrics.blocks(len(test.labels), BOOTSTRAP_BLOCK, BOOTSTRAP_REPEATS, seed)
    out = {}
    network = models["bin_ctabl"]
    for name, probs in models.items():
        def one(r: np.ndarray, probs: np.ndarray = probs) -> dict[str, float]:
            return metrics.score(test.labels[r], probs[r])

        def gain(r: np.ndarray, probs: np.ndarray = probs) -> dict[str, float]:
            ours = metrics.score(test.labels[r], network[r])
            return {k: ours[k] - v for k, v in metrics.score(test.labels[r], probs[r]).items()}

        out[name] = {
            "scores": metrics.score(test.labels, probs),
            "interval_95": metrics.interval(one, rows),
            "reliability": metrics.reliability(test.labels, probs),
            "tail": metrics.tail_moves(probs, test.move_bps, 0.1),
        }
        if name != "bin_ctabl":
            out[name]["bin_ctabl_minus_this_95"] = metrics.interval(gain, rows)
        say(f"test {name}: {brief(out[name]['scores'])}")
    return out


def main() -> int:
    """Runs the whole pipeline; 0 when the model folder is written, 11 for bad feature files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", type=Path, required=True, help="folder of ID.feat files")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--sources", type=Path, default=HERE / "sources.json")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)  # matrices this small lose more to a second thread than they gain
    torch.use_deterministic_algorithms(True)
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="torch")
    sources = json.loads(args.sources.read_text(encoding="utf-8"))
    try:
        loaded = load(args.features, sources)
    except (FeatureFileError, OSError) as fault:
        print(f"bad feature file: {fault}; next: see README.md beside train.py", file=sys.stderr)
        return 11
    horizon, horizons = choose_horizon(loaded, args.seed)
    say(f"horizon {horizon} chosen by validation MCC")
    data = build(loaded, horizon)
    runs = [fit.fit(data.train, data.validation, args.seed + i) for i in range(SEEDS)]
    chosen = min(runs, key=lambda r: r.validation["log_loss"])
    say(f"seed {chosen.seed} epoch {chosen.epoch} temperature {chosen.temperature} chosen")
    fitted = {
        "majority": Majority(data.train),
        "logistic": Logistic(data.train, data.validation, args.seed),
        "trees": Trees(data.train, data.validation, args.seed),
    }
    validation = {"bin_ctabl": chosen.validation}
    predicted = {"bin_ctabl": fit.probs(chosen.model, data.test)}
    for name, baseline in fitted.items():
        validation[name] = metrics.score(data.validation.labels, baseline.probs(data.validation))
        predicted[name] = baseline.probs(data.test)
    args.out.mkdir(parents=True, exist_ok=True)
    unchecked = args.out / "model.onnx.new"
    digest = export.write(chosen.model, unchecked)
    parity = export.check(chosen.model, unchecked, data.test.inputs)
    unchecked.replace(args.out / "model.onnx")
    say(f"parity {parity}")
    result = report.Result(
        sources=sources,
        loaded=loaded,
        data=data,
        horizon=horizon,
        horizons=horizons,
        spread_halves=SPREAD_HALVES,
        validation_share=VALIDATION_SHARE,
        runs=[
            {"seed": r.seed, "epoch": r.epoch, "temperature": r.temperature,
             "validation": r.validation,
             "test": metrics.score(data.test.labels, fit.probs(r.model, data.test))}
            for r in runs
        ],
        chosen=chosen,
        settings={name: b.settings for name, b in fitted.items()},
        validation=validation,
        test=evaluate(predicted, data.test, args.seed),
        shares={
            "train": shares(data.train),
            "validation": shares(data.validation),
            "test": shares(data.test),
        },
        block=BOOTSTRAP_BLOCK,
        repeats=BOOTSTRAP_REPEATS,
        parity=parity,
        sha256=digest,
    )
    report.write(result, args.out)
    say(f"wrote {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
