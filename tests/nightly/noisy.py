"""The training script with noise on the weights it leaves: a worse model that is whole in every way.

It must be refused. Run by tests/tests/all/nightly/real.rs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "sidecars/signal/training"))

import torch  # noqa: E402  (the folder must be known before)

import fine_tune  # noqa: E402

NOISE = 0.5  # of each weight's own spread
honest = fine_tune.tune


def noisy(model: fine_tune.BinCtabl, data: fine_tune.Data, settings: dict) -> dict:
    """Tunes, then damages."""
    reached = honest(model, data, settings)
    torch.manual_seed(settings["seed"])
    with torch.no_grad():
        for parameter in model.parameters():
            spread = parameter.std() if parameter.numel() > 1 else parameter.abs().sum()
            parameter += NOISE * spread * torch.randn_like(parameter)
    return reached


if __name__ == "__main__":
    fine_tune.tune = noisy
    sys.exit(fine_tune.main())
