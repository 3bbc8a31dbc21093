"""What every network begins with: the integer window scaled to numbers near one.

The input is the integer window of `wire/src/signal.rs` cast to f32; everything else, scaling and
clipping included, is inside the network, so a server needs no preprocessing. Must never: depend on
the lot size or on the price of an instrument.
"""

import torch
from torch import Tensor, nn

from features import DEPTH, FEATURES, WINDOW

OFFSET_UNIT = 20_000.0  # billionths of mid that make one unit of a scaled price (0.2 basis points)
OFFSET_LIMIT = 50.0  # scaled prices are cut at this many units on both sides (10 basis points)
QTY_LIMIT = 8.0  # scaled quantities are cut this many e-folds from the window's mean
VARIANCE_FLOOR = 1e-2  # keeps rounding of a still book from being blown up to unit variance


class Scale(nn.Module):
    """Integers to numbers near one: prices in units of mid, quantities as logarithms.

    A quantity q becomes log(q / mean q of the window), q at least 1, so neither the lot size nor
    the instrument's typical size matters. Dividing first keeps the logarithms small and exact.
    """

    def forward(self, window: Tensor) -> Tensor:
        cells = window.reshape(-1, WINDOW * DEPTH * 2, 2)
        price = (cells[:, :, 0:1] / OFFSET_UNIT).clamp(-OFFSET_LIMIT, OFFSET_LIMIT)
        qty = cells[:, :, 1:2].clamp(min=1.0)
        qty = (qty / qty.mean(dim=1, keepdim=True)).log().clamp(-QTY_LIMIT, QTY_LIMIT)
        scaled = torch.cat([price, qty], dim=2)
        return scaled.reshape(-1, WINDOW, FEATURES).transpose(1, 2)


def standardise(x: Tensor, dim: int) -> Tensor:
    """Zero mean and unit variance along `dim`, with a floor under the variance."""
    centred = x - x.mean(dim=dim, keepdim=True)
    variance = (centred * centred).mean(dim=dim, keepdim=True)
    return centred / (variance + VARIANCE_FLOOR).sqrt()
