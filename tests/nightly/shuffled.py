"""The training script with labels that say nothing: each window gets another one's.

What it leaves has no edge, and must be refused. Run by tests/tests/all/nightly/real.rs.
"""

import dataclasses
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "sidecars/signal/training"))

import numpy as np  # noqa: E402  (the folder must be known before)

import fine_tune  # noqa: E402

honest = fine_tune.load


def shuffled(settings: dict) -> fine_tune.Data:
    """The data with its labels in another order, validation too: the script must not notice."""
    data = honest(settings)
    draw = np.random.default_rng(settings["seed"])
    mixed = (
        dataclasses.replace(part, labels=draw.permutation(part.labels))
        for part in (data.train, data.validation)
    )
    return fine_tune.Data(*mixed, data.sources)


if __name__ == "__main__":
    fine_tune.load = shuffled
    sys.exit(fine_tune.main())
