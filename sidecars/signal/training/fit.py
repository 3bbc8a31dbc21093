"""Fits a network: one seed, early stop on validation, temperature on validation.

Must never: see a test window.
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

import metrics
from baselines import doubled
from features import Windows
from networks import DEFAULT, NETWORKS, Network

PART = 4096  # windows that are evaluated at once


@dataclass
class Fitted:
    """A network with what it did on validation."""

    network: Network
    model: nn.Module
    seed: int
    epoch: int
    temperature: float
    validation: dict[str, float]


def as_input(inputs: np.ndarray) -> torch.Tensor:
    """Integers cast to f32, as a server does."""
    return torch.from_numpy(inputs.astype(np.float32))


def probs(model: nn.Module, source: Windows) -> np.ndarray:
    """Probabilities of (down, flat, up)."""
    return torch.softmax(logits(model, source), dim=1).numpy().astype(np.float64)


def logits(model: nn.Module, source: Windows) -> torch.Tensor:
    """Logits of all windows, dropout off."""
    model.eval()
    with torch.no_grad():
        parts = as_input(source.inputs).split(PART)
        return torch.cat([model(part) for part in parts])


def fit(
    train: Windows, validation: Windows, seed: int, network: Network = NETWORKS[DEFAULT]
) -> Fitted:
    """Trains one network and keeps the epoch with the least validation log loss."""
    torch.manual_seed(seed)
    model = network.build()
    inputs, labels = doubled(train)
    x, y = as_input(inputs), torch.from_numpy(labels)
    optimiser = torch.optim.AdamW(
        model.parameters(), network.learning_rate, weight_decay=network.weight_decay
    )
    best, best_epoch, best_state = np.inf, 0, copy.deepcopy(model.state_dict())
    for epoch in range(1, network.epochs + 1):
        model.train()
        for rows in torch.randperm(len(x)).split(network.batch):
            loss = torch.nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        seen = metrics.log_loss(validation.labels, probs(model, validation))
        if seen < best:
            best, best_epoch, best_state = seen, epoch, copy.deepcopy(model.state_dict())
        elif epoch - best_epoch >= network.patience:
            break
    model.load_state_dict(best_state)
    temperature = best_temperature(logits(model, validation).numpy(), validation.labels)
    model.cool(temperature)
    return Fitted(
        network=network,
        model=model,
        seed=seed,
        epoch=best_epoch,
        temperature=temperature,
        validation=metrics.score(validation.labels, probs(model, validation)),
    )


def best_temperature(raw: np.ndarray, labels: np.ndarray) -> float:
    """The divisor of the logits, from 0.5 to 2.5 in hundredths, with the least log loss."""
    def loss(temperature: float) -> float:
        scaled = raw.astype(np.float64) / temperature
        scaled -= scaled.max(axis=1, keepdims=True)
        weights = np.exp(scaled)
        return metrics.log_loss(labels, weights / weights.sum(axis=1, keepdims=True))

    return min((t / 100 for t in range(50, 251)), key=loss)
