"""The networks by name, each with the settings it is trained with and the words of its card.

Must never: give a network a setting that was chosen on a test window.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bin_ctabl import BinCtabl
from deeplob import DeepLob
from mlp import Mlp


@dataclass(frozen=True)
class Network:
    """A network that can be trained: every one gives logits and can be cooled."""

    name: str
    kind: type[nn.Module]
    title: str
    about: str  # for the card, without its number of parameters
    epochs: int  # at most
    patience: int  # epochs without a better validation log loss before it stops
    dropout: float
    seeds: int = 3
    batch: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.1

    def build(self) -> nn.Module:
        """A fresh one, from torch's random numbers."""
        return self.kind(self.dropout)

    def settings(self) -> dict:
        """What it is trained with, for the manifest."""
        return {
            "optimiser": "AdamW",
            "seeds": self.seeds,
            "epochs_limit": self.epochs,
            "patience_epochs": self.patience,
            "batch": self.batch,
            "learning_rate": self.learning_rate,
            "weight_decay": self.weight_decay,
            "dropout": self.dropout,
            "loss": "cross entropy, classes not weighted",
            "augmentation": "every window also mirrored: sides exchanged, label reversed",
        }


DEFAULT = "bin_ctabl"
NETWORKS = {
    network.name: network
    for network in (
        Network(
            name=DEFAULT,
            kind=BinCtabl,
            title="BiN-CTABL",
            about=(
                "A bilinear network with bilinear input normalisation and temporal attention (Tran"
                " et al.), layers\n60 x 10, 120 x 5, 3 x 1"
            ),
            epochs=30,
            patience=8,
            dropout=0.3,
        ),
        Network(
            name="mlp",
            kind=Mlp,
            title="MLP",
            about=(
                "A plain network behind the same bilinear input normalisation as BiN-CTABL, layers"
                " 400, 64, 32, 3"
            ),
            epochs=30,
            patience=8,
            dropout=0.3,
        ),
        Network(
            name="deeplob",
            kind=DeepLob,
            title="DeepLOB",
            about=(
                "The published convolutional network with inception module and LSTM (Zhang, "
                "Zohren, Roberts 2019),\nthe reference. Not as published: a window of 10 "
                "snapshots in place of 100, hence padded along time;\nthe input normalisation "
                "of the other networks in place of z-scores of the five days before, which "
                "are\nnot there (z-scores of the training windows did worse on validation); "
                "AdamW with an early stop and at\nmost 12 epochs, so that three seeds stay "
                "within a quarter of an hour of one quiet thread. Its authors\ntrained it on "
                "months of data, here it has minutes"
            ),
            epochs=12,
            patience=3,
            dropout=0.2,
        ),
    )
}


class Probabilities(nn.Module):
    """What is exported: probabilities of (down, flat, up)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, window: Tensor) -> Tensor:
        return torch.softmax(self.model(window), dim=1)
