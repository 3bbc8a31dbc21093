"""What a model's scores would have earned: Corelane's own backtest over the test recording.

Owns how scores become trades here, the same for every model: one strategy (`signal-taker`), one
size, a holding time of one label horizon, and an entry level that is each model's own 90 %
point of absolute score on validation. The scores of all models, baselines too, go in as one
kind of table. Must never: choose anything on the test recording, or compute a profit itself.
"""

import json
import re
import string
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from features import DOWN, UP, FeatureFile, Windows

HERE = Path(__file__).resolve().parent
DEMO_LIMITS = HERE.parents[2] / "config" / "limits.toml"
COLUMNS = "symbol,ts_recv_ns,score_e6,p_up_e6,p_down_e6"
STRATEGY = "signal-taker"
ENTRY_QUANTILE = 0.9
FEE_E6 = 1_000  # Binance spot, regular user, maker and taker: 0.1 % of what is traded (README.md)
QTY_LOTS = 1_000  # 0.001 BTC: small enough that no limit of the demo ends the day
SIGNAL_LATENCY_US = 1_000  # from request to answer, whatever the model


class BacktestError(RuntimeError):
    """The backtest ended with a failure; the text is its own."""


@dataclass(frozen=True)
class Outcome:
    """One backtest, in quote currency."""

    entry_e6: int
    answers: int
    orders: int
    denied: int
    fills: int
    turnover: float
    gross: float
    fees: float
    net: float
    state_hash: str

    def bps(self, amount: float) -> float:
        """An amount in basis points of what was traded; 0 where nothing was."""
        return 1e4 * amount / self.turnover if self.turnover else 0.0


def millionths(values: np.ndarray) -> np.ndarray:
    """As the server rounds: half away from zero."""
    return (np.sign(values) * np.floor(np.abs(values) * 1e6 + 0.5)).astype(np.int64)


def scores_e6(probs: np.ndarray) -> np.ndarray:
    """Up minus down, millionths."""
    return millionths(probs[:, UP] - probs[:, DOWN])


def table(file: FeatureFile, windows: Windows, probs: np.ndarray) -> str:
    """The scores of one recording as `corelane backtest --scores` reads them."""
    columns = (
        file.ts_recv_ns[windows.index],
        scores_e6(probs),
        millionths(probs[:, UP]),
        millionths(probs[:, DOWN]),
    )
    rows = (f"{file.symbol},{at},{s},{u},{d}" for at, s, u, d in zip(*columns, strict=True))
    return "\n".join([COLUMNS, *rows]) + "\n"


def entry_level(validation: np.ndarray) -> int:
    """The absolute score that a tenth of the validation windows reach, at least one millionth."""
    levels = np.abs(scores_e6(validation))
    return max(1, int(np.quantile(levels, ENTRY_QUANTILE, method="higher")))


@dataclass(frozen=True)
class Market:
    """What is the same for every model."""

    corelane: Path
    recording: Path
    model: Path  # any model's folder: the configuration wants one, the table answers
    file: FeatureFile
    windows: Windows
    horizon: int


def backtest(market: Market, validation: np.ndarray, test: np.ndarray) -> Outcome:
    """Runs one model's scores. Raises BacktestError."""
    entry = entry_level(validation)
    with tempfile.TemporaryDirectory() as folder:
        scores, config = Path(folder) / "scores.csv", Path(folder) / "backtest.toml"
        scores.write_text(table(market.file, market.windows, test), encoding="ascii")
        limits = Path(folder) / "limits.toml"
        limits.write_text(lenient(DEMO_LIMITS.read_text(encoding="utf-8")), encoding="utf-8")
        text = (HERE / "backtest.toml").read_text(encoding="utf-8")
        values = {
            "recording": market.recording.resolve(),
            "model": market.model.resolve(),
            "limits": limits,
            "symbol": market.file.symbol,
            "interval_ms": market.file.sample_interval_ns // 1_000_000,
            "hold_ms": market.horizon * market.file.sample_interval_ns // 1_000_000,
            "entry_e6": entry,
            "fee_e6": FEE_E6,
            "qty_lots": QTY_LOTS,
        }
        config.write_text(string.Template(text).substitute(values), encoding="utf-8")
        command = [
            market.corelane, "backtest", f"--config={config}", f"--scores={scores}",
            f"--signal-latency-us={SIGNAL_LATENCY_US}", f"--strategy={STRATEGY}", "--json",
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise BacktestError(done.stderr.strip())
    return outcome(entry, json.loads(done.stdout))


def lenient(limits: str) -> str:
    """The demo's limits, with which a strategy that loses on every trade may go on to the end: the
    run of losses that disables it is the one limit such a strategy meets."""
    changed, count = re.subn(r"(?m)^max_loss_streak = \d+$", "max_loss_streak = 100000", limits)
    if not count:
        raise BacktestError(f"{DEMO_LIMITS}: no max_loss_streak")
    return changed


def outcome(entry: int, summary: dict) -> Outcome:
    """The figures of a summary. Raises BacktestError where the engine stopped trading."""
    if summary["killed"] or summary["alarms"]:
        raise BacktestError(f"the engine stopped: {summary['exit']}, denied {summary['denied']}")
    said = summary["strategies"][STRATEGY]
    fees, net = said["fees_e9"] / 1e9, said["net_e9"] / 1e9
    return Outcome(
        entry_e6=entry,
        answers=summary["signal"]["answers"],
        orders=summary["orders"],
        denied=summary["denied_total"],
        fills=summary["fills"],
        turnover=said["turnover_e9"] / 1e9,
        gross=net + fees,
        fees=fees,
        net=net,
        state_hash=summary["state_hash"],
    )
