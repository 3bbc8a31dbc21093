"""Makes the feature files train.py reads: raw recordings through `corelane import` and `features`.

Owns the instrument rows of the recordings in sources.json. Does nothing that the two commands do
not do. Run by `make train`.
"""

import argparse
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent

# Tick and lot of each recording: every recorded price and quantity is a whole multiple.
ROWS = {
    "spot_btcusdt_20240808": ("BTCUSDT", "spot", "0.01", "0.000001"),
    "spot_btcusdt_20240809": ("BTCUSDT", "spot", "0.01", "0.000001"),
    "usdm_ethusdt_20240808": ("ETHUSDT", "linear-perp", "0.01", "0.001"),
    "cm_btcusd_perp_20240808": ("BTCUSD_PERP", "inverse-perp", "0.1", "1"),
}
# A recording without a snapshot of its own takes its book from the one before.
CARRIED = {"spot_btcusdt_20240809": ("spot_btcusdt_20240808", "2024-08-09T00:00:00Z")}


def main() -> int:
    """Runs both commands for every recording; the exit code of the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corelane", required=True, help="the corelane program")
    parser.add_argument("--raw", required=True, type=pathlib.Path, help="folder of the raw files")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder for feature files")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    files = {f["id"]: f for f in json.loads((HERE / "sources.json").read_text())["files"]}
    for name, source in files.items():
        symbol, kind, tick, lot = ROWS[name]
        before, start = CARRIED.get(name, (None, None))
        inputs = [files[before]["raw"]] if before else []
        inputs.append(source["raw"])
        recording = args.out / f"{name}.clrec"
        command = [args.corelane, "import", "--format=binance-jsonl", f"--symbol={symbol}",
                   f"--type={kind}", f"--tick={tick}", f"--lot={lot}", f"--out={recording}"]
        command += [f"--in={args.raw / raw}" for raw in inputs]
        command += [f"--from={start}"] if start else []
        features = [args.corelane, "features", f"--data={recording}",
                    f"--out={args.out / name}.feat"]
        for step in (command, features):
            done = subprocess.run(step, check=False)
            if done.returncode:
                return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
