"""Trains the bundled models from feature files and writes their folders; see README.md.

Everything is chosen on validation windows: horizon, stopping epoch, seed, temperature, the
baselines' settings and every model's entry level. The test recording is scored once, after that, by
every model.
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
import keep  # noqa: E402
import latency  # noqa: E402
import metrics  # noqa: E402
import report  # noqa: E402
import trading  # noqa: E402
from baselines import Logistic, Majority, Trees  # noqa: E402
from card import make_card  # noqa: E402
from features import FeatureFile, FeatureFileError, Windows  # noqa: E402
from networks import DEFAULT, NETWORKS, Network  # noqa: E402
from report import Made, Study  # noqa: E402

HORIZONS = (5, 10, 20, 30)
SPREAD_HALVES = 1
VALIDATION_SHARE = 0.2
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
    """Test scores with intervals, and each network's difference to every other model."""
    rows = metrics.blocks(len(test.labels), BOOTSTRAP_BLOCK, BOOTSTRAP_REPEATS, seed)
    drawn = {
        name: [metrics.score(test.labels[r], probs[r]) for r in rows]
        for name, probs in models.items()
    }
    out = {}
    for name, probs in models.items():
        out[name] = {
            "scores": metrics.score(test.labels, probs),
            "interval_95": metrics.interval(drawn[name]),
            "reliability": metrics.reliability(test.labels, probs),
            "tail": metrics.tail_moves(probs, test.move_bps, 0.1),
        }
        if name in NETWORKS:
            out[name]["minus_95"] = {
                other: metrics.interval(metrics.differences(drawn[name], drawn[other]))
                for other in models if other != name
            }
        say(f"test {name}: {brief(out[name]['scores'])}")
    return out


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", type=Path, required=True,
                        help="folder of ID.feat and ID.clrec files")
    parser.add_argument("--out", type=Path, required=True, help="folder of the model folders")
    parser.add_argument("--corelane", type=Path, required=True, help="the corelane program")
    parser.add_argument("--latency", type=Path,
                        help="folder of corelane-signal and examples/round_trip: time the models")
    parser.add_argument("--keep", action="append", default=[], choices=[DEFAULT],
                        help="keep the weights there are of this network")
    parser.add_argument("--sources", type=Path, default=HERE / "sources.json")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def made_of(network: Network, data: Data, args: argparse.Namespace) -> Made:
    """Trains one network with every seed and takes the best, or the weights that are kept."""
    seeds = range(args.seed, args.seed + network.seeds)
    runs = [fit.fit(data.train, data.validation, seed, network) for seed in seeds]
    for run in runs:
        say(f"{network.name} seed {run.seed} epoch {run.epoch}: {brief(run.validation)}")
    kept = network.name in args.keep
    chosen = min(runs, key=lambda r: r.validation["log_loss"])
    if kept:
        chosen = keep.taken_up(network, args.out / network.name, data.validation)
    say(f"{network.name}: seed {chosen.seed} epoch {chosen.epoch} {'kept' if kept else 'chosen'}")
    lines = [
        {"seed": r.seed, "epoch": r.epoch, "temperature": r.temperature,
         "validation": r.validation,
         "test": metrics.score(data.test.labels, fit.probs(r.model, data.test))}
        for r in runs
    ]
    return Made(chosen=chosen, runs=lines, kept=kept)


def written(study: Study, made: Made, folder: Path) -> None:
    """Exports one network, checks it and writes its files and their manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: folder / f"{name}.new" for name in (report.ONNX, report.SCRIPT)}
    export.write(made.chosen.model, files[report.ONNX])
    export.write_script(made.chosen.model, files[report.SCRIPT])
    made.parity = export.check(made.chosen.model, *files.values(), study.data.test.inputs)
    for name, unchecked in files.items():
        unchecked.replace(folder / name)
    manifest = report.make_manifest(study, made, folder)
    (folder / "manifest.json").write_text(report.to_json(manifest) + "\n", encoding="utf-8")
    say(f"{folder}: parity {made.parity}")


def study_of(loaded: list[Source], sources: dict, args: argparse.Namespace) -> tuple[Study, dict]:
    """Fits everything and scores the test recording once; gives what each network became too."""
    horizon, horizons = choose_horizon(loaded, args.seed)
    say(f"horizon {horizon} chosen by validation MCC")
    data = build(loaded, horizon)
    made = {name: made_of(network, data, args) for name, network in NETWORKS.items()}
    baselines = {
        "trees": Trees(data.train, data.validation, args.seed),
        "logistic": Logistic(data.train, data.validation, args.seed),
        "majority": Majority(data.train),
    }

    def probs(source: Windows) -> dict[str, np.ndarray]:
        networks = {name: fit.probs(m.chosen.model, source) for name, m in made.items()}
        return networks | {name: b.probs(source) for name, b in baselines.items()}

    validation, test = probs(data.validation), probs(data.test)
    study = Study(
        sources=sources,
        loaded=loaded,
        data=data,
        horizon=horizon,
        horizons=horizons,
        spread_halves=SPREAD_HALVES,
        validation_share=VALIDATION_SHARE,
        settings={name: b.settings for name, b in baselines.items()},
        validation={n: metrics.score(data.validation.labels, p) for n, p in validation.items()},
        test=evaluate(test, data.test, args.seed),
        shares={
            "train": shares(data.train),
            "validation": shares(data.validation),
            "test": shares(data.test),
        },
        block=BOOTSTRAP_BLOCK,
        repeats=BOOTSTRAP_REPEATS,
    )
    for name, one in made.items():
        written(study, one, args.out / name)
    market = market_of(study, args)
    for name in test:
        study.trades[name] = trading.backtest(market, validation[name], test[name])
        say(f"backtest {name}: {study.trades[name]}")
    return study, made


def market_of(study: Study, args: argparse.Namespace) -> trading.Market:
    """The test recording as the backtests play it."""
    [source] = [s for s in study.loaded if s.entry["role"] == "test"]
    return trading.Market(
        corelane=args.corelane.resolve(),
        recording=args.features / f"{source.entry['id']}.clrec",
        model=args.out / DEFAULT,
        file=source.file,
        windows=study.data.test,
        horizon=study.horizon,
    )


def main() -> int:
    """Runs the whole pipeline; 0 when the model folders are written, 11 for bad feature files."""
    args = arguments()
    torch.set_num_threads(1)  # matrices this small lose more to a second thread than they gain
    torch.use_deterministic_algorithms(True)
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="torch")
    sources = json.loads(args.sources.read_text(encoding="utf-8"))
    try:
        loaded = load(args.features, sources)
    except (FeatureFileError, OSError) as fault:
        print(f"bad feature file: {fault}; next: see README.md beside train.py", file=sys.stderr)
        return 11
    study, made = study_of(loaded, sources, args)
    if args.latency:
        study.latency = latency.measure(args.latency, {name: args.out / name for name in made})
    for name, one in made.items():
        card = args.out / name / "CARD.md"
        card.write_text(make_card(study, one), encoding="utf-8")
        say(f"wrote {card}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
