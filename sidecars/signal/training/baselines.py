"""What the network is compared with: majority class, logistic regression, boosted trees.

Owns the hand-made features. Settings are chosen on the validation windows only, by log loss, as
the network's are, and every fitted model sees the mirrored windows too.
"""

import warnings

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from features import CLASSES, DEPTH, WINDOW, Windows, mirror
from metrics import log_loss

DEPTHS = (1, 2, 3, 5, 10)
LAGS = (1, 3, 9)


def imbalances(inputs: np.ndarray) -> np.ndarray:
    """Bid against ask quantity in the first 1, 2, 3, 5, 10 levels: newest, and window's mean."""
    cells = inputs.reshape(-1, WINDOW, DEPTH, 4).astype(np.float64)
    ask = np.cumsum(cells[:, :, :, 1], axis=2)
    bid = np.cumsum(cells[:, :, :, 3], axis=2)
    at = [d - 1 for d in DEPTHS]
    imbalance = ((bid - ask) / (bid + ask))[:, :, at]
    return np.concatenate([imbalance[:, -1], imbalance.mean(axis=1)], axis=1)


def all_features(inputs: np.ndarray) -> np.ndarray:
    """Imbalances, their changes, recent mid moves, microprice, spread, book slope, flow at best."""
    cells = inputs.reshape(-1, WINDOW, DEPTH, 4).astype(np.float64)
    ask, ask_qty, bid, bid_qty = (cells[:, :, :, i] for i in range(4))
    mid = (ask[:, :, 0] + bid[:, :, 0]) / 2
    best_qty = ask_qty[:, :, 0] + bid_qty[:, :, 0]
    micro = (ask[:, :, 0] * bid_qty[:, :, 0] + bid[:, :, 0] * ask_qty[:, :, 0]) / best_qty
    imbalance = (bid_qty[:, :, 0] - ask_qty[:, :, 0]) / best_qty
    columns = [imbalances(inputs)]
    columns += [np.stack([mid[:, -1] - mid[:, -1 - lag] for lag in LAGS], axis=1)]
    columns += [np.stack([imbalance[:, -1] - imbalance[:, -1 - lag] for lag in LAGS], axis=1)]
    columns += [np.stack([(micro - mid)[:, -1], (ask - bid)[:, -1, 0]], axis=1)]
    columns += [ask[:, -1, 1:] - ask[:, -1, :1], bid[:, -1, 1:] - bid[:, -1, :1]]
    columns += [flow(ask[:, :, 0], ask_qty[:, :, 0], bid[:, :, 0], bid_qty[:, :, 0])]
    return np.concatenate(columns, axis=1)


def flow(ask: np.ndarray, ask_qty: np.ndarray, bid: np.ndarray, bid_qty: np.ndarray) -> np.ndarray:
    """Order flow imbalance at the best prices over 1, 3, 9 steps, as a share of what stood there
    (Cont, Kukanov, Stoikov 2014)."""
    now, old = slice(1, None), slice(None, -1)
    bids = (bid[:, now] >= bid[:, old]) * bid_qty[:, now]
    bids = bids - (bid[:, now] <= bid[:, old]) * bid_qty[:, old]
    asks = (ask[:, now] <= ask[:, old]) * ask_qty[:, now]
    asks = asks - (ask[:, now] >= ask[:, old]) * ask_qty[:, old]
    size = (ask_qty + bid_qty).mean(axis=1)
    return np.stack([(bids - asks)[:, -lag:].sum(axis=1) / size for lag in LAGS], axis=1)


def doubled(source: Windows) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and labels, each followed by its mirror image."""
    inputs = np.concatenate([source.inputs, mirror(source.inputs)])
    return inputs, np.concatenate([source.labels, len(CLASSES) - 1 - source.labels])


class Majority:
    """The shares of the classes in training, whatever the window."""

    def __init__(self, train: Windows) -> None:
        _, labels = doubled(train)
        self.shares = np.bincount(labels, minlength=len(CLASSES)) / len(labels)
        self.settings: dict[str, float] = {}

    def probs(self, source: Windows) -> np.ndarray:
        """The same row for each window."""
        return np.tile(self.shares, (len(source.labels), 1))


class Logistic:
    """Multinomial logistic regression on book imbalance."""

    def __init__(self, train: Windows, validation: Windows, seed: int) -> None:
        inputs, labels = doubled(train)
        best = np.inf
        for strength in (0.001, 0.01, 0.1, 1.0, 10.0):
            fitted = make_pipeline(
                StandardScaler(), LogisticRegression(C=strength, max_iter=2000, random_state=seed)
            )
            with warnings.catch_warnings():
                warnings.simplefilter("error", ConvergenceWarning)
                fitted.fit(imbalances(inputs), labels)
            loss = log_loss(
                validation.labels, fitted.predict_proba(imbalances(validation.inputs))
            )
            if loss < best:
                best, self.fitted, self.settings = loss, fitted, {"C": strength}

    def probs(self, source: Windows) -> np.ndarray:
        """Probabilities of (down, flat, up)."""
        return self.fitted.predict_proba(imbalances(source.inputs))


class Trees:
    """Gradient-boosted trees on all hand-made features."""

    def __init__(self, train: Windows, validation: Windows, seed: int) -> None:
        inputs, labels = doubled(train)
        x, check = all_features(inputs), all_features(validation.inputs)
        best = np.inf
        for leaves in (4, 8, 16):
            fitted = HistGradientBoostingClassifier(
                learning_rate=0.05,
                max_iter=300,
                max_leaf_nodes=leaves,
                min_samples_leaf=50,
                l2_regularization=1.0,
                early_stopping=False,
                random_state=seed,
            ).fit(x, labels)
            for rounds, probs in enumerate(fitted.staged_predict_proba(check), start=1):
                loss = log_loss(validation.labels, probs)
                if loss < best:
                    best, self.fitted = loss, fitted
                    self.settings = {"leaves": leaves, "rounds": rounds}

    def probs(self, source: Windows) -> np.ndarray:
        """Probabilities of (down, flat, up) after the chosen number of rounds."""
        staged = self.fitted.staged_predict_proba(all_features(source.inputs))
        return next(p for i, p in enumerate(staged, start=1) if i == self.settings["rounds"])
