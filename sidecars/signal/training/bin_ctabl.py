"""BiN-CTABL: bilinear normalisation, two bilinear layers and one with temporal attention.

Tran, Iosifidis, Kanniainen, Gabbouj: "Temporal Attention-Augmented Bilinear Network for Financial
Time-Series Data Analysis" (2019); Tran, Kanniainen, Gabbouj, Iosifidis: "Data Normalization for
Bilinear Structures in High-Frequency Financial Time-series" (2021). Layer sizes are those of the
published C(TABL): 60 x 10, 120 x 5, 3 x 1.

Must never: change the order in which its parameters are made; a seed would give another network.
"""

import torch
from torch import Tensor, nn

from features import CLASSES, FEATURES, WINDOW
from scale import Scale, standardise


class BilinearNorm(nn.Module):
    """Learned mix of normalisation along time and along features."""

    def __init__(self, features: int, steps: int) -> None:
        super().__init__()
        self.time_gain = nn.Parameter(torch.ones(features, 1))
        self.time_bias = nn.Parameter(torch.zeros(features, 1))
        self.feature_gain = nn.Parameter(torch.ones(1, steps))
        self.feature_bias = nn.Parameter(torch.zeros(1, steps))
        self.mix = nn.Parameter(torch.full((2,), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        along_time = standardise(x, 2) * self.time_gain + self.time_bias
        along_features = standardise(x, 1) * self.feature_gain + self.feature_bias
        return self.mix[0] * along_time + self.mix[1] * along_features


class Bilinear(nn.Module):
    """relu(W1 X W2 + B)."""

    def __init__(self, rows: int, steps: int, out_rows: int, out_steps: int) -> None:
        super().__init__()
        self.left = nn.Parameter(torch.empty(out_rows, rows))
        self.right = nn.Parameter(torch.empty(steps, out_steps))
        self.bias = nn.Parameter(torch.zeros(out_rows, out_steps))
        nn.init.kaiming_uniform_(self.left, nonlinearity="relu")
        nn.init.xavier_uniform_(self.right)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.left @ x @ self.right + self.bias)


class TemporalAttention(nn.Module):
    """TABL: a bilinear layer whose columns (times) are weighted by attention."""

    def __init__(self, rows: int, steps: int, out_rows: int, out_steps: int) -> None:
        super().__init__()
        self.left = nn.Parameter(torch.empty(out_rows, rows))
        self.attention = nn.Parameter(torch.full((steps, steps), 1.0 / steps))
        self.right = nn.Parameter(torch.empty(steps, out_steps))
        self.bias = nn.Parameter(torch.zeros(out_rows, out_steps))
        self.blend = nn.Parameter(torch.full((1,), 0.5))
        self.register_buffer("eye", torch.eye(steps), persistent=False)
        nn.init.xavier_uniform_(self.left)
        nn.init.xavier_uniform_(self.right)

    def attention_matrix(self) -> Tensor:
        """The attention weights with their diagonal held at 1 / steps."""
        steps = self.eye.shape[0]
        return self.attention * (1.0 - self.eye) + self.eye / steps

    def forward(self, x: Tensor) -> Tensor:
        rows = self.left @ x
        weights = torch.softmax(rows @ self.attention_matrix(), dim=2)
        blend = self.blend.clamp(0.0, 1.0)
        mixed = blend * (rows * weights) + (1.0 - blend) * rows
        return mixed @ self.right + self.bias


class BinCtabl(nn.Module):
    """Logits of (down, flat, up) from windows `[n, 10, 40]`; 11,446 parameters."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.scale = Scale()
        self.norm = BilinearNorm(FEATURES, WINDOW)
        self.first = Bilinear(FEATURES, WINDOW, 60, 10)
        self.second = Bilinear(60, 10, 120, 5)
        self.head = TemporalAttention(120, 5, len(CLASSES), 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, window: Tensor) -> Tensor:
        x = self.norm(self.scale(window))
        x = self.dropout(self.first(x))
        x = self.dropout(self.second(x))
        return self.head(x).squeeze(2)

    def cool(self, temperature: float) -> None:
        """Divides all logits by `temperature`, by scaling the last layer's weights."""
        with torch.no_grad():
            self.head.right /= temperature
            self.head.bias /= temperature
