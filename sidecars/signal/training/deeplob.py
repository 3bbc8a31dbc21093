"""DeepLOB: convolutions over the book, an inception module and an LSTM; the reference.

Zhang, Zohren, Roberts: "DeepLOB: Deep Convolutional Neural Networks for Limit Order Books" (2019),
with the 32 and 64 channels of the code its authors published. What is not as published:
- the window has 10 snapshots, not 100, as for every model here. Each of the three blocks looks 7
  snapshots wide, so without padding nothing would be left of 10; time is padded to stay at 10;
- prices are offsets from mid and quantities logarithms (`scale.py`), normalised within the window
  as in BiN-CTABL, in place of z-scores of the five days before, which are not there. Z-scores of
  the training windows did worse on validation (log loss 0.993, seed 1, against 0.931);
- AdamW at 0.001 with weight decay and an early stop, as for every network here.

The LSTM is written out as one matrix product a step, so that both back ends run it with a free
batch axis.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from bin_ctabl import BilinearNorm
from features import CLASSES, FEATURES, WINDOW
from scale import Scale

CHANNELS = 32  # of every convolution before the inception module
BRANCH = 64  # of each of its three branches
UNITS = 64  # of the LSTM
SLOPE = 0.01  # of the leaky rectifier


class Block(nn.Module):
    """One convolution that merges neighbours of a snapshot, two that look 4 snapshots wide."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.merge = nn.Conv2d(channels, CHANNELS, (1, width), stride=(1, stride))
        self.early = nn.Conv2d(CHANNELS, CHANNELS, (4, 1), padding=(2, 0))
        self.late = nn.Conv2d(CHANNELS, CHANNELS, (4, 1), padding=(2, 0))

    def forward(self, x: Tensor) -> Tensor:
        x = leaky_relu(self.merge(x), SLOPE)
        # Two zeros on both sides and one answer too many: the same as one before and two after.
        x = leaky_relu(self.early(x)[:, :, 1:], SLOPE)
        return leaky_relu(self.late(x)[:, :, 1:], SLOPE)


class Inception(nn.Module):
    """Three branches side by side: 3 and 5 snapshots wide, and the largest of 3."""

    def __init__(self) -> None:
        super().__init__()
        self.short_in = nn.Conv2d(CHANNELS, BRANCH, 1)
        self.short = nn.Conv2d(BRANCH, BRANCH, (3, 1), padding=(1, 0))
        self.long_in = nn.Conv2d(CHANNELS, BRANCH, 1)
        self.long = nn.Conv2d(BRANCH, BRANCH, (5, 1), padding=(2, 0))
        self.largest = nn.MaxPool2d((3, 1), stride=1, padding=(1, 0))
        self.pooled = nn.Conv2d(CHANNELS, BRANCH, 1)

    def forward(self, x: Tensor) -> Tensor:
        short = leaky_relu(self.short(leaky_relu(self.short_in(x), SLOPE)), SLOPE)
        long = leaky_relu(self.long(leaky_relu(self.long_in(x), SLOPE)), SLOPE)
        pooled = leaky_relu(self.pooled(self.largest(x)), SLOPE)
        return torch.cat([short, long, pooled], dim=1)


class Lstm(nn.Module):
    """The last state of an LSTM over `[n, steps, features]`, from a state of zeros."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.inward = nn.Linear(features, 4 * UNITS)
        self.again = nn.Linear(UNITS, 4 * UNITS, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gates = self.inward(x)
        cell, state = self.step(gates[:, 0])
        for step in range(1, WINDOW):
            cell, state = self.step(gates[:, step] + self.again(state), cell)
        return state

    def step(self, gates: Tensor, cell: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Cell and state after one snapshot; no cell stands for zeros."""
        taken, kept, given, fresh = gates.split(UNITS, dim=1)
        update = torch.sigmoid(taken) * torch.tanh(fresh)
        cell = update if cell is None else torch.sigmoid(kept) * cell + update
        return cell, torch.sigmoid(given) * torch.tanh(cell)


class DeepLob(nn.Module):
    """Logits of (down, flat, up) from windows `[n, 10, 40]`; 142,537 parameters."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.scale = Scale()
        self.norm = BilinearNorm(FEATURES, WINDOW)
        self.blocks = nn.Sequential(Block(1, 2, 2), Block(CHANNELS, 2, 2), Block(CHANNELS, 10, 1))
        self.inception = Inception()
        self.lstm = Lstm(3 * BRANCH)
        self.head = nn.Linear(UNITS, len(CLASSES))
        self.dropout = nn.Dropout(dropout)

    def forward(self, window: Tensor) -> Tensor:
        book = self.norm(self.scale(window)).transpose(1, 2).unsqueeze(1)
        x = self.inception(self.blocks(book))[:, :, :, 0].transpose(1, 2)
        return self.head(self.lstm(self.dropout(x)))

    def cool(self, temperature: float) -> None:
        """Divides all logits by `temperature`, by scaling the last layer's weights."""
        with torch.no_grad():
            self.head.weight /= temperature
            self.head.bias /= temperature
