"""A signal sidecar that needs no model: the score is the imbalance of the newest book.

    python3 imbalance.py --socket=PATH

A start for your own, and a baseline to beat: replace `score` with your model.
"""

import sys
from pathlib import Path

try:
    import corelane_sidecar as sidecar
except ModuleNotFoundError:  # not installed: beside this folder
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import corelane_sidecar as sidecar

#: Levels of each side that count.
LEVELS = 5


def score(request: sidecar.Request) -> sidecar.Score | None:
    """Bid minus ask quantity of the best levels over their sum, as chances of a rise and a fall.

    Abstains where the newest book is empty.
    """
    newest = request.window[-request.levels :][:LEVELS]
    bid_qty_lots = sum(level.bid_qty_lots for level in newest)
    ask_qty_lots = sum(level.ask_qty_lots for level in newest)
    total_lots = bid_qty_lots + ask_qty_lots
    if bid_qty_lots < 0 or ask_qty_lots < 0 or total_lots == 0:
        return None
    return sidecar.Score.from_probabilities(
        up=bid_qty_lots / total_lots, down=ask_qty_lots / total_lots
    )


if __name__ == "__main__":
    sys.exit(sidecar.run(score, backend="python/imbalance", model_file=__file__))
