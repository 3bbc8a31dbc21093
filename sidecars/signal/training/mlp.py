"""The plain network beside the others: the window as one row of 400 numbers, two hidden layers.

It sees what BiN-CTABL sees, through the same bilinear normalisation, and knows nothing of levels
or time.
"""

import torch
from torch import Tensor, nn

from bin_ctabl import BilinearNorm
from features import CLASSES, FEATURES, WINDOW
from scale import Scale

FIRST, SECOND = 64, 32  # units of the hidden layers


class Mlp(nn.Module):
    """Logits of (down, flat, up) from windows `[n, 10, 40]`; 27,945 parameters."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.scale = Scale()
        self.norm = BilinearNorm(FEATURES, WINDOW)
        self.first = nn.Linear(FEATURES * WINDOW, FIRST)
        self.second = nn.Linear(FIRST, SECOND)
        self.head = nn.Linear(SECOND, len(CLASSES))
        self.dropout = nn.Dropout(dropout)

    def forward(self, window: Tensor) -> Tensor:
        x = self.norm(self.scale(window)).reshape(-1, FEATURES * WINDOW)
        x = self.dropout(torch.relu(self.first(x)))
        x = self.dropout(torch.relu(self.second(x)))
        return self.head(x)

    def cool(self, temperature: float) -> None:
        """Divides all logits by `temperature`, by scaling the last layer's weights."""
        with torch.no_grad():
            self.head.weight /= temperature
            self.head.bias /= temperature
