"""Scores of class probabilities and their block bootstrap intervals.

Must never: choose anything. It measures.
"""

import numpy as np

from features import CLASSES, UP, DOWN

CLASS_COUNT = len(CLASSES)
ECE_BINS = 10
TINY = 1e-12


def confusion(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Counts, rows true and columns predicted."""
    flat = np.bincount(labels * CLASS_COUNT + predicted, minlength=CLASS_COUNT * CLASS_COUNT)
    return flat.reshape(CLASS_COUNT, CLASS_COUNT).astype(np.float64)


def macro_f1(counts: np.ndarray) -> float:
    """Mean of the classes' F1; a class neither seen nor predicted counts 0."""
    both = counts.sum(axis=0) + counts.sum(axis=1)
    return float(np.mean(2.0 * np.diag(counts) / np.maximum(both, 1.0)))


def mcc(counts: np.ndarray) -> float:
    """Matthews correlation for several classes (Gorodkin); 0 where one class is all there is."""
    total, right = counts.sum(), np.trace(counts)
    truth, predicted = counts.sum(axis=1), counts.sum(axis=0)
    spread = (total**2 - (predicted**2).sum()) * (total**2 - (truth**2).sum())
    return float((right * total - truth @ predicted) / np.sqrt(spread)) if spread > 0 else 0.0


def ece(labels: np.ndarray, probs: np.ndarray) -> float:
    """Expected calibration error of the most likely class, ten equal bins of confidence."""
    apart = sum(abs(n * (hit - said)) for n, said, hit in reliability(labels, probs))
    return float(apart / len(labels))


def reliability(labels: np.ndarray, probs: np.ndarray) -> list[tuple[int, float, float]]:
    """Per non-empty bin of confidence: windows, mean confidence, share that was right."""
    said = probs.max(axis=1)
    hit = probs.argmax(axis=1) == labels
    bins = np.minimum((said * ECE_BINS).astype(int), ECE_BINS - 1)
    out = []
    for b in range(ECE_BINS):
        inside = bins == b
        if inside.any():
            out.append((int(inside.sum()), float(said[inside].mean()), float(hit[inside].mean())))
    return out


def score(labels: np.ndarray, probs: np.ndarray) -> dict[str, float]:
    """All scores of one model on one set of windows."""
    counts = confusion(labels, probs.argmax(axis=1))
    truth = np.eye(CLASS_COUNT)[labels]
    return {
        "macro_f1": macro_f1(counts),
        "mcc": mcc(counts),
        "accuracy": float(np.trace(counts) / counts.sum()),
        "log_loss": log_loss(labels, probs),
        "brier": float(((probs - truth) ** 2).sum(axis=1).mean()),
        "ece": ece(labels, probs),
    }


def log_loss(labels: np.ndarray, probs: np.ndarray) -> float:
    """Mean negative logarithm of the probability given to what happened."""
    return float(-np.log(np.maximum(probs[np.arange(len(labels)), labels], TINY)).mean())


def blocks(count: int, length: int, repeats: int, seed: int) -> np.ndarray:
    """Row numbers of `repeats` moving-block resamples, `[repeats, count]`."""
    rng = np.random.default_rng(seed)
    per = -(-count // length)
    starts = rng.integers(0, count - length + 1, size=(repeats, per))
    rows = starts[:, :, None] + np.arange(length)
    return rows.reshape(repeats, -1)[:, :count]


def interval(drawn: list[dict[str, float]]) -> dict[str, tuple[float, float]]:
    """2.5 % and 97.5 % points of each number over the resamples."""
    points = {}
    for key in drawn[0]:
        low, high = np.percentile([d[key] for d in drawn], [2.5, 97.5])
        points[key] = (float(low), float(high))
    return points


def differences(
    ours: list[dict[str, float]], theirs: list[dict[str, float]]
) -> list[dict[str, float]]:
    """Ours minus theirs, resample by resample."""
    return [{k: a[k] - b[k] for k in a} for a, b in zip(ours, theirs, strict=True)]


def tail_moves(probs: np.ndarray, move_bps: np.ndarray, share: float) -> dict[str, float]:
    """Mean move in the direction of the score over the `share` of windows with the largest one."""
    lean = probs[:, UP] - probs[:, DOWN]
    chosen = np.argsort(-np.abs(lean), kind="stable")[: max(1, int(len(lean) * share))]
    return {
        "windows": len(chosen),
        "mean_move_bps": float((np.sign(lean[chosen]) * move_bps[chosen]).mean()),
    }
